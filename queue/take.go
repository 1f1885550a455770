package queue

import "slices"

// A Taker gives out messages by their position, not the first one. Streams do not.
type Taker interface {
	// Take takes those of the positions that are ready, in delivery order, as Get takes
	// the first; what stands before them stays where it is. It looks at no more than
	// TakeReach messages of a priority.
	Take(positions []uint64) []Item
}

// TakeReach is how many messages of a priority Take looks at.
const TakeReach = 100_000

// Take is what an operator does to single messages: see Taker. It costs what all messages
// before the last one cost.
func (q *Classic) Take(positions []uint64) []Item {
	q.mu.Lock()
	defer q.mu.Unlock()
	defer q.flush()
	wanted := slices.Clone(positions)
	slices.Sort(wanted)
	var taken []Item
	for p := q.ready.top; p >= 0 && len(taken) < len(wanted); p-- {
		if q.mayHold(p, wanted) {
			taken = q.takeFrom(p, wanted, taken)
		}
	}
	for i := range taken {
		q.got(&taken[i], false)
		if q.quorum {
			taken[i].notes |= isFromGet
			q.outByGet++
		}
	}
	if len(taken) > 0 {
		q.used()
	}
	return taken
}

// mayHold reports whether a level holds one of the positions, as far as is known without
// reading.
func (q *Classic) mayHold(level int, wanted []uint64) bool {
	found := false
	q.ready.at(level).each(func(it *Item) bool {
		_, found = slices.BinarySearch(wanted, it.Seq)
		return !found
	}, func(s *span) bool {
		i, _ := slices.BinarySearch(wanted, s.first)
		found = i < len(wanted) && wanted[i] <= s.last
		return !found
	})
	return found
}

// takeFrom takes the wanted items out of one level. What comes before them is taken out as
// well and put back.
func (q *Classic) takeFrom(level int, wanted []uint64, taken []Item) []Item {
	r := q.ready.at(level)
	var kept []Item
	for n := 0; n < TakeReach && r.len() > 0 && len(taken) < len(wanted); n++ {
		if !r.inMemory() {
			if !q.bringInLocked(level) {
				break
			}
			continue
		}
		it := q.ready.popFrom(r)
		if _, ok := slices.BinarySearch(wanted, it.Seq); ok {
			taken = append(taken, it)
		} else {
			kept = append(kept, it)
		}
	}
	if len(kept) > 0 {
		for _, it := range kept {
			q.ready.tally(it, 1)
		}
		r.putFront(kept)
	}
	q.ready.top = max(q.ready.top, level)
	return taken
}

// bringInLocked reads the first chunk of a level back, with the lock held as Peek holds it:
// what has been taken out must not be missed by anybody.
func (q *Classic) bringInLocked(level int) bool {
	c := q.head(level).c
	if c == nil {
		read := q.ready.at(level).firstBehind()
		if q.toldOf(q.back.fill(read)) != nil {
			return false
		}
		q.areRead(level, read)
		return true
	}
	timed := c.out.timed
	items, err := q.back.read(level, c.out, c.out.n)
	if q.toldOf(err) != nil {
		return false
	}
	for i := range items {
		if items[i].Deadline != 0 {
			timed--
		}
	}
	q.ready.n -= q.ready.at(level).fresh.pageIn(c, items)
	q.ready.timed -= timed
	return true
}
