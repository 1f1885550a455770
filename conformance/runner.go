// Running scripts: a Runner holds the broker that is judged and the bounds of
// time, Run gives every script a T of its own, waits for its end whatever it
// does, and tells what came of it.

package conformance

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/rabbetmq/rabbet/delay"
)

// Outcome says what came of a script.
type Outcome int

// The outcomes.
const (
	Held         Outcome = iota // the broker behaves as RabbitMQ
	Differed                    // it does not, and Result.Failures says how
	NotOffered                  // it has not got what the script is about
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

// Result is what came of one script.
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
	hooks
	url      string
	uri      amqp.URI
	product  string
	stated   Version // by the broker
	version  Version // that it is judged as
	parallel int
	patience time.Duration
	limit    time.Duration
	clock    delay.Clock
	run      string
	scripts  atomic.Int64
	offersMu sync.Mutex
	offers   map[string]string // by type of queue, why there are none
	policies sync.Mutex        // held while a script changes policies
}

// Options are the bounds of a run, and what can be done to the broker besides
// speaking AMQP. The zero value is useful: scripts that need a hook which is
// nil end as NotOffered.
type Options struct {
	// Patience is how long a script waits for one thing to happen, 10 s by
	// default.
	Patience time.Duration
	// Limit is how long a script may take in all, 2 minutes by default, which is
	// room for two slow hooks. Its connections are cut when it is reached.
	Limit time.Duration
	// Parallel is how many scripts run at the same time, 16 by default.
	Parallel int
	// Profile is the version of RabbitMQ to judge the broker as, in the words of
	// the function Profile; by default the one that it says it is.
	Profile string
	// Pattern picks the scripts that Run runs, in the words of Matching.
	Pattern string
	// Dial opens a connection to the broker, by TCP to the host of the URL if it is
	// nil.
	Dial func(context.Context) (net.Conn, error)
	// Restart ends the broker in order and starts it again at the same URL.
	Restart func(context.Context) error
	// Kill ends the broker as a power cut does and starts it again at the same
	// URL.
	Kill func(context.Context) error
	// Alarm raises or clears the alarm of a resource, "memory" or "disk".
	Alarm func(ctx context.Context, resource string, on bool) error
	// AckTimeout has channels that are opened later wait for acknowledgements for
	// so long and no longer, and look about as often. The broker may be started
	// anew for that, and lose what is not durable.
	AckTimeout func(ctx context.Context, limit time.Duration) error
	// Admin changes what AMQP cannot: policies, virtual hosts, users.
	Admin Admin
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
		hooks: hooks{o.Dial, o.Restart, o.Kill, o.Alarm, o.AckTimeout, o.Admin},
		url:   url, uri: uri, clock: delay.Real{},
		patience: positive(o.Patience, 10*time.Second),
		limit:    positive(o.Limit, 2*time.Minute),
		parallel: positive(o.Parallel, 16),
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

func positive[N int | time.Duration](d, otherwise N) N {
	if d > 0 {
		return d
	}
	return otherwise
}

// Version is the version of RabbitMQ that the broker is judged as.
func (r *Runner) Version() Version { return r.version }

// Product is the broker's name for itself.
func (r *Runner) Product() string { return r.product }

var errLimit = errors.New("the script took longer than it may")

// Run runs one script to its end, clean-up included, and never panics: what a
// script panics with is among its failures.
func (r *Runner) Run(ctx context.Context, s Script) Result {
	if !s.AppliesTo(r.version) {
		return Result{Script: s, Outcome: Inapplicable, Failures: []string{"holds in RabbitMQ " + s.versions() + ", not in " + r.version.String()}}
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
