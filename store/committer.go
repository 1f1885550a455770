package store

import (
	"time"

	"github.com/rabbetmq/rabbet/delay"
)

// The committer: the one goroutine that has the engine write.

type committer struct {
	done    chan struct{} // closed when it has ended
	joining map[Participant]struct{}
	planned bool  // the engine has something to write
	lost    error // why the store has given up writing
}

// retryPause is the time between attempts to commit a batch that failed.
const retryPause = 100 * time.Millisecond

func (c *committer) start(s *Store) {
	c.done = make(chan struct{})
	go func() {
		defer close(c.done)
		c.run(s)
	}()
}

// run commits batch after batch until the store closes and nothing is pending.
func (c *committer) run(s *Store) {
	for s.next() {
		c.commit(s)
		s.finish()
	}
	s.tell(ErrClosed, false)
}

// commit writes one batch, trying until it works. Those who wait for it are told
// of the first attempt: a failure is theirs to act on at once. From the second
// attempt on the batch takes in what was appended meanwhile: a message that has been
// consumed drops out, so that a full disk is left with less to write, not with the
// same again. A waiter for what was taken in is told of the next failure.
func (c *committer) commit(s *Store) {
	if c.lost != nil { // what is on disk must stay a prefix of the operations
		s.tell(c.lost, false)
		return
	}
	began := delay.Real{}.Now()
	c.prepare(s, s.current.ops, s.current.joining)
	for attempt := 0; c.planned || len(c.joining) > 0; attempt++ {
		err := c.try(s)
		if err != nil && s.abandoned.Err() != nil {
			s.tell(ErrClosed, false)
			return
		}
		s.note(err)
		if err == nil {
			break
		}
		s.tell(err, attempt > 0)
		if attempt > 0 && s.isClosing() { // the disk does not recover
			c.lost = err
			return
		}
		_ = delay.Wait(s.abandoned, delay.Real{}, retryPause)
		ops, joining := s.merge()
		c.prepare(s, ops, joining)
	}
	s.tell(nil, false)
	s.engine.Done()
	c.planned = false
	clear(c.joining)
	s.adapt(delay.Real{}.Now().Sub(began))
}

// prepare makes operations a part of what is committed next.
func (c *committer) prepare(s *Store, ops []Op, joining []Participant) {
	c.planned = s.engine.Plan(ops) || c.planned
	if len(joining) > 0 {
		c.join(joining)
	}
}

// try is one attempt to commit, none if the store is abandoned.
func (c *committer) try(s *Store) error {
	if s.opts.BeforeCommit != nil {
		if err := s.opts.BeforeCommit(); err != nil {
			return err
		}
	}
	if err := s.abandoned.Err(); err != nil {
		return err
	}
	if err := c.commitOthers(s.opts.Sync == SyncAlways); err != nil {
		return err
	}
	return s.engine.Commit()
}
