package broker_test

// What expirations and priorities cost a publisher, and how far from its deadline
// a message expires.

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
)

// timedPublish appends a publish with an expiration in milliseconds and a
// priority.
func timedPublish(p []byte, queue string, expiration int64, priority uint8, body []byte) []byte {
	props := amqp.Properties{
		Flags: amqp.HasExpiration | amqp.HasPriority, Expiration: strconv.FormatInt(expiration, 10), Priority: priority,
	}
	p = amqp.AppendMethod(p, 1, &amqp.BasicPublish{RoutingKey: queue})
	p = amqp.AppendHeader(p, 1, 60, uint64(len(body)), props.Append(nil))
	return amqp.AppendBody(p, 1, body, 131072)
}

// BenchmarkPublishTimed is a million messages of 100 bytes through a socket into
// a queue: plain ones, and ones with random expirations of up to an hour and one
// of ten priorities.
func BenchmarkPublishTimed(b *testing.B) {
	const perWrite = 100
	for _, timed := range []bool{false, true} {
		name, args := "plain", map[string]any(nil)
		if timed {
			name, args = "expiration-and-priority", map[string]any{"x-max-priority": 10}
		}
		b.Run(name, func(b *testing.B) {
			rnd := rand.New(rand.NewPCG(1, 2))
			writes := make([][]byte, 100)
			body := make([]byte, 100)
			for i := range writes {
				for range perWrite {
					if timed {
						writes[i] = timedPublish(writes[i], "q", rnd.Int64N(3_600_000), uint8(rnd.IntN(10)), body)
					} else {
						writes[i] = appendPublish(writes[i], 1, "", "q", body)
					}
				}
			}
			for b.Loop() {
				b.StopTimer()
				br := start(b, broker.Config{})
				v := vhost(b, br)
				_, err := v.DeclareQueue(broker.Queue{Name: "q", Args: args})
				require.NoError(b, err)
				c := rawTCP(b, listen(b, br))
				c.channel(1)
				b.StartTimer()
				for i := range 1_000_000 / perWrite {
					c.write(writes[i%len(writes)])
				}
				c.send(1, &amqp.QueueDeclare{Queue: "q", Passive: true})
				ok := expect[*amqp.QueueDeclareOk](c)
				b.StopTimer()
				require.EqualValues(b, 1_000_000, ok.MessageCount)
				require.NoError(b, br.Close())
				b.StartTimer()
			}
			b.ReportMetric(1_000_000*float64(b.N)/b.Elapsed().Seconds(), "msg/s")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkExpiry has messages expire one after the other, two a millisecond, each at
// the head of its queue when its time comes, and prints how long after its
// deadline each has gone through a dead-letter exchange to a consumer.
func BenchmarkExpiry(b *testing.B) {
	const messages = 2000
	br := start(b, broker.Config{})
	v := vhost(b, br)
	_, err := v.DeclareQueue(broker.Queue{Name: "q", Args: map[string]any{
		"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead", "x-max-priority": 10,
	}})
	require.NoError(b, err)
	declare(b, v, "dead")
	address := listen(b, br)
	publisher, consumer := rawTCP(b, address), rawTCP(b, address)
	publisher.channel(1)
	consumer.channel(1)
	consumer.send(1, &amqp.BasicConsume{Queue: "dead", NoAck: true})
	expect[*amqp.BasicConsumeOk](consumer)
	clock := delay.Real{}
	var late []time.Duration
	for b.Loop() {
		var p []byte
		for i := range int64(messages) {
			ttl := 500 + i/2
			due := binary.BigEndian.AppendUint64(nil, uint64(clock.Now().Add(time.Duration(ttl)*time.Millisecond).UnixNano()))
			p = timedPublish(p, "q", ttl, 5, due)
		}
		publisher.write(p)
		for range messages {
			expect[*amqp.BasicDeliver](consumer)
			consumer.next() // header
			due := time.Unix(0, int64(binary.BigEndian.Uint64(consumer.next().payload)))
			late = append(late, clock.Now().Sub(due))
		}
	}
	slices.Sort(late)
	for what, at := range map[string]int{"median": len(late) / 2, "p99": len(late) * 99 / 100, "worst": len(late) - 1} {
		b.ReportMetric(float64(late[at].Microseconds())/1000, what+"-ms")
	}
	b.ReportMetric(0, "ns/op")
}
