package brokertest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
)

// This file makes things go wrong on demand: faults, and what has come of them.

// faults are those of one broker, in the order in which they were added.
type faults struct {
	list atomic.Pointer[[]*Fault] // the active ones; replaced, never changed
	mu   sync.Mutex               // held while list is replaced
	all  []*Fault                 // removed ones too
}

// A Fault is something that goes wrong, as often as it is called for.
type Fault struct {
	mq     *Broker
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

// Fault makes an action befall the calls that match, from now until Remove:
//
//	f := mq.Fault(brokertest.On("basic.publish").Exchange("orders").Nth(3), brokertest.Nack())
//
// Of several faults that a call would meet the one that was added first happens,
// and only that; each counts the calls that match it all the same, so that the
// third publish is the third whatever befell the second. Faults outlast Restart
// and Crash. An action that makes no sense for the method fails the test.
func (mq *Broker) Fault(on Match, do Action) *Fault {
	mq.tb.Helper()
	if err := on.check(); err != nil {
		mq.tb.Fatalf("brokertest: Fault: %v", err)
	}
	if err := do.check(on); err != nil {
		mq.tb.Fatalf("brokertest: Fault: %v", err)
	}
	f := &Fault{mq: mq, match: on, action: do, count: on.counter()}
	mq.faults.mu.Lock()
	defer mq.faults.mu.Unlock()
	mq.faults.all = append(mq.faults.all, f)
	active := append(slices.Clone(mq.faults.active()), f)
	mq.faults.list.Store(&active)
	return f
}

func (fs *faults) active() []*Fault {
	if list := fs.list.Load(); list != nil {
		return *list
	}
	return nil
}

// Faults are all faults that were added, in that order, those that were removed
// too.
func (mq *Broker) Faults() []*Fault {
	mq.faults.mu.Lock()
	defer mq.faults.mu.Unlock()
	return slices.Clone(mq.faults.all)
}

// ClearFaults removes all faults, and forgets them.
func (mq *Broker) ClearFaults() {
	for _, f := range mq.Faults() {
		f.Remove()
	}
	mq.faults.mu.Lock()
	defer mq.faults.mu.Unlock()
	mq.faults.all = slices.DeleteFunc(mq.faults.all, func(f *Fault) bool { return f.Removed() })
}

// decide is the broker's question what is to become of a call.
func (fs *faults) decide(call *broker.Call) (v broker.Verdict) {
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

// Hits is how often the fault has happened.
func (f *Fault) Hits() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hits
}

// Removed tells whether Remove was called.
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
		patience := f.mq.patience()
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
	fs := &f.mq.faults
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
	missed := func(f *Fault) bool { return f.Hits() == 0 }
	if err := mq.wait(context.Background(), func() bool { return !slices.ContainsFunc(faults, missed) }); err != nil {
		mq.tb.Fatalf("want every fault to happen, but some did not%s\n%s", err, faultTable(faults))
	}
}

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
	verdict broker.Verdict
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

// check tells why an action cannot befall what matches.
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
