package main

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/machine"
	"github.com/rabbetmq/rabbet/delay"
)

// useProcessors uses as many processors as was asked for, or as the load needs.
func (s *service) useProcessors() (stop func()) {
	log := s.log.Logger
	most := runtime.GOMAXPROCS(0)
	if n := int(s.set.Processors); n > 0 {
		runtime.GOMAXPROCS(n)
		log.Info("Processors", "number", n)
		return func() {}
	}
	if s.getenv("GOMAXPROCS") != "" {
		log.Info("Processors", "number", most, "because", "GOMAXPROCS is set")
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	told := func(n int) { log.Debug("Processors", "number", n) }
	if !machine.FollowLoad(ctx, processorsToCommit(delay.Real{}, &s.commits), told) {
		log.Info("Processors", "number", most, "because", "this system does not say what a process uses")
		return cancel
	}
	log.Info("Processors", "number", "as the load needs", "at_most", most)
	return cancel
}

// committingLasts is how long after a commit the next one is expected.
const committingLasts = time.Second

// processorsToCommit keeps a second processor while messages are written to the disk: a
// commit takes the processor that it runs on into the wait for the disk, and clients that
// wait for the one before are to be served meanwhile.
func processorsToCommit(clock delay.Clock, commits *atomic.Uint64) func() int {
	var seen uint64
	var until time.Time
	return func() int {
		now := clock.Now()
		if n := commits.Load(); n != seen {
			seen, until = n, now.Add(committingLasts)
		}
		if now.Before(until) {
			return 2
		}
		return 1
	}
}
