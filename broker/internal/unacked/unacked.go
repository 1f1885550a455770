// Package unacked is the list of deliveries that a channel has not settled.
package unacked

import (
	"cmp"
	"iter"
	"slices"

	"github.com/rabbetmq/rabbet/broker/internal/topology"
	"github.com/rabbetmq/rabbet/queue"
)

// A Delivery awaits its acknowledgement. C is the consumers that it may have gone to.
type Delivery[C any] struct {
	Tag      uint64
	Queue    *topology.Queue // nil marks a settled entry
	Consumer *C              // nil for basic.get
	Item     queue.Item
	Shared   bool // counted by the channel's shared limit
}

// KeptEntries is the capacity up to which a list that was used up is kept for
// the next use.
const KeptEntries = 4096

// A List holds a channel's deliveries in order of tag. Settling one in
// the middle leaves a gap that is closed later, so that acknowledging in
// order, one by one or many at once, costs O(1) a message.
type List[C any] struct {
	list []Delivery[C]
	head int // entries before it are gone
	gaps int // settled entries from head on
}

// Len is the number of deliveries.
func (l *List[C]) Len() int { return len(l.list) - l.head - l.gaps }

// Push adds a delivery, whose tag is higher than all before.
func (l *List[C]) Push(u Delivery[C]) {
	if len(l.list) == cap(l.list) && l.head+l.gaps > len(l.list)/2 {
		l.compact()
	}
	l.list = append(l.list, u)
}

// compact moves what is left to the front.
func (l *List[C]) compact() {
	live := l.list[:0]
	for _, u := range l.list[l.head:] {
		if u.Queue != nil {
			live = append(live, u)
		}
	}
	clear(l.list[len(live):])
	l.list, l.head, l.gaps = live, 0, 0
}

// All goes through the deliveries in order of tag.
func (l *List[C]) All() iter.Seq[Delivery[C]] {
	return func(yield func(Delivery[C]) bool) {
		for _, u := range l.list[l.head:] {
			if u.Queue != nil && !yield(u) {
				return
			}
		}
	}
}

// Share notes of each delivery whether the channel's shared limit counts it (BASIC-47: a
// limit that is newly set counts what is unacked already).
func (l *List[C]) Share(counts func(*Delivery[C]) bool) {
	for i := l.head; i < len(l.list); i++ {
		if u := &l.list[i]; u.Queue != nil {
			u.Shared = counts(u)
		}
	}
}

// find returns the index of a live entry.
func (l *List[C]) find(tag uint64) (int, bool) {
	i, ok := l.index(tag)
	return i, ok && l.list[i].Queue != nil
}

// index returns the index of an entry, live or settled.
func (l *List[C]) index(tag uint64) (int, bool) {
	if l.head == len(l.list) {
		return 0, false
	}
	// Tags mostly follow each other without holes.
	i := l.head + int(min(tag-l.list[l.head].Tag, uint64(len(l.list)-l.head-1)))
	if l.list[i].Tag != tag {
		var ok bool
		i, ok = slices.BinarySearchFunc(l.list[l.head:], tag, func(u Delivery[C], tag uint64) int {
			return cmp.Compare(u.Tag, tag)
		})
		return i + l.head, ok
	}
	return i, true
}

// Take moves one entry, or with multiple all up to it, to dst. False means
// that the tag is unknown (BASIC-54 to BASIC-56).
func (l *List[C]) Take(dst []Delivery[C], tag uint64, multiple bool) ([]Delivery[C], bool) {
	if multiple && tag == 0 {
		return l.TakeAll(dst), true
	}
	i, ok := l.find(tag)
	if !ok {
		return dst, false
	}
	if !multiple {
		dst = append(dst, l.list[i])
		l.list[i] = Delivery[C]{Tag: tag}
		l.gaps++
	} else {
		dst = l.takeUpTo(dst, i+1)
	}
	l.trim()
	return dst, true
}

// TakeAll moves every entry to dst.
func (l *List[C]) TakeAll(dst []Delivery[C]) []Delivery[C] {
	dst = l.takeUpTo(dst, len(l.list))
	l.trim()
	return dst
}

func (l *List[C]) takeUpTo(dst []Delivery[C], end int) []Delivery[C] {
	for i := l.head; i < end; i++ {
		if l.list[i].Queue != nil {
			dst = append(dst, l.list[i])
		} else {
			l.gaps--
		}
		l.list[i] = Delivery[C]{}
	}
	l.head = end
	return dst
}

// TakeOf moves the entries of one consumer to dst.
func (l *List[C]) TakeOf(dst []Delivery[C], s *C) []Delivery[C] {
	for i := l.head; i < len(l.list); i++ {
		if u := &l.list[i]; u.Consumer == s {
			dst = append(dst, *u)
			*u = Delivery[C]{Tag: u.Tag}
			l.gaps++
		}
	}
	l.trim()
	return dst
}

// trim drops settled entries from the front, and the memory of a list that a
// burst had made long.
func (l *List[C]) trim() {
	for l.head < len(l.list) && l.list[l.head].Queue == nil {
		l.head++
		l.gaps--
	}
	if l.head == len(l.list) {
		l.list, l.head, l.gaps = l.list[:0], 0, 0
		if cap(l.list) > KeptEntries {
			l.list = nil
		}
	}
}

// Restore puts entries back that were taken, as a rollback does (BASIC-85), and uses up
// the list. An entry whose gap is still there goes into it, and what was taken from the
// front goes to the front: neither moves the entries that are there.
func (l *List[C]) Restore(back []Delivery[C]) {
	rest := back[:0]
	for _, u := range back {
		if i, ok := l.index(u.Tag); ok {
			l.list[i] = u
			l.gaps--
		} else {
			rest = append(rest, u)
		}
	}
	if len(rest) == 0 {
		return
	}
	byTag := func(a, b Delivery[C]) int { return cmp.Compare(a.Tag, b.Tag) }
	slices.SortFunc(rest, byTag)
	n := len(rest)
	if l.head >= n && (l.head == len(l.list) || rest[n-1].Tag < l.list[l.head].Tag) {
		l.head -= n
		copy(l.list[l.head:], rest)
		return
	}
	l.compact()
	l.list = append(l.list, rest...)
	slices.SortFunc(l.list, byTag)
}
