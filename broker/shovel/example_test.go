package shovel_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/shovel"
	"github.com/rabbetmq/rabbet/delay"
)

// A shovel moves what is in one queue to another one of the same broker.
func Example() {
	b, err := broker.New(broker.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()
	v, err := b.VHost("/")
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range []string{"here", "there"} {
		if _, err := v.DeclareQueue(broker.Queue{Name: name, Durable: true}); err != nil {
			log.Fatal(err)
		}
	}
	if _, err := v.Publish("", "here", broker.Message{Body: []byte("42")}); err != nil {
		log.Fatal(err)
	}

	m := shovel.Start(b, shovel.Config{})
	defer m.Close()
	if err := v.SetParameter("shovel", "orders", []byte(`{
		"src-uri": "amqp:///%2f", "src-queue": "here", "dest-uri": "amqp:///%2f", "dest-queue": "there"}`)); err != nil {
		log.Fatal(err)
	}
	err = delay.Poll(context.Background(), delay.Real{}, time.Millisecond, func() bool {
		there, err := v.Peek("there", 1)
		return err != nil || len(there) == 1
	})
	if err != nil {
		log.Fatal(err)
	}
	there, err := v.Peek("there", 1)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", there[0].Body)
	// Output: 42
}
