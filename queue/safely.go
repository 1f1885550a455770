package queue

import (
	"time"

	"github.com/rabbetmq/rabbet/delay"
)

// A quorum queue that dead-letters at least once keeps what has died until its targets
// have confirmed it (DLXALO-6). What waits so is neither ready nor out.

const (
	// safelyWindow is how many letters are under way at a time; the others wait in
	// order (DLXALO-12).
	safelyWindow = 32
	// retryAfter is when a letter that some target has not confirmed is tried again
	// (DLXALO-10).
	retryAfter = 3 * time.Minute
	// safelyInMemory is how many letters keep their message in memory.
	safelyInMemory = 4 * safelyWindow
)

// letters are the dead letters that wait for their targets. The queue's lock guards them.
type letters struct {
	list  []*letter // in the order of their deaths
	bytes int64
	timer delay.Timer
	armed bool
}

// A letter is one that waits.
type letter struct {
	item   Item // without its message while that is in the store alone
	reason Reason
	died   int64 // seconds since 1970
	again  int64 // when it is to be tried again, as deadlines count; 0 is at once
	tries  int
	took   []string // the queues that have confirmed it (DLXALO-14)
	gone   bool
}

// holdSafely keeps an item that has died until its targets have it.
func (q *Classic) holdSafely(it Item, reason Reason, fx *Effects) {
	l := &letter{reason: reason, died: q.env.Clock.Now().Unix()}
	it.measure()
	if it.Stored {
		q.note(&it, &noted{returns: it.Returns, acquired: it.Acquired, dead: reason, died: l.died})
		it.level = uint8(q.levelOf(&it))
		if len(q.letters.list) >= safelyInMemory && it.Seq <= q.back.safe[it.level] {
			it.Msg = nil
		}
	}
	l.item = it
	q.letters.add(l)
	fx.noteDead(q)
}

func (s *letters) add(l *letter) {
	s.list = append(s.list, l)
	s.bytes += int64(l.item.size)
}

// due are the letters under way that are to be tried now.
func (s *letters) due(now int64) (due []*letter) {
	for _, l := range s.list[:min(safelyWindow, len(s.list))] {
		if l.again <= now {
			due = append(due, l)
		}
	}
	return due
}

// next is when the first of the letters under way is to be tried; there must be one.
func (s *letters) next() int64 {
	next := s.list[0].again
	for _, l := range s.list[:min(safelyWindow, len(s.list))] {
		next = min(next, l.again)
	}
	return next
}

// sweep forgets the letters that are done with.
func (s *letters) sweep() {
	kept := s.list[:0]
	for _, l := range s.list {
		if l.gone {
			s.bytes -= int64(l.item.size)
		} else {
			kept = append(kept, l)
		}
	}
	clear(s.list[len(kept):])
	if s.list = kept; len(kept) == 0 {
		s.list = nil
	}
}

// forward has publish try the letters that are due, until those under way all wait. What
// all targets have confirmed leaves the queue. Called without the lock, and with that of
// deadLettering held.
func (q *Classic) forward(publish func([]DeadLetter)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for !q.deleted && q.set.DeadLetterSafely && len(q.letters.list) > 0 {
		due := q.letters.due(q.now())
		if len(due) == 0 || !q.fillLetters(due) {
			break
		}
		tried := make([]DeadLetter, len(due))
		for i, l := range due {
			tried[i] = DeadLetter{
				Queue: q.name, Settings: q.set, Item: l.item, Reason: l.reason,
				Safely: true, Died: l.died, Tries: l.tries, Took: l.took,
			}
		}
		func() {
			q.mu.Unlock()
			defer q.mu.Lock()
			publish(tried)
		}()
		q.areTried(due, tried)
	}
	if !q.deleted && len(q.letters.list) > 0 {
		q.armLetters()
	}
	q.flush()
}

// areTried takes note of the outcome of letters that were published.
func (q *Classic) areTried(due []*letter, tried []DeadLetter) {
	again := q.now() + retryAfter.Microseconds()
	for i, l := range due {
		if l.gone { // with a policy, or the queue, meanwhile
			continue
		}
		l.took, l.again = tried[i].Took, again
		l.tries++
		if l.gone = tried[i].Done; l.gone {
			q.stats.Confirmed++
			if l.item.Stored && !q.deleted {
				q.back.remove(q, &l.item)
			}
		}
	}
	q.letters.sweep()
}

// fillLetters reads the messages of letters that are in the store alone. What is damaged
// is told and given up. It reports whether the store could be read; the lock may be let go.
func (q *Classic) fillLetters(due []*letter) bool {
	var items []Item
	var of []*letter
	for _, l := range due {
		if l.item.Msg == nil {
			items, of = append(items, l.item), append(of, l)
		}
	}
	if len(items) == 0 {
		return true
	}
	if q.unlocked(func() error { return q.back.fill(items) }) != nil {
		return false
	}
	for i, l := range of {
		if l.item.Msg = items[i].Msg; l.item.Msg == nil {
			l.gone = true
		}
	}
	for _, l := range due {
		if l.gone {
			q.letters.sweep()
			return false // the timer comes at once
		}
	}
	return true
}

// armLetters sets the timer for the next try. It is another than that of the deadlines.
func (q *Classic) armLetters() {
	s := &q.letters
	if q.stopped || s.armed {
		return
	}
	s.armed = true
	wait := max(time.Duration(s.next()-q.now())*time.Microsecond, 0)
	if s.timer == nil {
		s.timer = q.env.Clock.AfterFunc(wait, q.tryLetters)
	} else {
		s.timer.Reset(wait)
	}
}

func (q *Classic) tryLetters() {
	var fx Effects
	q.mu.Lock()
	q.letters.armed = false
	if !q.deleted {
		fx.noteDead(q)
	}
	q.mu.Unlock()
	q.env.Perform(&fx)
}

// dropLetters deletes what waits, when a policy has ended dead-lettering at least once
// (DLXALO-20). The caller tells of it when the lock is released.
func (q *Classic) dropLetters() (messages int, bytes int64) {
	s := &q.letters
	messages, bytes = len(s.list), s.bytes
	for _, l := range s.list {
		l.gone = true
		if l.item.Stored {
			q.back.remove(q, &l.item)
		}
	}
	s.sweep()
	return messages, bytes
}

// tellDropped tells of what dropLetters has deleted. No lock is held.
func (q *Classic) tellDropped(messages int, bytes int64) {
	if messages > 0 && q.env.LettersDropped != nil {
		q.env.LettersDropped(q.name, messages, bytes)
	}
}
