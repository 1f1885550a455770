package queue

import (
	"time"

	"github.com/rabbetmq/rabbet/delay"
)

// Time in a queue: messages that expire at the head (QUEUE-53),
// and queues that expire unused (QUEUE-58). One timer serves both; it is set
// for the earliest that may be due and looks again when it fires.

// perMilli is a millisecond as deadlines count. They count more finely than
// TTLs do, so that nothing expires a part of a millisecond early.
const perMilli = 1000

// now is the time as deadlines count it, in microseconds since 1970.
func (q *Classic) now() int64 { return q.env.Clock.Now().UnixMicro() }

// expireHead discards what is due at the head, and what comes to the head then,
// until it is not due, or for one hold: then it returns true. In a classic queue
// with priorities there is still but one head, that of the highest; what is due
// at the head of a lower one waits (QUEUE-53, QUEUE-88).
func (q *Classic) expireHead(fx *Effects) bool {
	head, due := q.ready.due()
	if due == 0 {
		return false
	}
	now := q.now()
	for range holdLimit {
		if due == 0 || due > now {
			return false
		}
		q.discard(q.ready.popFrom(head), Expired, fx)
		head, due = q.ready.due()
	}
	return true
}

// counting reports whether the queue's own expiry is counting.
func (q *Classic) counting() bool { return q.set.Expires.ends() && q.subs.n == 0 }

// end is when the queue itself expires, if that is counting.
func (q *Classic) end() int64 { return q.set.Expires.after(q.lastUsed) }

// arm sets the timer for the next deadline, if it is not set for an earlier
// one. Called with the lock held.
func (q *Classic) arm() {
	if q.stopped {
		return
	}
	_, due := q.ready.due()
	if q.counting() {
		if end := q.end(); due == 0 || end < due {
			due = end
		}
	}
	if len(q.late.list) > 0 && (due == 0 || q.late.list[0].until < due) {
		due = q.late.list[0].until
	}
	if due == 0 || q.armed != 0 && q.armed <= due {
		return
	}
	q.armed = due
	now := q.env.Clock.Now() // deadlines count from it as cut to microseconds: nothing is to be early for that
	at := now.Add(time.Duration(due-now.UnixMicro()) * time.Microsecond)
	q.timer = delay.At(q.env.Clock, at, q.timer, q.fire)
}

// fire is the timer's call.
func (q *Classic) fire() {
	var fx Effects
	q.mu.Lock()
	q.armed = 0
	for !q.deleted && (q.expireHead(&fx) || q.comeBack(&fx)) {
		q.flush()
		q.mu.Unlock()
		q.env.Perform(&fx)
		q.mu.Lock()
	}
	q.flush()
	if !q.deleted {
		if q.counting() && q.end() <= q.now() {
			fx.Idle = append(fx.Idle, q)
		} else {
			q.arm()
		}
	}
	q.mu.Unlock()
	q.env.Perform(&fx)
}

// Touch counts as use: a declare, the first and passive ones included (QUEUE-58).
func (q *Classic) Touch() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.used()
}

// used restarts the queue's own expiry. Called with the lock held.
func (q *Classic) used() {
	if q.set.Expires.ends() {
		q.lastUsed = q.now()
		q.arm()
	}
}

// Stop ends what the queue does by itself: from now on nothing expires in time,
// and the clock does not hold on to the queue. It is for the broker's end, and
// notes in the store what the next start must know.
func (q *Classic) Stop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stop()
	q.noteDelivered()
}

func (q *Classic) stop() {
	q.stopped = true
	if q.timer != nil {
		q.timer.Stop()
	}
	if q.letters.timer != nil {
		q.letters.timer.Stop()
	}
}
