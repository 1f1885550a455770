package queue

// A fifo holds items in order of arrival in a chain of chunks, so that no push
// copies what is already there and an emptied part is given back at once. The
// zero value is an empty fifo that owns no memory.

const (
	minChunk = 8   // items in the first chunk of an empty queue
	maxChunk = 512 // items in the chunks of a long one
)

type chunk struct {
	items []Item // filled part; cap is the chunk's size
	next  *chunk
}

type fifo struct {
	head, tail *chunk
	read       int // index of the first item in head
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

func (f *fifo) grow() *chunk {
	size := minChunk
	if f.tail != nil {
		size = min(cap(f.tail.items)*4, maxChunk)
	}
	c := &chunk{items: make([]Item, 0, size)}
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

// advance leaves the used-up head chunk. The last chunk stays for reuse unless
// it is a large one: an idle queue must not hold what a busy hour needed.
func (f *fifo) advance() {
	c := f.head
	f.read = 0
	switch {
	case c.next != nil:
		f.head = c.next
	case cap(c.items) <= maxChunk/4:
		c.items = c.items[:0]
	default:
		f.head, f.tail = nil, nil
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
