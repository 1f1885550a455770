package broker_test

// Every state that may hold up an end, and every way to end the broker: it ends in time,
// says what went wrong, and the next start has what was confirmed.

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/store"
)

var errDiskFull = errors.New("disk full")

// A stopping is a broker that will be stopped, with a durable queue "kept".
type stopping struct {
	*broker.Broker
	t    *testing.T
	v    *broker.VHost
	full atomic.Bool // the disk takes nothing

	hangs    atomic.Bool   // the disk does not answer, until it is released
	released chan struct{} // closed
}

// kept are the bodies that are confirmed before the end.
var kept = []string{"first", "second"}

func newStopping(t *testing.T, dir string) *stopping {
	s := &stopping{t: t, released: make(chan struct{})}
	st, err := store.Open(dir, store.Options{Sync: store.SyncNone, BeforeCommit: func() error {
		if s.hangs.Load() {
			<-s.released
		}
		if s.full.Load() {
			return errDiskFull
		}
		return nil
	}})
	require.NoError(t, err)
	s.Broker = start(t, broker.Config{Store: st, MuteTimeout: 20 * time.Millisecond})
	s.v = vhost(t, s.Broker)
	declareDurable(t, s.v, "kept", nil)
	publisher := channel(t, s.Broker)
	require.NoError(t, publisher.Confirm(false))
	confirms := publisher.NotifyPublish(make(chan amqp091.Confirmation, len(kept)))
	for _, body := range kept {
		require.NoError(t, publisher.Publish("", "kept", false, false, amqp091.Publishing{DeliveryMode: 2, Body: []byte(body)}))
		require.True(t, receive(t, confirms).Ack)
	}
	return s
}

// raw is a client with an open channel that will not answer.
func (s *stopping) raw() *rawClient {
	c := rawOpen(s.t, s.Broker, 0)
	c.channel(1)
	return c
}

// unconfirmed publishes a message that a broken disk leaves unconfirmed.
func (s *stopping) unconfirmed() {
	c := s.raw()
	c.send(1, &amqp.ConfirmSelect{})
	expect[*amqp.ConfirmSelectOk](c)
	props := persistent(nil)
	c.write(appendPublishWith(nil, 1, "", "kept", &props, []byte("unconfirmed")))
	eventually(s.t, "the message is there", func() bool {
		n, err := s.v.Counts("kept")
		return err == nil && n.Ready == len(kept)+1
	})
}

// A stopState is what is under way when the broker is stopped. What a broken disk makes of
// the end is disk.
type stopState struct {
	begin func(s *stopping)
	disk  error
}

var stopStates = map[string]stopState{
	"idle":        {begin: func(*stopping) {}}, // the publisher is there, and answers
	"mute client": {begin: func(s *stopping) { s.raw() }},
	"publisher blocked by an alarm": {begin: func(s *stopping) {
		conn := connect(s.t, s.Broker)
		blocked := conn.NotifyBlocked(make(chan amqp091.Blocking, 1))
		ch, err := conn.Channel()
		require.NoError(s.t, err)
		s.SetAlarm(broker.MemoryAlarm, true)
		require.NoError(s.t, ch.Publish("", "kept", false, false, amqp091.Publishing{}))
		assert.True(s.t, receive(s.t, blocked).Active)
	}},
	"consumer that does not read": {begin: func(s *stopping) {
		declare(s.t, s.v, "large")
		c := s.raw()
		c.send(1, &amqp.BasicConsume{Queue: "kept"}, &amqp.BasicConsume{Queue: "large"})
		expect[*amqp.BasicConsumeOk](c)
		for range 100 { // more than fits in the pipe
			_, err := s.v.Publish("", "large", broker.Message{Body: make([]byte, 64<<10)})
			require.NoError(s.t, err)
		}
	}},
	"transaction under way": {begin: func(s *stopping) {
		c := s.raw()
		c.send(1, &amqp.TxSelect{})
		expect[*amqp.TxSelectOk](c)
		props := persistent(nil)
		c.write(appendPublishWith(nil, 1, "", "kept", &props, []byte("not committed")))
		c.send(1, &amqp.QueueDeclare{Queue: "kept", Passive: true}) // the publish has been read
		expect[*amqp.QueueDeclareOk](c)
	}},
	"large body under way": {begin: func(s *stopping) {
		props := persistent(nil)
		publish := appendPublishWith(nil, 1, "", "kept", &props, make([]byte, 100<<10))
		s.raw().write(publish[:len(publish)/2])
	}},
	"handshakes under way": {begin: func(s *stopping) {
		rawDial(s.t, s.Broker)
		greeted := rawDial(s.t, s.Broker)
		greeted.write([]byte(amqp.ProtocolHeader))
		expect[*amqp.ConnectionStart](greeted)
		tuned := rawDial(s.t, s.Broker)
		tuned.write([]byte(amqp.ProtocolHeader))
		tuned.send(0, startOk("guest", "guest"))
		expect[*amqp.ConnectionStart](tuned)
		expect[*amqp.ConnectionTune](tuned)
	}},
	"full disk": {disk: errDiskFull, begin: func(s *stopping) {
		s.full.Store(true)
		s.unconfirmed()
	}},
	"disk that does not answer": {disk: store.ErrStuck, begin: func(s *stopping) {
		s.hangs.Store(true)
		s.unconfirmed()
	}},
}

var waysToStop = map[string]func(b *broker.Broker) error{
	"Close":    (*broker.Broker).Close,
	"Shutdown": func(b *broker.Broker) error { return b.Shutdown(context.Background()) },
	"Shutdown whose time is up": func(b *broker.Broker) error {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		return b.Shutdown(ctx)
	},
}

// Cases shutdown-hangs-on-full-disk and F4-stop-waits-for-a-deaf-client, and what is like
// them.
func TestStopsFromEveryState(t *testing.T) {
	t.Parallel()
	for name, state := range stopStates {
		for way, stop := range waysToStop {
			t.Run(name+"/"+way, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				s := newStopping(t, dir)
				state.begin(s)
				done := make(chan error, 1)
				go func() { done <- stop(s.Broker) }()
				err := receive(t, done)
				switch {
				case state.disk != nil:
					assert.ErrorIs(t, err, state.disk)
				case way == "Shutdown whose time is up" && err != nil: // nil if all were quick
					assert.ErrorIs(t, err, context.Canceled)
				default:
					assert.NoError(t, err)
				}
				close(s.released)
				requireKept(t, dir, state.disk != nil)
			})
		}
	}
}

// requireKept checks what the next start has: what was confirmed, and at most what a broken
// disk has left unconfirmed.
func requireKept(t *testing.T, dir string, unsure bool) {
	t.Helper()
	var st *store.Store
	eventually(t, "the folder is free", func() (ok bool) {
		var err error
		if st, err = store.Open(dir, store.Options{Sync: store.SyncNone}); errors.Is(err, store.ErrLocked) {
			return false
		}
		require.NoError(t, err)
		return true
	})
	got := bodies(t, vhost(t, start(t, broker.Config{Store: st})), "kept")
	if unsure && len(got) > len(kept) {
		assert.Equal(t, "unconfirmed", got[len(kept)])
		got = got[:len(kept)]
	}
	assert.Equal(t, kept, got)
}
