package store

import (
	"encoding/binary"
	"runtime"
	"slices"
	"sync"
	"weak"
)

// bodyBytes is the size from which on a message's content is kept apart, in a segment:
// once, however many logs have the message. Below it a copy costs less than the
// bookkeeping.
const bodyBytes = 4 << 10

// A place is where a body is. The zero place is none.
type place struct {
	segment, offset, length uint64
	sum                     uint32 // CRC-32C of the body
}

func (p *place) append(b []byte) []byte {
	b = binary.AppendUvarint(b, p.segment)
	b = binary.AppendUvarint(b, p.offset)
	b = binary.AppendUvarint(b, p.length)
	return binary.BigEndian.AppendUint32(b, p.sum)
}

// read reads what append has appended, and returns what follows; nil if it makes no
// sense.
func (p *place) read(b []byte) (rest []byte) {
	for _, field := range []*uint64{&p.segment, &p.offset, &p.length} {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			return nil
		}
		*field, b = v, b[n:]
	}
	if len(b) < sumLen || p.segment == 0 {
		return nil
	}
	p.sum = binary.BigEndian.Uint32(b)
	return b[sumLen:]
}

// A body is the content of a message that is kept apart.
type body struct {
	bodies *bodies
	place  place

	// The rest is guarded by the lock of the bodies.
	content []byte // until it is written
	refs    int    // messages in chunks that have it, those of the plan included
	left    int    // how many times the last of them has gone
	taken   bool   // a message has had it
	gone    bool
}

// An unused body was left without references, for the time that it says.
type unused struct {
	body *body
	left int
}

// Len is the number of bytes.
func (b *body) Len() int { return int(b.place.length) }

// Read reads the content. It fails with ErrDamaged if its checksum is wrong, or if it
// is not there any more.
func (b *body) Read() ([]byte, error) {
	content, err := b.bodies.files.read(&b.place)
	if err != nil {
		return nil, err
	}
	b.bodies.remember(content, b)
	return content, nil
}

// bodies are all bodies of a store: by where they are, and by their content while that
// is in memory, since a message that goes on to another queue brings its content along.
// References are counted in memory alone; opening counts them again.
type bodies struct {
	mu        sync.Mutex
	byPlace   map[position]*body
	byContent map[weak.Pointer[byte]]*body
	files     segments

	// reading is the store's: what is not referred to any more is not removed while
	// someone reads.
	reading *sync.RWMutex
	unused  []unused // once the plan is committed: until then the disk refers to them
	garbage []unused // to be removed
}

// A position identifies a body.
type position struct{ segment, offset uint64 }

func (p *place) position() position { return position{p.segment, p.offset} }

func (bs *bodies) open(dir string, reading *sync.RWMutex) error {
	bs.reading = reading
	bs.byPlace = make(map[position]*body)
	bs.byContent = make(map[weak.Pointer[byte]]*body)
	return bs.files.open(dir)
}

// at is the body at a place. One that is not known is read, or not, as it is.
func (bs *bodies) at(p place) *body {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	if b := bs.byPlace[p.position()]; b != nil {
		return b
	}
	return &body{bodies: bs, place: p, gone: true}
}

// addReference notes at the start that a message has a body.
func (bs *bodies) addReference(p place) {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	b := bs.byPlace[p.position()]
	if b == nil {
		b = &body{bodies: bs, place: p, taken: true}
		bs.byPlace[p.position()] = b
		bs.files.use(p)
	}
	b.refs++
}

// remember lets the content be found as long as it is in memory.
func (bs *bodies) remember(content []byte, b *body) {
	if len(content) == 0 {
		return
	}
	key := weak.Make(&content[0])
	bs.mu.Lock()
	defer bs.mu.Unlock()
	if b.gone {
		return
	}
	if old := bs.byContent[key]; old != nil && !old.gone {
		bs.drop(b)
		return
	}
	bs.byContent[key] = b
	runtime.AddCleanup(&content[0], bs.forget, key)
}

// forget is called some time after a content has left memory.
func (bs *bodies) forget(key weak.Pointer[byte]) {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	b := bs.byContent[key]
	delete(bs.byContent, key)
	if b != nil {
		bs.drop(b)
	}
}

// drop removes a body that was staged and never taken. Any other may be one that the
// disk refers to until the plan is committed, or that is being read: collect removes it.
// Called with the lock held.
func (bs *bodies) drop(b *body) {
	if !b.taken && !b.gone {
		bs.remove(b)
	}
}

// known is the body with a content, or nil. Called with the lock held.
func (bs *bodies) known(content []byte) *body {
	b := bs.byContent[weak.Make(&content[0])]
	if b == nil || b.gone || b.Len() != len(content) {
		return nil
	}
	return b
}

// take is the body of a message that a chunk will have, and reports whether it is new:
// then it has to be written before the chunk.
func (bs *bodies) take(content []byte) (b *body, fresh bool) {
	bs.mu.Lock()
	if b = bs.known(content); b != nil {
		b.refs++
		b.taken = true
		bs.mu.Unlock()
		return b, false
	}
	bs.mu.Unlock()
	b = &body{bodies: bs, content: content, refs: 1, taken: true, place: bs.files.reserve(&bs.files.small, content)}
	bs.mu.Lock()
	bs.byPlace[b.place.position()] = b
	bs.mu.Unlock()
	bs.remember(content, b)
	return b, true
}

// release takes back a reference. What has none is removed by collect.
func (bs *bodies) release(b *body) {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	if b.refs--; b.refs == 0 {
		b.left++
		bs.unused = append(bs.unused, unused{b, b.left})
	}
}

// committed says that the plan has reached the disk, with those of its new bodies that
// it still refers to. The others may never have been written, and cannot be taken.
func (bs *bodies) committed(fresh []*body) {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	for _, b := range fresh {
		if key := weak.Make(&b.content[0]); b.refs == 0 && bs.byContent[key] == b {
			delete(bs.byContent, key)
		}
		b.content = nil
	}
	bs.garbage = append(bs.garbage, bs.unused...)
	clear(bs.unused)
	bs.unused = bs.unused[:0]
}

// collect removes the garbage. It waits until nobody reads, or reports false instead.
func (bs *bodies) collect(wait bool) bool {
	bs.mu.Lock()
	n := len(bs.garbage)
	bs.mu.Unlock()
	if n == 0 {
		return true
	}
	if wait {
		bs.reading.Lock()
	} else if !bs.reading.TryLock() {
		return false
	}
	defer bs.reading.Unlock()
	bs.mu.Lock()
	defer bs.mu.Unlock()
	for _, u := range bs.garbage {
		// It may have been taken again, and even left again by a plan that is not committed.
		if b := u.body; b.refs == 0 && b.left == u.left && !b.gone {
			bs.remove(b)
		}
	}
	clear(bs.garbage)
	bs.garbage = bs.garbage[:0]
	return true
}

// remove gives the space of a body back. Called with the lock held.
func (bs *bodies) remove(b *body) {
	b.gone, b.content = true, nil
	delete(bs.byPlace, b.place.position())
	bs.files.free(b.place)
}

// write writes the bodies that are new and still wanted, and syncs them.
func (bs *bodies) write(list []*body, sync Sync) error {
	var touched []uint64
	for _, b := range list {
		bs.mu.Lock()
		content := b.content
		wanted := content != nil && b.refs > 0
		bs.mu.Unlock()
		if !wanted {
			continue
		}
		if err := bs.files.write(b.place, content); err != nil {
			return err
		}
		if !slices.Contains(touched, b.place.segment) {
			touched = append(touched, b.place.segment)
		}
	}
	if sync == SyncNone {
		return nil
	}
	for _, segment := range touched {
		if err := bs.files.sync(segment); err != nil {
			return err
		}
	}
	return nil
}
