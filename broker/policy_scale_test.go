package broker_test

// A policy over very many queues: how long until it holds everywhere, and what
// publishers notice of it.

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
)

// A pinger publishes one message after the other, each when the one before has
// been confirmed.
type pinger struct {
	stop chan struct{}
	took chan []time.Duration
}

func startPinger(b *testing.B, address, queue string) *pinger {
	conn, err := amqp091.Dial("amqp://guest:guest@" + address + "/")
	require.NoError(b, err)
	b.Cleanup(func() { _ = conn.Close() }) // it is done with by then
	ch, err := conn.Channel()
	require.NoError(b, err)
	require.NoError(b, ch.Confirm(false))
	confirms := ch.NotifyPublish(make(chan amqp091.Confirmation, 1))
	p := &pinger{make(chan struct{}), make(chan []time.Duration, 1)}
	go func() {
		var took []time.Duration
		clock := delay.Real{}
		for {
			select {
			case <-p.stop:
				p.took <- took
				return
			default:
			}
			began := clock.Now()
			if ch.Publish("", queue, false, false, amqp091.Publishing{}) != nil {
				p.took <- nil
				return
			}
			<-confirms
			took = append(took, clock.Now().Sub(began))
		}
	}()
	return p
}

// end returns the longest round trip.
func (p *pinger) end(b *testing.B) (longest time.Duration) {
	close(p.stop)
	took := <-p.took
	require.NotEmpty(b, took)
	for _, d := range took {
		longest = max(longest, d)
	}
	return longest
}

// BenchmarkPolicy sets policies that match 100,000 queues while a publisher waits
// for each of its confirms. It prints the time until a policy holds everywhere,
// the longest round trip meanwhile, and the longest in as much time without:
// medians, and the worst.
func BenchmarkPolicy(b *testing.B) {
	const queues = 100_000
	br := start(b, broker.Config{})
	v := vhost(b, br)
	for i := range queues {
		_, err := v.DeclareQueue(broker.Queue{Name: fmt.Sprintf("q.%06d", i)})
		require.NoError(b, err)
	}
	_, err := v.DeclareQueue(broker.Queue{Name: "busy", Args: map[string]any{"x-max-length": 10}})
	require.NoError(b, err)
	address := listen(b, br)
	clock := delay.Real{}
	var set, with, without []time.Duration
	for b.Loop() {
		p := startPinger(b, address, "busy")
		began := clock.Now()
		err := v.SetPolicy(broker.Policy{Name: "all", Pattern: "^q", Definition: map[string]any{"max-length": 1000 + len(set)}})
		took := clock.Now().Sub(began)
		require.NoError(b, err)
		with, set = append(with, p.end(b)), append(set, took)
		p = startPinger(b, address, "busy")
		require.NoError(b, delay.Wait(b.Context(), clock, took))
		without = append(without, p.end(b))
	}
	for what, list := range map[string][]time.Duration{"set": set, "stall": with, "stall-without": without} {
		slices.Sort(list)
		b.ReportMetric(float64(list[len(list)/2].Microseconds())/1000, what+"-ms")
		b.ReportMetric(float64(list[len(list)-1].Microseconds())/1000, what+"-worst-ms")
	}
}
