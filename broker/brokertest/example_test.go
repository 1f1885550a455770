package brokertest_test

// The examples that go doc shows.

import (
	"fmt"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/brokertest"
)

// exampleTB is a test for examples, which have none.
type exampleTB struct{ cleanups []func() }

func (e *exampleTB) Helper()                        {}
func (e *exampleTB) Cleanup(f func())               { e.cleanups = append(e.cleanups, f) }
func (e *exampleTB) Logf(format string, a ...any)   { fmt.Printf(format+"\n", a...) }
func (e *exampleTB) Fatalf(format string, a ...any) { panic(fmt.Sprintf(format, a...)) }
func (e *exampleTB) Failed() bool                   { return false }

func (e *exampleTB) end() {
	for _, f := range e.cleanups {
		f()
	}
}

// In a test, t is the *testing.T and ends by itself.
func Example() {
	t := new(exampleTB)
	defer t.end()

	mq := brokertest.New(t)
	conn, err := amqp091.Dial(mq.URL())
	if err != nil {
		t.Fatalf("%v", err)
	}
	defer conn.Close()
	ch, _ := conn.Channel()
	_, _ = ch.QueueDeclare("greetings", false, false, false, false, nil)
	_ = ch.Publish("", "greetings", false, false, amqp091.Publishing{Body: []byte("hello")})
	fmt.Printf("%s\n", mq.Get("greetings").Body)
	// Output: hello
}

// Half an hour passes at once.
func ExampleBroker_Advance() {
	t := new(exampleTB)
	defer t.end()

	mq := brokertest.New(t, brokertest.WithManualClock())
	mq.Declare(brokertest.Topology{Queues: []broker.Queue{
		{Name: "expired"},
		{Name: "pending", Args: map[string]any{
			"x-message-ttl": 30 * 60 * 1000, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "expired",
		}},
	}})
	mq.Publish("", "pending", []byte("order 42"))
	mq.Advance(30 * time.Minute)
	fmt.Printf("%d pending, %s has expired\n", len(mq.Ready("pending")), mq.Ready("expired")[0].Body)
	// Output: 0 pending, order 42 has expired
}

// Connections in memory open no socket.
func ExampleBroker_DialFunc() {
	t := new(exampleTB)
	defer t.end()

	mq := brokertest.New(t)
	conn, err := amqp091.DialConfig(mq.MemoryURL(), amqp091.Config{Dial: mq.DialFunc})
	if err != nil {
		t.Fatalf("%v", err)
	}
	fmt.Println(len(mq.Connections()), conn.Close())
	// Output: 1 <nil>
}

// The broker as a human wants to see it.
func ExampleBroker_Dump() {
	t := new(exampleTB)
	defer t.end()

	mq := brokertest.New(t)
	mq.Declare(brokertest.Topology{Queues: []broker.Queue{{Name: "jobs", Durable: true}}})
	mq.Publish("", "jobs", []byte("sweep the floor"))
	fmt.Print(mq.Dump())
	// Output:
	// virtual host "/"
	//     queue  ready  unacked  consumers  flags    arguments
	//     jobs   1      0        0          durable  {}
	//   queue "jobs" has
	//     message  exchange  key   properties  body
	//     ready    ""        jobs  -           sweep the floor
	// no connections
}
