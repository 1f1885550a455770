package broker_test

// How a broker starts, what it listens on and how it ends.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/queue"
)

func TestConfigThatContradictsItself(t *testing.T) {
	for _, tc := range []struct {
		cfg  broker.Config
		want string
	}{
		{broker.Config{FrameMax: 4095}, "FrameMax"},
		{broker.Config{Heartbeat: 65536 * time.Second}, "Heartbeat"},
		{broker.Config{MaxMessageSize: -1}, "MaxMessageSize"},
		{broker.Config{MaxMessageSize: 536870913}, "MaxMessageSize"}, // LIMIT-8: messages have a largest size
		{broker.Config{HandshakeTimeout: -1}, "HandshakeTimeout"},
		{broker.Config{DefaultPrefetch: -1}, "DefaultPrefetch"},
	} {
		b, err := broker.New(tc.cfg)
		assert.ErrorContains(t, err, tc.want)
		assert.Nil(t, b)
	}
}

// CONN-21: what the zero Config and others suggest to clients.
func TestTuning(t *testing.T) {
	for _, tc := range []struct {
		cfg  broker.Config
		want amqp.ConnectionTune
	}{
		{broker.Config{}, amqp.ConnectionTune{ChannelMax: 2047, FrameMax: 131072, Heartbeat: 60}},
		{broker.Config{ChannelMax: 9, FrameMax: 4096, Heartbeat: 1999 * time.Millisecond},
			amqp.ConnectionTune{ChannelMax: 9, FrameMax: 4096, Heartbeat: 1}},
		{broker.Config{Heartbeat: -1}, amqp.ConnectionTune{ChannelMax: 2047, FrameMax: 131072}},
	} {
		c := rawDial(t, start(t, tc.cfg))
		c.write([]byte(amqp.ProtocolHeader))
		c.send(0, startOk("guest", "guest"))
		expect[*amqp.ConnectionStart](c)
		assert.Equal(t, &tc.want, expect[*amqp.ConnectionTune](c))
	}
}

func TestURL(t *testing.T) {
	b := start(t, broker.Config{})
	assert.Equal(t, "amqp://guest:guest@memory/%2F", b.URL())
	conn, err := amqp091.DialConfig(b.URL(), amqp091.Config{Dial: b.DialFunc})
	require.NoError(t, err)
	require.NoError(t, conn.Close())

	first := listen(t, b)
	for range 10 {
		listen(t, b)
	}
	assert.Equal(t, "amqp://guest:guest@"+first+"/%2F", b.URL(), "the first address")
	conn, err = amqp091.Dial(b.URL())
	require.NoError(t, err)
	require.NoError(t, conn.Close())

	b = start(t, broker.Config{DefaultUser: "a/b", DefaultPassword: "p:w@", DefaultVHost: "x y"})
	assert.Equal(t, "amqp://a%2Fb:p%3Aw%40@memory/x%20y", b.URL())
	conn, err = amqp091.DialConfig(b.URL(), amqp091.Config{Dial: b.DialFunc})
	require.NoError(t, err)
	require.NoError(t, conn.Close())
}

// Nothing is global: brokers in one process know nothing of each other.
func TestSeveralBrokers(t *testing.T) {
	var brokers []*broker.Broker
	for i := range 3 {
		b := start(t, broker.Config{})
		listen(t, b)
		brokers = append(brokers, b)
		v := vhost(t, b)
		declare(t, v, "q")
		for range i {
			_, err := v.Publish("", "q", broker.Message{})
			require.NoError(t, err)
		}
	}
	for i, b := range brokers {
		n, err := vhost(t, b).Counts("q")
		require.NoError(t, err)
		assert.Equal(t, i, n.Ready)
	}
	require.NoError(t, brokers[1].Close())
	for _, i := range []int{0, 2} {
		conn, err := amqp091.Dial(brokers[i].URL())
		require.NoError(t, err)
		require.NoError(t, conn.Close())
	}
}

func TestListenFails(t *testing.T) {
	b, other := start(t, broker.Config{}), start(t, broker.Config{})
	_, err := other.Listen(listen(t, b))
	assert.Error(t, err, "the port is taken")
	_, err = b.Listen("no such address")
	assert.Error(t, err)
}

func TestClosedBroker(t *testing.T) {
	b, err := broker.New(broker.Config{})
	require.NoError(t, err)
	addr := listen(t, b)
	served := make(chan error, 1)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { served <- b.Serve(l) }()
	eventually(t, "the second listener serves", func() bool {
		conn, err := amqp091.Dial("amqp://" + l.Addr().String())
		if err == nil {
			err = conn.Close()
		}
		return err == nil
	})

	require.NoError(t, b.Close())
	assert.ErrorIs(t, <-served, broker.ErrClosed)
	assert.NoError(t, b.Close(), "closing again does nothing")
	assert.NoError(t, b.Shutdown(context.Background()))

	_, err = b.Dial()
	assert.ErrorIs(t, err, broker.ErrClosed)
	_, err = b.Listen("127.0.0.1:0")
	assert.ErrorIs(t, err, broker.ErrClosed)
	near, far := broker.Pipe()
	assert.ErrorIs(t, b.ServeConn(far), broker.ErrClosed)
	_, err = near.Write([]byte("AMQP"))
	assert.Error(t, err, "ServeConn closes what it was given")
	l, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	assert.ErrorIs(t, b.Serve(l), broker.ErrClosed)
	_ = l.Close()
	for _, addr := range []string{addr, l.Addr().String()} {
		_, err = net.Dial("tcp", addr)
		assert.Error(t, err, "nobody listens there any more")
	}
}

// A listener that its owner closes ends Serve, not the broker.
func TestServeEndsWithItsListener(t *testing.T) {
	b := start(t, broker.Config{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- b.Serve(l) }()
	conn, err := amqp091.Dial("amqp://" + l.Addr().String())
	require.NoError(t, err)
	require.NoError(t, l.Close())
	assert.ErrorIs(t, <-served, net.ErrClosed)
	assert.False(t, conn.IsClosed(), "connections outlive their listener")
	require.NoError(t, conn.Close())
	assert.Equal(t, "amqp://guest:guest@memory/%2F", b.URL(), "there is no such address any more")
}

// A listener that fails for a while, as without file descriptors, is tried again,
// and does not keep the broker from closing.
func TestServeOutlivesAFailingAccept(t *testing.T) {
	clock := delay.NewManual(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	b := start(t, broker.Config{Clock: clock})
	near, far := broker.Pipe()
	l := &scriptedListener{results: make(chan accepted, 3), closed: make(chan struct{})}
	l.results <- accepted{err: errors.New("too many open files")}
	l.results <- accepted{conn: far}
	l.results <- accepted{err: errors.New("too many open files")}
	served := make(chan error, 1)
	go func() { served <- b.Serve(l) }()

	waiting := func() bool { return clock.Pending() > 0 }
	eventually(t, "the first failure", waiting)
	clock.Advance(5 * time.Millisecond) // the first pause, and no more: the second failure starts another
	newRawClient(t, near).open(0)
	eventually(t, "the second failure", func() bool { return len(l.results) == 0 && waiting() })
	require.NoError(t, near.Close())
	require.NoError(t, b.Close())
	assert.ErrorIs(t, <-served, broker.ErrClosed)
}

// A scriptedListener accepts what it is told to.
type scriptedListener struct {
	results chan accepted
	once    sync.Once
	closed  chan struct{}
}

type accepted struct {
	conn net.Conn
	err  error
}

func (l *scriptedListener) Accept() (net.Conn, error) {
	select {
	case r := <-l.results:
		return r.conn, r.err
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *scriptedListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *scriptedListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// Brokers may be closed while clients come and go.
func TestCloseWhileClientsCome(t *testing.T) {
	for range 20 {
		b, err := broker.New(broker.Config{})
		require.NoError(t, err)
		listen(t, b)
		url := b.URL()
		var clients sync.WaitGroup
		for i := range 4 {
			clients.Go(func() {
				cfg := amqp091.Config{}
				if i%2 == 0 {
					cfg.Dial = b.DialFunc
				}
				for {
					conn, err := amqp091.DialConfig(url, cfg)
					if err != nil {
						return
					}
					if ch, err := conn.Channel(); err == nil {
						_, _ = ch.QueueDeclare(fmt.Sprint(i), false, false, true, false, nil)
					}
					_ = conn.Close()
				}
			})
		}
		eventually(t, "a client", func() bool { return len(b.Snapshot().Connections) > 0 })
		assert.NoError(t, b.Close())
		clients.Wait()
		assert.Empty(t, b.Snapshot().Connections)
	}
}

// CONN-70: a broken frame after the broker's connection.close brings no second
// one; the socket is dropped as after any broken frame.
func TestBrokenFrameAfterTheClose(t *testing.T) {
	underClock(t, broker.Config{}, func(t *testing.T, b *broker.Broker, clock *delay.Manual) {
		c := rawOpen(t, b, 0)
		c.send(7, &amqp.ChannelClose{})
		assert.EqualValues(t, amqp.ChannelError, expect[*amqp.ConnectionClose](c).ReplyCode)
		c.write([]byte{amqp.FrameMethod, 0, 0, 0, 0, 0, 1, 0, 0})
		pass(clock, 3*time.Second)
		c.expectEnd()
	})
}

// What one channel gives back when its connection closes is not for a consumer on
// another channel of it, which is about to end too: with no-ack it would be lost.
func TestClosedConnectionKeepsNothing(t *testing.T) {
	b := start(t, broker.Config{})
	v := vhost(t, b)
	declare(t, v, "q")
	conn := connect(t, b)
	holder, err := conn.Channel()
	require.NoError(t, err)
	require.NoError(t, holder.Publish("", "q", false, false, amqp091.Publishing{Body: []byte("kept")}))
	_, ok, err := holder.Get("q", false)
	require.NoError(t, err)
	require.True(t, ok)
	taker, err := conn.Channel()
	require.NoError(t, err)
	_, err = taker.Consume("q", "", true, false, false, false, nil)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	counts, err := v.Counts("q")
	require.NoError(t, err)
	assert.Equal(t, queue.Counts{Ready: 1, ReadyBytes: 4}, counts)
}
