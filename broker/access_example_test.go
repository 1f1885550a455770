package broker_test

import (
	"context"
	"fmt"
	"net"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/access"
)

// members lets in who is a member, to do anything with names that begin with theirs.
type members map[string]string // passwords by name

func (m members) Login(_ context.Context, c access.Credentials) (access.Identity, error) {
	if password, ok := m[c.User]; !ok || password != c.Password {
		return access.Identity{}, &access.LoginError{User: c.User, Reason: "no such member"}
	}
	return access.Identity{User: c.User}, nil
}

func (m members) EnterVHost(context.Context, access.Identity, string, net.Addr) error { return nil }

func (m members) UseResource(_ context.Context, id access.Identity, r access.Resource, _ access.Operation) error {
	if len(r.Name) < len(id.User) || r.Name[:len(id.User)] != id.User {
		return access.ErrRefused
	}
	return nil
}

func (m members) UseTopic(context.Context, access.Identity, access.Resource, string, access.Operation) error {
	return nil
}

// A program that has users already decides by itself who may log in and what they may do.
func ExampleConfig_authenticator() {
	b, err := broker.New(broker.Config{
		Authenticator: func(access.Authenticator) access.Authenticator { return members{"ann": "secret"} },
	})
	if err != nil {
		panic(err)
	}
	defer b.Close()

	conn, err := amqp091.DialConfig("amqp://ann:secret@memory/", amqp091.Config{Dial: b.DialFunc})
	if err != nil {
		panic(err)
	}
	for _, name := range []string{"ann-inbox", "bob-inbox"} {
		ch, err := conn.Channel()
		if err != nil {
			panic(err)
		}
		_, err = ch.QueueDeclare(name, false, false, false, false, nil)
		fmt.Println(name, err)
	}
	// Output:
	// ann-inbox <nil>
	// bob-inbox Exception (403) Reason: "ACCESS_REFUSED - configure access to queue 'bob-inbox' in vhost '/' refused for user 'ann'"
}

// Definitions carry users, permissions and topology from one broker to another.
func ExampleBroker_ImportDefinitions() {
	from, err := broker.New(broker.Config{})
	if err != nil {
		panic(err)
	}
	defer from.Close()
	v := from.AddVHost("orders")
	if _, err := v.DeclareQueue(broker.Queue{Name: "new", Durable: true}); err != nil {
		panic(err)
	}

	to, err := broker.New(broker.Config{NoDefaults: true})
	if err != nil {
		panic(err)
	}
	defer to.Close()
	if err := to.ImportDefinitions(context.Background(), from.Definitions(), broker.ImportOptions{}); err != nil {
		panic(err)
	}
	fmt.Println(to.VHosts(), len(to.Users()))
	// Output: [/ orders] 1
}
