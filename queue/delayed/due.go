package delayed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/store"
)

// Messages that are due are read, handed on, and only then forgotten, so that a crash
// finds each in one place at least.

// readRetry is the pause before what the store could not read is tried again.
const readRetry = time.Second

// A dueMessage is a message on its way out; nil while it has to be read.
type dueMessage struct {
	delay.Due
	msg *queue.Message
}

// ring is the alarm's call: all that is due goes out, in order.
func (q *Queue) ring() {
	for q.dispatchSome() {
		if q.cfg.Store != nil {
			_ = q.cfg.Store.Wait(context.Background(), nil) // queues must not outrun the disk
		}
	}
}

// dispatchSome sends out one hold's share; true asks for another.
func (q *Queue) dispatchSome() bool {
	q.dispatch.Lock()
	defer q.dispatch.Unlock()
	due := q.take()
	if len(due) == 0 {
		return false
	}
	if err := q.read(due); err != nil {
		q.cfg.Fault(err)
		if !errors.Is(err, store.ErrDamaged) {
			q.giveBack(due)
			return false
		}
	}
	msgs := make([]*queue.Message, 0, len(due))
	for i := range due {
		if due[i].msg != nil {
			msgs = append(msgs, due[i].msg)
		}
	}
	forgotten := q.cfg.Dispatch(msgs)
	forgotten(q.removeDue(due))
	return true
}

// take takes out what is due, or sets the alarm if that is nothing.
func (q *Queue) take() []dueMessage {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ended {
		return nil
	}
	taken := q.index.Take(nil, q.now(), holdLimit)
	if len(taken) == 0 {
		q.arm()
		return nil
	}
	due := make([]dueMessage, len(taken))
	for i, t := range taken {
		due[i] = dueMessage{t, q.held[t.Seq]}
		delete(q.held, t.Seq)
	}
	return due
}

// read gets what is not in memory from the store. What was cancelled or purged
// meanwhile is not there any more, and what is damaged stays there, for a check
// of the store to find.
func (q *Queue) read(due []dueMessage) error {
	var away []*dueMessage
	for i := range due {
		if due[i].msg == nil {
			away = append(away, &due[i])
		}
	}
	if len(away) == 0 {
		return nil
	}
	slices.SortFunc(away, func(a, b *dueMessage) int { return cmp.Compare(a.Seq, b.Seq) })
	positions := make([]uint64, len(away))
	for i, m := range away {
		positions[i] = m.Seq
	}
	next := 0
	return q.log.Pick(positions, func(r store.Record) {
		for away[next].Seq != r.Seq {
			next++
		}
		m, err := q.cfg.Decode(&r)
		if err != nil {
			q.cfg.Fault(fmt.Errorf("%w: message %d: %w", store.ErrDamaged, r.Seq, err))
			return
		}
		away[next].msg = m
	})
}

// giveBack returns what could not be read, to be tried again in a while.
func (q *Queue) giveBack(due []dueMessage) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.gone {
		return
	}
	for _, m := range due {
		q.index.Add(m.Due)
		if m.msg != nil && m.Seq > q.safe {
			q.keepUncommitted(m.Seq, m.msg)
		}
	}
	q.rest = q.cfg.Clock.Now().Add(readRetry)
	q.arm()
}

// removeDue lets the store forget what has gone out, and returns the number of
// messages that still wait.
func (q *Queue) removeDue(due []dueMessage) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range due {
		q.untrack(due[i].Seq)
	}
	if q.log != nil {
		for i := range due {
			if due[i].msg != nil {
				q.app.Remove(q.log, due[i].Seq)
			}
		}
		q.app.Flush()
	}
	return q.index.Len()
}
