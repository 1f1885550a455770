package amqp091test_test

import (
	"fmt"
	"slices"

	"github.com/rabbitmq/amqp091-go"

	"github.com/rabbetmq/rabbet/broker/brokertest"
	"github.com/rabbetmq/rabbet/broker/brokertest/amqp091test"
)

// aTest stands for the *testing.T that an example does not have.
type aTest struct{ cleanups []func() }

func (t *aTest) Helper()                        {}
func (t *aTest) Cleanup(f func())               { t.cleanups = append(t.cleanups, f) }
func (t *aTest) Logf(format string, a ...any)   { fmt.Printf(format+"\n", a...) }
func (t *aTest) Fatalf(format string, a ...any) { panic(fmt.Sprintf(format, a...)) }
func (t *aTest) Failed() bool                   { return false }

func (t *aTest) end() {
	for _, f := range slices.Backward(t.cleanups) {
		f()
	}
}

// In a test, t is the *testing.T and ends by itself.
func Example() {
	t := new(aTest)
	defer t.end()

	mq := brokertest.New(t)
	ch := amqp091test.Channel(t, mq)
	if _, err := ch.QueueDeclare("orders", false, false, false, false, nil); err != nil {
		t.Fatalf("%v", err)
	}
	orders := amqp091test.Consume(t, ch, "orders")
	amqp091test.Publish(t, ch, "", "orders", amqp091.Publishing{Body: []byte("42")})
	fmt.Printf("order %s\n", amqp091test.Receive(t, orders).Body)
	// Output: order 42
}
