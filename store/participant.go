package store

import (
	"errors"
	"sync"
)

// What takes part in a commit with files of its own.

// A Participant keeps data of its own beside the store and has it made safe by the
// store's commits.
type Participant interface {
	// Commit writes all that the participant has been given before its last Enlist,
	// and syncs it if asked to. The committer calls it before it writes its batch, so
	// that nothing in the batch, nor after it, is safe without it. With an error the
	// batch is tried again, and Commit with it.
	Commit(sync bool) error
}

// Enlist makes a participant part of the batch that collects: it is told to Commit
// before anything appended from now on is safe. The bytes that it has to write count
// for Wait.
func (s *Store) Enlist(p Participant, bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	s.pending.joining = append(s.pending.joining, p)
	s.pending.bytes += bytes
	s.pending.firm = true
	s.expedite()
}

func (c *committer) join(ps []Participant) {
	if c.joining == nil {
		c.joining = make(map[Participant]struct{})
	}
	for _, p := range ps {
		c.joining[p] = struct{}{}
	}
}

// commitOthers has the participants of the batch commit, all at once: a disk that
// syncs several files together is asked for them together.
func (c *committer) commitOthers(sync bool) error {
	if len(c.joining) == 1 {
		for p := range c.joining {
			return p.Commit(sync)
		}
	}
	return c.commitAll(sync)
}

// atOnce is how many participants commit at the same time.
const atOnce = 16

func (c *committer) commitAll(doSync bool) error {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failed error
	tokens := make(chan struct{}, atOnce)
	for p := range c.joining {
		tokens <- struct{}{}
		wg.Go(func() {
			defer func() { <-tokens }()
			if err := p.Commit(doSync); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed = errors.Join(failed, err)
			}
		})
	}
	wg.Wait()
	return failed
}
