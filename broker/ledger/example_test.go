package ledger_test

import (
	"fmt"
	"log"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/ledger"
)

// A virtual host is traced for a while: what was published, and its state in each queue.
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
	if _, err := v.DeclareQueue(broker.Queue{Name: "orders"}); err != nil {
		log.Fatal(err)
	}

	l := ledger.New(ledger.Config{Publications: 1000})
	stop := v.Trace(l.Recorder())
	for _, order := range []string{"41", "42"} {
		if _, err := v.Publish("", "orders", broker.Message{Body: []byte(order)}); err != nil {
			log.Fatal(err)
		}
	}
	if _, _, err := v.Get("orders", true); err != nil {
		log.Fatal(err)
	}
	stop()
	for p := range l.All() {
		fmt.Printf("%d: %s, %s in %s\n", p.ID, p.Body, p.Routes[0].State, p.Routes[0].Queue)
	}
	// Output:
	// 1: 41, acked in orders
	// 2: 42, waiting in orders
}
