package queue

import "slices"

// What is ready at one priority.

// A readyList is what waits for delivery at one priority, in order of
// position: new arrivals in a fifo, returned items in a heap. Whatever was
// delivered came from the front, so every returned item stands before every
// item in the fifo.
//
// In a quorum queue the returned items keep the order of their return
// (QUEUE-93): the heap is a plain list then.
type readyList struct {
	fresh    fifo
	returned seqHeap
	behind   behind
	inTurn   bool // of a quorum queue
}

func (r *readyList) len() int { return r.fresh.len() + len(r.returned) + len(r.behind.items) }

func (r *readyList) push(it Item) { r.fresh.push(it) }

// giveBack puts delivered items where they were (BASIC-58). They come sorted
// by position, and a sorted slice is a heap already: the common case, a whole
// channel's worth returning at once, costs nothing a message.
func (r *readyList) giveBack(items []Item) {
	for i := range items {
		r.behind.held += int64(len(items[i].Msg.Body))
	}
	switch {
	case r.inTurn && len(r.behind.items) > 0:
		r.behind.items = append(r.behind.items, items...)
		r.behind.loaded += len(items)
	case len(r.returned) == 0:
		r.returned = items
	case r.inTurn:
		r.returned = append(r.returned, items...)
	case len(items) < len(r.returned)/16:
		for _, it := range items {
			r.returned.push(it)
		}
	default:
		r.returned = append(r.returned, items...)
		r.returned.init()
	}
}

// putFront puts items back that were taken out, in front of all others.
func (r *readyList) putFront(items []Item) {
	if !r.inTurn {
		r.giveBack(items)
		return
	}
	for i := range items {
		r.behind.held += int64(len(items[i].Msg.Body))
	}
	r.returned = append(items, r.returned...)
}

// front is the next item to deliver; there must be one, in memory.
func (r *readyList) front() *Item {
	if len(r.returned) > 0 {
		return &r.returned[0]
	}
	return r.fresh.front()
}

// pop removes the next item to deliver; there must be one, in memory.
func (r *readyList) pop() Item {
	if len(r.returned) == 0 {
		return r.fresh.pop()
	}
	var it Item
	if r.inTurn {
		it, r.returned[0] = r.returned[0], Item{}
		r.returned = r.returned[1:]
	} else {
		it = r.returned.pop()
	}
	r.behind.held -= int64(len(it.Msg.Body))
	if len(r.returned) == 0 {
		r.returned = nil
		if len(r.behind.items) == 0 {
			r.behind = behind{}
		}
	}
	return it
}

// inMemory reports whether front can be called without reading from the store.
func (r *readyList) inMemory() bool {
	return !r.behindFirst() && (len(r.returned) > 0 || r.fresh.inMemory())
}

// each visits the items in delivery order, and the spans that are paged out, until visit
// or out returns false. A returned item may be without its message.
func (r *readyList) each(visit func(*Item) bool, out func(*span) bool) {
	back := slices.Concat(r.returned, r.behind.items)
	if !r.inTurn {
		slices.SortFunc(back, bySeq)
	}
	for i := range back {
		if !visit(&back[i]) {
			return
		}
	}
	r.fresh.each(visit, out)
}

// seqHeap is a binary heap of items, lowest position first. (container/heap
// allocates for every item.)
type seqHeap []Item

func (h seqHeap) init() {
	for i := len(h)/2 - 1; i >= 0; i-- {
		h.down(i)
	}
}

func (h *seqHeap) push(it Item) {
	*h = append(*h, it)
	s := *h
	for i := len(s) - 1; i > 0; {
		parent := (i - 1) / 2
		if s[parent].Seq < s[i].Seq {
			break
		}
		s[parent], s[i] = s[i], s[parent]
		i = parent
	}
}

func (h *seqHeap) pop() Item {
	s := *h
	it, last := s[0], len(s)-1
	s[0], s[last] = s[last], Item{}
	*h = s[:last]
	h.down(0)
	return it
}

// down moves an item to below all that stand before it.
func (h seqHeap) down(i int) {
	for {
		least := 2*i + 1
		if least >= len(h) {
			return
		}
		if right := least + 1; right < len(h) && h[right].Seq < h[least].Seq {
			least = right
		}
		if h[i].Seq < h[least].Seq {
			return
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
}
