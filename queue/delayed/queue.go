package delayed

import (
	"math"
	"sync"
	"time"

	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/store"
)

// Config is what a Queue is made with.
type Config struct {
	Clock delay.Clock
	// Store keeps the messages; nil keeps them in memory. ID names the log there, in one
	// series with the IDs of queue.Config.
	Store *store.Store
	ID    uint64
	// Decode reads a message back from the store.
	Decode func(r *store.Record) (*queue.Message, error)
	// Dispatch hands on messages that are due, in order. What it returns is called once
	// they are forgotten here, with the number of those that still wait: a crash finds
	// each message in one place at least. One call goes on at a time.
	Dispatch func(due []*queue.Message) (forgotten func(left int))
	// Fault is told of what the store cannot give back.
	Fault func(err error)
	// Cancelled, unless nil, is told of the publication of each message that has one and
	// is not going to be due, with the Queue's lock held.
	Cancelled func(publication uint64, why queue.Reason)
	// Recall says that the publications of what is in the store at the start count too,
	// for which all of it is read.
	Recall bool
}

// Cancelled is why a delay comes to nothing that somebody has called off. Besides it
// there are queue.Purged and queue.Deleted.
const Cancelled queue.Reason = "cancelled"

// A Queue holds messages until they are due. Its methods are safe for concurrent use.
type Queue struct {
	cfg Config

	// dispatch is held while due messages go out, so that they keep their order;
	// never two of them. It comes before all other locks.
	dispatch sync.Mutex

	mu    sync.Mutex
	index delay.Index
	held  map[uint64]*queue.Message // by position: those that the store has not committed, or all
	seq   uint64                    // position of the newest
	safe  uint64                    // what came up to here is committed
	log   *store.Log                // nil without a store
	app   store.Appender
	alarm *delay.Alarm
	rest  time.Time // nothing goes out before: the store could not be read
	gone  bool      // nothing is added any more
	ended bool      // nothing goes out any more

	publications map[uint64]uint64 // of those that wait and have one, by position
}

// New makes an empty queue.
func New(cfg Config) *Queue {
	q := &Queue{cfg: cfg}
	q.alarm = delay.NewAlarm(cfg.Clock, q.ring)
	if cfg.Store != nil {
		q.attach(cfg.Store.Log(queue.LogOf(cfg.ID, 0)))
	}
	return q
}

func (q *Queue) attach(log *store.Log) {
	log.OnCommit = q.committed
	q.log = log
}

// now is the time as due times count it, in nanoseconds since 1970.
func (q *Queue) now() int64 { return q.cfg.Clock.Now().UnixNano() }

// Add keeps a message for so many milliseconds. It goes to the store whatever its
// delivery mode (EXCH-54).
func (q *Queue) Add(m *queue.Message, ms int64, fx *queue.Effects) {
	at := q.now() + ms*perMilli
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.gone { // deleted since the route was found
		q.tellCancelled(m.Publication(), queue.Deleted)
		return
	}
	q.seq++
	q.track(q.seq, m)
	due := delay.Due{At: at, Seq: q.seq}
	q.index.Add(due)
	q.keepUncommitted(q.seq, m)
	if q.log != nil {
		q.app.Add(q.log, due.Seq, toDeadline(due.At), false, m)
		q.app.Flush()
		fx.Logged = true
	}
	if first, _ := q.index.First(); first == due {
		q.arm()
	}
}

// keepUncommitted keeps a message in memory. Called with the lock held.
func (q *Queue) keepUncommitted(seq uint64, m *queue.Message) {
	if q.held == nil {
		q.held = make(map[uint64]*queue.Message)
	}
	q.held[seq] = m
}

// perMilli is a millisecond as due times count.
const perMilli = 1_000_000

// inNanos is added to what the store has as a message's deadline if that counts
// nanoseconds. Without it are microseconds: what former versions wrote, and times that
// leave no room for it.
const inNanos = 1 << 62

func toDeadline(at int64) int64 {
	if at >= 0 && at < math.MaxInt64-inNanos { // until 2116
		return at + inNanos
	}
	return at/1000 + 1 // nothing comes early
}

func fromDeadline(d int64) int64 {
	if d >= inNanos {
		return d - inNanos
	}
	return d * 1000
}

// committed is called by the store when the messages up to a position are on
// disk: they can leave memory.
func (q *Queue) committed(seq uint64) {
	for q.release(seq) {
	}
}

// release is one hold's share; true asks for another.
func (q *Queue) release(seq uint64) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for n := 0; q.safe < seq; n++ {
		if n == holdLimit {
			return true
		}
		q.safe++
		delete(q.held, q.safe)
	}
	if len(q.held) == 0 {
		q.held = nil // maps do not shrink
	}
	return false
}

// holdLimit is how many messages are handled under one hold of the lock.
const holdLimit = 1024

// arm sets the alarm for what is due first. Called with the lock held.
func (q *Queue) arm() {
	first, ok := q.index.First()
	if !ok || q.ended {
		q.alarm.Stop()
		return
	}
	at := time.Unix(0, first.At)
	if at.Before(q.rest) {
		at = q.rest
	}
	q.alarm.Set(at)
}

// Len is the number of messages that wait, exact at this moment (EXCH-56).
func (q *Queue) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.index.Len()
}

// Purge drops all that waits and returns its number. What is going out goes out
// first: it would be dropped from the store unread, and not be counted.
func (q *Queue) Purge() int {
	q.dispatch.Lock()
	defer q.dispatch.Unlock()
	q.mu.Lock()
	defer q.mu.Unlock()
	n := q.index.Len()
	q.cancelAll(queue.Purged)
	q.index.Clear()
	q.held = nil
	if q.log != nil && n > 0 {
		q.app.DropRange(q.log, 1, q.seq)
		q.app.Flush()
	}
	q.arm()
	return n
}

// Delete drops all that waits, for good; only if that is nothing, unless forced.
// It reports whether it did.
func (q *Queue) Delete(force bool) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.index.Len() > 0 && !force {
		return false
	}
	q.gone = true
	q.cancelAll(queue.Deleted)
	q.index.Clear()
	q.held = nil
	if q.log != nil {
		q.app.Drop(q.log)
		q.app.Flush()
	}
	q.arm()
	return true
}

// Stop ends what goes on by itself, for the broker's end: what is going out has
// gone out when it returns, what waits stays in the store.
func (q *Queue) Stop() {
	q.dispatch.Lock()
	defer q.dispatch.Unlock()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
	q.alarm.Stop()
}
