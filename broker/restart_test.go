package broker_test

// What a restart keeps of names: exchanges, queues, bindings, virtual hosts
// (PERSIST-1, PERSIST-4, PERSIST-8, PERSIST-9). Messages are in
// restart_messages_test.go.

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/store"
)

// A house is a data folder and the broker that lives in it.
type house struct {
	t     testing.TB
	dir   string
	clock delay.Clock
	store *store.Store
	*broker.Broker

	meanwhile func() // what happens while no broker runs, next time; may be nil
}

// newHouse starts a broker in a new folder. A nil clock is the wall's.
func newHouse(t testing.TB, clock delay.Clock) *house {
	h := &house{t: t, dir: t.TempDir(), clock: clock}
	h.start()
	t.Cleanup(func() { assert.NoError(t, h.Close()) })
	return h
}

func (h *house) start() {
	h.t.Helper()
	if h.meanwhile != nil {
		h.meanwhile()
		h.meanwhile = nil
	}
	var err error
	h.store, err = store.Open(h.dir, store.Options{Sync: store.SyncNone})
	require.NoError(h.t, err)
	h.Broker, err = broker.New(broker.Config{Store: h.store, Clock: h.clock, PeerClock: delay.Real{}})
	require.NoError(h.t, err)
}

// restart ends the broker in order and starts it again.
func (h *house) restart() {
	h.t.Helper()
	require.NoError(h.t, h.Close())
	h.start()
}

// crash goes on with what is on the disk at this moment, as after kill -9.
func (h *house) crash() {
	h.t.Helper()
	h.commit()
	dir := h.t.TempDir()
	require.NoError(h.t, os.CopyFS(dir, os.DirFS(h.dir)))
	require.NoError(h.t, h.Close())
	h.dir = dir
	h.start()
}

// commit waits until all that was done is on the disk.
func (h *house) commit() {
	h.t.Helper()
	done := make(onDisk, 1)
	h.store.Notify(done)
	require.NoError(h.t, receive(h.t, done))
}

// onDisk is told of a commit.
type onDisk chan error

func (d onDisk) Committed(err error) { d <- err }

// again runs a test of what a restart keeps, after an orderly one and after a
// crash. It gets the way to restart.
func again(t *testing.T, clock func() delay.Clock, test func(t *testing.T, h *house, restart func())) {
	for name, restart := range map[string]func(*house){"in order": (*house).restart, "crash": (*house).crash} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, clock())
			test(t, h, func() { restart(h) })
		})
	}
}

func wallClock() delay.Clock { return nil }

// names lists what is in a virtual host, the predeclared exchanges aside.
func names(t testing.TB, b *broker.Broker, vhost string) (list []string) {
	t.Helper()
	for _, vh := range b.Snapshot().VHosts {
		if vh.Name != vhost {
			continue
		}
		for _, x := range vh.Exchanges {
			if x.Name != "" && !strings.HasPrefix(x.Name, "amq.") {
				list = append(list, fmt.Sprintf("exchange %s %s %t %t %v", x.Name, x.Type, x.AutoDelete, x.Internal, x.Args))
			}
		}
		for _, q := range vh.Queues {
			list = append(list, fmt.Sprintf("queue %s %t %v %d", q.Name, q.AutoDelete, q.Args, q.Consumers))
		}
		for _, b := range vh.Bindings {
			list = append(list, fmt.Sprintf("binding %s %s %t %s %v", b.Source, b.Destination, b.ToExchange, b.Key, b.Args))
		}
		slices.Sort(list)
		return list
	}
	require.Fail(t, "no such virtual host", vhost)
	return nil
}

// PERSIST-1, PERSIST-4: what is durable is there again, as it was declared.
func TestRestartKeepsWhatIsDurable(t *testing.T) {
	again(t, wallClock, func(t *testing.T, h *house, restart func()) {
		ch := channel(t, h.Broker)
		exchange := func(name, kind string, durable, autoDelete, internal bool, args amqp091.Table) {
			t.Helper()
			require.NoError(t, ch.ExchangeDeclare(name, kind, durable, autoDelete, internal, false, args))
		}
		queue := func(name string, durable, autoDelete, exclusive bool, args amqp091.Table) {
			t.Helper()
			_, err := ch.QueueDeclare(name, durable, autoDelete, exclusive, false, args)
			require.NoError(t, err)
		}
		bind := func(from, to, key string, args amqp091.Table) {
			t.Helper()
			require.NoError(t, ch.QueueBind(to, key, from, false, args))
		}
		exchange("kept", "topic", true, false, false, amqp091.Table{"alternate-exchange": "inner"})
		exchange("inner", "headers", true, true, true, nil)
		exchange("passing", "fanout", false, false, false, nil)
		arguments := amqp091.Table{
			"x-message-ttl": int32(3_600_000), "x-max-length": int64(10), "x-max-priority": int16(5), "x-overflow": "reject-publish",
			"x-dead-letter-exchange": "kept", "x-dead-letter-routing-key": "dead", "x-queue-mode": "lazy",
			"x-single-active-consumer": true, "odd": amqp091.Table{"list": []any{int32(1), "two", nil}},
		}
		queue("stays", true, false, false, arguments)
		queue("deletes itself", true, true, false, nil)
		queue("goes", false, false, false, nil)
		queue("mine", true, false, true, nil) // exclusive is never durable (QUEUE-17)
		bind("kept", "stays", "a.#", nil)
		bind("kept", "stays", "a.#", amqp091.Table{"also": "this"}) // another binding
		bind("kept", "goes", "a.#", nil)                            // EXCH-27: durable and transient ends may be bound
		bind("passing", "stays", "", nil)
		bind("kept", "mine", "b", nil)
		bind("inner", "deletes itself", "", amqp091.Table{"x-match": "any", "n": int32(1), "t": true})
		bind("amq.direct", "stays", "predeclared", nil)
		require.NoError(t, ch.ExchangeBind("inner", "up.*", "kept", false, nil))
		require.NoError(t, ch.ExchangeBind("passing", "up.*", "kept", false, nil))

		restart()

		want := []string{
			"exchange kept topic false false map[alternate-exchange:inner]",
			"exchange inner headers true true map[]",
			"queue stays false map[odd:map[list:[1 two <nil>]] x-dead-letter-exchange:kept x-dead-letter-routing-key:dead " +
				"x-max-length:10 x-max-priority:5 x-message-ttl:3600000 x-overflow:reject-publish x-queue-mode:lazy " +
				"x-single-active-consumer:true] 0",
			"queue deletes itself true map[] 0",
			"binding kept stays false a.# map[]",
			"binding kept stays false a.# map[also:this]",
			"binding inner deletes itself false  map[n:1 t:true x-match:any]",
			"binding amq.direct stays false predeclared map[]",
			"binding kept inner true up.* map[]",
		}
		slices.Sort(want)
		assert.Equal(t, want, names(t, h.Broker, "/"))

		ch = channel(t, h.Broker)
		queue("stays", true, false, false, arguments) // equivalent (QUEUE-8)
		exchange("kept", "topic", true, false, false, amqp091.Table{"alternate-exchange": "inner"})
		queue("mine", false, false, false, nil) // free again
		_, err := ch.QueueDeclare("stays", true, false, false, false, nil)
		assert.ErrorContains(t, err, "inequivalent arg") // QUEUE-9: 406 for another argument
	})
}

// PERSIST-8: virtual hosts survive, each with its own names.
func TestRestartKeepsVirtualHosts(t *testing.T) {
	again(t, wallClock, func(t *testing.T, h *house, restart func()) {
		other := h.AddVHost("other")
		for _, in := range []*broker.VHost{vhost(t, h.Broker), other} {
			declareDurable(t, in, "q", nil)
		}
		publishPersistent(t, other, "q", "there")
		restart()
		other, err := h.VHost("other")
		require.NoError(t, err)
		assert.Equal(t, []string{"there"}, bodies(t, other, "q"))
		assert.Empty(t, bodies(t, vhost(t, h.Broker), "q"))
		ch, err := connectTo(t, h.Broker, "other").Channel() // the user may still enter it
		require.NoError(t, err)
		assert.Len(t, get(t, ch, "q", 2), 1)
	})
}

// What was deleted stays deleted, whichever way it went.
func TestRestartBringsNothingDeletedBack(t *testing.T) {
	again(t, wallClock, func(t *testing.T, h *house, restart func()) {
		v := vhost(t, h.Broker)
		for _, x := range []broker.Exchange{
			{Name: "x", Durable: true}, {Name: "gone", Durable: true}, {Name: "unused", Durable: true, AutoDelete: true},
		} {
			require.NoError(t, v.DeclareExchange(x))
		}
		for _, name := range []string{"q", "gone", "idle", "again"} {
			_, err := v.DeclareQueue(broker.Queue{Name: name, Durable: true, AutoDelete: name == "idle"})
			require.NoError(t, err)
			publishPersistent(t, v, name, "old "+name)
		}
		for _, b := range []broker.Binding{
			{Source: "x", Destination: "q", Key: "stays"},
			{Source: "x", Destination: "q", Key: "unbound"},
			{Source: "x", Destination: "q", Key: "unbound", Args: map[string]any{"a": 1}},
			{Source: "x", Destination: "gone", Key: "with its queue"},
			{Source: "gone", Destination: "q", Key: "with its source"},
			{Source: "x", Destination: "gone", ToExchange: true, Key: "with its destination"},
			{Source: "unused", Destination: "again"},
		} {
			require.NoError(t, v.Bind(b))
		}
		restart() // what is deleted below has been on the disk
		v = vhost(t, h.Broker)
		require.Len(t, names(t, h.Broker, "/"), 3+4+7)
		require.NoError(t, v.Unbind(broker.Binding{Source: "x", Destination: "q", Key: "unbound"}))
		require.NoError(t, v.DeleteExchange("gone"))
		for _, name := range []string{"gone", "again"} { // and "unused" with its last binding
			_, err := v.DeleteQueue(name)
			require.NoError(t, err)
		}
		ch := channel(t, h.Broker)
		_, err := ch.Consume("idle", "c", false, false, false, false, nil)
		require.NoError(t, err)
		require.NoError(t, ch.Cancel("c", false)) // the last consumer of an auto-delete queue
		declareDurable(t, v, "again", nil)

		restart()

		assert.Equal(t, []string{
			"binding x q false stays map[]",
			"binding x q false unbound map[a:1]",
			"exchange x direct false false map[]",
			"queue again false map[] 0",
			"queue q false map[] 0",
		}, names(t, h.Broker, "/"))
		v = vhost(t, h.Broker)
		assert.Equal(t, []string{"old q"}, bodies(t, v, "q"))
		assert.Empty(t, bodies(t, v, "again"), "a new queue of an old name")
	})
}

// largeTopology declares queues, each with ten bindings.
func largeTopology(t testing.TB, h *house, queues int) {
	v := vhost(t, h.Broker)
	for i := range queues {
		name := fmt.Sprintf("queue-%d", i)
		declareDurable(t, v, name, nil)
		for j := range 10 {
			kind := []string{"amq.direct", "amq.topic"}[j%2]
			require.NoError(t, v.Bind(broker.Binding{Source: kind, Destination: name, Key: fmt.Sprintf("key.%d.%d", j, i)}))
		}
	}
}

// A large topology comes back whole, and works.
func TestRestartWithManyNames(t *testing.T) {
	const queues = 1000
	h := newHouse(t, nil)
	largeTopology(t, h, queues)
	before := names(t, h.Broker, "/")
	require.Len(t, before, 11*queues)
	h.restart()
	assert.Equal(t, before, names(t, h.Broker, "/"))
	n, err := vhost(t, h.Broker).Publish("amq.topic", "key.3.777", broker.Message{})
	require.NoError(t, err)
	assert.Equal(t, 1, n)
}

// BenchmarkRecoverNames is from opening the folder to a broker that is ready,
// with 10,000 durable queues and 100,000 bindings.
func BenchmarkRecoverNames(b *testing.B) {
	h := newHouse(b, nil)
	largeTopology(b, h, 10_000)
	for b.Loop() {
		b.StopTimer()
		require.NoError(b, h.Close())
		b.StartTimer()
		h.start()
	}
}

// The order in which a client writes the arguments of a binding is no part of
// it, and what unbinds may have them in another order.
func TestRestartForgetsBindingsWhoseArgumentsCameInAnyOrder(t *testing.T) {
	again(t, wallClock, func(t *testing.T, h *house, restart func()) {
		v := vhost(t, h.Broker)
		declareDurable(t, v, "q", nil)
		declareDurable(t, v, "gone", nil)
		client := rawOpen(t, h.Broker, 0)
		client.channel(1)
		one, two := amqp.Field{Key: "one", Value: "1"}, amqp.Field{Key: "two", Value: "2"}
		for _, q := range []string{"q", "gone"} {
			client.send(1, &amqp.QueueBind{Queue: q, Exchange: "amq.headers", Arguments: amqp.Table{two, one}})
			expect[*amqp.QueueBindOk](client)
		}
		client.send(1, &amqp.QueueBind{Queue: "q", Exchange: "amq.match", Arguments: amqp.Table{two, one}})
		expect[*amqp.QueueBindOk](client)
		client.send(1, &amqp.QueueUnbind{Queue: "q", Exchange: "amq.match", Arguments: amqp.Table{one, two}})
		expect[*amqp.QueueUnbindOk](client)
		_, err := v.DeleteQueue("gone")
		require.NoError(t, err)
		require.NoError(t, client.nc.Close())
		restart()
		assert.Equal(t, []string{"binding amq.headers q false  map[one:1 two:2]", "queue q false map[] 0"}, names(t, h.Broker, "/"))
	})
}

// Queues that expire as soon as they may do so once all names are back (QUEUE-59).
func TestRestartWithQueuesThatExpireAtOnce(t *testing.T) {
	clock := delay.NewManual(newYear)
	h := newHouse(t, clock)
	v := vhost(t, h.Broker)
	const queues = 2000
	for i := range queues {
		declareDurable(t, v, fmt.Sprint("q", i), map[string]any{"x-expires": 1})
	}
	h.clock = nil // from now on time passes
	h.restart()
	eventually(t, "all queues to expire", func() bool { return len(h.Snapshot().VHosts[0].Queues) == 0 })
	h.restart()
	assert.Empty(t, h.Snapshot().VHosts[0].Queues)
}
