package queue_test

// What a queue is meant to do, said as plainly as possible: one sorted slice,
// looked at anew for every message. The random test compares.

import (
	"cmp"
	"slices"

	"github.com/rabbetmq/rabbet/queue"
)

type model struct {
	levels int // x-max-priority
	set    queue.Settings
	now    int64 // in microseconds

	seq     uint64
	ready   []modelItem
	unacked int
	subs    []*modelConsumer // in order of subscription
	turns   []*modelConsumer // those that are not parked, the next first within a priority
	active  *modelConsumer

	deliveries []string // "consumer:body", with a * if it was out before
	dead       []string // "reason:body"
	refused    []int
}

type modelItem struct {
	body        string
	seq         uint64
	level       int
	deadline    int64 // 0 is never
	redelivered bool
}

type modelConsumer struct {
	name     string
	priority int64
	credit   int
	noAck    bool
}

// mark is an item's body, with a star if it was out before.
func (it modelItem) mark() string {
	if it.redelivered {
		return it.body + "*"
	}
	return it.body
}

func (m *model) bytes() (n int64) {
	for _, it := range m.ready {
		n += int64(len(it.body))
	}
	return n
}

// insert puts an item where it belongs: highest level first, then oldest.
func (m *model) insert(it modelItem) {
	m.ready = append(m.ready, it)
	slices.SortFunc(m.ready, func(a, b modelItem) int {
		return cmp.Or(cmp.Compare(b.level, a.level), cmp.Compare(a.seq, b.seq))
	})
}

func (m *model) publish(i int, msg *queue.Message) {
	body := string(msg.Body)
	s := m.set
	full := s.MaxLength >= 0 && int64(len(m.ready)) >= s.MaxLength ||
		s.MaxBytes >= 0 && m.bytes()+int64(len(body)) > s.MaxBytes
	if full && s.Overflow != queue.DropHead { // QUEUE-65, QUEUE-66: what is too much is nacked
		m.refused = append(m.refused, i)
		if s.Overflow == queue.RejectPublishDLX {
			m.bury(queue.MaxLen, body)
		}
		return
	}
	m.seq++
	it := modelItem{body: body, seq: m.seq, level: min(int(msg.Priority), m.levels)}
	for _, ttl := range []queue.TTL{s.TTL, msg.TTL} { // QUEUE-52: the smaller time to live counts
		if ms, ends := ttl.Millis(); ends && (it.deadline == 0 || m.now+ms*1000 < it.deadline) {
			it.deadline = m.now + ms*1000
		}
	}
	if len(m.ready) == 0 && m.offer(it) { // QUEUE-68: a waiting consumer comes before limits
		return
	}
	m.insert(it)
	m.trim() // QUEUE-54: delivered at once or expired
}

// offer asks the consumers, in turns, until one takes the item.
func (m *model) offer(it modelItem) bool {
	for len(m.turns) > 0 {
		next := slices.MaxFunc(m.turns, func(a, b *modelConsumer) int { // the first of the highest
			return cmp.Compare(a.priority, b.priority)
		})
		i := slices.Index(m.turns, next)
		m.turns = slices.Delete(m.turns, i, i+1)
		if next.credit == 0 {
			continue
		}
		next.credit--
		m.turns = append(m.turns, next)
		m.deliveries = append(m.deliveries, next.name+":"+it.mark())
		if !next.noAck {
			m.unacked++
		}
		return true
	}
	return false
}

func (m *model) dispatch() {
	for m.expire(); len(m.ready) > 0 && m.offer(m.ready[0]); m.expire() {
		m.ready = m.ready[1:]
	}
}

// expire drops what is due at the head (QUEUE-53, QUEUE-88).
func (m *model) expire() {
	for len(m.ready) > 0 && m.ready[0].deadline != 0 && m.ready[0].deadline <= m.now {
		m.bury(queue.Expired, m.ready[0].body)
		m.ready = m.ready[1:]
	}
}

// trim is QUEUE-62; what comes to the head then may be due.
func (m *model) trim() {
	s := m.set
	for s.Overflow == queue.DropHead && len(m.ready) > 0 &&
		(s.MaxLength >= 0 && int64(len(m.ready)) > s.MaxLength || s.MaxBytes >= 0 && m.bytes() > s.MaxBytes) {
		m.bury(queue.MaxLen, m.ready[0].body)
		m.ready = m.ready[1:]
	}
	m.expire()
}

func (m *model) bury(why queue.Reason, body string) {
	if m.set.DeadLetter {
		m.dead = append(m.dead, string(why)+":"+body)
	}
}

func (m *model) get(noAck bool) (string, int, bool) {
	if len(m.ready) == 0 {
		return "", 0, false
	}
	it := m.ready[0]
	m.ready = m.ready[1:]
	m.expire()
	if !noAck {
		m.unacked++
	}
	return it.mark(), len(m.ready), true
}

func (m *model) reject(bodies []string) {
	m.unacked -= len(bodies)
	for _, body := range bodies {
		m.bury(queue.Rejected, body)
	}
}

// requeue puts items back; they carry their old position and deadline.
func (m *model) requeue(items []modelItem) {
	m.unacked -= len(items)
	for _, it := range items {
		it.redelivered = true // BASIC-59: sent before, seen or not
		m.insert(it)
	}
	m.trim() // QUEUE-55: the old expiry counts; QUEUE-67: what exceeds a limit is dropped
	m.dispatch()
}

func (m *model) subscribe(c *modelConsumer) {
	m.subs = append(m.subs, c)
	if m.active == nil {
		m.active = c
	}
	m.unpark(c)
}

func (m *model) unpark(c *modelConsumer) {
	if slices.Contains(m.turns, c) || m.set.SingleActive && c != m.active { // BASIC-40: the first consumer gets everything
		return
	}
	m.turns = append(m.turns, c)
	m.dispatch()
}

func (m *model) unsubscribe(c *modelConsumer) {
	other := func(x *modelConsumer) bool { return x == c }
	m.subs = slices.DeleteFunc(m.subs, other)
	m.turns = slices.DeleteFunc(m.turns, other)
	if c != m.active {
		return
	}
	m.active = nil
	if len(m.subs) > 0 {
		m.active = slices.MaxFunc(m.subs, func(a, b *modelConsumer) int { // the first of the highest
			return cmp.Compare(a.priority, b.priority)
		})
		m.unpark(m.active)
	}
}

func (m *model) purge() int {
	n := len(m.ready)
	m.ready = nil
	return n
}

func (m *model) configure(s queue.Settings) {
	m.set = s
	m.trim()
}

func (m *model) counts() queue.Counts {
	return queue.Counts{Ready: len(m.ready), Unacked: m.unacked, Consumers: len(m.subs), ReadyBytes: m.bytes()}
}
