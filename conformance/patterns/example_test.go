package patterns_test

import (
	"log"
	"os"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/conformance/patterns"
)

// A pattern takes a connection to any broker, and prints what it does.
func Example() {
	b, err := broker.New(broker.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()
	conn, err := amqp.DialConfig(b.URL(), amqp.Config{Dial: b.DialFunc})
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	if _, err := patterns.Routing(conn, "direct", os.Stdout); err != nil {
		log.Fatal(err)
	}
	// Output: received: error entry
}
