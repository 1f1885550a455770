// Package conformance judges whether an AMQP 0-9-1 broker behaves as RabbitMQ
// does: any broker that listens at an AMQP URL. Run is for a test of yours,
// Connect and Runner.Judge give a Report.
//
// The scripts are in package scripts. Each names the numbered behaviours that it
// covers, uses the official client, or raw frames where that cannot misbehave,
// works under names of its own, and waits for what it expects within a bound. A
// script may judge a broker only because it passes against RabbitMQ itself.
package conformance

import (
	"context"
	"fmt"
	"net"
	"regexp"
	"slices"
	"time"

	"github.com/rabbetmq/rabbet/conformance/scripts"
	"github.com/rabbetmq/rabbet/delay"
)

// What package scripts declares, for those who only run scripts.
type (
	Script    = scripts.Script
	Result    = scripts.Result
	Outcome   = scripts.Outcome
	TraceLine = scripts.TraceLine
	Version   = scripts.Version

	Admin       = scripts.Admin
	AdminError  = scripts.AdminError
	Policy      = scripts.Policy
	Permissions = scripts.Permissions
)

// The outcomes of a script.
const (
	Held         = scripts.Held         // the broker behaves as RabbitMQ does
	Differed     = scripts.Differed     // it does not, and Result.Failures says how
	NotOffered   = scripts.NotOffered   // the broker lacks what the script is about
	Inapplicable = scripts.Inapplicable // the script is for other versions
)

// ErrNotOffered is what an Admin returns for what its broker lacks.
var ErrNotOffered = scripts.ErrNotOffered

// Profile returns the version to judge a broker as: of the series 3.10, 3.13, 4.2
// or 4.3 the latest that the behaviours were read from, or a version in full, such
// as 3.10.8.
func Profile(name string) (Version, error) { return scripts.Profile(name) }

// Matching returns the scripts whose name matches a regular expression, or that
// cover a behaviour whose number it matches from end to end: "EXCH-3" is that
// behaviour, "quorum/" all scripts of that section. An empty expression is all.
func Matching(pattern string) ([]Script, error) {
	name, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("conformance: %w", err)
	}
	number := regexp.MustCompile("^(?:" + pattern + ")$")
	return slices.DeleteFunc(scripts.All(), func(s Script) bool {
		return !name.MatchString(s.Name) && !slices.ContainsFunc(s.Covers, number.MatchString)
	}), nil
}

// Options are the bounds of a run, and what can be done to the broker besides
// speaking AMQP. The zero value is useful: scripts that need a hook which is
// nil end as NotOffered.
type Options struct {
	// Retries is how often Run lets a script that differs try again; none by default. A
	// script that holds then has held: RabbitMQ's processes race, and one of some hundred
	// runs of a few scripts comes out otherwise.
	Retries int
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
	// AckTimeout sets the delivery acknowledgement timeout of channels that are
	// opened later, and looks for late ones about as often. It may start the broker
	// anew, which loses what is not durable.
	AckTimeout func(ctx context.Context, limit time.Duration) error
	// NodeLimit sets a limit of the whole broker for what is opened later, by RabbitMQ's
	// name for it: connection_max, channel_max_per_node, consumer_max_per_channel,
	// cluster_queue_limit or cluster_exchange_limit; negative is none. It may start the
	// broker anew.
	NodeLimit func(ctx context.Context, limit string, n int) error
	// Admin changes what AMQP cannot: policies, virtual hosts, users.
	Admin Admin
}

// Runner runs scripts against one broker. Its methods may be called from several
// goroutines.
type Runner struct {
	*scripts.Runner
	parallel int
	clock    delay.Clock
}

// Connect opens a connection to the AMQP URL, reads which version of RabbitMQ
// the broker claims to be, and closes it. It fails if there is no broker, if
// it refuses the login, or if it states no version and the options no profile.
func Connect(ctx context.Context, url string, o Options) (*Runner, error) {
	r, err := scripts.Connect(ctx, url, scripts.Options{
		Patience: o.Patience, Limit: o.Limit, Profile: o.Profile,
		Hooks: scripts.Hooks{
			Dial: o.Dial, Restart: o.Restart, Kill: o.Kill, Alarm: o.Alarm, AckTimeout: o.AckTimeout,
			NodeLimit: o.NodeLimit, Admin: o.Admin,
		},
	})
	if err != nil {
		return nil, err
	}
	if o.Parallel <= 0 {
		o.Parallel = 16
	}
	return &Runner{Runner: r, parallel: o.Parallel, clock: delay.Real{}}, nil
}
