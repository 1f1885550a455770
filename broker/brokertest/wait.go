package brokertest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/rabbetmq/rabbet/delay"
)

// defaultPatience bounds a wait: long enough for a machine that is busy with a
// hundred other tests, and only a failure takes that long.
const defaultPatience = 5 * time.Second

// The first look comes at once, the next ones at intervals that grow with the
// wait, so that a short one ends soon and a long one costs little.
const (
	firstInterval = 20 * time.Microsecond
	lastInterval  = 5 * time.Millisecond
)

// deadlineGrace is what a wait leaves of the test's own time for the failure to
// be told.
const deadlineGrace = time.Second

// patience is how long a wait may take.
func (s *Server) patience() time.Duration { return cmp.Or(s.opts.patience, defaultPatience) }

// patience bounds a context that has no deadline: by WithPatience, cut to the
// test's own deadline.
func (v *VHost) patience(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, bounded := ctx.Deadline(); bounded {
		return ctx, func() {}
	}
	patience := v.core.s.patience()
	// A bubble's time and the test's deadline do not go together.
	if t, ok := v.tb.(interface{ Deadline() (time.Time, bool) }); ok && !inBubble() {
		if deadline, ok := t.Deadline(); ok {
			patience = min(patience, deadline.Sub(delay.Real{}.Now())-deadlineGrace)
		}
	}
	return context.WithTimeout(ctx, patience)
}

// wait looks until cond holds, for as long as ctx or else the server's patience
// lasts. The error says how long it took in vain, in words that continue a
// sentence.
func (s *Server) wait(ctx context.Context, cond func() bool) error {
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.patience())
		defer cancel()
	}
	begin := delay.Real{}.Now()
	for interval := firstInterval; !cond(); interval = min(interval*5/4, lastInterval) {
		if err := delay.Wait(ctx, delay.Real{}, interval); err != nil {
			if cond() { // a machine that was asleep must not decide
				return nil
			}
			if errors.Is(err, context.DeadlineExceeded) {
				return fmt.Errorf(" in %v", delay.Real{}.Now().Sub(begin).Round(time.Millisecond))
			}
			return fmt.Errorf(" before the context ended: %w", context.Cause(ctx))
		}
	}
	return nil
}

// inBubble reports whether the caller is in a testing/synctest bubble, which the
// runtime says nowhere but in the first line of a stack trace.
func inBubble() bool {
	var line [128]byte
	n := runtime.Stack(line[:], false)
	head, _, _ := bytes.Cut(line[:n], []byte("]:"))
	return bytes.Contains(head, []byte("synctest"))
}
