package broker_test

// What a client does, or leaves undone, that must neither cost the broker
// memory without bound nor hold up other connections.

import (
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
)

// A message is delivered although what the publisher sent with it, in one
// write, is the beginning of a large body whose rest never comes.
func TestStalledBodyHoldsNothingBack(t *testing.T) {
	b := start(t, broker.Config{})
	declare(t, vhost(t, b), "q")
	deliveries, err := channel(t, b).Consume("q", "", true, false, false, false, nil)
	require.NoError(t, err)

	c := rawOpen(t, b, 0)
	c.channel(1)
	p := appendPublish(nil, 1, "", "q", []byte("whole"))
	p = amqp.AppendMethod(p, 1, &amqp.BasicPublish{RoutingKey: "q"})
	p = amqp.AppendHeader(p, 1, 60, 100_000, []byte{0, 0})
	p = append(p, amqp.FrameBody, 0, 1)
	p = binary.BigEndian.AppendUint32(p, 100_000)
	c.write(append(p, "and no more"...))
	assert.Equal(t, "whole", string(receive(t, deliveries).Body))
}

// A client that reads nothing is not read from for long either: its answers
// must not pile up.
func TestUnreadAnswersStopTheReader(t *testing.T) {
	const size, most = 100_000, 64 << 20
	for _, tc := range []struct {
		name    string
		request []byte
	}{
		{"returns", func() []byte {
			p := amqp.AppendMethod(nil, 1, &amqp.BasicPublish{RoutingKey: "nowhere", Mandatory: true})
			p = amqp.AppendHeader(p, 1, 60, size, []byte{0, 0})
			return amqp.AppendBody(p, 1, make([]byte, size), 131072)
		}()},
		{"methods", func() []byte {
			var p []byte
			for range 1000 {
				p = amqp.AppendMethod(p, 1, &amqp.BasicCancel{ConsumerTag: "a tag that is repeated in the answer " + fmt.Sprint(len(p))})
			}
			return p
		}()},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := rawOpen(t, start(t, broker.Config{MaxUnreadReturns: 8 << 20}), 0)
			c.channel(1)
			sent := 0
			for sent < most {
				require.NoError(t, c.nc.SetWriteDeadline(delay.Real{}.Now().Add(time.Second)))
				n, err := c.nc.Write(tc.request)
				sent += n
				if err != nil {
					require.ErrorIs(t, err, os.ErrDeadlineExceeded)
					break
				}
			}
			assert.Less(t, sent, most)
		})
	}
}

// The size that a header announces is only believed as the body comes.
func TestImpossibleBodySizes(t *testing.T) {
	b := start(t, broker.Config{})
	for _, size := range []uint64{1<<64 - 1, 1<<64 - 2, 1<<64 - 66, 1 << 63, 1 << 62} {
		c := rawOpen(t, b, 0)
		c.channel(1)
		p := amqp.AppendMethod(nil, 1, &amqp.BasicPublish{})
		p = amqp.AppendHeader(p, 1, 60, size, []byte{0, 0})
		p = amqp.AppendBody(p, 1, make([]byte, 20_000), 131072)
		p = amqp.AppendBody(p, 1, make([]byte, 120_000), 131072)
		c.write(p)
		c.channel(2) // the connection works
	}
}

// BASIC-7: the refusal comes after the whole body; nobody has to keep it until
// then.
func TestTooLargeBodyIsNotKept(t *testing.T) {
	const limit, size = 1 << 20, 256 << 20
	b := start(t, broker.Config{MaxMessageSize: limit})
	c := rawOpen(t, b, 0)
	c.channel(1)
	p := amqp.AppendMethod(nil, 1, &amqp.BasicPublish{RoutingKey: "nowhere"})
	c.write(amqp.AppendHeader(p, 1, 60, size, []byte{0, 0}))
	piece := make([]byte, 128<<10)
	var most uint64
	for n := 0; n < size; n += len(piece) {
		c.write(amqp.AppendBody(nil, 1, piece, 0)[:amqp.FrameHeaderSize])
		c.write(piece)
		c.write([]byte{amqp.FrameEnd})
		if n%(32<<20) == 0 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
		}
	}
	closed := expect[*amqp.ChannelClose](c)
	assert.Equal(t, fmt.Sprintf("PRECONDITION_FAILED - message size %d is larger than configured max size %d", size, limit),
		closed.ReplyText)
	assert.Less(t, most, uint64(64<<20))
}

// A channel that starts consumers while another connection deletes their
// queues: each consume either fails or is cancelled.
func TestConsumeWhileTheQueueIsDeleted(t *testing.T) {
	b := start(t, broker.Config{})
	conn := connect(t, b)
	for round := range 20 {
		ch, err := conn.Channel()
		require.NoError(t, err)
		cancelled := ch.NotifyCancel(make(chan string, 100))
		var deleting sync.WaitGroup
		consumers, refused := 0, false
		for i := range 20 {
			name := declare(t, vhost(t, b), fmt.Sprintf("q-%d-%d", round, i))
			deleting.Go(func() {
				_, err := vhost(t, b).DeleteQueue(name)
				assert.NoError(t, err)
			})
			if _, err := ch.Consume(name, name, true, false, false, false, nil); err != nil {
				var e *amqp091.Error
				require.ErrorAs(t, err, &e)
				require.Equal(t, amqp091.NotFound, e.Code)
				refused = true // and with it the channel closed
				break
			}
			consumers++
		}
		deleting.Wait()
		for range consumers {
			if !refused {
				receive(t, cancelled)
			}
		}
	}
	for _, ch := range b.Snapshot().Connections[0].Channels {
		assert.Empty(t, ch.Consumers)
	}
}

// Names and keys that no frame has room for are refused, or cut where RabbitMQ
// accepts them, and never break what a consumer reads.
func TestNamesThatFitNoFrame(t *testing.T) {
	b := start(t, broker.Config{})
	v := vhost(t, b)
	long := strings.Repeat("k", 256)
	assert.ErrorContains(t, v.DeclareExchange(broker.Exchange{Name: long}), "longer than 255 bytes")
	_, err := v.DeclareQueue(broker.Queue{Name: long})
	assert.ErrorContains(t, err, "longer than 255 bytes")
	assert.ErrorContains(t, v.Bind(broker.Binding{Source: "amq.topic", Destination: declare(t, v, "q"), Key: long}), "longer than 255 bytes")
	_, err = v.Publish("amq.topic", long, broker.Message{})
	assert.ErrorContains(t, err, "longer than 255 bytes")

	require.NoError(t, v.Bind(broker.Binding{Source: "amq.fanout", Destination: "q"}))
	_, err = v.DeclareQueue(broker.Queue{Name: "dying", Args: map[string]any{
		"x-message-ttl": 0, "x-dead-letter-exchange": "amq.fanout", "x-dead-letter-routing-key": long,
	}})
	require.NoError(t, err)
	deliveries, err := channel(t, b).Consume("q", "", true, false, false, false, nil)
	require.NoError(t, err)
	_, err = v.Publish("", "dying", broker.Message{Body: []byte("dead")})
	require.NoError(t, err)
	d := receive(t, deliveries)
	assert.Equal(t, "dead", string(d.Body))
	assert.Equal(t, long[:255], d.RoutingKey)
}
