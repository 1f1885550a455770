package broker_test

// Clients come and go for days of virtual time, with all that they make and leave behind.
// The broker ends where it began: with as many goroutines and open files, and as much
// memory and disk. For a longer soak: go test ./broker -run TestSoak -soak.for 1h

import (
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
)

var soakFor = flag.Duration("soak.for", 0, "how long TestSoak goes on; 0 is a few days of virtual time")

// A footprint is what a broker takes.
type footprint struct {
	goroutines, files int
	heap, disk        int64
}

// footprint waits until what has ended is gone.
func (h *house) footprint() (f footprint) {
	eventually(h.t, "the connections have ended", func() bool { return len(h.Snapshot().Connections) == 0 })
	h.commit()
	f.goroutines = settled(h.t, runtime.NumGoroutine)
	f.files = settled(h.t, func() int {
		open, _ := os.ReadDir("/proc/self/fd") // none where the system has no such folder
		return len(open)
	})
	f.heap = inUse()
	require.NoError(h.t, filepath.WalkDir(h.dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			if info, gone := d.Info(); gone == nil {
				f.disk += info.Size()
			}
		}
		return err
	}))
	return f
}

// settled is the least that a number goes down to, once it has not gone down for a while: a
// timer's goroutine comes and goes.
func settled(t testing.TB, number func() int) int {
	least, polls := number(), 0
	eventually(t, "a number settles", func() bool {
		polls++
		if n := number(); n < least {
			least, polls = n, 0
		}
		return polls > 100
	})
	return least
}

func TestSoak(t *testing.T) {
	clock := delay.NewManual(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	h := newHouse(t, clock)
	addr := listen(t, h.Broker)
	r := rand.New(rand.NewPCG(rand.Uint64(), 1))
	for day := range 12 { // pools and tables find their size
		h.day(addr, r, clock, day)
	}
	before := h.footprint()
	days, real := 12, delay.Real{}
	for until := real.Now().Add(*soakFor); days < 24 || real.Now().Before(until); days++ {
		h.day(addr, r, clock, days)
	}
	after := h.footprint()
	t.Logf("after 12 days %+v, after %d %+v", before, days, after)
	assert.LessOrEqual(t, after.goroutines, before.goroutines)
	assert.LessOrEqual(t, after.files, before.files+1, "a file of large bodies may be there or not")
	assert.Less(t, after.heap, before.heap+2<<20)
	assert.Less(t, after.disk, before.disk+8<<20, "what a file of large bodies may hold besides")
	s := h.Snapshot()
	assert.Empty(t, s.Connections)
	for _, v := range s.VHosts {
		assert.Empty(t, v.Queues)
		assert.Empty(t, v.Bindings)
	}
}

// soakQueues are declared anew each day; what is not deleted expires.
var soakQueues = []broker.Queue{
	{Name: "durable", Durable: true, Args: map[string]any{"x-expires": 3_600_000}},
	{Name: "transient", Args: map[string]any{"x-expires": 3_600_000, "x-message-ttl": 60_000}},
	{Name: "mine"},
	{Name: "auto", AutoDelete: true},
	{Name: "priority", Durable: true, Args: map[string]any{"x-expires": 3_600_000, "x-max-priority": 5}},
	{Name: "quorum", Durable: true, Args: map[string]any{"x-queue-type": "quorum", "x-expires": 3_600_000}},
	{Name: "stream", Durable: true, Args: map[string]any{"x-queue-type": "stream"}},
}

// day is a day: a dozen connections, one of which is cut.
func (h *house) day(addr string, r *rand.Rand, clock *delay.Manual, day int) {
	h.t.Helper()
	for i := range 6 {
		conn, err := amqp091.Dial("amqp://guest:guest@" + addr + "/")
		require.NoError(h.t, err)
		for range 2 {
			ch, err := conn.Channel()
			require.NoError(h.t, err)
			h.errand(ch, r, fmt.Sprintf("%d.%d.%d", day, i, r.Uint32()))
			if r.IntN(2) == 0 {
				require.NoError(h.t, ch.Close())
			}
		}
		require.NoError(h.t, conn.Close())
	}
	eventually(h.t, "the connections have ended", func() bool { return len(h.Snapshot().Connections) == 0 })
	clock.Advance(24 * time.Hour)
}

// errand declares queues and an exchange, and publishes, consumes, gets and settles.
func (h *house) errand(ch *amqp091.Channel, r *rand.Rand, id string) {
	h.t.Helper()
	x := "x-" + id
	require.NoError(h.t, ch.ExchangeDeclare(x, "topic", true, true, false, false, nil))
	require.NoError(h.t, ch.Qos(1+r.IntN(20), 0, false))
	require.NoError(h.t, ch.Confirm(false))
	var names []string
	for _, q := range soakQueues {
		name := q.Name + "-" + id
		_, err := ch.QueueDeclare(name, q.Durable, q.AutoDelete, q.Name == "mine", false, q.Args)
		require.NoError(h.t, err)
		require.NoError(h.t, ch.QueueBind(name, "#."+name[:3]+".*", x, false, nil))
		names = append(names, name)
	}
	var last *amqp091.DeferredConfirmation
	for i := range 60 {
		q := names[r.IntN(len(names))]
		var err error
		last, err = ch.PublishWithDeferredConfirm("", q, true, false, amqp091.Publishing{
			DeliveryMode: uint8(1 + i%2), Priority: uint8(i % 7), Headers: amqp091.Table{"n": i}, Body: make([]byte, 1<<r.IntN(15)),
		})
		require.NoError(h.t, err)
	}
	require.True(h.t, last.Wait())
	for _, name := range names[:len(names)-1] { // nobody gets from a stream
		_, err := ch.Consume(name, "c-"+name, false, false, false, false, nil)
		require.NoError(h.t, err)
		if r.IntN(2) == 0 {
			require.NoError(h.t, ch.Cancel("c-"+name, false))
		}
	}
	require.NoError(h.t, ch.Ack(0, true))
	_, _, err := ch.Get(names[0], r.IntN(2) == 0)
	require.NoError(h.t, err)
	if r.IntN(2) == 0 {
		_, err = ch.QueueDelete(names[0], false, false, false)
		require.NoError(h.t, err)
	}
	_, err = ch.QueueDelete(names[len(names)-1], false, false, false)
	require.NoError(h.t, err)
}
