package access_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/rabbetmq/rabbet/broker/access"
)

// staff lets those in who know a word. Everybody may use what begins with their own name.
type staff struct{ word string }

func (s staff) Login(_ context.Context, c access.Credentials) (access.Identity, error) {
	if c.Password != s.word {
		return access.Identity{}, &access.LoginError{}
	}
	return access.Identity{User: c.User}, nil
}

func (s staff) EnterVHost(context.Context, access.Identity, string, net.Addr) error { return nil }

func (s staff) UseResource(_ context.Context, id access.Identity, r access.Resource, _ access.Operation) error {
	if !strings.HasPrefix(r.Name, id.User+".") {
		return access.ErrRefused
	}
	return nil
}

func (s staff) UseTopic(context.Context, access.Identity, access.Resource, string, access.Operation) error {
	return nil
}

// A program that has users of its own decides about logins and permissions:
// broker.Config.Authenticator takes what does.
func Example() {
	var users access.Authenticator = staff{"open sesame"}
	ctx := context.Background()

	_, err := users.Login(ctx, access.Credentials{User: "ann", Password: "please"})
	refused := (*access.LoginError)(nil)
	fmt.Println("refused:", errors.As(err, &refused))

	ann, err := users.Login(ctx, access.Credentials{User: "ann", Password: "open sesame"})
	fmt.Println(ann.User, err)
	for _, queue := range []string{"ann.orders", "bob.orders"} {
		r := access.Resource{VHost: "/", Kind: access.Queue, Name: queue}
		fmt.Println(queue, users.UseResource(ctx, ann, r, access.Write))
	}
	// Output:
	// refused: true
	// ann <nil>
	// ann.orders <nil>
	// bob.orders refused
}
