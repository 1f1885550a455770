//go:build unix

package broker_test

// Whatever one client can do costs its broker in proportion: a ladder of sizes, of which
// each is four times the one before. The cost is the processor's time of this process, so
// that a busy machine does not count.

import (
	"flag"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
)

// cpu is the processor's time that this process has used.
func cpu(t testing.TB) time.Duration {
	var u syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// A climb is a broker that stands at one step of the ladder.
type climb struct {
	*testing.T
	b  *broker.Broker
	vh *broker.VHost
	c  *rawClient
	n  int
}

func (l *climb) queue(q broker.Queue) {
	l.Helper()
	_, err := l.vh.DeclareQueue(q)
	require.NoError(l, err)
}

func (l *climb) exchange(x broker.Exchange) {
	l.Helper()
	require.NoError(l, l.vh.DeclareExchange(x))
}

func (l *climb) bind(b broker.Binding) {
	l.Helper()
	require.NoError(l, l.vh.Bind(b))
}

func (l *climb) publish(exchange, key string, m broker.Message) {
	l.Helper()
	_, err := l.vh.Publish(exchange, key, m)
	require.NoError(l, err)
}

// pipeline sends one method for each of n, and last, and waits for what answers the last.
func pipeline[M amqp.Method](l *climb, each func(i int) amqp.Method, last amqp.Method) {
	l.Helper()
	var p []byte
	for i := range l.n {
		p = amqp.AppendMethod(p, 1, each(i))
	}
	l.c.write(amqp.AppendMethod(p, 1, last))
	expect[M](l.c)
}

// held has n messages out with a consumer of the queue q.
func (l *climb) held() {
	l.queue(broker.Queue{Name: "q"})
	for range l.n {
		l.publish("", "q", broker.Message{})
	}
	l.c.send(1, &amqp.BasicConsume{Queue: "q", ConsumerTag: "c"})
	expect[*amqp.BasicConsumeOk](l.c)
	for range l.n {
		expect[*amqp.BasicDeliver](l.c)
		l.c.next()
	}
	l.c.send(1, &amqp.BasicCancel{ConsumerTag: "c"})
	expect[*amqp.BasicCancelOk](l.c)
}

// backwards are acknowledgements that begin with the last delivery.
func (l *climb) backwards(i int) amqp.Method {
	return &amqp.BasicAck{DeliveryTag: uint64(l.n - i)}
}

// ladders are what is measured after what is made ready.
var ladders = []struct {
	name  string
	ready func(*climb)
	cost  func(*climb)
}{
	{name: "acks, last first", ready: (*climb).held, cost: func(l *climb) {
		pipeline[*amqp.BasicQosOk](l, l.backwards, &amqp.BasicQos{})
	}},
	{name: "nacks with requeue", ready: (*climb).held, cost: func(l *climb) {
		pipeline[*amqp.BasicQosOk](l, func(i int) amqp.Method {
			return &amqp.BasicNack{DeliveryTag: uint64(i + 1), Requeue: true}
		}, &amqp.BasicQos{})
	}},
	{name: "rejects with requeue, last first", ready: (*climb).held, cost: func(l *climb) {
		pipeline[*amqp.BasicQosOk](l, func(i int) amqp.Method {
			return &amqp.BasicReject{DeliveryTag: uint64(l.n - i), Requeue: true}
		}, &amqp.BasicQos{})
	}},
	{name: "recover", ready: (*climb).held, cost: func(l *climb) {
		l.c.send(1, &amqp.BasicRecover{Requeue: true})
		expect[*amqp.BasicRecoverOk](l.c)
	}},
	{name: "rollback", ready: func(l *climb) {
		l.held()
		l.c.send(1, &amqp.TxSelect{})
		expect[*amqp.TxSelectOk](l.c)
	}, cost: func(l *climb) { pipeline[*amqp.TxRollbackOk](l, l.backwards, &amqp.TxRollback{}) }},
	{name: "commit", ready: func(l *climb) {
		l.held()
		l.c.send(1, &amqp.TxSelect{})
		expect[*amqp.TxSelectOk](l.c)
	}, cost: func(l *climb) { pipeline[*amqp.TxCommitOk](l, l.backwards, &amqp.TxCommit{}) }},
	{name: "close with deliveries out", ready: (*climb).held, cost: func(l *climb) {
		l.c.send(1, &amqp.ChannelClose{})
		expect[*amqp.ChannelCloseOk](l.c)
	}},
	{name: "dropped connection with deliveries out", ready: (*climb).held, cost: func(l *climb) {
		l.c.nc.Close()
		require.Eventually(l, func() bool {
			counts, err := l.vh.Counts("q")
			require.NoError(l, err)
			return counts.Ready == l.n
		}, patience, time.Millisecond)
	}},
	{name: "cancels", ready: func(l *climb) {
		l.queue(broker.Queue{Name: "q"})
		consumers(l)
	}, cost: cancelAll},
	{name: "cancels of a single active consumer", ready: func(l *climb) {
		l.queue(broker.Queue{Name: "q", Args: map[string]any{"x-single-active-consumer": true}})
		consumers(l)
	}, cost: cancelAll},
	{name: "close with consumers", ready: func(l *climb) {
		l.queue(broker.Queue{Name: "q"})
		consumers(l)
	}, cost: func(l *climb) {
		l.c.send(1, &amqp.ChannelClose{})
		expect[*amqp.ChannelCloseOk](l.c)
	}},
	{name: "purge", ready: func(l *climb) {
		l.queue(broker.Queue{Name: "q"})
		for range l.n {
			l.publish("", "q", broker.Message{})
		}
	}, cost: func(l *climb) {
		_, err := l.vh.Purge("q")
		require.NoError(l, err)
	}},
	{name: "unbind of keys", ready: func(l *climb) {
		l.queue(broker.Queue{Name: "q"})
		for i := range l.n {
			l.bind(broker.Binding{Source: "amq.direct", Destination: "q", Key: fmt.Sprint(i)})
		}
	}, cost: func(l *climb) {
		for i := range l.n {
			require.NoError(l, l.vh.Unbind(broker.Binding{Source: "amq.direct", Destination: "q", Key: fmt.Sprint(i)}))
		}
	}},
	{name: "bind and unbind of exchanges", ready: func(l *climb) {
		l.queue(broker.Queue{Name: "q"})
		for i := range l.n {
			l.exchange(broker.Exchange{Name: fmt.Sprint("x", i), Type: "fanout"})
		}
	}, cost: func(l *climb) {
		for i := range l.n {
			l.bind(broker.Binding{Source: fmt.Sprint("x", i), Destination: "q"})
		}
		for i := range l.n {
			require.NoError(l, l.vh.Unbind(broker.Binding{Source: fmt.Sprint("x", i), Destination: "q"}))
		}
	}},
	{name: "deletion of a queue with many sources", ready: func(l *climb) {
		l.queue(broker.Queue{Name: "q"})
		for i := range l.n {
			l.exchange(broker.Exchange{Name: fmt.Sprint("x", i), Type: "fanout", AutoDelete: true})
			l.bind(broker.Binding{Source: fmt.Sprint("x", i), Destination: "q"})
		}
	}, cost: func(l *climb) {
		_, err := l.vh.DeleteQueue("q")
		require.NoError(l, err)
	}},
	{name: "deletion of many queues of a fanout", ready: func(l *climb) {
		for i := range l.n {
			l.queue(broker.Queue{Name: fmt.Sprint("q", i)})
			l.bind(broker.Binding{Source: "amq.fanout", Destination: fmt.Sprint("q", i)})
		}
	}, cost: func(l *climb) {
		for i := range l.n {
			_, err := l.vh.DeleteQueue(fmt.Sprint("q", i))
			require.NoError(l, err)
		}
	}},
	{name: "deletion of exclusive queues", ready: exclusives, cost: func(l *climb) {
		pipeline[*amqp.BasicQosOk](l, func(i int) amqp.Method {
			return &amqp.QueueDelete{Queue: fmt.Sprint("e", l.n-1-i), NoWait: true}
		}, &amqp.BasicQos{})
	}},
	{name: "end of a connection with exclusive queues", ready: exclusives, cost: func(l *climb) {
		l.c.send(0, &amqp.ConnectionClose{})
		expect[*amqp.ConnectionCloseOk](l.c)
	}},
	{name: "change of a policy", ready: func(l *climb) {
		for i := range l.n {
			l.queue(broker.Queue{Name: fmt.Sprint("q", i)})
		}
	}, cost: func(l *climb) {
		require.NoError(l, l.vh.SetPolicy(broker.Policy{Name: "p", Pattern: "q", Definition: map[string]any{"max-length": 5}}))
		assert.True(l, l.vh.DeletePolicy("p"))
	}},
	{name: "graph of exchanges", ready: func(l *climb) {
		l.exchange(broker.Exchange{Name: "root", Type: "fanout"})
		for i := range l.n {
			l.exchange(broker.Exchange{Name: fmt.Sprint("x", i), Type: "fanout"})
			l.bind(broker.Binding{Source: "root", Destination: fmt.Sprint("x", i), ToExchange: true})
		}
	}, cost: func(l *climb) {
		l.publish("root", "", broker.Message{Properties: amqp.Properties{Headers: amqp.Table{{Key: "h", Value: int32(1)}}}})
	}},
	{name: "chain of alternates", ready: func(l *climb) {
		for i := range l.n {
			l.exchange(broker.Exchange{Name: fmt.Sprint("x", i), Type: "fanout",
				Args: map[string]any{"alternate-exchange": fmt.Sprint("x", i+1)}})
		}
	}, cost: func(l *climb) { l.publish("x0", "", broker.Message{}) }},
	{name: "chain of exchanges that delete themselves", ready: func(l *climb) {
		for i := range l.n {
			l.exchange(broker.Exchange{Name: fmt.Sprint("x", i), Type: "fanout", AutoDelete: true})
		}
		l.queue(broker.Queue{Name: "q"})
		for i := range l.n - 1 {
			l.bind(broker.Binding{Source: fmt.Sprint("x", i), Destination: fmt.Sprint("x", i+1), ToExchange: true})
		}
		l.bind(broker.Binding{Source: fmt.Sprint("x", l.n-1), Destination: "q"})
	}, cost: func(l *climb) {
		_, err := l.vh.DeleteQueue("q")
		require.NoError(l, err)
		_, left := l.vh.Exchange("x0")
		assert.False(l, left)
	}},
	{name: "trie of wildcards", ready: func(l *climb) {
		l.queue(broker.Queue{Name: "q"})
		for i := range l.n / 4 { // more do not fit a processor's cache
			var key []string
			for w, rest := 0, i; w < 10; w, rest = w+1, rest/3 {
				key = append(key, []string{"#", "*", "a"}[rest%3])
			}
			l.bind(broker.Binding{Source: "amq.topic", Destination: "q", Key: strings.Join(key, ".")})
		}
	}, cost: func(l *climb) { l.publish("amq.topic", strings.Repeat("a.", 126)+"a", broker.Message{}) }},
}

// consumers adds n consumers to the queue q.
func consumers(l *climb) {
	l.Helper()
	pipeline[*amqp.BasicQosOk](l, func(i int) amqp.Method {
		return &amqp.BasicConsume{Queue: "q", ConsumerTag: fmt.Sprint(i), NoWait: true}
	}, &amqp.BasicQos{})
}

// cancelAll cancels them in their order.
func cancelAll(l *climb) {
	l.Helper()
	pipeline[*amqp.BasicQosOk](l, func(i int) amqp.Method {
		return &amqp.BasicCancel{ConsumerTag: fmt.Sprint(i), NoWait: true}
	}, &amqp.BasicQos{})
}

// exclusives declares n exclusive queues.
func exclusives(l *climb) {
	l.Helper()
	pipeline[*amqp.BasicQosOk](l, func(i int) amqp.Method {
		return &amqp.QueueDeclare{Queue: fmt.Sprint("e", i), Exclusive: true, NoWait: true}
	}, &amqp.BasicQos{})
}

var ladderLong = flag.Bool("ladder.long", false, "TestLadder climbs 2000, 8000 and 32000, and looks at each step")

// A climb of the short form is one step of 16 times: what is linear costs 16 times as
// much, and some more for caches that miss; what is quadratic costs 256 times as much.
// Those of the long form are steps of four times, and the limits leave room likewise.
var (
	shortLadder = ladderForm{steps: []int{750, 12_000}, most: 70}
	longLadder  = ladderForm{steps: []int{2000, 8000, 32_000}, most: 8}
)

type ladderForm struct {
	steps []int
	most  float64 // times the cost of the step before
}

// Cases topology-dos and tx-rollback-quadratic, and their siblings.
func TestLadder(t *testing.T) {
	const tries = 4 // something else in the process may have had the processor
	form := shortLadder
	switch {
	case *ladderLong:
		form = longLadder
	case testing.Short() || raceDetector:
		form.steps = []int{250, 4000}
	}
	for _, ladder := range ladders {
		t.Run(ladder.name, func(t *testing.T) {
			ratio := form.most + 1
			for try := 0; try < tries && ratio > form.most; try++ {
				var costs []time.Duration
				for _, n := range form.steps {
					costs = append(costs, costOf(t, n, ladder.ready, ladder.cost))
				}
				ratio = steepest(costs)
				t.Logf("%v cost %v, at most %.1f times a step", form.steps, costs, ratio)
			}
			assert.LessOrEqual(t, ratio, form.most)
		})
	}
}

// costOf is the processor's time that one size costs, on a broker of its own.
func costOf(t *testing.T, n int, ready, cost func(*climb)) time.Duration {
	b := start(t, broker.Config{})
	l := &climb{T: t, b: b, vh: vhost(t, b), c: rawOpen(t, b, 0), n: n}
	l.c.channel(1)
	ready(l)
	inUse()
	began := cpu(t)
	cost(l)
	took := cpu(t) - began
	l.c.nc.Close()
	require.NoError(t, b.Close())
	return took
}

// steepest is the largest ratio of a cost to the one before.
func steepest(costs []time.Duration) (ratio float64) {
	const counted = 10 * time.Millisecond // below it other things of the process weigh too much
	for i := 1; i < len(costs); i++ {
		if costs[i] > counted {
			ratio = max(ratio, float64(costs[i])/float64(max(costs[i-1], counted/20)))
		}
	}
	return ratio
}
