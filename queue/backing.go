package queue

import (
	"cmp"
	"slices"

	"github.com/rabbetmq/rabbet/store"
)

// A queue's side of the store: what it adds, removes and reads,
// one log for each priority level. All of it is called with the queue's lock
// held, save what the store calls back.

// A backing is what a queue has in the store.
type backing struct {
	store   *store.Store
	id      uint64
	durable bool
	quorum  bool
	// countFailures is Env.CountFailures.
	countFailures bool
	logs          []*store.Log // by level; nil until something was added
	app           store.Appender
	adding        bool  // the appender holds a message that must be confirmed
	reading       bool  // a read by the pager is under way
	held          int64 // of the memory that queues share
	holes         bool  // a start has found messages that stand in front: what is paged out leaves them out

	safe  []uint64 // by level, the last position that is on the disk; nil without a log
	waits bool     // returned items wait for a commit to leave memory
}

func newBacking(s *store.Store, id uint64, durable bool, levels int) *backing {
	return &backing{store: s, id: id, durable: durable, logs: make([]*store.Log, levels)}
}

func (b *backing) logID(level int) store.LogID { return LogOf(b.id, level) }

// LogOf is the log of a queue's priority level. Others that keep messages in the
// store have IDs in the series of the queues, and level 0 alone.
func LogOf(id uint64, level int) store.LogID { return store.LogID(id<<8 | uint64(level)) }

// QueueOf is the ID of the queue that a log belongs to.
func QueueOf(id store.LogID) uint64 { return uint64(id) >> 8 }

// log is the log of a level, made when it is first needed.
func (b *backing) log(q *Classic, level int) *store.Log {
	if b.logs[level] == nil {
		b.attach(q, level, b.store.Log(b.logID(level)))
	}
	return b.logs[level]
}

func (b *backing) attach(q *Classic, level int, log *store.Log) {
	log.OnCommit = func(seq uint64) { q.committed(level, seq) }
	b.logs[level] = log
	if b.safe == nil {
		b.safe = make([]uint64, len(b.logs))
	}
}

// survives reports whether a message survives a restart in the queue: a persistent
// one in a durable queue (PERSIST-2), any in a quorum queue (QUEUE-98).
func (q *Classic) survives(m *Message) bool {
	return q.back.durable && (m.Persistent || q.quorum)
}

// persist gives an item to the store.
func (b *backing) persist(q *Classic, it *Item) {
	survives := q.survives(it.Msg)
	b.adding = b.adding || survives
	b.app.Add(b.log(q, q.ready.of(it.Msg)), it.Seq, it.Deadline, !survives, it.Msg)
}

func (b *backing) remove(q *Classic, it *Item) {
	b.app.Remove(b.log(q, q.levelOf(it)), it.Seq)
}

// levelOf is the level of the log that an item is in.
func (q *Classic) levelOf(it *Item) int {
	if it.Msg == nil {
		return int(it.level)
	}
	return q.ready.of(it.Msg)
}

// consume is remove for an item that was acknowledged, or sent to one who does
// not acknowledge.
func (b *backing) consume(q *Classic, it *Item) {
	b.app.Consume(b.log(q, q.ready.of(it.Msg)), it.Seq)
}

// flush hands over to the store what has collected. Nothing may be left when
// the queue's lock is released, so that the order of operations is that of
// their effects. It also asks for what is wanted back in memory.
func (q *Classic) flush() {
	b := q.back
	if b == nil {
		return
	}
	b.app.Flush()
	b.adding = false
	q.account()
	if !b.reading && !q.deleted && q.wanted() != nil {
		b.reading = true
		b.store.Later(q.read)
	}
}

// full reports whether a message that need not survive goes to the store all the same:
// the window in memory is full, and the queue has its share of what queues share.
func (b *backing) full(q *Classic, m *Message) bool {
	f := &q.ready.at(q.ready.of(m)).fresh
	items, bytes, _ := q.window()
	return (f.n-f.paged >= items || q.ready.bytes()-q.ready.away-f.outBytes >= bytes) &&
		(q.set.Lazy || !q.env.Memory.allows(b.held))
}

// committed is called by the store when a level's messages have reached the
// disk: what does not fit the window can leave memory.
func (q *Classic) committed(level int, seq uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.deleted {
		return
	}
	q.back.safe[level] = seq
	f := &q.ready.at(level).fresh
	items, bytes, keep := q.window()
	if f.n-f.paged > items || q.ready.bytes()-q.ready.away-f.outBytes > bytes {
		f.pageOut(seq, keep)
	}
	q.pageOutReturned(true)
	q.account()
}

// purge settles what is ready.
func (b *backing) purge(q *Classic) {
	q.ready.each(func(it *Item) bool {
		if it.Stored {
			b.remove(q, it)
		}
		return true
	}, func(level int, s *span) bool {
		b.dropSpan(q, level, s)
		s.dropped = true
		return true
	})
}

// dropSpan drops what a span holds. What waits elsewhere stays (DLXALO-9), and what is
// out, which may be within if it stood in front (QUEUE-24).
func (b *backing) dropSpan(q *Classic, level int, s *span) {
	if b.holes && q.unacked.count > 0 {
		items, err := b.read(level, s, s.n)
		_ = q.toldOf(err) // what cannot be read stays, for the check of the store to find
		for i := range items {
			b.app.Remove(b.logs[level], items[i].Seq)
		}
		return
	}
	log, first := b.log(q, level), s.first
	var within []uint64
	for _, l := range q.letters.list {
		if it := &l.item; it.Stored && int(it.level) == level && it.Seq >= s.first && it.Seq <= s.last {
			within = append(within, it.Seq)
		}
	}
	slices.Sort(within)
	for _, seq := range within {
		if seq > first {
			b.app.DropRange(log, first, seq-1)
		}
		first = seq + 1
	}
	if first <= s.last {
		b.app.DropRange(log, first, s.last)
	}
}

// drop ends the queue in the store.
func (b *backing) drop() {
	for _, log := range b.logs {
		if log != nil {
			b.app.Drop(log)
		}
	}
}

// read reads up to limit items of a span; with an error those that could be read
// are there too.
func (b *backing) read(level int, s *span, limit int) ([]Item, error) {
	d := decoder{quorum: b.quorum, countFailures: b.countFailures}
	d.items = make([]Item, 0, min(limit, s.n))
	var malformed error
	err := b.logs[level].Load(s.first, s.last, func(r store.Record) bool {
		if len(d.items) < limit {
			if err := d.decode(&r); err != nil && malformed == nil {
				malformed = err
			}
		}
		return len(d.items) < limit
	})
	return d.items, cmp.Or(err, malformed)
}

// wanted finds the chunk to be read back first, or nil. Called with the lock
// held.
func (q *Classic) wanted() *wantedChunk {
	for level := q.ready.top; level >= 0; level-- {
		r := q.ready.at(level)
		if q.subs.n == 0 && (r.inMemory() || q.ready.timed == 0 && !q.over()) {
			continue
		}
		if q.wantsBack(r) {
			return &wantedChunk{level, nil}
		}
		if c := r.fresh.wanted(); c != nil {
			return &wantedChunk{level, c}
		}
	}
	return nil
}

// A wantedChunk is a chunk that is paged out, with its level; nil are the first of the
// returned items.
type wantedChunk struct {
	level int
	c     *chunk
}

// head is what must be read first of a level that is not in memory.
func (q *Classic) head(level int) *wantedChunk {
	r := q.ready.at(level)
	if r.behindFirst() {
		return &wantedChunk{level, nil}
	}
	return &wantedChunk{level, r.fresh.head}
}

// read is the pager's part: it brings back what is wanted, chunk by chunk.
func (q *Classic) read() {
	var fx Effects
	q.mu.Lock()
	for !q.deleted {
		w := q.wanted()
		if w == nil {
			break
		}
		if !q.bringIn(w, &fx) {
			break // the next call that wants the chunk tries again
		}
		q.dispatch(&fx)
		q.arm()
		q.back.app.Flush()
		q.account()
		q.mu.Unlock()
		q.env.Perform(&fx)
		q.mu.Lock()
	}
	q.back.reading = false
	q.mu.Unlock()
}

// bringIn reads a chunk back and reports whether the store could be read. What is
// damaged is told and left out, so that it stops nothing that comes after it. The
// lock is let go meanwhile; the chunk is left alone if something else has happened
// to it by then.
func (q *Classic) bringIn(w *wantedChunk, fx *Effects) bool {
	if w.c == nil {
		return q.bringBack(w.level, fx)
	}
	s := w.c.out
	items, err := q.readUnlocked(w.level, s)
	if err != nil || q.deleted || w.c.out != s || s.dropped {
		return err == nil
	}
	timed := w.c.out.timed
	for i := range items {
		if items[i].Deadline != 0 {
			timed--
		}
	}
	q.ready.n -= q.ready.at(w.level).fresh.pageIn(w.c, items)
	q.ready.timed -= timed
	q.tidy(fx)
	return true
}

// readUnlocked reads a span without the lock.
func (q *Classic) readUnlocked(level int, s *span) (items []Item, err error) {
	err = q.unlocked(func() (err error) {
		items, err = q.back.read(level, s, s.n)
		return err
	})
	return items, err
}

// loadHead makes sure that the first item, if there is one, is in memory, unless it
// cannot be read, and that what is due has expired. The lock may be let go meanwhile.
func (q *Classic) loadHead(fx *Effects) {
	q.tidy(fx)
	for q.ready.len() > 0 && !q.ready.inMemory() {
		if !q.bringIn(q.head(q.ready.nextLevel()), fx) {
			return
		}
	}
}
