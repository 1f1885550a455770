package broker

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/broker/internal/announce"
	"github.com/rabbetmq/rabbet/broker/internal/profile"
	"github.com/rabbetmq/rabbet/broker/tap"
	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/store"
)

// What can be configured, and the defaults.

// Version is the version of RabbitMQ that a broker of the default profile says
// it is and behaves as.
const Version = profile.DefaultVersion

// Profiles are the names that Config.Profile knows, oldest first.
func Profiles() []string { return profile.Names() }

// Config is what a broker is started with. The zero value is RabbitMQ's
// default installation: guest/guest, virtual host "/", its limits.
type Config struct {
	// Profile is the version of RabbitMQ to behave as, one of Profiles: "3.13"
	// by default. What newer ones refuse or do differently is in
	// docs/profiles.md.
	Profile string
	// Clock is the source of time; the wall clock by default.
	Clock delay.Clock
	// PeerClock is the time that the clients live in, which runs what is
	// measured against them: heartbeats, the handshake's limit, how long a
	// closing socket is kept. It is Clock by default; a manual Clock wants
	// delay.Real{} here if the clients' time goes on, or an hour's advance
	// would find them an hour silent. The machine's memory and disk are looked at
	// in real time, whatever the clocks.
	PeerClock delay.Clock
	// Logger gets what RabbitMQ would log; nothing is logged by default.
	Logger *slog.Logger
	// Store keeps durable exchanges, queues and bindings and their persistent
	// messages; without one everything is in memory only. The broker closes it
	// when it ends.
	Store *store.Store
	// DefaultUser, DefaultPassword and DefaultVHost are created at the first start, when
	// there are no users yet: "guest", "guest" and "/" by default. The user has the tags
	// DefaultTags, by default administrator, and in the virtual host DefaultPermission,
	// of which only the expressions count: by default it may do everything.
	DefaultUser, DefaultPassword, DefaultVHost string
	DefaultTags                                []string
	DefaultPermission                          *access.Permission
	// NoDefaults leaves out all of that, for a broker that is given definitions.
	NoDefaults bool
	// VHostDefaults, unless nil, says what a new virtual host of that name gets, that of the
	// first start included, besides what CreateVHost is told. Its error, and a default that
	// is refused, is that of New or CreateVHost; AddVHost logs it. The virtual host is there
	// all the same, as in RabbitMQ.
	VHostDefaults func(vhost string) (VHostDefaults, error)
	// Authenticator makes what decides who may log in and what they may do, for a program
	// that has users of its own. It is given the broker's own database of users, which
	// decides by default, to fall back on.
	Authenticator func(internal access.Authenticator) access.Authenticator
	// Mechanisms are the SASL mechanisms that clients are offered, in that order: PLAIN and
	// AMQPLAIN by default, and ANONYMOUS by profiles from 4.2 on. EXTERNAL, which takes the
	// user from a client's certificate as CertificateUser says, is offered over TLS alone
	// (TLS-15).
	Mechanisms      []string
	CertificateUser access.CertificateUser
	// AnonymousUser and AnonymousPassword are who a client of the mechanism ANONYMOUS is:
	// guest by default (CONN-8).
	AnonymousUser, AnonymousPassword string
	// PasswordHashing is how HashPassword hashes: access.SHA256 by default.
	PasswordHashing access.Hashing
	// CheckPassword, unless nil, is asked by HashPassword whether a user may have a
	// password, as RabbitMQ's credential_validator is.
	CheckPassword func(user, password string) error
	// MemoryLimit is the memory in bytes that the process may use before
	// publishers are blocked, as vm_memory_high_watermark does (CONN-77); 0, the
	// default, is no limit.
	MemoryLimit int64
	// DiskFreeLimit is the free space in bytes below which publishers are
	// blocked: 50,000,000 by default, as disk_free_limit is; negative is no
	// limit. It counts only with a Store.
	DiskFreeLimit int64
	// ClusterName is shown in the server properties; "rabbet" by default.
	ClusterName string
	// LoopbackUsers may log in from this machine only: nil is "guest", and an empty list
	// nobody (CONN-18). GuestFromAnywhere lets "guest" in from other machines where
	// LoopbackUsers is nil.
	LoopbackUsers     []string
	GuestFromAnywhere bool
	// MaxConnections, MaxChannels, MaxVHosts, MaxQueues and MaxExchanges are how many there
	// may be in all, as connection_max, channel_max_per_node, vhost_max (LIMIT-5),
	// cluster_queue_limit and cluster_exchange_limit (LIMIT-7) say; predeclared exchanges
	// count. 0 is no limit, and a negative number lets none come.
	MaxConnections, MaxChannels, MaxVHosts, MaxQueues, MaxExchanges int
	// MaxConsumers is how many consumers a channel may have, as consumer_max_per_channel
	// says (BASIC-33): 0 is no limit, and a negative number lets none come.
	MaxConsumers int
	// ChannelMax is the most channels a connection may open: 2047 by default
	// (CONN-21).
	ChannelMax uint16
	// FrameMax is the largest frame in bytes: 131072 by default (CONN-21), at
	// least the profile's minimum: 4096, or 8192 from 4.2 on (CONN-23).
	FrameMax uint32
	// InitialFrameMax is the largest payload in bytes of a frame that comes before tune-ok:
	// by default the least that FrameMax may be (CONN-26).
	InitialFrameMax uint32
	// Heartbeat is the interval suggested to clients: 60 s by default
	// (CONN-21), whole seconds, at most 65535 s; negative suggests none.
	Heartbeat time.Duration
	// HandshakeTimeout is the time to get to connection.open: 10 s by default
	// (CONN-6).
	HandshakeTimeout time.Duration
	// MuteTimeout is how long a client may neither read nor write, once it has been told of
	// a shutdown, before it is dropped: 700 ms by default; negative waits for it as long as
	// Shutdown's context says (CONN-75).
	MuteTimeout time.Duration
	// SendTimeout is how long a client may take nothing of what the broker writes to it
	// before it is dropped: 30 s by default, as in RabbitMQ, looked at six times in that
	// time; negative is no limit.
	SendTimeout time.Duration
	// MaxMessageSize is the largest body in bytes: by default 134217728, or
	// 16777216 from profile 4.2 on; at most 536870912 (BASIC-7).
	MaxMessageSize int64
	// ConsumerTimeout is how long a delivery may wait for its acknowledgement
	// before its channel is closed: 30 minutes by default (BASIC-65), checked
	// every minute or as often as that; negative is no check at all, of a queue's own timeout
	// neither. Profile 4.3 checks quorum queues only, and cancels the consumer
	// instead if the client understands that (BASIC-66).
	ConsumerTimeout time.Duration
	// DisabledExchangeTypes are types of exchanges, such as "x-random", that are unknown as
	// in a RabbitMQ whose plugin for them is not enabled; all are there by default. Those
	// that exist in the store stay.
	DisabledExchangeTypes []string
	// EventExchange declares amq.rabbitmq.event in the virtual host EventExchangeVHost,
	// the default one by default: a durable topic exchange to which what happens to the
	// broker's objects is published while anything is bound to it, as RabbitMQ's plugin
	// does (EVENT-1). Without it there is no such exchange.
	EventExchange      bool
	EventExchangeVHost string
	// LogExchange, unless nil, declares amq.rabbitmq.log and publishes the log there
	// (LOGX-1). Without it there is no such exchange.
	LogExchange *LogExchange
	// StreamMemoryLimit is the most bytes that each stream holds without a Store: 256 MiB
	// by default. Its oldest segments go when there are more.
	StreamMemoryLimit int64
	// TransientMemory is the most bytes, about, that transient messages of long queues take
	// in memory before they go to the Store, in all queues together: by default a quarter
	// of MemoryLimit, and 256 MiB without one. A queue gets as much as is free then, so one
	// alone has half of it. The first 16,384 messages or 8 MiB of each queue do not count.
	TransientMemory int64
	// MaxUnreadReturns is the number of bytes of returned messages that wait for a client
	// to read them before nothing more is read from it: 160 MiB by default. RabbitMQ has
	// no such limit.
	MaxUnreadReturns int64
	// DefaultPrefetch is the per-consumer prefetch of a channel that has said
	// nothing; 0, the default, is no limit (BASIC-49).
	DefaultPrefetch int
	// Stamps, unless nil, are added to each message that is published; none by default.
	Stamps *Stamps
	// Tap, for tests and tools, is told of what happens to messages and asked about
	// what clients do; none by default.
	Tap *tap.Tap

	userGiven bool // DefaultUser or DefaultPassword
}

// LogExchange says how the log is published to amq.rabbitmq.log.
type LogExchange = announce.LogExchange

// hardMaxMessageSize is the largest MaxMessageSize (LIMIT-8).
const hardMaxMessageSize = 512 << 20

// complete fills in the defaults.
func (cfg *Config) complete(p *profile.Profile) error {
	cfg.userGiven = cfg.DefaultUser != "" || cfg.DefaultPassword != ""
	setDefault(&cfg.DefaultUser, "guest")
	setDefault(&cfg.DefaultPassword, "guest")
	setDefault(&cfg.DefaultVHost, "/")
	setDefault(&cfg.EventExchangeVHost, cfg.DefaultVHost)
	if cfg.AnonymousUser == "" {
		cfg.AnonymousUser, cfg.AnonymousPassword = "guest", "guest"
	}
	for _, m := range cfg.Mechanisms {
		if !slices.Contains([]string{mechanismPlain, mechanismAMQPlain, mechanismAnonymous, mechanismExternal}, m) {
			return fmt.Errorf("broker: %q in Mechanisms is not known", m)
		}
	}
	setDefault(&cfg.DiskFreeLimit, 50_000_000)
	setDefault(&cfg.ClusterName, "rabbet")
	setDefault(&cfg.ChannelMax, 2047)
	setDefault(&cfg.FrameMax, 131072)
	setDefault(&cfg.InitialFrameMax, p.MinFrameMax)
	setDefault(&cfg.Heartbeat, 60*time.Second)
	setDefault(&cfg.HandshakeTimeout, 10*time.Second)
	setDefault(&cfg.MuteTimeout, 700*time.Millisecond)
	setDefault(&cfg.SendTimeout, 30*time.Second)
	setDefault(&cfg.ConsumerTimeout, 30*time.Minute)
	setDefault(&cfg.MaxMessageSize, p.MaxBody)
	setDefault(&cfg.MaxUnreadReturns, 160<<20)
	if cfg.TransientMemory == 0 {
		cfg.TransientMemory = cmp.Or(cfg.MemoryLimit/4, 256<<20)
	}
	if cfg.Clock == nil {
		cfg.Clock = delay.Real{}
	}
	if cfg.PeerClock == nil {
		cfg.PeerClock = cfg.Clock
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	} else {
		cfg.Logger = slog.New(guardedHandler{cfg.Logger.Handler()})
	}
	cfg.Heartbeat = max(0, cfg.Heartbeat.Truncate(time.Second))
	switch {
	case cfg.FrameMax < p.MinFrameMax:
		return fmt.Errorf("broker: FrameMax is below %d", p.MinFrameMax)
	case cfg.Heartbeat > 65535*time.Second:
		return errors.New("broker: Heartbeat is above 65535 s")
	case cfg.MaxMessageSize < 0 || cfg.MaxMessageSize > hardMaxMessageSize:
		return errors.New("broker: MaxMessageSize is not within 0 and 536870912")
	case cfg.HandshakeTimeout < 0:
		return errors.New("broker: HandshakeTimeout is negative")
	case cfg.DefaultPrefetch < 0:
		return errors.New("broker: DefaultPrefetch is negative")
	case cfg.StreamMemoryLimit < 0:
		return errors.New("broker: StreamMemoryLimit is negative")
	case cfg.TransientMemory < 0:
		return errors.New("broker: TransientMemory is negative")
	case cfg.MaxUnreadReturns < 0:
		return errors.New("broker: MaxUnreadReturns is negative")
	}
	return nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// reached reports whether one more than n is above a limit, of which 0 is none and negative
// ones are 0.
func reached(limit, n int) bool { return limit != 0 && n >= max(0, limit) }

// checkSize refuses a body of too many bytes (BASIC-7).
func (cfg *Config) checkSize(size uint64) error {
	limit := uint64(cfg.MaxMessageSize)
	switch {
	case size <= limit:
		return nil
	case limit == hardMaxMessageSize:
		return amqp.Errorf(amqp.PreconditionFailed, "message size %d is larger than max size %d", size, limit)
	}
	return amqp.Errorf(amqp.PreconditionFailed, "message size %d is larger than configured max size %d", size, limit)
}

// The SASL mechanisms.
const (
	mechanismPlain     = "PLAIN"
	mechanismAMQPlain  = "AMQPLAIN"
	mechanismAnonymous = "ANONYMOUS"
	mechanismExternal  = "EXTERNAL"
)
