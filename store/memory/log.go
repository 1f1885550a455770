package memory

import (
	"cmp"
	"slices"

	"github.com/rabbetmq/rabbet/store"
)

// A log is the messages of one log. All of it is guarded by the engine's lock.
type log struct {
	engine *Engine
	id     store.LogID

	messages []message // in order of position, those that are gone among them
	gone     int       // of them, those that are
	last     uint64    // the largest position there was

	user    *store.Log // of the plan that adds to it
	written uint64     // the last message that the plan adds; 0 is none
}

// A message is one, or the place of one that is gone: then data is nil.
type message struct {
	seq         uint64
	deadline    int64
	data        []byte // its head, and its content unless that is in body
	body        body
	note        []byte
	size        int
	volatile    bool
	redelivered bool
}

// A body is a content that others have as well.
type body []byte

// Len is the number of bytes.
func (b body) Len() int { return len(b) }

// Read returns the content.
func (b body) Read() ([]byte, error) { return b, nil }

func (m *message) bytes() uint64 { return uint64(len(m.data) + len(m.body)) }

// add adds a message.
func (l *log) add(o *store.Op) {
	if len(l.messages) == 0 {
		if l.engine.logs == nil {
			l.engine.logs = make(map[store.LogID]*log)
		}
		l.engine.logs[l.id] = l
	}
	m := message{seq: o.Seq, deadline: o.Deadline, volatile: o.Volatile, size: o.Message.Size()}
	content := o.Message.Content()
	if o.Large {
		m.body, content = content, nil
	}
	m.data = o.Message.AppendEncoded(make([]byte, 0, o.Message.EncodedLen()+len(content)))
	m.data = append(m.data, content...)
	l.messages = append(l.messages, m)
	l.last = o.Seq
	l.engine.used += m.bytes()
}

// index is where a position is, or would be.
func (l *log) index(seq uint64) int {
	i, _ := slices.BinarySearchFunc(l.messages, seq, func(m message, seq uint64) int { return cmp.Compare(m.seq, seq) })
	return i
}

// find is the message at a position, or nil.
func (l *log) find(seq uint64) *message {
	if i := l.index(seq); i < len(l.messages) && l.messages[i].seq == seq && l.messages[i].data != nil {
		return &l.messages[i]
	}
	return nil
}

// remove removes a run of messages. The places of those that are gone go when they are the
// most.
func (l *log) remove(first, last uint64) {
	for i := l.index(first); i < len(l.messages) && l.messages[i].seq <= last; i++ {
		l.empty(&l.messages[i])
	}
	l.tidy()
}

func (l *log) empty(m *message) {
	if m.data != nil {
		l.engine.used -= m.bytes()
		*m = message{seq: m.seq}
		l.gone++
	}
}

func (l *log) tidy() {
	if l.gone > 64 && l.gone > len(l.messages)/2 {
		l.messages = slices.DeleteFunc(l.messages, func(m message) bool { return m.data == nil })
		l.gone = 0
	}
}

// restart drops what a restart drops. Unless the store was closed in order, what is left
// may have been delivered.
func (l *log) restart(inOrder bool) {
	for i := range l.messages {
		m := &l.messages[i]
		if m.volatile {
			l.empty(m)
		}
		m.redelivered = m.redelivered || !inOrder
	}
	l.tidy()
	l.user, l.written = nil, 0
}

// recover tells of runs of messages, interrupted by those with a note that the user wants
// for itself.
func (l *log) recover(r *store.Recovery) {
	var run store.Range
	for i := range l.messages {
		m := &l.messages[i]
		if m.data == nil {
			continue
		}
		if len(m.note) > 0 && r.Noted != nil {
			rec := m.record()
			if r.Noted(&rec) {
				l.tell(r, &run)
				continue
			}
		}
		if run.Count == 0 {
			run.First = m.seq
		}
		run.Last = m.seq
		run.Count++
		run.Timed = run.Timed || m.deadline != 0
		if run.Size += uint64(m.size); run.Count == rangeLength {
			l.tell(r, &run)
		}
	}
	l.tell(r, &run)
}

// rangeLength is the most messages of a range: who reads a range holds its messages.
const rangeLength = 512

func (l *log) tell(r *store.Recovery, run *store.Range) {
	if run.Count > 0 {
		r.Range(*run)
	}
	*run = store.Range{}
}

func (m *message) record() store.Record {
	rec := store.Record{
		Seq: m.seq, Deadline: m.deadline, Volatile: m.volatile, Redelivered: m.redelivered, Data: m.data,
	}
	if len(m.note) > 0 {
		rec.Note = m.note
	}
	if m.body != nil {
		rec.Body = m.body
	}
	return rec
}

// Load visits a run of messages.
func (l *log) Load(first, last uint64, visit func(store.Record) bool) error {
	l.engine.mu.RLock()
	defer l.engine.mu.RUnlock()
	for i := l.index(first); i < len(l.messages) && l.messages[i].seq <= last; i++ {
		if m := &l.messages[i]; m.data != nil && !visit(m.record()) {
			return nil
		}
	}
	return nil
}

// Pick visits single messages.
func (l *log) Pick(positions []uint64, visit func(store.Record)) error {
	l.engine.mu.RLock()
	defer l.engine.mu.RUnlock()
	for _, seq := range positions {
		if m := l.find(seq); m != nil {
			visit(m.record())
		}
	}
	return nil
}
