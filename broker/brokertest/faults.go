package brokertest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rabbetmq/rabbet/broker/tap"
	"github.com/rabbetmq/rabbet/delay"
)

// faults are those of one broker, in the order in which they were added.
type faults struct {
	list atomic.Pointer[[]*Fault] // the active ones; replaced, never changed
	mu   sync.Mutex               // held while list is replaced
	all  []*Fault                 // removed ones too
}

// A Fault is something that goes wrong, as often as it is called for.
type Fault struct {
	s      *Server
	match  Match
	action Action

	mu      sync.Mutex
	count   counter
	hits    int
	begun   int           // hits whose delay, if they have one, has begun
	changed chan struct{} // closed when begun changes; nil if nobody waits
	removed bool
	blocked []func() // let blocked connections go on
}

// Fault makes an action befall the calls that match, from now until Remove or the
// end of the test:
//
//	f := mq.Fault(brokertest.On("basic.publish").Exchange("orders").Nth(3), brokertest.Nack())
//
// If several faults match the same call, only the one added first takes effect. The
// others still count the call, so that the third publish is the third whatever
// befell the second. Faults outlast Restart and Crash. They see what clients do,
// and not what the test does from Go: mq.Publish, mq.Get and the like. An action
// that makes no sense for the method fails the test.
func (mq *Broker) Fault(on Match, do Action) *Fault {
	mq.tb.Helper()
	f, err := mq.server.Fault(on, do)
	check(mq.tb, err)
	mq.tb.Cleanup(f.Remove)
	mq.rescue.watch(mq)
	return f
}

// Fault fails if the match or the action makes no sense.
func (s *Server) Fault(on Match, do Action) (*Fault, error) {
	if err := on.check(); err != nil {
		return nil, fmt.Errorf("Fault: %w", err)
	}
	if err := do.check(on); err != nil {
		return nil, fmt.Errorf("Fault: %w", err)
	}
	f := &Fault{s: s, match: on, action: do, count: on.counter()}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.all = append(s.faults.all, f)
	active := append(slices.Clone(s.faults.active()), f)
	s.faults.list.Store(&active)
	return f, nil
}

func (fs *faults) active() []*Fault {
	if list := fs.list.Load(); list != nil {
		return *list
	}
	return nil
}

// Faults returns all faults that were added, in that order, those that were removed
// too.
func (mq *Broker) Faults() []*Fault { return mq.server.Faults() }

// Faults returns all faults that were added, in that order, those that were removed
// too.
func (s *Server) Faults() []*Fault {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	return slices.Clone(s.faults.all)
}

// ClearFaults removes all faults, and forgets them.
func (mq *Broker) ClearFaults() { mq.server.ClearFaults() }

// ClearFaults removes all faults, and forgets them.
func (s *Server) ClearFaults() {
	for _, f := range s.Faults() {
		f.Remove()
	}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.all = slices.DeleteFunc(s.faults.all, func(f *Fault) bool { return f.Removed() })
}

// decide is the broker's question what is to become of a call.
func (fs *faults) decide(call *tap.Call) (v tap.Verdict) {
	decided := false
	for _, f := range fs.active() {
		if !f.match.fits(call) {
			continue
		}
		if f.count.due(&f.mu) && !decided && f.hit() {
			decided = true
			v = f.action.verdict
			v.Blocked = f.hold
			if v.Delay > 0 {
				v.Waiting = f.begin
			} else {
				f.begin()
			}
		}
	}
	return v
}

// hit counts a hit; false means that there are none any more.
func (f *Fault) hit() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.removed || f.match.times > 0 && f.hits >= f.match.times {
		return false
	}
	f.hits++
	return true
}

// begin counts a hit that takes effect.
func (f *Fault) begin() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.begun++
	if f.changed != nil {
		close(f.changed)
		f.changed = nil
	}
}

// hold keeps what lets a connection go on that the fault has blocked.
func (f *Fault) hold(release func()) {
	f.mu.Lock()
	removed := f.removed
	if !removed {
		f.blocked = append(f.blocked, release)
	}
	f.mu.Unlock()
	if removed {
		release()
	}
}

// Hits returns how often the fault has happened.
func (f *Fault) Hits() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hits
}

// Removed reports whether Remove was called.
func (f *Fault) Removed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.removed
}

// Wait waits until the fault has happened n times; of one that delays, until the
// delay has begun, so that Advance counts for it. What was done then may still be
// on its way to the client. It fails with the context's error or, if ctx has
// no deadline, when the patience of the test is at its end (WithPatience).
func (f *Fault) Wait(ctx context.Context, n int) error {
	if _, bounded := ctx.Deadline(); !bounded {
		timeout, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		patience := f.s.patience()
		timer := delay.Real{}.AfterFunc(patience, func() { cancel(context.DeadlineExceeded) })
		defer timer.Stop()
		ctx = timeout
	}
	for {
		f.mu.Lock()
		begun := f.begun
		if begun < n && f.changed == nil {
			f.changed = make(chan struct{})
		}
		changed := f.changed
		f.mu.Unlock()
		if begun >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("fault %v: %d of %s: %w", f, f.Hits(), plural(n, "hit"), context.Cause(ctx))
		}
	}
}

// Remove ends the fault, and lets connections go on that it has blocked. Delays
// that have begun go on. Removing it again does nothing.
func (f *Fault) Remove() {
	fs := &f.s.faults
	fs.mu.Lock()
	active := slices.DeleteFunc(slices.Clone(fs.active()), func(other *Fault) bool { return other == f })
	fs.list.Store(&active)
	fs.mu.Unlock()
	f.mu.Lock()
	f.removed = true
	blocked := f.blocked
	f.blocked = nil
	f.mu.Unlock()
	for _, release := range blocked {
		release()
	}
}

// String says what the fault is, such as "nack on basic.publish exchange=orders nth=3".
func (f *Fault) String() string { return f.action.String() + " on " + f.match.String() }

// RequireHits requires that faults have happened, for which it waits a while: a
// test whose fault never happens tests nothing. Without arguments it means all
// faults that were added.
func (mq *Broker) RequireHits(faults ...*Fault) {
	mq.tb.Helper()
	if len(faults) == 0 {
		faults = mq.Faults()
	}
	ctx, cancel := mq.patience(context.Background())
	defer cancel()
	missed := func(f *Fault) bool { return f.Hits() == 0 }
	if err := mq.server.wait(ctx, func() bool { return !slices.ContainsFunc(faults, missed) }); err != nil {
		mq.tb.Fatalf("want every fault to happen, but some did not%s\n%s%s", err, faultTable(faults), clientsOnly)
	}
}

// clientsOnly is what those must know who wonder why a fault does not happen.
const clientsOnly = "  Faults see the calls of clients, not mq.Publish, mq.Get or mq.Consume.\n"

// faultTable shows faults with their numbers.
func faultTable(faults []*Fault) string {
	t := newTable("fault", "on", "calls", "hits")
	for _, f := range faults {
		f.mu.Lock()
		t.row(f.action.String(), f.match.String(), strconv.Itoa(f.count.calls), strconv.Itoa(f.hits))
		f.mu.Unlock()
	}
	return t.String()
}

// An Action is what befalls a call.
type Action struct {
	name    string
	verdict tap.Verdict
	allowed func(method string) bool
}

// After delays an action: the connection waits that long on the broker's clock
// before.
func (a Action) After(d time.Duration) Action {
	a.verdict.Delay = d
	return a
}

// String names the action, such as "nack".
func (a Action) String() string {
	text := a.name
	if v := a.verdict; v.Code != 0 {
		text += " " + strconv.Itoa(int(v.Code)) + " " + strconv.Quote(v.Text)
	}
	if d := a.verdict.Delay; d > 0 {
		text += " after " + d.String()
	}
	return text
}

// check says why an action cannot befall what matches.
func (a Action) check(on Match) error {
	if a.name == "" {
		return fmt.Errorf("the zero Action: use a function such as Nack")
	}
	for _, m := range on.methods {
		if !a.allowed(m) {
			return fmt.Errorf("%s makes no sense for %s", a.name, m)
		}
	}
	if a.verdict.Delay < 0 {
		return fmt.Errorf("%s: %v is no delay", a.name, a.verdict.Delay)
	}
	if len(a.verdict.Text) > 255 {
		return fmt.Errorf("%s: a text has at most 255 bytes, not %d", a.name, len(a.verdict.Text))
	}
	return nil
}
