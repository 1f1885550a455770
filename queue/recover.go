package queue

import (
	"errors"

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
	for level := range q.back.logs {
		list := q.ready.at(level)
		log, err := q.back.store.Recover(q.back.logID(level), bodySize, func(r store.Range) {
			list.fresh.recovered(r)
			q.ready.n += r.Count
			q.ready.body += int64(r.Size)
			if r.Timed {
				q.ready.timed += r.Count
			}
			q.ready.top = max(q.ready.top, level)
		})
		if errors.Is(err, store.ErrDamaged) {
			q.env.Fault(q.name, err)
		} else if err != nil {
			return err
		}
		q.seq = max(q.seq, log.Last())
		q.back.attach(q, level, log)
		q.back.safe[level] = log.Last()
	}
	return nil
}

// Resume lets a recovered queue do what is due, and begins the time for which it may
// stay unused (QUEUE-59). It comes once all queues are recovered: what expires may
// be dead-lettered to any of them.
func (q *Classic) Resume() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.used()
	q.flush()
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
