// Running many scripts: those that get on with each other side by side, then the
// others one at a time. Judge makes a report of it, Run the subtests of a test.

package conformance

import (
	"context"
	"slices"
	"sync"
	"testing"
)

// forEach calls f for each script, at most r.parallel at a time, and for those
// that must be alone one at a time at the end. It stops early when ctx ends.
func (r *Runner) forEach(ctx context.Context, scripts []Script, f func(Script)) {
	queue := make(chan Script)
	var workers sync.WaitGroup
	for range r.parallel {
		workers.Go(func() {
			for s := range queue {
				f(s)
			}
		})
	}
	for _, s := range scripts {
		if !s.Alone && ctx.Err() == nil {
			queue <- s
		}
	}
	close(queue)
	workers.Wait()
	for _, s := range scripts {
		if s.Alone && ctx.Err() == nil {
			f(s)
		}
	}
}

// Judge runs the scripts and reports on them, in their order. Progress, unless it
// is nil, is told of each script when it has ended, never of two at a time. When
// ctx ends, scripts under way are cut off, and those that have not begun are not
// in the report.
func (r *Runner) Judge(ctx context.Context, scripts []Script, progress func(Result)) *Report {
	began := r.clock.Now()
	var mu sync.Mutex
	results := map[string]ScriptReport{}
	r.forEach(ctx, scripts, func(s Script) {
		result := r.Run(ctx, s)
		mu.Lock()
		defer mu.Unlock()
		results[s.Name] = newScriptReport(result)
		if progress != nil {
			progress(result)
		}
	})
	report := r.newReport(began)
	for _, s := range scripts {
		if done, ok := results[s.Name]; ok {
			report.Scripts = append(report.Scripts, done)
		}
	}
	return report
}

// TB is what Run asks of a test that is not a *testing.T.
type TB interface {
	Helper()
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Run judges the broker at an AMQP URL within a test of yours. Each script is a
// subtest if t is a *testing.T: skipped if the broker lacks what it is
// about or if it is for other versions of RabbitMQ, and failed if the broker
// differs, with what was said. Options.Parallel says how many run at a time,
// whatever -parallel says. Options.Pattern picks scripts, as -run does.
func Run(t TB, url string, o Options) {
	t.Helper()
	ctx := context.Background()
	if c, ok := t.(interface{ Context() context.Context }); ok {
		ctx = c.Context()
	}
	scripts, err := Matching(o.Pattern)
	if err != nil {
		t.Fatalf("%v", err)
		return
	}
	runner, err := Connect(ctx, url, o)
	if err != nil {
		t.Fatalf("%v", err)
		return
	}
	t.Logf("%s %s, judged as %s", runner.Product(), runner.Stated(), runner.Version())
	if test, ok := t.(*testing.T); ok {
		runner.forEach(ctx, scripts, func(s Script) {
			test.Run(s.Name, func(t *testing.T) {
				report := newScriptReport(runner.Run(t.Context(), s))
				for range o.Retries {
					if report.Outcome != Differed {
						break
					}
					t.Logf("tried again: %s", report.text())
					report = newScriptReport(runner.Run(t.Context(), s))
				}
				switch report.Outcome {
				case Differed:
					t.Errorf("%s", report.text())
				case NotOffered, Inapplicable:
					t.Skipf("%s: %s", report.Outcome, report.Reason)
				}
			})
		})
		return
	}
	report := runner.Judge(ctx, scripts, nil)
	for _, s := range report.Scripts {
		if s.Outcome == Differed {
			t.Errorf("%s", s.text())
		}
	}
	count := report.Count()
	t.Logf("%d scripts held, %d differed, %d are about what is not offered, %d are for other versions",
		count[Held], count[Differed], count[NotOffered], count[Inapplicable])
}

// Counts are numbers by Outcome.
type Counts [Inapplicable + 1]int

// Count is how many scripts had each outcome.
func (r *Report) Count() (n Counts) {
	for _, s := range r.Scripts {
		n[s.Outcome]++
	}
	return n
}

// Holds reports whether no script differed and at least one held.
func (r *Report) Holds() bool {
	n := r.Count()
	return n[Differed] == 0 && n[Held] > 0
}

// Verdicts returns the outcome of each behaviour that a script of the report covers:
// it differed if any of its scripts did, else held if one did, else it is not
// offered, or for other versions only.
func (r *Report) Verdicts() map[string]Outcome {
	rank := []Outcome{Inapplicable, NotOffered, Held, Differed}
	verdicts := map[string]Outcome{}
	for _, s := range r.Scripts {
		for _, number := range s.Covers {
			before, there := verdicts[number]
			if !there || slices.Index(rank, s.Outcome) > slices.Index(rank, before) {
				verdicts[number] = s.Outcome
			}
		}
	}
	return verdicts
}
