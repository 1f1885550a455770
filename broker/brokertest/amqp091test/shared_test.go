package amqp091test_test

// The example of docs/testing.md that shares a broker.

import (
	"log"
	"os"
	"testing"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/brokertest"
)

var shared *brokertest.Server

func TestMain(m *testing.M) {
	var err error
	if shared, err = brokertest.NewServer(); err != nil {
		log.Fatal(err)
	}
	code := m.Run()
	shared.Close()
	os.Exit(code)
}

func TestWithSharedBroker(t *testing.T) {
	mq := shared.For(t) // what fails ends this test
	mq.Reset()          // as good as new; the address stays
	mq.Declare(brokertest.Topology{Queues: []broker.Queue{{Name: "orders"}}})
	mq.RequireEmpty()
}
