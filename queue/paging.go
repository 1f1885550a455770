package queue

import "github.com/rabbetmq/rabbet/store"

// Long queues leave memory: chunks of items that the store
// has are paged out behind a window, and read back ahead of the consumers.

const (
	// windowItems and windowBytes are what a queue keeps in memory before it
	// begins to page out.
	windowItems = 16 << 10
	windowBytes = 8 << 20
	// keepAhead is the number of chunks at the head that are not paged out,
	// and are read back ahead of need.
	keepAhead = 8
)

// window is what the queue keeps in memory of a level: items and bytes before it
// begins to page out, and the chunks at the head that stay.
func (q *Classic) window() (items int, bytes int64, keep int) {
	if q.set.Lazy {
		return maxChunk, fullBytes, 1
	}
	return windowItems, windowBytes, keepAhead
}

// inMemory reports whether the first item can be had without reading; an empty
// fifo has nothing to read.
func (f *fifo) inMemory() bool { return f.head == nil || f.head.out == nil }

// pageOut pages out the full chunks beyond the first keep, or beyond the window if
// these are large, whose items are all committed.
func (f *fifo) pageOut(committed uint64, keep int) {
	c := f.cursor
	if c == nil {
		bytes := int64(0)
		for c = f.head; c != nil && keep > 0 && bytes < windowBytes; keep-- {
			bytes += c.bytes
			c = c.next
		}
	}
	for ; c != nil && c != f.tail; c = c.next {
		if c.out == nil && c != f.head && c.loose == 0 {
			first, last := &c.items[0], &c.items[len(c.items)-1]
			if last.Seq > committed {
				break
			}
			out := &span{first: first.Seq, last: last.Seq, n: len(c.items)}
			for i := range c.items {
				if c.items[i].Deadline != 0 {
					out.timed++
				}
			}
			c.out, c.items = out, nil
			f.paged += out.n
			f.outBytes += c.bytes
		}
		f.cursor = c
	}
}

// wanted is the first chunk within reach of the consumers that is paged out.
func (f *fifo) wanted() *chunk {
	if f.paged == 0 {
		return nil
	}
	c, bytes := f.head, int64(0)
	for i := 0; c != nil && i < keepAhead && bytes < windowBytes; i++ {
		if c.out != nil {
			return c
		}
		bytes += c.bytes
		c = c.next
	}
	return nil
}

// pageIn puts a chunk's items back. It returns by how many they are fewer than
// expected: a store that is damaged must not stop the queue.
func (f *fifo) pageIn(c *chunk, items []Item) int {
	missing := c.out.n - len(items)
	f.paged -= c.out.n
	f.outBytes -= c.bytes
	f.n -= missing
	c.out, c.items = nil, items
	if f.cursor == c {
		f.cursor = nil
	}
	if len(items) == 0 {
		f.unlink(c)
	}
	return missing
}

// unlink takes an empty chunk out of the chain.
func (f *fifo) unlink(c *chunk) {
	if f.head == c {
		f.head, f.read = c.next, 0
		if c.next == nil {
			*f = fifo{newest: f.newest}
		}
		return
	}
	for p := f.head; p != nil; p = p.next {
		if p.next == c {
			p.next = c.next
			if f.tail == c {
				f.tail = p
			}
			return
		}
	}
}

// recovered appends a span that is in the store alone, at start-up. Short ones
// go into one chunk: a message committed by itself must not cost a chunk.
func (f *fifo) recovered(r store.Range) {
	c := f.tail
	if c == nil || c.out.n+r.Count > maxChunk || c.bytes >= fullBytes {
		c = &chunk{out: &span{first: r.First}}
		if f.tail == nil {
			f.head = c
		} else {
			f.tail.next = c
		}
		f.tail = c
	}
	c.out.last, f.newest = r.Last, r.Last
	c.out.n += r.Count
	if r.Timed {
		c.out.timed += r.Count
	}
	c.bytes += int64(r.Size)
	f.n += r.Count
	f.paged += r.Count
	f.outBytes += int64(r.Size)
}
