package broker_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/store"
)

// A broker on a port of this machine, and RabbitMQ's own client on it.
func Example() {
	b, err := broker.New(broker.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()
	if _, err := b.Listen("127.0.0.1:0"); err != nil {
		log.Fatal(err)
	}

	conn, err := amqp091.Dial(b.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	ch, _ := conn.Channel()
	q, _ := ch.QueueDeclare("greetings", false, false, false, false, nil)
	deliveries, _ := ch.Consume(q.Name, "", true, false, false, false, nil)
	if err := ch.Publish("", q.Name, false, false, amqp091.Publishing{Body: []byte("hello")}); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", (<-deliveries).Body)
	// Output: hello
}

// The same without a network: nothing leaves the process.
func ExampleBroker_DialFunc() {
	b, err := broker.New(broker.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()

	conn, err := amqp091.DialConfig(b.URL(), amqp091.Config{Dial: b.DialFunc})
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	ch, _ := conn.Channel()
	q, _ := ch.QueueDeclare("greetings", false, false, false, false, nil)
	if err := ch.Publish("", q.Name, false, false, amqp091.Publishing{Body: []byte("hello")}); err != nil {
		log.Fatal(err)
	}
	d, _, err := ch.Get(q.Name, true)
	fmt.Printf("%s %v\n", d.Body, err)
	// Output: hello <nil>
}

// A Go program declares, binds, publishes and looks without being a client.
func ExampleVHost() {
	b, err := broker.New(broker.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()
	v, _ := b.VHost("")

	if err := v.DeclareExchange(broker.Exchange{Name: "orders", Type: "topic"}); err != nil {
		log.Fatal(err)
	}
	if _, err := v.DeclareQueue(broker.Queue{Name: "eu", Args: map[string]any{"x-max-length": 1000}}); err != nil {
		log.Fatal(err)
	}
	if err := v.Bind(broker.Binding{Source: "orders", Destination: "eu", Key: "order.*.eu"}); err != nil {
		log.Fatal(err)
	}
	for _, key := range []string{"order.new.eu", "order.new.us"} {
		reached, err := v.Publish("orders", key, broker.Message{Body: []byte("42 bolts")})
		fmt.Println(key, "reached", reached, err)
	}
	messages, _ := v.Peek("eu", 10) // they stay where they are
	fmt.Printf("%s: %s\n", messages[0].Key, messages[0].Body)

	for _, q := range b.Snapshot().VHosts[0].Queues {
		fmt.Println(q.Name, "has", q.Ready, "ready,", q.Consumers, "consumers")
	}
	_, err = v.Purge("us")
	fmt.Println(err)
	// Output:
	// order.new.eu reached 1 <nil>
	// order.new.us reached 0 <nil>
	// order.new.eu: 42 bolts
	// eu has 1 ready, 0 consumers
	// NOT_FOUND - no queue 'us' in vhost '/'
}

// Consuming from Go: turns, prefetch and acknowledgements are a client's.
func ExampleVHost_Consume() {
	b, err := broker.New(broker.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()
	v, _ := b.VHost("")
	_, _ = v.DeclareQueue(broker.Queue{Name: "jobs"})
	consumer, err := v.Consume("jobs", broker.ConsumeOptions{Prefetch: 10})
	if err != nil {
		log.Fatal(err)
	}
	_, _ = v.Publish("", "jobs", broker.Message{Body: []byte("sweep the floor")})

	d, err := consumer.Next(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	held, _ := v.Unacked("jobs")
	fmt.Printf("%s, held by %d\n", d.Body, len(held))
	fmt.Println(d.Ack())
	// Output:
	// sweep the floor, held by 1
	// <nil>
}

// With a store, what is durable is there again when the next broker opens it.
func ExampleNew_withStore() {
	dir, err := os.MkdirTemp("", "rabbet-example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	open := func() (*broker.Broker, *broker.VHost) {
		st, err := store.Open(dir, store.Options{})
		if err != nil {
			log.Fatal(err)
		}
		b, err := broker.New(broker.Config{Store: st}) // Close closes the store as well
		if err != nil {
			log.Fatal(err)
		}
		v, err := b.VHost("/")
		if err != nil {
			log.Fatal(err)
		}
		return b, v
	}

	b, v := open()
	if _, err := v.DeclareQueue(broker.Queue{Name: "jobs", Durable: true}); err != nil {
		log.Fatal(err)
	}
	persistent := amqp.Properties{Flags: amqp.HasDeliveryMode, DeliveryMode: 2}
	if _, err := v.Publish("", "jobs", broker.Message{Properties: persistent, Body: []byte("sweep the floor")}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(b.Close())

	b, v = open()
	d, _, err := v.Get("jobs", true)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", d.Body)
	fmt.Println(b.Close())
	// Output:
	// <nil>
	// sweep the floor
	// <nil>
}

// Shutdown tells the clients and waits for them, as long as the context allows.
func ExampleBroker_Shutdown() {
	b, err := broker.New(broker.Config{})
	if err != nil {
		log.Fatal(err)
	}
	conn, err := amqp091.DialConfig(b.URL(), amqp091.Config{Dial: b.DialFunc})
	if err != nil {
		log.Fatal(err)
	}
	closed := conn.NotifyClose(make(chan *amqp091.Error, 1))

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	fmt.Println(b.Shutdown(ctx))
	reason := <-closed
	fmt.Println(reason.Code, reason.Reason)
	// Output:
	// <nil>
	// 320 CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'
}
