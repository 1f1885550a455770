package broker_test

import (
	"fmt"
	"log"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
)

// A delayed exchange in virtual time: nothing is waited for.
func ExampleVHost_Delayed() {
	clock := delay.NewManual(time.Date(2030, 1, 1, 9, 0, 0, 0, time.UTC))
	b, v := delayedExample(clock)
	defer b.Close()

	info, _ := v.Delayed("reminders")
	fmt.Println(info.Count, "waiting, the first until", info.Next.UTC().Format(time.DateTime))
	clock.Advance(24 * time.Hour)
	due, _ := v.Peek("inbox", 10)
	fmt.Printf("%s\n", due[0].Body)
	// Output:
	// 2 waiting, the first until 2030-01-02 09:00:00
	// water the plants
}

// What waits can be looked at, page by page, and taken back.
func ExampleVHost_ListDelayed() {
	b, v := delayedExample(delay.NewManual(time.Date(2030, 1, 1, 9, 0, 0, 0, time.UTC)))
	defer b.Close()

	for after := ""; ; {
		page, err := v.ListDelayed("reminders", after, 100)
		if err != nil {
			log.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, m := range page {
			fmt.Printf("%s %s\n", m.Due.UTC().Format(time.DateOnly), m.Body)
		}
		after = page[len(page)-1].ID
		cancelled, _ := v.CancelDelayed("reminders", page[0].ID)
		fmt.Println("first one cancelled:", cancelled)
	}
	n, _ := v.PurgeDelayed("reminders")
	fmt.Println("purged:", n)
	// Output:
	// 2030-01-02 water the plants
	// 2030-01-08 take out the bins
	// first one cancelled: true
	// purged: 1
}

// delayedExample is a broker in whose exchange two reminders wait.
func delayedExample(clock delay.Clock) (*broker.Broker, *broker.VHost) {
	b, err := broker.New(broker.Config{Clock: clock})
	if err != nil {
		log.Fatal(err)
	}
	v, _ := b.VHost("/")
	if err := v.DeclareExchange(broker.Exchange{
		Name: "reminders", Type: "x-delayed-message", Args: map[string]any{"x-delayed-type": "fanout"},
	}); err != nil {
		log.Fatal(err)
	}
	_, _ = v.DeclareQueue(broker.Queue{Name: "inbox"})
	_ = v.Bind(broker.Binding{Source: "reminders", Destination: "inbox"})
	remind := func(in time.Duration, what string) {
		p := amqp.Properties{Flags: amqp.HasHeaders, Headers: amqp.Table{{Key: "x-delay", Value: in.Milliseconds()}}}
		if _, err := v.Publish("reminders", "", broker.Message{Properties: p, Body: []byte(what)}); err != nil {
			log.Fatal(err)
		}
	}
	remind(7*24*time.Hour, "take out the bins")
	remind(24*time.Hour, "water the plants")
	return b, v
}
