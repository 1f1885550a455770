package management_test

import (
	"fmt"
	"io"
	"log"
	"net/http"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/management"
)

// A program that embeds a broker serves the management API of it.
func Example() {
	b, err := broker.New(broker.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()
	s, err := management.New(b, management.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	addr, err := s.Listen("127.0.0.1:0") // RabbitMQ's port is 15672
	if err != nil {
		log.Fatal(err)
	}

	answer, err := http.Get("http://guest:guest@" + addr.String() + "/api/vhosts/%2F/permissions")
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	fmt.Printf("%s %v\n", text, err)
	// Output: [{"user":"guest","vhost":"/","configure":".*","write":".*","read":".*"}] <nil>
}
