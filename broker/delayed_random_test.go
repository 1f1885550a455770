package broker_test

// Delayed exchanges against a list, at random, through restarts and crashes; and
// everything at once, for the race detector.

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
)

// A waiting message of the model.
type waitingMessage struct {
	due  time.Time
	id   int
	body string
}

// A delayModel is a waiting room and the list of what must be in it.
type delayModel struct {
	*house
	w     *waitingRoom
	r     *rand.Rand
	clock *delay.Manual
	last  int
	list  []waitingMessage // in due order
	bound bool
	out   []string // what must be in the queue
}

func (m *delayModel) publish() {
	for range 1 + m.r.IntN(50) {
		ms := []int64{1, 1 + m.r.Int64N(5), 1 + m.r.Int64N(2000)}[m.r.IntN(3)]
		m.last++
		e := waitingMessage{m.clock.Now().Add(time.Duration(ms) * time.Millisecond), m.last, strconv.Itoa(m.last)}
		m.w.send(ms, e.body)
		m.list = append(m.list, e)
	}
	slices.SortFunc(m.list, func(a, b waitingMessage) int { return cmp.Or(a.due.Compare(b.due), cmp.Compare(a.id, b.id)) })
}

func (m *delayModel) advance(d time.Duration) {
	m.clock.Advance(d)
	m.fall()
}

// fall lets what is due go where it must.
func (m *delayModel) fall() {
	n := 0
	for n < len(m.list) && !m.list[n].due.After(m.clock.Now()) {
		if m.bound {
			m.out = append(m.out, m.list[n].body)
		}
		n++
	}
	m.list = slices.Delete(m.list, 0, n)
}

func (m *delayModel) cancel() {
	if len(m.list) == 0 {
		return
	}
	i := m.r.IntN(len(m.list))
	_, ids := m.w.listed(1 + m.r.IntN(100))
	require.Len(m.t, ids, len(m.list))
	found, err := m.w.v.CancelDelayed("x", ids[i])
	require.NoError(m.t, err)
	require.True(m.t, found)
	m.list = slices.Delete(m.list, i, i+1)
}

func (m *delayModel) rebind() {
	b := broker.Binding{Source: "x", Destination: "x", Key: "k"}
	if m.bound {
		require.NoError(m.t, m.w.v.Unbind(b))
	} else {
		require.NoError(m.t, m.w.v.Bind(b))
	}
	m.bound = !m.bound
}

// restart restarts the broker, for a while of which no broker runs.
func (m *delayModel) restart(again func()) {
	m.house.meanwhile = func() { m.clock.Advance(time.Duration(m.r.IntN(500)) * time.Millisecond) }
	again()
	m.clock.Advance(0)
	m.w = m.w.now(m.Broker)
	m.fall()
}

func (m *delayModel) step() {
	switch n := m.r.IntN(100); {
	case n < 40:
		m.publish()
	case n < 75:
		m.advance(time.Duration(m.r.IntN(300_000)) * time.Microsecond)
	case n < 85:
		m.cancel()
	case n < 90:
		m.rebind()
	case n < 92:
		n, err := m.w.v.PurgeDelayed("x")
		require.NoError(m.t, err)
		require.Equal(m.t, len(m.list), n)
		m.list = nil
	case n < 94:
		require.NoError(m.t, m.w.v.DeleteExchange("x"))
		m.w.declare(nil)
		m.bound = false
	case n < 97:
		m.restart(m.house.restart)
	default:
		m.restart(m.house.crash)
	}
}

func (m *delayModel) check() {
	require.Equal(m.t, len(m.list), m.w.waiting().Count)
	bodies, _ := m.w.listed(1000)
	want := []string(nil)
	for _, e := range m.list {
		want = append(want, e.body)
	}
	require.Equal(m.t, want, bodies)
	require.Equal(m.t, append([]string{}, m.out...), m.w.bodies())
	m.out = nil
}

func TestDelayedRandomly(t *testing.T) {
	seed := *restartSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-restart.seed=%d", seed)
	clock := delay.NewManual(newYear)
	h := newHouse(t, clock)
	m := &delayModel{house: h, r: rand.New(rand.NewPCG(seed, 7)), clock: clock, bound: true}
	m.w = newWaitingRoom(t, h.Broker, "x", nil)
	for range 300 {
		m.step()
		m.check()
	}
	m.advance(time.Hour)
	m.check()
	require.Empty(t, m.list)
}

// Everything at once, on the wall clock: nothing is lost that nobody dropped, and
// nothing is delivered twice.
func TestDelayedAllAtOnce(t *testing.T) {
	h := newHouse(t, nil)
	w := newWaitingRoom(t, h.Broker, "x", nil)
	const publishers, each = 4, 500
	var mu sync.Mutex
	dropped := 0
	var work, busy sync.WaitGroup
	for p := range publishers {
		ch := channel(t, h.Broker)
		require.NoError(t, ch.Confirm(false))
		work.Go(func() {
			for i := range each {
				c, err := ch.PublishWithDeferredConfirm("x", "k", false, false, amqp091.Publishing{
					Headers: amqp091.Table{"x-delay": 1 + rand.Int32N(20)}, DeliveryMode: uint8(1 + i%2), Body: fmt.Appendf(nil, "%d.%d", p, i),
				})
				if !assert.NoError(t, err) {
					return
				}
				if i%100 == 99 {
					c.Wait()
				}
			}
		})
	}
	stop := make(chan struct{})
	loop := func(do func()) {
		busy.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					do()
				}
			}
		})
	}
	drop := func(n int) {
		mu.Lock()
		defer mu.Unlock()
		dropped += n
	}
	loop(func() {
		list, err := w.v.ListDelayed("x", "", 10)
		assert.NoError(t, err)
		for _, m := range list {
			if found, _ := w.v.CancelDelayed("x", m.ID); found {
				drop(1)
			}
			delay.Throttle(time.Millisecond)
		}
	})
	loop(func() {
		n, err := w.v.PurgeDelayed("x")
		assert.NoError(t, err)
		drop(n)
		delay.Throttle(20 * time.Millisecond)
	})
	loop(func() {
		h.Snapshot()
		assert.NoError(t, w.v.DeclareExchange(broker.Exchange{Name: "y", Type: "x-delayed-message", Args: strict(map[string]any{"x-delayed-type": "fanout"})}))
		_, err := w.v.Publish("y", "k", broker.Message{Properties: delayBy(int64(1))})
		assert.NoError(t, err)
		assert.NoError(t, w.v.DeleteExchange("y"))
		delay.Throttle(time.Millisecond)
	})
	work.Wait()
	close(stop)
	busy.Wait()
	eventually(t, "everything to be in the queue or dropped", func() bool {
		counts, err := w.v.Counts("x")
		require.NoError(t, err)
		return counts.Ready+dropped >= publishers*each
	})
	there := map[string]bool{}
	for _, body := range w.bodies() {
		assert.False(t, there[body], "%s came twice", body)
		there[body] = true
	}
	assert.Equal(t, publishers*each, len(there)+dropped)
	t.Logf("%d delivered, %d dropped", len(there), dropped)
}

// A pending persistent message costs 64 bytes of memory at most, whatever its
// body.
func TestDelayedMemory(t *testing.T) {
	const n = 200_000
	h := newHouse(t, nil)
	w := newWaitingRoom(t, h.Broker, "x", nil)
	send := func(n int) {
		m := broker.Message{Body: make([]byte, 200)}
		for range n {
			m.Properties = delayBy(3600_000 + rand.Int64N(3600_000))
			_, err := w.v.Publish("x", "k", m)
			require.NoError(t, err)
		}
		h.commit()
		h.commit() // exchanges are told after those who wait
	}
	send(n) // what is kept for good is there then
	before := memoryInUse()
	send(n)
	each := (memoryInUse() - before) / n
	t.Logf("%d bytes each", each)
	require.Equal(t, 2*n, w.waiting().Count)
	if !raceDetector {
		assert.LessOrEqual(t, each, int64(64))
	}
	took := time.Hour
	for range 10 { // the best of them: something else may have had the processor
		began := delay.Real{}.Now()
		for range 100 {
			w.waiting()
		}
		took = min(took, delay.Real{}.Now().Sub(began)/100)
	}
	t.Logf("counted in %v", took)
	if !raceDetector {
		assert.Less(t, took, 10*time.Microsecond, "a microsecond on an idle machine")
	}
}
