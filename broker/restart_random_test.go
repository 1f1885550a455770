package broker_test

// A durable queue against a list, through restarts and crashes at random.

import (
	"cmp"
	"flag"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
)

var restartSeed = flag.Uint64("restart.seed", 0, "the one seed of TestRestartRandomly; 0 is a new one")

// A listed is a message in the list.
type listed struct {
	id                      int
	priority                uint8
	persistent, redelivered bool
}

// A ledgerQueue is a queue and the list of what must be in it.
type ledgerQueue struct {
	*house
	r      *rand.Rand
	ch     *amqp091.Channel
	last   int
	ranked bool // by priority
	ready  []listed
	out    []held
}

// A held is a message out with the client.
type held struct {
	listed
	d amqp091.Delivery
}

// sort puts the list in the order of delivery: priority, then age.
func (q *ledgerQueue) sort() {
	slices.SortFunc(q.ready, func(a, b listed) int {
		return cmp.Or(cmp.Compare(b.priority, a.priority), cmp.Compare(a.id, b.id))
	})
}

func (q *ledgerQueue) publish(n int) {
	v := vhost(q.t, q.Broker)
	for range n {
		q.last++
		m := listed{id: q.last, persistent: q.r.IntN(5) > 0}
		if q.ranked {
			m.priority = uint8(q.r.IntN(3))
		}
		p := amqp.Properties{Flags: amqp.HasDeliveryMode | amqp.HasPriority, DeliveryMode: 1, Priority: m.priority}
		if m.persistent {
			p.DeliveryMode = 2
		}
		_, err := v.Publish("", "q", broker.Message{Properties: p, Body: []byte(strconv.Itoa(m.id))})
		require.NoError(q.t, err)
		q.ready = append(q.ready, m)
	}
	q.sort()
}

func (q *ledgerQueue) get(n int) {
	n = min(n, len(q.ready))
	for i, d := range get(q.t, q.ch, "q", n) {
		m := q.ready[i]
		require.Equal(q.t, strconv.Itoa(m.id), string(d.Body), "%d of %d", i, n)
		require.Equal(q.t, m.redelivered, d.Redelivered, "%d, persistent %t", m.id, m.persistent)
		q.out = append(q.out, held{m, d})
	}
	q.ready = slices.Delete(q.ready, 0, n)
}

// settle acks, requeues or rejects some of what is out.
func (q *ledgerQueue) settle() {
	if len(q.out) == 0 {
		return
	}
	from, to := q.r.IntN(len(q.out)), len(q.out)
	if q.r.IntN(3) == 0 {
		to = min(to, from+1+q.r.IntN(20))
	}
	requeue := q.r.IntN(2) == 0
	for _, h := range q.out[from:to] {
		if requeue {
			require.NoError(q.t, h.d.Nack(false, true))
			h.redelivered = true
			q.ready = append(q.ready, h.listed)
		} else if q.r.IntN(2) == 0 {
			require.NoError(q.t, h.d.Ack(false))
		} else {
			require.NoError(q.t, h.d.Reject(false))
		}
	}
	q.out = slices.Delete(q.out, from, to)
	q.sort()
	q.sync()
}

// sync waits until the broker has done what the client asked, and compares.
func (q *ledgerQueue) sync() {
	state, err := q.ch.QueueDeclarePassive("q", true, false, false, false, nil)
	require.NoError(q.t, err)
	require.Equal(q.t, len(q.ready), state.Messages)
}

// again restarts the broker, in order or not.
func (q *ledgerQueue) again() {
	crash := q.r.IntN(2) == 0
	for _, h := range q.out {
		h.redelivered = true
		q.ready = append(q.ready, h.listed)
	}
	q.out = nil
	q.ready = slices.DeleteFunc(q.ready, func(m listed) bool { return !m.persistent })
	q.sort()
	if crash {
		for i := range q.ready {
			q.ready[i].redelivered = true // PERSIST-5: what was unacked is redelivered
		}
		q.crash()
	} else {
		q.restart()
	}
	q.ch = channel(q.t, q.Broker)
	q.sync()
}

func TestRestartRandomly(t *testing.T) {
	seed := *restartSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-restart.seed %d", seed)
	for name, args := range map[string]map[string]any{
		"plain":                nil,
		"lazy":                 {"x-queue-mode": "lazy"},
		"priorities":           {"x-max-priority": 2},
		"lazy with priorities": {"x-max-priority": 2, "x-queue-mode": "lazy"},
	} {
		t.Run(name, func(t *testing.T) {
			q := &ledgerQueue{house: newHouse(t, nil), r: rand.New(rand.NewPCG(seed, 0))}
			q.ranked = args["x-max-priority"] != nil
			declareDurable(t, vhost(t, q.Broker), "q", args)
			q.ch = channel(t, q.Broker)
			for range 100 {
				switch n := q.r.IntN(20); {
				case n < 6:
					q.publish(1 + q.r.IntN(1500))
				case n < 11:
					q.get(1 + q.r.IntN(1000))
				case n < 16:
					q.settle()
				case n < 17 && q.r.IntN(3) == 0:
					n, err := vhost(t, q.Broker).Purge("q")
					require.NoError(t, err)
					require.Equal(t, len(q.ready), n)
					q.ready = nil
				case n >= 18:
					q.again()
				}
			}
			q.again()
			q.get(len(q.ready))
		})
	}
}
