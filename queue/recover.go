package queue

import (
	"cmp"
	"errors"
	"slices"

	"github.com/rabbetmq/rabbet/store"
)

// This file brings a queue back at the start, and says what a restart must know
// of it.

// Recover takes over what the store has of the queue. It comes before anything
// else is done with it, and reads no bodies. What is damaged is told to Env.Fault and
// left out. What is due meanwhile waits for Resume.
func (q *Classic) Recover() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	var front []returned
	for level := range q.back.logs {
		list := q.ready.at(level)
		log, err := q.back.store.RecoverNoted(q.back.logID(level), bodySize, func(r store.Range) {
			list.fresh.recovered(r)
			q.ready.n += r.Count
			q.ready.body += int64(r.Size)
			q.ready.persistent += r.Count // no other survives (PERSIST-2)
			q.ready.persistentBody += int64(r.Size)
			if r.Timed {
				q.ready.timed += r.Count
			}
			q.ready.top = max(q.ready.top, level)
		}, func(r *store.Record) bool { return q.quorum && q.recoverAway(level, r, &front) })
		if errors.Is(err, store.ErrDamaged) {
			q.env.Fault(q.name, err)
		} else if err != nil {
			return err
		}
		q.seq = max(q.seq, log.Last())
		q.back.attach(q, level, log)
		q.back.safe[level] = log.Last()
	}
	q.recoverFront(front)
	slices.SortFunc(q.letters.list, func(a, b *letter) int { return cmp.Or(cmp.Compare(a.died, b.died), bySeq(a.item, b.item)) })
	return nil
}

// A returned is an item that stands in front of those that never went out.
type returned struct {
	turn uint64
	item Item
}

// recoverFront puts items in front of all others, in the order in which they came back
// (QUEUE-93).
func (q *Classic) recoverFront(list []returned) {
	if len(list) == 0 {
		return
	}
	slices.SortFunc(list, func(a, b returned) int { return cmp.Compare(a.turn, b.turn) })
	q.turns = list[len(list)-1].turn
	items := make([]Item, len(list))
	for i := range list {
		items[i] = list[i].item
		q.ready.find(&items[i])
	}
	q.ready.top = len(q.ready.higher)
	q.ready.at(q.ready.top).behind.items = items
	q.back.holes = true
}

// recoverAway takes a message back that was not in its place: a dead letter that waits for
// its targets (DLXALO-19), one that has to come back (RETRY-13), or one that is to go first.
// It reports whether it is.
func (q *Classic) recoverAway(level int, r *store.Record, front *[]returned) bool {
	n, err := parseNote(r.Note)
	if err != nil || !n.away() { // the check of the store tells of the first
		return false
	}
	it := Item{Seq: r.Seq, Deadline: r.Deadline, Stored: true, Redelivered: true, level: uint8(level), size: uint32(bodySize(r))}
	it.known(n, q.env.CountFailures)
	switch {
	case n.dead != "":
		q.letters.add(&letter{item: it, reason: n.dead, died: n.died})
	case n.until != 0:
		q.late.put(late{it, n.until})
	default:
		*front = append(*front, returned{n.turn, it})
	}
	return true
}

// Resume lets a recovered queue do what is due, and begins the time for which it may
// stay unused (QUEUE-59). It comes once all queues are recovered: what expires may
// be dead-lettered to any of them.
func (q *Classic) Resume() { q.tellDropped(q.resume()) }

func (q *Classic) resume() (messages int, bytes int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.used()
	if !q.set.DeadLetterSafely { // a definition that came with the start, say
		messages, bytes = q.dropLetters()
	}
	if len(q.letters.list) > 0 {
		q.armLetters()
	}
	q.arm()
	q.flush()
	return messages, bytes
}

// noteDelivered tells the store which of the ready messages have been with a
// client, for the next start after an orderly stop (PERSIST-5).
func (q *Classic) noteDelivered() {
	if q.back == nil || q.deleted {
		return
	}
	q.ready.each(func(it *Item) bool {
		if it.Stored && it.Redelivered {
			q.back.app.Flag(q.back.log(q, q.levelOf(it)), it.Seq)
		}
		return true
	}, func(int, *span) bool { return true })
	q.back.app.Flush()
}
