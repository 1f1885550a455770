package queue

import (
	"cmp"
	"errors"
	"slices"

	"github.com/rabbetmq/rabbet/store"
)

// Items that have come back leave memory like those that never went out, when there are
// more of them than the window holds: the item stays, its message goes, and is read again
// ahead of the consumers.

// A behind is a list of returned items that come after those in memory. Those that the
// store has are there without their messages.
type behind struct {
	items  []Item // in delivery order
	loaded int    // of them, those that still have their message
	// held are the bytes of the bodies of returned items that are in memory.
	held int64
	// Items and bytes in memory from which on to look again for what can be paged out:
	// what the store does not have stays.
	nextItems int
	nextBytes int64
}

func bySeq(a, b Item) int { return cmp.Compare(a.Seq, b.Seq) }

// behindFirst reports whether the next item is one of those behind, which front and pop
// do not see.
func (r *readyList) behindFirst() bool {
	return len(r.behind.items) > 0 &&
		(len(r.returned) == 0 || !r.inTurn && r.behind.items[0].Seq < r.returned[0].Seq)
}

// overflows reports whether more returned items are in memory than there should be.
func (r *readyList) overflows(items int, bytes int64) bool {
	b := &r.behind
	return len(r.returned)+b.loaded > max(items, b.nextItems) || b.held > max(bytes, b.nextBytes)
}

// putBehind moves what is more than a part of the window behind the returned items, and
// takes the messages out of memory that the store has for sure. It returns their bytes,
// and reports whether some of them will be there with a commit to come.
func (r *readyList) putBehind(items int, bytes int64, safe func(*Item) bool) (away int64, waits bool) {
	if !r.inTurn {
		slices.SortFunc(r.returned, bySeq) // which is a heap as well
	}
	keep, size := 0, int64(0)
	for keep < len(r.returned) && keep < items && size < bytes {
		size += int64(len(r.returned[keep].Msg.Body))
		keep++
	}
	back := slices.Clone(r.returned[:keep])
	tail := r.returned[keep:]
	var out []Item
	for i := range tail {
		if r.inTurn || safe(&tail[i]) { // in turn nothing may be passed over
			out = append(out, tail[i])
		} else {
			back = append(back, tail[i])
			waits = waits || tail[i].Stored
		}
	}
	r.returned = back
	b := &r.behind
	if r.inTurn {
		b.items = append(out, b.items...)
	} else {
		b.items = merged(out, b.items)
	}
	b.loaded = 0
	for i := range b.items {
		it := &b.items[i]
		switch {
		case it.Msg == nil:
		case safe(it):
			away += int64(len(it.Msg.Body))
			it.measure()
			it.Msg = nil
		default:
			b.loaded++
			waits = true
		}
	}
	b.held -= away
	b.nextItems, b.nextBytes = 2*(len(back)+b.loaded), 2*b.held
	return away, waits
}

// merged are two sorted lists as one.
func merged(a, b []Item) []Item {
	if len(b) == 0 {
		return a
	}
	list := make([]Item, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if a[0].Seq < b[0].Seq {
			list, a = append(list, a[0]), a[1:]
		} else {
			list, b = append(list, b[0]), b[1:]
		}
	}
	return append(append(list, a...), b...)
}

// firstBehind are copies of the first items behind, as many as are read at once.
func (r *readyList) firstBehind() []Item {
	n, size := 0, int64(0)
	for n < len(r.behind.items) && n < maxChunk && size < fullBytes {
		size += int64(r.behind.items[n].size)
		n++
	}
	return slices.Clone(r.behind.items[:n])
}

// takeFront moves items that have been read to the returned ones, as far as they are still
// the first ones behind. It returns how many are done with, of which some may have no
// message, and the bytes that are back.
func (r *readyList) takeFront(read []Item) (n int, back int64) {
	b := &r.behind
	for n < len(read) && n < len(b.items) && b.items[n].Seq == read[n].Seq {
		it := read[n]
		if b.items[n].Msg != nil {
			b.loaded--
		} else {
			back += int64(it.size)
			if it.Msg != nil {
				b.held += int64(it.size)
			}
		}
		n++
		switch {
		case it.Msg == nil:
		case r.inTurn:
			r.returned = append(r.returned, it)
		default:
			r.returned.push(it)
		}
	}
	if b.items = b.items[n:]; len(b.items) == 0 {
		b.items = nil
	}
	return n, back
}

// pageOutReturned takes returned items out of memory that the window has no room for.
// With again it looks at those that were not committed when it last did.
func (q *Classic) pageOutReturned(again bool) {
	b := q.back
	if b == nil || q.deleted || again && !b.waits {
		return
	}
	items, bytes, _ := q.window()
	safe := func(it *Item) bool {
		if !it.Stored {
			return false
		}
		it.level = uint8(q.ready.of(it.Msg))
		return it.Seq <= b.safe[it.level]
	}
	b.waits = b.waits && !again
	for p := q.ready.top; p >= 0; p-- {
		r := q.ready.at(p)
		if r.overflows(items, bytes) || again && len(r.returned)+r.behind.loaded > items/2 {
			away, waits := r.putBehind(items/2, bytes/2, safe)
			q.ready.away += away
			b.waits = b.waits || waits
		}
	}
}

// wantsBack reports whether returned items of a level should be read, ahead of need.
func (q *Classic) wantsBack(r *readyList) bool {
	items, bytes, _ := q.window()
	return r.behindFirst() || len(r.behind.items) > 0 && len(r.returned) < items/4 && r.behind.held < bytes/4
}

// bringBack reads the first returned items of a level that are not in memory. It reports
// whether the store could be read. The lock is let go meanwhile.
func (q *Classic) bringBack(level int, fx *Effects) bool {
	read := q.ready.at(level).firstBehind()
	err := q.unlocked(func() error { return q.back.fill(read) })
	if err != nil || q.deleted {
		return err == nil
	}
	q.areRead(level, read)
	q.tidy(fx)
	return true
}

// areRead takes back what has been read of a level. What is damaged is left out.
func (q *Classic) areRead(level int, read []Item) {
	n, back := q.ready.at(level).takeFront(read)
	q.ready.away -= back
	for i := range read[:n] {
		if read[i].Msg == nil {
			q.ready.lose(&read[i])
		}
	}
}

// find counts an item that a restart has found, without its message.
func (l *levels) find(it *Item) {
	l.n++
	l.body += int64(it.size)
	l.away += int64(it.size)
	if it.Deadline != 0 {
		l.timed++
	}
}

// lose counts an item that cannot be read any more.
func (l *levels) lose(it *Item) {
	l.n--
	l.body -= int64(it.size)
	if it.notes&isPersistent != 0 {
		l.persistent--
		l.persistentBody -= int64(it.size)
	}
	if it.Deadline != 0 {
		l.timed--
	}
}

// fill reads the messages of the items that are without. With an error those that could
// be read are there.
func (b *backing) fill(items []Item) error {
	byLevel := make([][]int, len(b.logs))
	for i := range items {
		if it := &items[i]; it.Msg == nil {
			byLevel[it.level] = append(byLevel[it.level], i)
		}
	}
	var failed error
	for level, list := range byLevel {
		if len(list) == 0 {
			continue
		}
		slices.SortFunc(list, func(i, j int) int { return bySeq(items[i], items[j]) })
		positions := make([]uint64, len(list))
		for n, i := range list {
			positions[n] = items[i].Seq
		}
		var d decoder
		err := b.logs[level].Pick(positions, func(r store.Record) {
			for len(list) > 0 && items[list[0]].Seq < r.Seq {
				list = list[1:]
			}
			if err := d.decode(&r); err != nil {
				failed = cmp.Or(failed, err)
				return
			}
			items[list[0]].Msg = d.last
		})
		failed = cmp.Or(failed, err)
	}
	return failed
}

// unlocked reads without the lock, and holds it again when it returns, or panics: the
// caller's deferred Unlock must find it held. What is damaged is told of, and no error.
func (q *Classic) unlocked(read func() error) error {
	q.mu.Unlock()
	defer q.mu.Lock()
	return q.toldOf(read())
}

// toldOf tells of an error. What is damaged is none then.
func (q *Classic) toldOf(err error) error {
	if err != nil {
		q.env.Fault(q.name, err)
	}
	if errors.Is(err, store.ErrDamaged) {
		return nil
	}
	return err
}
