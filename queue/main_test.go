package queue_test

// What the tests of this package share: queues on a manual clock, and receivers
// that note what they get.

import (
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/queue"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A bench is one queue and what happened to it.
type bench struct {
	*queue.Classic
	t     testing.TB
	clock *delay.Manual
	fx    queue.Effects
	timed queue.Effects // what the queue's own timer left to do
	dead  []queue.DeadLetter
	log   []delivery // in the order of the offers that were taken
}

// A delivery is one item that one receiver has.
type delivery struct {
	to string
	it queue.Item
}

// newBench makes a queue; the config's Env is set here.
func newBench(t testing.TB, cfg queue.Config) *bench {
	b := &bench{t: t, clock: delay.NewManual(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))}
	cfg.Env = &queue.Env{Clock: b.clock, Perform: func(fx *queue.Effects) {
		b.bury(fx)
		b.timed.Idle = append(b.timed.Idle, fx.TakeIdle()...)
	}}
	b.Classic = queue.New(cfg)
	b.Touch()
	return b
}

// bury collects the dead letters that were left.
func (b *bench) bury(fx *queue.Effects) {
	fx.EachDead(func(list []queue.DeadLetter) { b.dead = append(b.dead, list...) })
}

// buried is what has been dead-lettered since the last call, by whomever.
func (b *bench) buried() []queue.DeadLetter {
	b.bury(&b.fx)
	dead := b.dead
	b.dead = nil
	return dead
}

// message is a message with a body.
func message(body string) *queue.Message { return &queue.Message{Body: []byte(body)} }

// messages are n messages with the bodies 1 to n.
func messages(n int) []*queue.Message {
	list := make([]*queue.Message, n)
	for i := range list {
		list[i] = message(strconv.Itoa(i + 1))
	}
	return list
}

// publish publishes messages with these bodies, one call each.
func (b *bench) publish(bodies ...string) {
	b.t.Helper()
	for _, body := range bodies {
		require.True(b.t, b.Publish([]*queue.Message{message(body)}, &b.fx))
	}
}

// get takes the next item; there must be one.
func (b *bench) get() queue.Item {
	b.t.Helper()
	it, _, ok := b.Get(false, &b.fx)
	require.True(b.t, ok)
	return it
}

// peek is the bodies of what is ready.
func (b *bench) peek() []string {
	list := []string{}
	for _, it := range b.Peek(0, 1<<20) {
		list = append(list, string(it.Msg.Body))
	}
	return list
}

// taken is what was delivered since the last call, as "receiver:body".
func (b *bench) taken() []string {
	list := []string{}
	for _, d := range b.log {
		list = append(list, d.to+":"+string(d.it.Msg.Body))
	}
	b.log = nil
	return list
}

// A receiver takes as many items as it has credit for.
type receiver struct {
	queue.Subscription
	b      *bench
	name   string
	credit int
	lock   sync.Mutex
	offers int // refused ones included
}

func (r *receiver) Offer(it *queue.Item, _ *queue.Effects) bool {
	r.offers++
	if r.credit == 0 {
		return false
	}
	r.credit--
	r.b.log = append(r.b.log, delivery{r.name, *it})
	return true
}

func (r *receiver) QueueDeleted(*queue.Effects) {}

// unlimited is more credit than a test uses up.
const unlimited = 1 << 40

// subscribe adds a receiver and lets it have what is ready. The configure
// functions see the subscription before that.
func (b *bench) subscribe(name string, credit int, configure ...func(*queue.Subscription)) *receiver {
	b.t.Helper()
	r := &receiver{b: b, name: name, credit: credit}
	r.Subscription = queue.Subscription{Receiver: r, Lock: &r.lock}
	for _, f := range configure {
		f(&r.Subscription)
	}
	require.NoError(b.t, b.Subscribe(&r.Subscription))
	b.Unpark(&r.Subscription, &b.fx)
	return r
}

// allow gives a receiver credit and puts it back in turn.
func (r *receiver) allow(credit int) {
	r.credit += credit
	r.b.Unpark(&r.Subscription, &r.b.fx)
}

func priority(p int64) func(*queue.Subscription) {
	return func(s *queue.Subscription) { s.Priority = p }
}

func noAck(s *queue.Subscription)     { s.NoAck = true }
func exclusive(s *queue.Subscription) { s.Exclusive = true }
