package queue

import (
	"encoding/binary"
	"errors"

	"github.com/rabbetmq/rabbet/store"
)

// A noted is what the store keeps of a message of a quorum queue besides the message
// (store.Appender.Note):
//
//	what      1 byte: bit 0 counts follow, bit 1 it waits, bit 2 it is dead, bit 3 it stands
//	          in front of what never went out
//	returned  if counts: uvarint, at most mostCounted
//	acquired  if counts: the same
//	until     if it waits: uvarint, milliseconds since 1970, rounded up
//	reason    if it is dead: 1 byte, an index of reasons
//	died      if it is dead: uvarint, seconds since 1970
//	turn      if it stands in front: uvarint, at most lastTurn: those with lower ones go first
type noted struct {
	returns, acquired uint32
	until             int64 // when it comes back (RETRY-13); 0 is never
	dead              Reason
	died              int64
	turn              uint64 // 0 is in its position
}

const (
	notedCounts = 1 << iota
	notedWait
	notedDeath
	notedTurn

	// mostCounted keeps a count within three bytes, and so a note within store.MaxNote:
	// it is 1 byte, twice 3, and 6 for a time or a turn, or 1 and 5.
	mostCounted = 1<<21 - 1
	lastTurn    = 1<<42 - 1
)

// reasons are those that a note knows, by their number in it.
var reasons = [...]Reason{Rejected, Expired, DeliveryLimit, MaxLen}

// away reports whether the message is not in its position among the ready ones.
func (n *noted) away() bool { return n.until != 0 || n.dead != "" || n.turn != 0 }

func (n *noted) append(b []byte) []byte {
	at := len(b)
	b = append(b, 0)
	if n.returns != 0 || n.acquired != 0 {
		b[at] |= notedCounts
		b = binary.AppendUvarint(b, uint64(min(n.returns, mostCounted)))
		b = binary.AppendUvarint(b, uint64(min(n.acquired, mostCounted)))
	}
	if n.until != 0 {
		b[at] |= notedWait
		b = binary.AppendUvarint(b, uint64((n.until+perMilli-1)/perMilli))
	}
	if n.dead != "" {
		b[at] |= notedDeath
		number := byte(0)
		for i, reason := range reasons {
			if reason == n.dead {
				number = byte(i)
			}
		}
		b = append(b, number)
		b = binary.AppendUvarint(b, uint64(n.died))
	}
	if n.turn != 0 {
		b[at] |= notedTurn
		b = binary.AppendUvarint(b, min(n.turn, lastTurn))
	}
	return b
}

var errNote = errors.New("queue: malformed note in the store")

// CheckNote checks what the store keeps of a message besides the message.
func CheckNote(b []byte) error {
	_, err := parseNote(b)
	return err
}

func parseNote(b []byte) (n noted, err error) {
	if len(b) == 0 || b[0]&^(notedCounts|notedWait|notedDeath|notedTurn) != 0 {
		return n, errNote
	}
	what, b := b[0], b[1:]
	ok := true
	number := func(most uint64) uint64 {
		v, size := binary.Uvarint(b)
		if size <= 0 || v > most {
			ok = false
			return 0
		}
		b = b[size:]
		return v
	}
	if what&notedCounts != 0 {
		n.returns, n.acquired = uint32(number(mostCounted)), uint32(number(mostCounted))
	}
	if what&notedWait != 0 {
		n.until = int64(number(1<<62/perMilli)) * perMilli
		ok = ok && n.until != 0
	}
	if what&notedDeath != 0 {
		if len(b) == 0 || int(b[0]) >= len(reasons) {
			return noted{}, errNote
		}
		n.dead, b = reasons[b[0]], b[1:]
		n.died = int64(number(1<<63 - 1))
	}
	if what&notedTurn != 0 {
		n.turn = number(lastTurn)
		ok = ok && n.turn != 0
	}
	if !ok || len(b) > 0 {
		return noted{}, errNote
	}
	return n, nil
}

// noteReturns has the store keep how often items came back (PERSIST-6), and in what order
// they stand in front of all others, if they do (QUEUE-93).
func (q *Classic) noteReturns(items []Item, inFront bool) {
	if q.back == nil {
		return
	}
	for i := range items {
		if it := &items[i]; it.Stored {
			n := noted{returns: it.Returns, acquired: it.Acquired}
			if inFront {
				q.turns++
				n.turn = q.turns
			}
			q.note(it, &n)
		}
		if i%holdLimit == holdLimit-1 {
			q.back.app.Flush()
		}
	}
}

// note has the store keep something of an item.
func (q *Classic) note(it *Item, n *noted) {
	var b [store.MaxNote]byte
	q.back.app.Note(q.back.log(q, q.levelOf(it)), it.Seq, n.append(b[:0]))
}

// known gives an item what was noted of it. Of one that was out when the broker ended it
// is known that it was (PERSIST-6).
func (it *Item) known(n noted, countFailures bool) {
	it.Returns, it.Acquired = n.returns, n.acquired
	if it.Redelivered && n.returns == 0 && n.acquired == 0 {
		it.Returns = 1
		if countFailures {
			it.Acquired = 1
		}
	}
	it.Redelivered = it.Redelivered || n.returns > 0 || n.acquired > 0
}
