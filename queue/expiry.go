package queue

import "time"

// This file is time in a queue: messages that expire at the head (QUEUE-53),
// and queues that expire unused (QUEUE-58). One timer serves both; it is set
// for the earliest that may be due and looks again when it fires.

// expireHeads buries what is due at the heads, at most limit items, and
// reports whether it stopped for that limit.
func (q *Queue) expireHeads(limit int, fx *Effects) bool {
	due := q.ready.deadline()
	if due == 0 {
		return false
	}
	now := q.now()
	for ; due != 0 && due <= now; due = q.ready.deadline() {
		if limit--; limit < 0 {
			return true
		}
		q.bury(q.ready.popDue(now), Expired, fx)
	}
	return false
}

// expire buries all that is due at the heads, the new heads included: nobody is
// to get it any more.
func (q *Queue) expire(fx *Effects) {
	for q.expireHeads(holdLimit, fx) {
	}
}

// counting tells whether the queue's own expiry is counting.
func (q *Queue) counting() bool { return q.set.Expires > 0 && len(q.subs) == 0 }

// arm sets the timer for the next deadline, if it is not set for an earlier
// one. Called with the lock held.
func (q *Queue) arm() {
	if q.stopped {
		return
	}
	due := q.ready.deadline()
	if q.counting() {
		if end := q.lastUsed + q.set.Expires; due == 0 || end < due {
			due = end
		}
	}
	if due == 0 || q.armed != 0 && q.armed <= due {
		return
	}
	q.armed = due
	wait := time.Duration(due-q.now()) * time.Millisecond
	if q.timer == nil {
		q.timer = q.env.Clock.AfterFunc(wait, q.fire)
	} else {
		q.timer.Reset(wait)
	}
}

// fire is the timer's call.
func (q *Queue) fire() {
	var fx Effects
	q.mu.Lock()
	q.armed = 0
	for !q.deleted && q.expireHeads(holdLimit, &fx) {
		q.flush()
		q.mu.Unlock()
		q.env.Perform(&fx)
		q.mu.Lock()
	}
	q.flush()
	if !q.deleted {
		if q.counting() && q.lastUsed+q.set.Expires <= q.now() {
			fx.Idle = append(fx.Idle, q)
		} else {
			q.arm()
		}
	}
	q.mu.Unlock()
	q.env.Perform(&fx)
}

// Touch counts as use: a declare, passive included (QUEUE-58).
func (q *Queue) Touch() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.used()
}

// used restarts the queue's own expiry. Called with the lock held.
func (q *Queue) used() {
	if q.set.Expires > 0 {
		q.lastUsed = q.now()
		q.arm()
	}
}

// Stop ends what the queue does by itself: from now on nothing expires in time,
// and the clock does not hold on to the queue. It is for the broker's end, and
// notes in the store what the next start must know.
func (q *Queue) Stop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stop()
	q.noteDelivered()
}

func (q *Queue) stop() {
	q.stopped = true
	if q.timer != nil {
		q.timer.Stop()
	}
}
