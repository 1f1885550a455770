package broker_test

// The graceful end: what clients are told, and how long they may take.

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
)

// shutdownNotice is CONN-75.
var shutdownNotice = &amqp.ConnectionClose{
	ReplyCode: 320, ReplyText: "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'",
}

// shutdown runs Shutdown in the background.
func shutdown(ctx context.Context, b *broker.Broker) <-chan error {
	done := make(chan error, 1)
	go func() { done <- b.Shutdown(ctx) }()
	return done
}

func TestShutdownTellsEveryClient(t *testing.T) {
	b := start(t, broker.Config{})
	listen(t, b)
	conn, err := amqp091.Dial(b.URL())
	require.NoError(t, err)
	told := conn.NotifyClose(make(chan *amqp091.Error, 1))
	var raw []*rawClient
	for range 5 {
		raw = append(raw, rawOpen(t, b, 0))
	}
	raw[0].channel(1) // something to clean up
	raw[0].send(1, &amqp.QueueDeclare{Queue: "mine", Exclusive: true}, &amqp.BasicConsume{Queue: "mine"})
	expect[*amqp.QueueDeclareOk](raw[0])
	expect[*amqp.BasicConsumeOk](raw[0])
	raw[1].channel(1) // a content under way
	raw[1].send(1, &amqp.BasicPublish{RoutingKey: "mine"})

	done := shutdown(context.Background(), b)
	assert.Equal(t, &amqp091.Error{Code: 320, Reason: shutdownNotice.ReplyText, Server: true}, receive(t, told))
	for _, c := range raw {
		assert.Equal(t, shutdownNotice, expect[*amqp.ConnectionClose](c))
	}
	assert.Empty(t, done, "the clients have not answered")
	for _, c := range raw {
		c.send(0, &amqp.ConnectionCloseOk{})
		c.expectEnd()
	}
	assert.NoError(t, receive(t, done))
}

// Shutdown takes no longer than its context, even if a client does not answer.
func TestShutdownIsBounded(t *testing.T) {
	b := start(t, broker.Config{Clock: delay.NewManual(time.Time{})}) // its timers help nobody here
	v := vhost(t, b)
	declare(t, v, "q")
	opened := rawOpen(t, b, 0)

	stuck := rawOpen(t, b, 0) // does not read what there is to read
	stuck.channel(1)
	stuck.send(1, &amqp.BasicConsume{Queue: "q"})
	expect[*amqp.BasicConsumeOk](stuck)
	for range 100 {
		_, err := v.Publish("", "q", broker.Message{Body: make([]byte, 64<<10)})
		require.NoError(t, err)
	}

	greeted := rawDial(t, b) // in the middle of the handshake
	greeted.write([]byte(amqp.ProtocolHeader))
	expect[*amqp.ConnectionStart](greeted)
	silent := rawDial(t, b)

	ctx, cancel := context.WithCancel(context.Background())
	done := shutdown(ctx, b)
	assert.Equal(t, shutdownNotice, expect[*amqp.ConnectionClose](opened))
	greeted.expectEnd() // nothing can be said to those
	silent.expectEnd()
	assert.Empty(t, done)
	cancel()
	assert.ErrorIs(t, receive(t, done), context.Canceled)
	opened.expectEnd()
	_, err := io.Copy(io.Discard, stuck.nc)
	assert.NoError(t, err)
}

// The notice reaches a client whose body has only come in part, too.
func TestShutdownAmidstALargeBody(t *testing.T) {
	underClock(t, broker.Config{}, func(t *testing.T, b *broker.Broker, _ *delay.Manual) {
		v := vhost(t, b)
		declare(t, v, "q")
		c := rawOpen(t, b, 0)
		c.channel(1)
		publish := appendPublish(nil, 1, "", "q", make([]byte, 100<<10))
		half := len(publish) / 2
		c.write(publish[:half])
		synctest.Wait()
		done := shutdown(t.Context(), b)
		assert.Equal(t, shutdownNotice, expect[*amqp.ConnectionClose](c))
		c.write(publish[half:]) // ignored, like everything but close-ok (CONN-70)
		c.send(0, &amqp.ConnectionCloseOk{})
		c.expectEnd()
		assert.NoError(t, receive(t, done))
		info, _ := v.Queue("q")
		assert.Zero(t, info.Ready)
	})
}

// Case F4-stop-waits-for-a-deaf-client: who neither reads nor answers is dropped, without
// a fault; a client that still reads has its time.
func TestShutdownDropsMuteClients(t *testing.T) {
	b := start(t, broker.Config{MuteTimeout: 20 * time.Millisecond})
	mute := rawOpen(t, b, 0)
	assert.NoError(t, b.Shutdown(t.Context()))
	assert.Equal(t, shutdownNotice, expect[*amqp.ConnectionClose](mute))
	mute.expectEnd()
}

// Close has a patience of its own.
func TestCloseIsBounded(t *testing.T) {
	b := start(t, broker.Config{})
	rawOpen(t, b, 0)
	began := delay.Real{}.Now()
	assert.NoError(t, b.Close())
	assert.Less(t, delay.Real{}.Now().Sub(began), 10*time.Second)
}

// What ends a connection while its client does not read must end it in time,
// not when the client thinks of it.
func TestEndOfAClientThatDoesNotRead(t *testing.T) {
	for _, tc := range []struct {
		name  string
		end   func(c *rawClient)
		after time.Duration
	}{
		{"a method that does not exist", func(c *rawClient) { // CONN-44: an unknown method drops the socket
			c.write(amqp.AppendFrame(nil, amqp.FrameMethod, 1, []byte{0, 60, 0, 99}))
		}, 3 * time.Second},
		{"connection.close", func(c *rawClient) { c.send(0, &amqp.ConnectionClose{}) }, 30 * time.Second},
		{"an error", func(c *rawClient) { c.send(1, &amqp.ChannelOpen{}) }, 30 * time.Second},
		{"close-ok after an error", func(c *rawClient) {
			c.send(1, &amqp.ChannelOpen{})
			c.send(0, &amqp.ConnectionCloseOk{})
		}, 30 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			underClock(t, broker.Config{}, func(t *testing.T, b *broker.Broker, clock *delay.Manual) {
				v := vhost(t, b)
				declare(t, v, "q")
				near, far := broker.Pipe()
				served := make(chan error, 1)
				go func() { served <- b.ServeConn(far) }()
				c := newRawClient(t, near)
				c.open(0)
				c.channel(1)
				c.send(1, &amqp.BasicConsume{Queue: "q"})
				expect[*amqp.BasicConsumeOk](c)
				for range 100 { // more than fits in the pipe
					_, err := v.Publish("", "q", broker.Message{Body: make([]byte, 10<<10)})
					require.NoError(t, err)
				}
				tc.end(c)
				pass(clock, tc.after)
				assert.Len(t, served, 1, "the connection is gone")
				n, err := v.Counts("q")
				require.NoError(t, err)
				assert.Equal(t, 100, n.Ready, "nothing was acknowledged")
			})
		})
	}
}

// A closed broker leaves nothing to the clock, which would keep it in memory
// until its queues expire; and what is done to it from Go changes that no more.
func TestClosedBrokerWaitsForNothing(t *testing.T) {
	clock := delay.NewManual(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	b := start(t, broker.Config{Clock: clock})
	v := vhost(t, b)
	_, err := v.DeclareQueue(broker.Queue{Name: "q", Args: map[string]any{"x-expires": 60_000, "x-message-ttl": 1000}})
	require.NoError(t, err)
	publish := func() {
		_, err := v.Publish("", "q", broker.Message{})
		require.NoError(t, err)
	}
	publish()
	assert.Equal(t, 1, clock.Pending())
	require.NoError(t, b.Close())
	_, err = v.Publish("", "q", broker.Message{})
	require.ErrorIs(t, err, broker.ErrClosed)
	assert.Zero(t, clock.Pending())
}

// Without clients there is nothing to be impatient about.
func TestShutdownOfNobodySucceeds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for range 100 {
		b := start(t, broker.Config{})
		listen(t, b)
		require.NoError(t, b.Shutdown(ctx))
	}
}
