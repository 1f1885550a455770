package link_test

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/amqp/link"
	"github.com/rabbetmq/rabbet/broker"
)

// A channel and a queue, each by a method and its answer.
func Example() {
	b, err := broker.New(broker.Config{})
	if err != nil {
		panic(err)
	}
	defer b.Close()
	l, err := link.Open(context.Background(), &link.Config{
		Connect: func() (net.Conn, error) { return b.DialFunc("tcp", "") },
		User:    "guest", Password: "guest", VHost: "/",
	})
	if err != nil {
		panic(err)
	}
	defer l.End(time.Second)
	if err := l.Ask(1, &amqp.ChannelOpen{}, &amqp.ChannelOpenOk{}); err != nil {
		panic(err)
	}
	var ok amqp.QueueDeclareOk
	if err := l.Ask(1, &amqp.QueueDeclare{Queue: "orders"}, &ok); err != nil {
		panic(err)
	}
	fmt.Println(ok.Queue, ok.MessageCount)
	// Output: orders 0
}
