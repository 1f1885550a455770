package queue

// What is ready at all priorities.

// levels are a queue's ready messages by priority: highest first, in order of
// position within one (QUEUE-86). A queue without x-max-priority has one level
// and pays nothing for the others. In a quorum queue with priorities the levels
// are those of its rule.
type levels struct {
	zero   readyList
	higher []readyList // priorities 1 to x-max-priority
	top    int         // no level above it holds anything
	rule   QuorumPriority
	turn   int // of fairTurns, where two levels take turns
	n      int
	body   int64 // sum of the bodies' bytes
	timed  int   // items with a deadline
	away   int64 // of the bytes, those of returned items that are not in memory

	persistent     int // items with a persistent message
	persistentBody int64
}

func (l *levels) len() int     { return l.n }
func (l *levels) bytes() int64 { return l.body }

func (l *levels) at(p int) *readyList {
	if p == 0 {
		return &l.zero
	}
	return &l.higher[p-1]
}

// of is the level of a message: its priority, or the highest there is.
func (l *levels) of(m *Message) int {
	if l.rule != NoPriority {
		return l.rule.level(m)
	}
	return min(int(m.Priority), len(l.higher))
}

// next is the level whose turn it is: the highest that holds something, the
// lowest if none does.
func (l *levels) next() *readyList { return l.at(l.nextLevel()) }

// nextLevel is the number of the level that next returns.
func (l *levels) nextLevel() int {
	for l.top > 0 && l.higher[l.top-1].len() == 0 {
		l.top--
	}
	if l.rule == FairPriority && l.top < fairLevels && l.turn == fairTurns-1 && l.zero.len() > 0 {
		return 0
	}
	return l.top
}

func (l *levels) push(it Item) {
	p := l.of(it.Msg)
	l.top = max(l.top, p)
	l.at(p).push(it)
	l.tally(it, 1)
}

// tally adds n times an item to the sums of what is ready; n is 1 or -1.
func (l *levels) tally(it Item, n int) {
	l.n += n
	size := int64(n * len(it.Msg.Body))
	l.body += size
	if it.Msg.Persistent {
		l.persistent += n
		l.persistentBody += size
	}
	if it.Deadline != 0 {
		l.timed += n
	}
}

// giveBack returns items, sorted by position, to where they were. The slice is
// the list's from then on.
func (l *levels) giveBack(items []Item) {
	for _, it := range items {
		l.tally(it, 1)
	}
	switch {
	case len(items) == 0:
		return
	case len(l.higher) == 0:
		l.zero.giveBack(items)
		return
	case l.rule != NoPriority: // QUEUE-93: what was returned comes first
		l.top = len(l.higher)
		l.at(l.top).giveBack(items)
		return
	}
	for i := 0; i < len(items); {
		p, j := l.of(items[i].Msg), i+1
		for j < len(items) && l.of(items[j].Msg) == p {
			j++
		}
		l.top = max(l.top, p)
		l.at(p).giveBack(items[i:j:j])
		i = j
	}
}

// inMemory reports whether front and pop can be called without reading from the
// store.
func (l *levels) inMemory() bool { return l.next().inMemory() }

// front is the next item to deliver; there must be one.
func (l *levels) front() *Item { return l.next().front() }

// pop removes the next item to deliver; there must be one.
func (l *levels) pop() Item {
	p := l.nextLevel()
	it := l.at(p).pop()
	l.tally(it, -1)
	if l.rule == FairPriority && p < fairLevels { // what has come back is no turn (QUEUE-90)
		l.turn = (l.turn + 1) % fairTurns
	}
	return it
}

// popFrom removes the first item of a level; there must be one.
func (l *levels) popFrom(r *readyList) Item {
	it := r.pop()
	l.tally(it, -1)
	return it
}

// due is the level whose head is the next to expire, with the deadline; 0 if no
// head has one. Only one head can expire, that of the next item to deliver, but in
// a quorum queue with strict priorities each level's can (QUEUE-60). A head that
// is paged out is on its way in, and looked at then.
func (l *levels) due() (r *readyList, deadline int64) {
	if l.timed == 0 {
		return nil, 0
	}
	if l.rule != StrictPriority {
		if r = l.next(); !r.inMemory() {
			return nil, 0
		}
		return r, r.front().Deadline
	}
	for p := l.top; p >= 0; p-- { // of those due in one millisecond the most urgent is first
		head := l.at(p)
		if head.len() > 0 && head.inMemory() {
			if d := head.front().Deadline; d != 0 && (deadline == 0 || d/perMilli < deadline/perMilli) {
				r, deadline = head, d
			}
		}
	}
	return r, deadline
}

// clear drops everything and keeps the levels.
func (l *levels) clear() {
	empty := func(r *readyList) {
		*r = readyList{fresh: fifo{newest: r.fresh.newest}, inTurn: r.inTurn}
	}
	empty(&l.zero)
	for p := range l.higher {
		empty(&l.higher[p])
	}
	*l = levels{zero: l.zero, higher: l.higher, rule: l.rule, turn: l.turn}
}

// each visits the items in delivery order, returned ones perhaps without their messages,
// and the spans that are paged out with their level, until visit or out returns false.
func (l *levels) each(visit func(*Item) bool, out func(int, *span) bool) {
	more := true
	for p := l.top; p >= 0 && more; p-- {
		l.at(p).each(func(it *Item) bool {
			more = visit(it)
			return more
		}, func(s *span) bool {
			more = out(p, s)
			return more
		})
	}
}
