package delayed

import (
	"errors"
	"math"

	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/store"
)

// Recover builds the index from the log: when each message is due is read once, the
// message is not. What is damaged is told and left out. Nothing is due before Resume.
func (q *Queue) Recover() error {
	log, err := q.cfg.Store.Recover(queue.LogOf(q.cfg.ID, 0), func(*store.Record) int { return 0 }, func(store.Range) {})
	if err != nil && !errors.Is(err, store.ErrDamaged) { // Load says it again
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.attach(log)
	q.seq, q.safe = log.Last(), log.Last()
	err = log.Load(0, math.MaxUint64, func(r store.Record) bool {
		q.index.Add(delay.Due{At: fromDeadline(r.Deadline), Seq: r.Seq})
		q.trackStored(r)
		return true
	})
	if errors.Is(err, store.ErrDamaged) {
		q.cfg.Fault(err)
		return nil
	}
	return err
}

// Resume lets what is due go out.
func (q *Queue) Resume() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.arm()
}
