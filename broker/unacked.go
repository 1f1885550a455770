package broker

import (
	"cmp"
	"math"
	"slices"

	"github.com/rabbetmq/rabbet/broker/internal/topology"
	"github.com/rabbetmq/rabbet/queue"
)

// The list of deliveries that a channel has not settled.

// An unacked is one delivery that awaits its acknowledgement.
type unacked struct {
	tag      uint64
	queue    *topology.Queue // nil marks a settled entry
	consumer *consumer       // nil for basic.get
	item     queue.Item
	shared   bool // counted by the channel's shared limit
}

// consumerTag is empty for what basic.get has fetched.
func (u *unacked) consumerTag() string {
	if u.consumer == nil {
		return ""
	}
	return u.consumer.tag
}

// consumerNumber orders the consumers of a channel as they came, and what basic.get has
// fetched behind them.
func (u *unacked) consumerNumber() uint64 {
	if u.consumer == nil {
		return math.MaxUint64
	}
	return u.consumer.number
}

// keptEntries is the capacity up to which a list that was used up is kept for
// the next use.
const keptEntries = 4096

// An unackedList holds a channel's deliveries in order of tag. Settling one in
// the middle leaves a gap that is closed later, so that acknowledging in
// order, one by one or many at once, costs O(1) a message.
type unackedList struct {
	list []unacked
	head int // entries before it are gone
	gaps int // settled entries from head on
}

func (l *unackedList) len() int { return len(l.list) - l.head - l.gaps }

func (l *unackedList) push(u unacked) {
	if len(l.list) == cap(l.list) && l.head+l.gaps > len(l.list)/2 {
		l.compact()
	}
	l.list = append(l.list, u)
}

// compact moves what is left to the front.
func (l *unackedList) compact() {
	live := l.list[:0]
	for _, u := range l.list[l.head:] {
		if u.queue != nil {
			live = append(live, u)
		}
	}
	clear(l.list[len(live):])
	l.list, l.head, l.gaps = live, 0, 0
}

// find returns the index of a live entry.
func (l *unackedList) find(tag uint64) (int, bool) {
	i, ok := l.index(tag)
	return i, ok && l.list[i].queue != nil
}

// index returns the index of an entry, live or settled.
func (l *unackedList) index(tag uint64) (int, bool) {
	if l.head == len(l.list) {
		return 0, false
	}
	// Tags mostly follow each other without holes.
	i := l.head + int(min(tag-l.list[l.head].tag, uint64(len(l.list)-l.head-1)))
	if l.list[i].tag != tag {
		var ok bool
		i, ok = slices.BinarySearchFunc(l.list[l.head:], tag, func(u unacked, tag uint64) int {
			return cmp.Compare(u.tag, tag)
		})
		return i + l.head, ok
	}
	return i, true
}

// take moves one entry, or with multiple all up to it, to dst. False means
// that the tag is unknown (BASIC-54 to BASIC-56).
func (l *unackedList) take(dst []unacked, tag uint64, multiple bool) ([]unacked, bool) {
	if multiple && tag == 0 {
		return l.takeAll(dst), true
	}
	i, ok := l.find(tag)
	if !ok {
		return dst, false
	}
	if !multiple {
		dst = append(dst, l.list[i])
		l.list[i] = unacked{tag: tag}
		l.gaps++
	} else {
		dst = l.takeUpTo(dst, i+1)
	}
	l.trim()
	return dst, true
}

// takeAll moves every entry to dst.
func (l *unackedList) takeAll(dst []unacked) []unacked {
	dst = l.takeUpTo(dst, len(l.list))
	l.trim()
	return dst
}

func (l *unackedList) takeUpTo(dst []unacked, end int) []unacked {
	for i := l.head; i < end; i++ {
		if l.list[i].queue != nil {
			dst = append(dst, l.list[i])
		} else {
			l.gaps--
		}
		l.list[i] = unacked{}
	}
	l.head = end
	return dst
}

// takeOf moves the entries of one consumer to dst.
func (l *unackedList) takeOf(dst []unacked, s *consumer) []unacked {
	for i := l.head; i < len(l.list); i++ {
		if u := &l.list[i]; u.consumer == s {
			dst = append(dst, *u)
			*u = unacked{tag: u.tag}
			l.gaps++
		}
	}
	l.trim()
	return dst
}

// trim drops settled entries from the front, and the memory of a list that a
// burst had made long.
func (l *unackedList) trim() {
	for l.head < len(l.list) && l.list[l.head].queue == nil {
		l.head++
		l.gaps--
	}
	if l.head == len(l.list) {
		l.list, l.head, l.gaps = l.list[:0], 0, 0
		if cap(l.list) > keptEntries {
			l.list = nil
		}
	}
}

// restore puts entries back that were taken, as a rollback does (BASIC-85), and uses up
// the list. An entry whose gap is still there goes into it, and what was taken from the
// front goes to the front: neither moves the entries that are there.
func (l *unackedList) restore(back []unacked) {
	rest := back[:0]
	for _, u := range back {
		if i, ok := l.index(u.tag); ok {
			l.list[i] = u
			l.gaps--
		} else {
			rest = append(rest, u)
		}
	}
	if len(rest) == 0 {
		return
	}
	byTag := func(a, b unacked) int { return cmp.Compare(a.tag, b.tag) }
	slices.SortFunc(rest, byTag)
	n := len(rest)
	if l.head >= n && (l.head == len(l.list) || rest[n-1].tag < l.list[l.head].tag) {
		l.head -= n
		copy(l.list[l.head:], rest)
		return
	}
	l.compact()
	l.list = append(l.list, rest...)
	slices.SortFunc(l.list, byTag)
}
