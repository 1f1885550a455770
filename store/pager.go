package store

import "sync"

// The pager: the goroutine that reads for those who must not
// block.

type pager struct {
	mu   sync.Mutex
	cond sync.Cond
	jobs []func()
	end  bool
	done sync.WaitGroup
}

// Later runs a function on the pager's goroutine, in turn. After Close it is
// not run.
func (s *Store) Later(job func()) {
	p := &s.pager
	p.mu.Lock()
	defer p.mu.Unlock()
	p.jobs = append(p.jobs, job)
	p.cond.Signal()
}

func (p *pager) start() {
	p.cond.L = &p.mu
	p.done.Go(p.run)
}

func (p *pager) run() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		for len(p.jobs) == 0 && !p.end {
			p.cond.Wait()
		}
		if p.end {
			return
		}
		job := p.jobs[0]
		p.jobs[0] = nil
		p.jobs = p.jobs[1:]
		p.mu.Unlock()
		job()
		p.mu.Lock()
	}
}

func (p *pager) stop() {
	p.mu.Lock()
	p.end = true
	p.cond.Signal()
	p.mu.Unlock()
	p.done.Wait()
}
