package tap_test

import (
	"fmt"
	"log"

	"github.com/rabbitmq/amqp091-go"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/tap"
)

// The broker treats what is published to a queue as unroutable, although the queue is
// there.
func Example() {
	b, err := broker.New(broker.Config{Tap: &tap.Tap{Decide: func(c *tap.Call) tap.Verdict {
		if c.Method == tap.CallPublish && c.Key == "orders" {
			return tap.Verdict{Act: tap.ActUnroutable}
		}
		return tap.Verdict{}
	}}})
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()
	conn, err := amqp091.DialConfig(b.URL(), amqp091.Config{Dial: b.DialFunc})
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	ch, err := conn.Channel()
	if err != nil {
		log.Fatal(err)
	}
	if _, err := ch.QueueDeclare("orders", false, false, false, false, nil); err != nil {
		log.Fatal(err)
	}
	returns := ch.NotifyReturn(make(chan amqp091.Return, 1))
	if err := ch.Publish("", "orders", true, false, amqp091.Publishing{Body: []byte("42")}); err != nil {
		log.Fatal(err)
	}
	fmt.Println((<-returns).ReplyText)
	// Output: NO_ROUTE
}
