package main

// The ledger of the crash test: what clients know of each message they sent,
// and so what may and must be found after a crash.

import (
	wire "encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"
)

// A fate is what is known of a message's end.
type fate uint8

const (
	pending  fate = iota // nothing has been done to it
	inDoubt              // settled, but nothing told that it is on the disk
	settled              // settled for good
	unwanted             // rolled back: it must never have been there
)

// An entry is one message.
type entry struct {
	producer string
	seq, len int
	home     string // the queue that it was published to
	safe     bool   // its confirm, or commit-ok, was seen
	moving   bool   // it may be in the queue where home's messages go
	known    bool   // it has been with a consumer of home
	fate     fate   // in home
	gone     bool   // it is settled for good where it had moved
}

// A ledger is all messages of a test by their ID. It is safe for concurrent use.
type ledger struct {
	mu       sync.Mutex
	entries  map[string]*entry
	next     map[string]int  // the next number of each producer
	names    map[string]bool // queues that must be there, or must not
	problems []string
}

func newLedger() *ledger {
	return &ledger{entries: make(map[string]*entry), next: make(map[string]int), names: make(map[string]bool)}
}

// newName is a name that was never used.
func (l *ledger) newName() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next["name"]++
	return fmt.Sprint("churn-", l.next["name"])
}

// setName notes that a queue must be there, or must not.
func (l *ledger) setName(name string, there bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.names[name] = there
}

// forgetName notes that a queue may be there or not.
func (l *ledger) forgetName(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.names, name)
}

// maxSize is the length of the longest body.
const maxSize = 20_000

// message makes a producer's next message for a queue. Most are short, so that
// there are many.
func (l *ledger) message(r *rand.Rand, producer, home string) (id string, msg amqp.Publishing) {
	size := r.IntN(200)
	switch r.IntN(20) {
	case 0:
		size = 0
	case 1:
		size = r.IntN(maxSize + 1)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next[producer]++
	id = fmt.Sprintf("%s/%d", producer, l.next[producer])
	l.entries[id] = &entry{producer: producer, seq: l.next[producer], len: size, home: home}
	return id, amqp.Publishing{DeliveryMode: amqp.Persistent, MessageId: id, Body: bodyOf(id, size)}
}

// bodyOf is a body that only the message of this ID has.
func bodyOf(id string, size int) []byte {
	var seed [32]byte
	copy(seed[:], id)
	c := rand.NewChaCha8(seed)
	b := make([]byte, 0, size+8)
	for len(b) < size {
		b = wire.LittleEndian.AppendUint64(b, c.Uint64())
	}
	return b[:size]
}

// mark changes what is known of messages.
func (l *ledger) mark(change func(*entry), ids ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		if e := l.entries[id]; e != nil { // delivered has told of one that is unknown
			change(e)
		}
	}
}

func isSafe(e *entry)     { e.safe = true }
func isInDoubt(e *entry)  { e.fate = inDoubt }
func isSettled(e *entry)  { e.fate = settled }
func isUnwanted(e *entry) { e.fate = unwanted }
func isMoving(e *entry)   { e.moving = true }

// delivered notes that a message has reached a consumer.
func (l *ledger) delivered(queue string, d *amqp.Delivery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.entries[d.MessageId]
	switch {
	case e == nil:
		l.problem("%s in %s was never sent", d.MessageId, queue)
		return
	case e.known && e.home == queue && !d.Redelivered:
		l.problem("%s in %s comes again without the redelivered flag", d.MessageId, queue)
	}
	if e.home == queue {
		e.known = true
	}
}

func (l *ledger) problem(format string, args ...any) {
	if len(l.problems) < 20 {
		l.problems = append(l.problems, fmt.Sprintf(format, args...))
	}
}

// check compares what was found in the queues after a crash with what is known,
// and returns what is wrong. next says where messages of a queue may go;
// ordered, in which queues those of a producer must be in order, each once.
// What may have been there and is not is forgotten.
func (l *ledger) check(found map[string][]amqp.Delivery, next map[string]string, ordered func(queue string) bool) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	seen := make(map[string]bool)
	for queue, deliveries := range found {
		last := make(map[string]int)
		for i := range deliveries {
			l.checkFound(queue, &deliveries[i], next)
			seen[deliveries[i].MessageId] = true
			e := l.entries[deliveries[i].MessageId]
			if e == nil || !ordered(queue) {
				continue
			}
			e.known = true
			if e.seq <= last[e.producer] {
				l.problem("%s of %s: number %d comes after %d", queue, e.producer, e.seq, last[e.producer])
			}
			last[e.producer] = e.seq
		}
	}
	for id, e := range l.entries {
		switch {
		case seen[id]:
			e.safe = true // what a restart has found stays
			if e.fate == inDoubt {
				e.fate = pending
			}
			continue
		case e.safe && e.fate == pending:
			l.problem("%s, confirmed in %s, is lost", id, e.home)
		}
		delete(l.entries, id)
	}
	problems := l.problems
	l.problems = nil
	return problems
}

func (l *ledger) checkFound(queue string, d *amqp.Delivery, next map[string]string) {
	e := l.entries[d.MessageId]
	switch {
	case e == nil:
		l.problem("%s in %s is not there by right: settled in an earlier life, or never sent", d.MessageId, queue)
	case e.fate == settled && queue == e.home, e.gone && queue != e.home:
		l.problem("%s was settled for good and is in %s again", d.MessageId, queue)
	case e.fate == unwanted:
		l.problem("%s was rolled back and is in %s", d.MessageId, queue)
	case queue != e.home && (!e.moving || next[e.home] != queue):
		l.problem("%s belongs in %s and is in %s", d.MessageId, e.home, queue)
	case (e.known || e.fate == inDoubt) && queue == e.home && !d.Redelivered:
		l.problem("%s has been delivered from %s and comes without the redelivered flag", d.MessageId, queue)
	case len(d.Body) != e.len || string(d.Body) != string(bodyOf(d.MessageId, e.len)):
		l.problem("%s in %s has another body", d.MessageId, queue)
	}
}
