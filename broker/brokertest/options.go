package brokertest

import (
	"time"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
)

// An Option changes the broker that New starts.
type Option func(*options)

type options struct {
	config broker.Config
	edits  []func(*broker.Config) // made last
	addr   string                 // to listen on; any free port of loopback by default

	secure bool // TLS on the port

	patience time.Duration

	ledger *int // how many publications it keeps; nil is all

	durable bool
	dir     string // of the store; one of its own by default
}

// WithUser makes the broker's user another than guest with the password guest.
func WithUser(name, password string) Option {
	return func(o *options) { o.config.DefaultUser, o.config.DefaultPassword = name, password }
}

// WithVHost makes the default virtual host another than "/". URL leads there,
// and it is where the methods of a Broker look.
func WithVHost(name string) Option {
	return func(o *options) { o.config.DefaultVHost = name }
}

// WithAddr makes the broker listen on a TCP address such as "127.0.0.1:5672",
// at once, for clients that cannot be told the port.
func WithAddr(addr string) Option {
	return func(o *options) { o.addr = addr }
}

// WithProfile makes the broker behave as another version of RabbitMQ does, one
// of broker.Profiles: what an upgrade breaks shows in the tests.
func WithProfile(name string) Option {
	return func(o *options) { o.config.Profile = name }
}

// WithManualClock makes the broker's time stand still until Advance or SetTime
// moves it: time to live, expiry, delays, acknowledgement timeouts. It starts at
// start, or at the time of day. Heartbeats are not part of it: they are between
// the broker and clients whose time goes on.
func WithManualClock(start ...time.Time) Option {
	return func(o *options) {
		now := delay.Real{}.Now()
		if len(start) > 0 {
			now = start[0]
		}
		o.config.Clock = delay.NewManual(now)
	}
}

// WithClock gives the broker a clock, such as a delay.Manual that others use as
// well. One clock may serve many brokers.
func WithClock(clock delay.Clock) Option {
	return func(o *options) { o.config.Clock = clock }
}

// WithConfig edits the broker's configuration after all other options, for what
// they do not cover. It is done again when the broker restarts.
func WithConfig(edit func(*broker.Config)) Option {
	return func(o *options) { o.edits = append(o.edits, edit) }
}

// WithPatience is how long Require, Wait, Get and Next wait for what clients do
// in their own time, in real time: 5 s by default, and never beyond the test's
// deadline. Only a failure takes that long.
func WithPatience(d time.Duration) Option {
	return func(o *options) { o.patience = d }
}
