package queue_test

// Many goroutines at one queue. What the race detector does not find, the
// numbers do: nothing is lost, nothing comes twice.

import (
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/queue"
)

// A worker is a connection in small: receivers under one lock, and a goroutine
// that settles what they got.
type worker struct {
	b    *bench
	lock sync.Mutex
	got  []delivery
	subs []*workerConsumer
	wake chan struct{}
}

type workerConsumer struct {
	queue.Subscription
	w      *worker
	credit int
	parked bool
}

func (c *workerConsumer) Offer(it *queue.Item, fx *queue.Effects) bool {
	if c.credit == 0 {
		c.parked = true
		return false
	}
	c.credit--
	c.w.got = append(c.w.got, delivery{it: *it})
	fx.Wake(c.w)
	return true
}

func (c *workerConsumer) QueueDeleted(*queue.Effects) {}

func (w *worker) Wake(bool) {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// settle acknowledges about three of four and returns the rest.
func (w *worker) settle(rnd *rand.Rand, acked func(string)) {
	w.lock.Lock()
	got := w.got
	w.got = nil
	w.lock.Unlock()
	var ack, back []queue.Item
	for _, d := range got {
		if rnd.IntN(4) > 0 {
			ack = append(ack, d.it)
			acked(string(d.it.Msg.Body))
		} else {
			back = append(back, d.it)
		}
	}
	var fx queue.Effects
	w.b.Settle(ack, new(queue.Effects))
	w.b.Requeue(back, &fx)
	var unpark []*workerConsumer
	w.lock.Lock()
	for _, c := range w.subs {
		c.credit = 50
		if c.parked {
			c.parked = false
			unpark = append(unpark, c)
		}
	}
	w.lock.Unlock()
	for _, c := range unpark {
		w.b.Unpark(&c.Subscription, &fx)
	}
	fx.Flush()
}

func TestConcurrentUse(t *testing.T) {
	const publishers, each, workers = 4, 5000, 3
	b := newBench(t, queue.Config{})
	var publishing, working, looking sync.WaitGroup
	var acked sync.Map
	var settled atomic.Int64
	done := make(chan struct{})
	for i := range workers {
		w := &worker{b: b, wake: make(chan struct{}, 1)}
		for range 2 {
			c := &workerConsumer{w: w, credit: 50}
			c.Subscription = queue.Subscription{Receiver: c, Lock: &w.lock, Priority: int64(i % 2)}
			w.subs = append(w.subs, c)
			require.NoError(t, b.Subscribe(&c.Subscription))
			b.Unpark(&c.Subscription, &queue.Effects{})
		}
		working.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(i), 0))
			for {
				select {
				case <-w.wake:
				case <-done:
					return
				}
				w.settle(rnd, func(body string) {
					_, twice := acked.LoadOrStore(body, true)
					assert.False(t, twice, body)
					if settled.Add(1) == publishers*each {
						close(done)
					}
				})
			}
		})
	}
	for p := range publishers {
		publishing.Go(func() {
			var fx queue.Effects
			for n := 0; n < each; {
				var msgs []*queue.Message
				for range 1 + n%7 {
					if n < each {
						msgs = append(msgs, message(strconv.Itoa(p)+"."+strconv.Itoa(n)))
						n++
					}
				}
				assert.True(t, b.Publish(msgs, &fx))
				fx.Flush()
			}
		})
	}
	looking.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			n := b.Counts()
			assert.True(t, n.Ready >= 0 && n.Unacked >= 0 && n.Consumers == 2*workers, "%+v", n)
			b.Peek(0, 10)
		}
	})
	publishing.Wait()
	working.Wait()
	looking.Wait()
	assert.Equal(t, queue.Counts{Consumers: 2 * workers}, b.Counts())
}

// Of many who delete a queue one succeeds, and the others are told:
// what was published is dropped with the queue or refused, never half of each.
func TestDeleteRaces(t *testing.T) {
	for range 50 {
		b := newBench(t, queue.Config{})
		var all sync.WaitGroup
		var accepted, dropped, deletions atomic.Int64
		for range 4 {
			all.Go(func() {
				var fx queue.Effects
				for b.Publish(messages(3), &fx) {
					accepted.Add(3)
				}
			})
			all.Go(func() {
				for accepted.Load() < 100 {
					runtime.Gosched()
				}
				n, _, err := b.Delete(false, false)
				if err == nil {
					deletions.Add(1)
					dropped.Add(int64(n))
				} else {
					assert.ErrorIs(t, err, queue.ErrDeleted)
				}
			})
			all.Go(func() {
				w := &worker{b: b, wake: make(chan struct{}, 1)}
				c := &workerConsumer{w: w}
				c.Subscription = queue.Subscription{Receiver: c, Lock: &w.lock}
				for b.Subscribe(&c.Subscription) == nil {
					b.Unpark(&c.Subscription, &queue.Effects{})
					b.Unsubscribe(&c.Subscription, &queue.Effects{})
					c = &workerConsumer{w: w}
					c.Subscription = queue.Subscription{Receiver: c, Lock: &w.lock}
				}
			})
		}
		all.Wait()
		assert.EqualValues(t, 1, deletions.Load())
		assert.Equal(t, accepted.Load(), dropped.Load())
		assert.Equal(t, queue.Counts{}, b.Counts())
	}
}
