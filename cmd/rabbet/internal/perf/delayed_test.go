package perf

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp/link"
	"github.com/rabbetmq/rabbet/delay"
)

// A probe that is interrupted while messages come in must end all the same.
func TestDelayedProbeEndsAmidstDeliveries(t *testing.T) {
	dead := func() *wire {
		end, other := net.Pipe()
		require.NoError(t, other.Close())
		return &wire{link.New(end, nil, idleBuffer), delay.Real{}}
	}
	p := &delayedProbe{
		DelayedConfig: DelayedConfig{Keep: true}, came: make(chan int64), failed: make(chan error),
		producer: &delayedProducer{producer: producer{wire: dead(), sender: &sender{}}}, consumer: &consumer{wire: dead(), receiver: &receiver{}},
	}
	go func() {
		p.came <- 1
		p.failed <- link.ErrClosed // the consumer
		p.failed <- link.ErrClosed // the producer
	}()
	require.NoError(t, p.close())
}
