package queue

import (
	"container/heap"
	"slices"
)

// A readyList is what waits for delivery at one priority, in order of
// position: new arrivals in a fifo, returned items in a heap. Whatever was
// delivered came from the front, so every returned item stands before every
// item in the fifo.
type readyList struct {
	fresh    fifo
	returned seqHeap
}

func (r *readyList) len() int { return r.fresh.len() + len(r.returned) }

func (r *readyList) push(it Item) { r.fresh.push(it) }

// giveBack puts delivered items where they were (BASIC-58). They come sorted
// by position, and a sorted slice is a heap already: the common case, a whole
// channel's worth returning at once, costs nothing a message.
func (r *readyList) giveBack(items []Item) {
	switch {
	case len(r.returned) == 0:
		r.returned = items
	case len(items) < len(r.returned)/16:
		for _, it := range items {
			heap.Push(&r.returned, it)
		}
	default:
		r.returned = append(r.returned, items...)
		heap.Init(&r.returned)
	}
}

// front is the next item to deliver; there must be one.
func (r *readyList) front() *Item {
	if len(r.returned) > 0 {
		return &r.returned[0]
	}
	return r.fresh.front()
}

// pop removes the next item to deliver; there must be one.
func (r *readyList) pop() Item {
	if len(r.returned) == 0 {
		return r.fresh.pop()
	}
	it := heap.Pop(&r.returned).(Item)
	if len(r.returned) == 0 {
		r.returned = nil
	}
	return it
}

// inMemory tells whether front can be called without reading from the store.
func (r *readyList) inMemory() bool { return len(r.returned) > 0 || r.fresh.inMemory() }

// each visits the items in delivery order, and the spans that are paged out,
// until visit or out returns false.
func (r *readyList) each(visit func(*Item) bool, out func(*span) bool) {
	back := slices.Clone(r.returned)
	slices.SortFunc(back, func(a, b Item) int {
		if a.Seq < b.Seq {
			return -1
		}
		return 1
	})
	for i := range back {
		if !visit(&back[i]) {
			return
		}
	}
	r.fresh.each(visit, out)
}

// seqHeap is a container/heap of items, lowest position first.
type seqHeap []Item

func (h seqHeap) Len() int           { return len(h) }
func (h seqHeap) Less(i, j int) bool { return h[i].Seq < h[j].Seq }
func (h seqHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *seqHeap) Push(x any)        { *h = append(*h, x.(Item)) }

func (h *seqHeap) Pop() any {
	old := *h
	it := old[len(old)-1]
	old[len(old)-1] = Item{}
	*h = old[:len(old)-1]
	return it
}
