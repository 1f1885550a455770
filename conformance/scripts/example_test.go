package scripts_test

import (
	"context"
	"fmt"
	"log"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/conformance/scripts"
)

// A script of one's own runs against a broker at a URL, here Rabbet in this process.
func Example() {
	b, err := broker.New(broker.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()
	if _, err := b.Listen("127.0.0.1:0"); err != nil {
		log.Fatal(err)
	}

	ctx := context.Background()
	runner, err := scripts.Connect(ctx, b.URL(), scripts.Options{})
	if err != nil {
		log.Fatal(err)
	}
	result := runner.Run(ctx, scripts.Script{Name: "mine/order", Run: func(t *scripts.T) {
		ch := t.Channel()
		q := ch.NewQueue()
		ch.SendAll(q, "a", "b")
		ch.ExpectDrain(q, "b", "a")
	}})
	fmt.Println(result.Outcome)
	fmt.Println(result.Failures[0])
	// Output:
	// differed
	// messages of the queue: expected []string{"b", "a"}, got []string{"a", "b"}
}
