package queue

// A fifo holds items in order of arrival in a chain of chunks, so that no push
// copies what is already there and an emptied part is given back at once. The
// zero value is an empty fifo that owns no memory.

const (
	minChunk  = 8   // items in the first chunk of an empty queue
	maxChunk  = 512 // items in the chunks of a long one
	keepChunk = 32  // items in the largest chunk that is kept when it is used up
)

type chunk struct {
	items []Item // filled part; cap is the chunk's size
	next  *chunk
}

type fifo struct {
	head, tail *chunk
	spare      *chunk // a used-up one, for the next to come
	read       int    // index of the first item in head
	n          int
}

func (f *fifo) len() int { return f.n }

// front is the first item; there must be one.
func (f *fifo) front() *Item { return &f.head.items[f.read] }

func (f *fifo) push(it Item) {
	t := f.tail
	if t == nil || len(t.items) == cap(t.items) {
		t = f.grow()
	}
	t.items = append(t.items, it)
	f.n++
}

// grow adds a chunk as large as all that is there: a queue that stays short
// goes round in two small ones.
func (f *fifo) grow() *chunk {
	size := min(max(minChunk, f.n), maxChunk)
	c := f.spare
	f.spare = nil
	if c == nil || cap(c.items) < size {
		c = &chunk{items: make([]Item, 0, size)}
	}
	if f.tail == nil {
		f.head, f.read = c, 0
	} else {
		f.tail.next = c
	}
	f.tail = c
	return c
}

// pop removes the first item; there must be one.
func (f *fifo) pop() Item {
	c := f.head
	it := c.items[f.read]
	c.items[f.read] = Item{}
	f.read++
	f.n--
	if f.read == len(c.items) {
		f.advance()
	}
	return it
}

// advance leaves the used-up head chunk. It stays for reuse unless it is a
// large one: an idle queue must not hold what a busy hour needed.
func (f *fifo) advance() {
	c, next := f.head, f.head.next
	f.read = 0
	keep := cap(c.items) <= keepChunk
	if keep {
		c.items, c.next = c.items[:0], nil
	}
	switch {
	case next == nil && keep:
		f.spare = nil
	case next == nil:
		*f = fifo{}
	case keep:
		f.head, f.spare = next, c
	default:
		f.head = next
	}
}

// each calls visit for every item in order until it returns false.
func (f *fifo) each(visit func(*Item) bool) {
	from := f.read
	for c := f.head; c != nil; c = c.next {
		for i := from; i < len(c.items); i++ {
			if !visit(&c.items[i]) {
				return
			}
		}
		from = 0
	}
}
