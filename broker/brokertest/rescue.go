package brokertest

import (
	"context"
	"sync"
	"time"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
)

// A rescue lets the clients of a test go that has failed. A connection that is
// blocked by an alarm or a fault, or that a pause holds up, gets no answer to its
// close: a deferred conn.Close would wait until the test binary's time is over, and
// the reason of the failure would not be shown.
type rescue struct {
	mu      sync.Mutex
	cancel  context.CancelFunc // nil if nobody watches
	ended   bool
	running sync.WaitGroup
}

const (
	// rescueInterval is how often a rescue looks whether the test has failed.
	rescueInterval = 50 * time.Millisecond
	// rescueGrace is how long a test that has failed may go on as it was: one that
	// fails by t.Error does.
	rescueGrace = time.Second
)

// watch begins to look whether the test fails. A bubble needs none: it ends when
// all that is in it waits.
func (r *rescue) watch(mq *Broker) {
	if inBubble() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended || r.cancel != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	r.running.Go(func() {
		wait := func(d time.Duration) bool { return delay.Wait(ctx, delay.Real{}, d) == nil }
		for !mq.tb.Failed() {
			if !wait(rescueInterval) {
				return
			}
		}
		if !wait(rescueGrace) {
			return
		}
		links := mq.server.net.all()
		if faulty := mq.server.letGo(); faulty && wait(2*rescueGrace) {
			for _, l := range links { // those that have ended do not mind
				l.reset()
			}
		}
	})
}

// end stops watching.
func (r *rescue) end() {
	r.mu.Lock()
	r.ended = true
	if r.cancel != nil {
		r.cancel()
	}
	r.mu.Unlock()
	r.running.Wait()
}

// letGo ends what keeps the broker from answering its clients. It reports whether a
// fault has happened: what it has swallowed or delays still will not be answered.
func (s *Server) letGo() (faulty bool) {
	for _, f := range s.Faults() {
		faulty = faulty || f.Hits() > 0
		f.Remove()
	}
	s.Resume()
	b := s.Broker()
	for _, a := range []broker.Alarm{broker.MemoryAlarm, broker.DiskAlarm} {
		b.SetAlarm(a, false)
	}
	return faulty
}
