package brokertest_test

// The ledger and the queues tell the same, whatever is done to them.

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/brokertest"
	"github.com/rabbetmq/rabbet/delay"
)

// deadTo are arguments that lead dead letters to a queue.
func deadTo(queue string, more map[string]any) map[string]any {
	args := map[string]any{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": queue}
	for k, v := range more {
		args[k] = v
	}
	return args
}

// bookkeeping is a broker with queues in which messages end in every way, and a
// client that a seed moves.
type bookkeeping struct {
	*brokertest.Broker
	t       *testing.T
	r       *rand.Rand
	n       int // messages published
	conn    *amqp091.Connection
	plain   *amqp091.Channel
	tx      *amqp091.Channel
	own     string // an exclusive queue of the connection's
	durable bool
	log     []string
}

var bookkept = brokertest.Topology{
	Queues: []broker.Queue{
		{Name: "dead", Durable: true}, {Name: "durable", Durable: true, Args: deadTo("dead", nil)}, {Name: "transient"},
		{Name: "ttl", Durable: true, Args: deadTo("dead", map[string]any{"x-message-ttl": 2000})},
		{Name: "short", Durable: true, Args: deadTo("dead", map[string]any{"x-max-length": 2})},
		{Name: "full", Durable: true, Args: map[string]any{"x-max-length": 2, "x-overflow": "reject-publish"}},
		{Name: "fuller", Durable: true, Args: deadTo("dead", map[string]any{"x-max-length": 2, "x-overflow": "reject-publish-dlx"})},
		{Name: "poison", Durable: true, Args: deadTo("dead", map[string]any{"x-queue-type": "quorum", "x-delivery-limit": 1})},
		{Name: "priority", Durable: true, Args: map[string]any{"x-max-priority": 3}},
		{Name: "idle", Args: map[string]any{"x-expires": 5000}},
	},
	Exchanges: []broker.Exchange{
		{Name: "later", Type: "x-delayed-message", Durable: true, Args: map[string]any{"x-delayed-type": "fanout"}},
		{Name: "strict", Type: "x-delayed-message", Durable: true, Args: map[string]any{
			"x-delayed-type": "direct", "x-delayed-strict": true, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead",
		}},
	},
	Bindings: []broker.Binding{
		{Source: "later", Destination: "ttl"}, {Source: "later", Destination: "short"},
		{Source: "strict", Destination: "durable", Key: "durable"},
		{Source: "amq.fanout", Destination: "durable"}, {Source: "amq.fanout", Destination: "transient"}, {Source: "amq.fanout", Destination: "full"},
	},
}

func (k *bookkeeping) declare() { k.Declare(bookkept) }

func (k *bookkeeping) connect() {
	k.conn = dial(k.t, k.Broker)
	var err error
	k.plain, err = k.conn.Channel()
	require.NoError(k.t, err)
	k.tx, err = k.conn.Channel()
	require.NoError(k.t, err)
	require.NoError(k.t, k.tx.Tx())
	q, err := k.plain.QueueDeclare("", false, false, true, false, nil)
	require.NoError(k.t, err)
	k.own = q.Name
}

// sync returns when what the client has sent has happened.
func (k *bookkeeping) sync() {
	for _, ch := range []*amqp091.Channel{k.plain, k.tx} {
		require.NoError(k.t, ch.Qos(0, 0, false))
	}
}

func (k *bookkeeping) queue() string {
	i := k.r.IntN(len(bookkept.Queues) + 1)
	if i == len(bookkept.Queues) {
		return k.own
	}
	return bookkept.Queues[i].Name
}

func (k *bookkeeping) publish(ch *amqp091.Channel) string {
	k.n++
	p := amqp091.Publishing{
		Body: fmt.Append(nil, k.n), DeliveryMode: uint8(1 + k.r.IntN(2)), Priority: uint8(k.r.IntN(5)), Headers: amqp091.Table{},
	}
	if k.r.IntN(4) == 0 {
		p.Expiration = fmt.Sprint(k.r.IntN(3000))
	}
	exchange, key := "", k.queue()
	if i := k.r.IntN(8); i < 3 {
		exchange = []string{"later", "strict", "amq.fanout"}[i]
		p.Headers["x-delay"] = int32(1 + k.r.IntN(4000))
	}
	require.NoError(k.t, ch.Publish(exchange, key, k.r.IntN(2) == 0, false, p))
	return fmt.Sprintf("%d to %q %q", k.n, exchange, key)
}

// step does one thing and says what.
func (k *bookkeeping) step() string {
	v, err := k.Broker.Broker().VHost("")
	require.NoError(k.t, err)
	ch := k.plain
	if k.r.IntN(3) == 0 {
		ch = k.tx
	}
	switch i := k.r.IntN(60); {
	case i < 24:
		return "publish " + k.publish(ch)
	case i < 34:
		name := k.queue()
		if _, err := v.Counts(name); err != nil {
			return "nothing"
		}
		// What is out of a queue that expires stays out, and nobody sees it there.
		_, ok, err := ch.Get(name, name == "idle" || k.r.IntN(4) == 0)
		require.NoError(k.t, err)
		return fmt.Sprintf("get from %s: %v", name, ok)
	case i < 40:
		return k.settle(ch)
	case i < 43:
		return "commit: " + k.commit()
	case i < 44:
		require.NoError(k.t, k.tx.TxRollback())
		return "roll back"
	case i < 49:
		k.sync()
		d := time.Duration(k.r.IntN(1500)) * time.Millisecond
		k.Advance(d)
		return "advance " + d.String()
	case i < 51:
		name := k.queue()
		_, _ = v.Purge(name) // one that has expired is not there
		return "purge " + name
	case i < 53:
		require.NoError(k.t, k.plain.Ack(0, true)) // what is out of a queue that is deleted stays out
		require.NoError(k.t, k.tx.Ack(0, true))
		k.commit()
		name := k.queue()
		_, _ = v.DeleteQueue(name)
		if name == k.own {
			k.reconnect()
		}
		k.declare()
		return "delete " + name
	case i < 54:
		limit := 1 + k.r.IntN(3)
		require.NoError(k.t, v.SetPolicy(broker.Policy{Name: "p", Pattern: "^(transient|durable)$", Definition: map[string]any{"max-length": limit}}))
		return fmt.Sprint("limit ", limit)
	case i < 57:
		return k.delayed(v)
	case i < 58:
		k.reconnect()
		return "reconnect"
	}
	return k.restart()
}

// commit commits the transaction, which fails if a full queue rejects a part.
func (k *bookkeeping) commit() string {
	err := k.tx.TxCommit()
	if err == nil {
		return "done"
	}
	require.ErrorContains(k.t, err, "partial tx completion")
	k.tx, err = k.conn.Channel()
	require.NoError(k.t, err)
	require.NoError(k.t, k.tx.Tx())
	return "in part"
}

// settle acknowledges all that the channel holds, in one way or another.
func (k *bookkeeping) settle(ch *amqp091.Channel) string {
	switch k.r.IntN(3) {
	case 0:
		require.NoError(k.t, ch.Nack(0, true, true))
		return "requeue all"
	case 1:
		require.NoError(k.t, ch.Nack(0, true, false))
		return "reject all"
	}
	require.NoError(k.t, ch.Ack(0, true))
	return "ack all"
}

// delayed ends a delay.
func (k *bookkeeping) delayed(v *broker.VHost) string {
	x := []string{"later", "strict"}[k.r.IntN(2)]
	switch k.r.IntN(3) {
	case 0:
		list, err := v.ListDelayed(x, "", 1)
		require.NoError(k.t, err)
		if len(list) == 0 {
			return "nothing"
		}
		_, err = v.CancelDelayed(x, list[0].ID)
		require.NoError(k.t, err)
		return "cancel in " + x
	case 1:
		_, err := v.PurgeDelayed(x)
		require.NoError(k.t, err)
		return "purge " + x
	}
	require.NoError(k.t, v.DeleteExchange(x))
	k.declare()
	return "delete " + x
}

func (k *bookkeeping) reconnect() {
	k.sync()
	if k.r.IntN(2) == 0 {
		k.KillConnections(nil)
	} else {
		require.NoError(k.t, k.conn.Close())
	}
	k.connect()
	k.declare()
}

func (k *bookkeeping) restart() string {
	if !k.durable {
		return "nothing"
	}
	k.sync()
	did := "restart"
	if k.r.IntN(2) == 0 {
		did = "crash"
		k.Crash()
	} else {
		k.Restart()
	}
	k.compare() // before anything is declared again
	k.declare()
	k.connect()
	return did
}

// compare compares the ledger with what there is. What is on disk after a restart
// comes back from there in its own time, to expire for example.
func (k *bookkeeping) compare() {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(k.t.Context(), 10*time.Second)
	defer cancel()
	if delay.Poll(ctx, delay.Real{}, time.Millisecond, func() bool { return reflect.DeepEqual(k.there(), k.told()) }) != nil {
		for _, line := range k.log[max(0, len(k.log)-15):] {
			k.t.Log(line)
		}
		require.Equal(k.t, k.there(), k.told(), "the queues, and the ledger")
	}
}

// books are the publications that are somewhere, by queue or exchange.
type books struct {
	ready   map[string][]uint64 // by number
	out     map[string][]string // by body
	delayed map[string][]uint64 // by number
}

func newBooks() books {
	return books{map[string][]uint64{}, map[string][]string{}, map[string][]uint64{}}
}

// there is what the queues have.
func (k *bookkeeping) there() books {
	v, err := k.Broker.Broker().VHost("")
	require.NoError(k.t, err)
	b := newBooks()
	b.delayed = v.RecordedDelayed()
	for _, ids := range b.delayed {
		for i := range ids {
			ids[i] &= 1<<32 - 1 // what is above tells one ledger from another
		}
		slices.Sort(ids)
	}
	for _, q := range k.Broker.Broker().Snapshot().VHosts[0].Queues {
		ids, err := v.Recorded(q.Name)
		require.NoError(k.t, err)
		for _, id := range ids {
			b.ready[q.Name] = append(b.ready[q.Name], id&(1<<32-1))
		}
		slices.Sort(b.ready[q.Name])
		for _, u := range k.Unacked(q.Name) {
			b.out[q.Name] = append(b.out[q.Name], string(u.Body))
		}
		slices.Sort(b.out[q.Name])
	}
	maps.DeleteFunc(b.ready, func(_ string, ids []uint64) bool { return len(ids) == 0 })
	maps.DeleteFunc(b.out, func(_ string, bodies []string) bool { return len(bodies) == 0 })
	return b
}

// told is what the ledger says of it.
func (k *bookkeeping) told() books {
	b := newBooks()
	for _, p := range k.Published() {
		for _, r := range p.Routes {
			switch {
			case p.Tx == brokertest.TxOpen && p.Exchange != "later": // which does not wait for the commit (EXCH-52)
			case r.State == brokertest.Waiting:
				b.ready[r.Queue] = append(b.ready[r.Queue], p.ID)
			case r.State == brokertest.Out:
				b.out[r.Queue] = append(b.out[r.Queue], string(p.Body))
			}
		}
		for _, d := range p.Delays {
			if d.State == brokertest.Waiting && (p.Tx != brokertest.TxOpen || d.Exchange != "strict") {
				b.delayed[d.Exchange] = append(b.delayed[d.Exchange], p.ID)
			}
		}
	}
	for q := range b.out {
		slices.Sort(b.out[q])
	}
	return b
}

func TestLedgerAgreesWithQueues(t *testing.T) {
	steps := 300
	if testing.Short() {
		steps = 100
	}
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			k := &bookkeeping{t: t, r: rand.New(rand.NewPCG(seed, 1)), durable: seed%2 == 0}
			opts := []brokertest.Option{brokertest.WithManualClock(newYear)}
			if k.durable {
				opts = append(opts, brokertest.Durable())
			}
			k.Broker = brokertest.New(t, opts...)
			k.declare()
			k.connect()
			for range steps {
				k.log = append(k.log, k.step())
				k.sync()
				k.compare()
			}
		})
	}
}
