package queue

// The list that messages arrive in.

// A fifo holds items in order of arrival in a chain of chunks, so that no push
// copies what is already there and an emptied part is given back at once. The
// zero value is an empty fifo that owns no memory.

const (
	minChunk  = 8   // items in the first chunk of an empty queue
	maxChunk  = 512 // items in the chunks of a long one
	keepChunk = 32  // items in the largest chunk that is kept when it is used up
)

type chunk struct {
	items []Item // filled part; cap is the chunk's size; nil while it is paged out
	next  *chunk
	bytes int64 // sum of the bodies
	loose int   // items that the store does not have, or has elsewhere
	out   *span // what the chunk holds, while it is paged out
}

// A span is a run of items that is in the store alone.
type span struct {
	first, last uint64 // positions
	n           int
	timed       int
	dropped     bool // by a purge
}

type fifo struct {
	head, tail *chunk
	spare      *chunk // a used-up one, for the next to come
	read       int    // index of the first item in head
	n          int
	paged      int    // of them, those that are paged out
	outBytes   int64  // the bodies of those
	newest     uint64 // the largest position there was
	cursor     *chunk // chunks before it have been paged out as far as they can be
}

func (f *fifo) len() int { return f.n }

// front is the first item; there must be one.
func (f *fifo) front() *Item { return &f.head.items[f.read] }

func (f *fifo) push(it Item) {
	t := f.tail
	if t == nil || t.full() {
		t = f.grow()
	}
	t.bytes += int64(len(it.Msg.Body))
	if !it.Stored || it.Seq < f.newest {
		t.loose++ // not in the store, or not in its place there
	}
	f.newest = max(f.newest, it.Seq)
	t.items = append(t.items, it)
	f.n++
}

// fullBytes is the size of bodies at which a chunk is full.
const fullBytes = 256 << 10

func (c *chunk) full() bool {
	return c.out != nil || len(c.items) == cap(c.items) || c.bytes >= fullBytes
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
	c.bytes -= int64(len(it.Msg.Body))
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
		c.items, c.next, c.bytes, c.loose = c.items[:0], nil, 0, 0
	}
	if f.cursor == c {
		f.cursor = nil
	}
	switch {
	case next == nil && keep:
		f.spare = nil
	case next == nil:
		*f = fifo{newest: f.newest}
	case keep:
		f.head, f.spare = next, c
	default:
		f.head = next
	}
}

// each calls visit for every item in order, and out for every span that is
// paged out, until one of them returns false.
func (f *fifo) each(visit func(*Item) bool, out func(*span) bool) {
	from := f.read
	for c := f.head; c != nil; c = c.next {
		if c.out != nil && !out(c.out) {
			return
		}
		for i := from; i < len(c.items); i++ {
			if !visit(&c.items[i]) {
				return
			}
		}
		from = 0
	}
}
