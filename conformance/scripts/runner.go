// Running scripts: a Runner holds the broker that is judged and the bounds of
// time, Run gives every script a T of its own, waits for its end whatever it
// does, and returns its outcome.

package scripts

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/rabbetmq/rabbet/delay"
)

// Outcome is how a script ended.
type Outcome int

// The outcomes.
const (
	Held         Outcome = iota // the broker behaves as RabbitMQ
	Differed                    // it does not, and Result.Failures says how
	NotOffered                  // it lacks what the script is about
	Inapplicable                // the script is for other versions
)

var outcomeNames = [...]string{"held", "differed", "not offered", "inapplicable"}

// String names the outcome as reports do.
func (o Outcome) String() string {
	if o < 0 || int(o) >= len(outcomeNames) {
		return fmt.Sprintf("Outcome(%d)", int(o))
	}
	return outcomeNames[o]
}

// MarshalText is String.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (o *Outcome) UnmarshalText(text []byte) error {
	i := slices.Index(outcomeNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("conformance: %q is no outcome", text)
	}
	*o = Outcome(i)
	return nil
}

// Result is the outcome of one script.
type Result struct {
	Script   Script
	Outcome  Outcome
	Failures []string // what differed, in order; of other outcomes, the reason
	Elapsed  time.Duration
	// Trace is what was said, of a script that differed, without its clean-up.
	Trace []TraceLine
}

// Runner runs scripts against one broker. Connect makes one. Its methods may
// be called from several goroutines.
type Runner struct {
	hooks    Hooks
	url      string
	uri      amqp.URI
	product  string
	stated   Version // by the broker
	version  Version // that it is judged as
	patience time.Duration
	limit    time.Duration
	clock    delay.Clock
	run      string
	scripts  atomic.Int64
	offersMu sync.Mutex
	offers   map[string]string // by type of queue, why there are none
	policies sync.Mutex        // held while a script changes policies
}

// Options are the bounds of scripts, and what can be done to the broker besides
// speaking AMQP.
type Options struct {
	Patience time.Duration // for one thing to happen, 10 s by default
	Limit    time.Duration // for a whole script, 2 minutes by default
	Profile  string        // to judge the broker as, in the words of the function Profile
	Hooks
}

// Connect opens a connection to the AMQP URL, reads which version of RabbitMQ
// the broker claims to be, and closes it. It fails if there is no broker, if
// it refuses the login, or if it states no version and the options no profile.
func Connect(ctx context.Context, url string, o Options) (*Runner, error) {
	uri, err := amqp.ParseURI(url)
	if err != nil {
		return nil, fmt.Errorf("conformance: %w", err)
	}
	var id [3]byte
	rand.Read(id[:]) // never fails
	r := &Runner{
		hooks: o.Hooks,
		url:   url, uri: uri, clock: delay.Real{},
		patience: positive(o.Patience, 10*time.Second),
		limit:    positive(o.Limit, 2*time.Minute),
		run:      hex.EncodeToString(id[:]),
		offers:   map[string]string{},
	}
	conn, err := amqp.DialConfig(url, amqp.Config{Dial: r.dialer(ctx)})
	if err != nil {
		return nil, fmt.Errorf("conformance: %w", err)
	}
	defer conn.Close()
	r.product, _ = conn.Properties["product"].(string)
	version, _ := conn.Properties["version"].(string)
	if r.stated, err = ParseVersion(version); err != nil && o.Profile == "" {
		return nil, err
	}
	r.version = r.stated
	if o.Profile != "" {
		if r.version, err = Profile(o.Profile); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func positive(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}

// Version is the version of RabbitMQ that the broker is judged as.
func (r *Runner) Version() Version { return r.version }

// Product and Stated are the name and the version that the broker gives itself.
func (r *Runner) Product() string { return r.product }

// Stated is zero if the broker states no version.
func (r *Runner) Stated() Version { return r.stated }

// Location is the broker's URL without user and password.
func (r *Runner) Location() string {
	return fmt.Sprintf("%s://%s:%d/%s", r.uri.Scheme, r.uri.Host, r.uri.Port, strings.TrimPrefix(r.uri.Vhost, "/"))
}

var errLimit = errors.New("the script took longer than it may")

// Run runs one script to its end, clean-up included, and never panics: what a
// script panics with is among its failures.
func (r *Runner) Run(ctx context.Context, s Script) Result {
	if !s.AppliesTo(r.version) {
		return Result{Script: s, Outcome: Inapplicable, Failures: []string{"holds in RabbitMQ " + s.Versions() + ", not in " + r.version.String()}}
	}
	began := r.clock.Now()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	limit := r.clock.AfterFunc(r.limit, func() { cancel(errLimit) })
	defer limit.Stop()

	t := &T{runner: r, script: s, ctx: ctx, number: r.scripts.Add(1), trace: newTrace(r.clock)}
	// Blocking calls of the client know no context; without a socket they end.
	stop := context.AfterFunc(ctx, t.cutConnections)
	defer stop()

	t.guard(func() { s.Run(t) })
	t.cleanUp()
	if err := context.Cause(ctx); err != nil {
		t.Errorf("%v", err)
	}
	result := Result{Script: s, Outcome: t.outcome(), Failures: t.reports(), Elapsed: r.clock.Now().Sub(began)}
	if result.Outcome == Differed {
		result.Trace = t.trace.lines()
	}
	return result
}

// guard runs f on a goroutine of its own, which FailNow may end, and waits.
func (t *T) guard(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if v := recover(); v != nil {
				t.Errorf("panic: %v\n%s", v, debug.Stack())
			}
		}()
		f()
	}()
	<-done
}
