// Package settings is what rabbet serve is told: by flags, by variables of the
// environment, and by RabbitMQ's configuration files. One table, Options, says how
// each setting is called in each of the three, what its default is, and whether it
// is secret; help, documentation and checks are made of it.
package settings

import (
	"net"
	"strconv"
	"time"

	"github.com/rabbetmq/rabbet/broker"
)

// Settings are the values, whatever they come from. Defaults has those of a broker
// that is told nothing.
type Settings struct {
	// Profile is the version of RabbitMQ to behave as.
	Profile string
	// NodeName is shown wherever RabbitMQ shows its node; ClusterName in the server
	// properties, "" being the broker's default.
	NodeName, ClusterName string
	// DataDir is the data folder; "" if the user has no home. Memory keeps everything
	// in memory instead.
	DataDir string
	Memory  bool
	// PIDFile is written at the start; "" is none.
	PIDFile string
	// TestControl is where the control for tests listens, "" being nowhere. With
	// ManualClock time stands still until it is moved.
	TestControl string
	ManualClock bool
	// Processors is how many processors the process uses; 0 is as many as the load needs.
	Processors int64
	// CPUProfile is the file that a profile is written to, "" being none.
	CPUProfile string
	// Plugins are the names that enabled_plugins, or its variable, has; nil if
	// neither is there.
	Plugins []string
	// PluginsFile is the path of enabled_plugins, which need not be there.
	PluginsFile string
	// DisabledPlugins are those that would be on by themselves, and were switched off by
	// rabbitmq-plugins disable: they are in the file disabled_plugins beside enabled_plugins.
	DisabledPlugins []string
	// DisabledExchangeTypes are types of exchanges that are refused.
	DisabledExchangeTypes []string
	// EventVHost is the virtual host of amq.rabbitmq.event; "" is the default one.
	EventVHost string

	Listen      Listen
	TLS         TLS
	Access      Access
	Limits      Limits
	Stamps      broker.Stamps // without the node's name
	Definitions Definitions
	Log         Log
	Management  HTTP
	Prometheus  Prometheus
}

// Listen is how AMQP clients reach the broker.
type Listen struct {
	// TCP and TLS are the addresses; Unix the paths of sockets of the machine.
	TCP, TLS []Address
	Unix     []string
	// ProxyProtocol demands a header of the PROXY protocol on each connection.
	ProxyProtocol bool
	// HandshakeTimeout is the time to get to connection.open, TLSHandshakeTimeout
	// that for TLS before it. A negative one is no limit.
	HandshakeTimeout, TLSHandshakeTimeout time.Duration
	// SendTimeout is the time in which a client has to take something of what is written
	// to it.
	SendTimeout time.Duration
	// KeepAlive, SendBuffer and ReceiveBuffer (in bytes, 0 being the system's own) are
	// the options of TCP sockets.
	KeepAlive                 bool
	SendBuffer, ReceiveBuffer int64

	ip           string
	port         int
	flags        []string          // --listen
	tcp, tls     map[string]string // listeners.tcp.NAME, listeners.ssl.NAME
	noTCP, noTLS bool
}

// An Address is a host, "" being every address of the machine, and a port, of which 0
// takes a free one.
type Address struct {
	Host string
	Port int
}

// String is host:port, with [::] for every address, as RabbitMQ logs it.
func (a Address) String() string {
	host := a.Host
	if host == "" {
		host = "::"
	}
	return net.JoinHostPort(host, strconv.Itoa(a.Port))
}

// TLS is how one listener, or one client, speaks TLS.
type TLS struct {
	// CACertFile has the certificates that peers are verified with; CertFile and
	// KeyFile are the own certificate and its key, which Password decrypts.
	CACertFile, CertFile, KeyFile, Password string
	// Verify is verify_peer or verify_none. FailIfNoPeerCert refuses clients without a
	// certificate.
	Verify           string
	FailIfNoPeerCert bool
	// Depth is the most intermediate certificates between a peer's and a known one.
	Depth int64
	// Versions are names such as tlsv1.3, Ciphers names of OpenSSL's or IANA's; none
	// are the defaults.
	Versions, Ciphers []string

	versions, ciphers map[string]string
}

// Access is who may do what.
type Access struct {
	// DefaultUser, DefaultPassword, DefaultVHost, the tags and the permissions are
	// created at the first start. DefaultUserFromEnv says that a variable named the
	// user.
	DefaultUser, DefaultPassword, DefaultVHost string
	DefaultUserFromEnv                         bool
	DefaultTags                                []string
	DefaultPermissions                         Permissions
	// Users are more of them, by name.
	Users map[string]User
	// LoopbackUsers may log in from this machine only.
	LoopbackUsers []string
	// AnonymousUser and AnonymousPassword are for mechanism ANONYMOUS; a user "none"
	// turns it off.
	AnonymousUser, AnonymousPassword string
	// Mechanisms are those of SASL, in the order in which they are offered; none are the
	// profile's.
	Mechanisms []string
	// Backends are asked in turn.
	Backends []Backend
	HTTP     AuthHTTP
	Cache    AuthCache
	// CertLoginFrom says where the user of a certificate is: distinguished_name,
	// common_name or subject_alternative_name, of the type and index given.
	CertLoginFrom, CertLoginSANType string
	CertLoginSANIndex               int64
	// PasswordHashing is sha256, sha512 or md5.
	PasswordHashing string
	// Validator checks new passwords: accept_everything, min_password_length or password_regexp.
	Validator          string
	ValidatorMinLength int64
	ValidatorRegexp    string

	loopback, tags map[string]bool
	mechanisms     map[string]string
	backends       map[string]*Backend
	users          map[string]*userWords
}

// userWords is a User whose tags are a list in text.
type userWords struct {
	User
	tags string
}

// Permissions are three patterns.
type Permissions struct{ Configure, Write, Read string }

// A User is one of default_users.
type User struct {
	Password, VHostPattern string
	Tags                   []string
	Permissions
}

// A Backend says who checks passwords and who permissions: internal, http or cache.
type Backend struct{ AuthN, AuthZ string }

// AuthHTTP is RabbitMQ's HTTP backend.
type AuthHTTP struct {
	Method                                       string // get or post
	UserPath, VHostPath, ResourcePath, TopicPath string
	RequestTimeout, ConnectTimeout               time.Duration
	TLS                                          TLS
	SNI                                          string
	HostnameVerification                         string // wildcard or none
}

// AuthCache is RabbitMQ's cache in front of another backend.
type AuthCache struct {
	Backend       Backend
	TTL           time.Duration
	CacheRefusals bool
}

// Limits are what clients may use.
type Limits struct {
	// Memory and DiskFree are in bytes; 0 is no limit. MemoryRatio is the part of
	// the machine's memory, unless Memory was given; DiskFreeRatio is of that memory too,
	// and 0 unless it was given. MemoryTotal is taken for the machine's memory; 0 asks
	// the machine.
	Memory, DiskFree, MemoryTotal int64
	MemoryRatio, DiskFreeRatio    float64
	// MaxMessageSize is in bytes; 0 is the profile's.
	MaxMessageSize int64
	// ConsumerTimeout is how long a delivery may be out; 0 is for ever.
	ConsumerTimeout time.Duration
	// Heartbeat is the interval that is suggested; 0 is none.
	Heartbeat time.Duration
	// FrameMax and InitialFrameMax are in bytes; an InitialFrameMax of 0 is the profile's.
	FrameMax, InitialFrameMax int64
	// ChannelMax is of one connection, ChannelsPerNode, Connections and
	// ConsumersPerChannel of what their names say; negative ones are no limit.
	ChannelMax                                        int64
	ChannelsPerNode, Connections, ConsumersPerChannel int64
	VHosts, Queues, Exchanges                         int64
	// DefaultQueueType is classic, quorum or stream.
	DefaultQueueType string
	// VHostLimits are for new virtual hosts whose names match,
	// OperatorPolicies are created in them; both by their names.
	VHostLimits      map[string]VHostLimit
	OperatorPolicies map[string]OperatorPolicy

	vhostLimits      map[string]*VHostLimit
	operatorPolicies map[string]*OperatorPolicy
}

// A VHostLimit is one of default_limits.vhosts. Negative numbers are no limit.
type VHostLimit struct {
	Pattern                string
	MaxConnections, Queues int64
}

// An OperatorPolicy is one of default_policies.operator. Its definition has the keys
// that policies have, such as message-ttl.
type OperatorPolicy struct {
	VHostPattern, QueuePattern, ApplyTo string
	Definition                          map[string]any
}

// Definitions is the file that topology and users come from at the start.
type Definitions struct {
	// Path is a JSON file or a folder of such; "" is none.
	Path string
	// SkipIfUnchanged leaves out what was imported already.
	SkipIfUnchanged bool
}

// Log is what is logged, and where.
type Log struct {
	// Level is debug, info, notice, warning, error or critical. Levels are those of
	// categories, such as connection.
	Level  string
	Levels map[string]string
	// Console writes to standard output, or to standard error with Stderr.
	Console, Stderr bool
	ConsoleLevel    string // "" is Level
	// Format is text or json, Color whether levels are in colour on a terminal.
	Format string
	Color  bool
	// File is written to as well, unless it is ""; FileLevel "" is Level. Once it has
	// RotateSize bytes it is renamed, and RotateCount of those are kept.
	File, FileLevel, FileFormat string
	RotateSize, RotateCount     int64
	// Exchange publishes events to amq.rabbitmq.log, of ExchangeLevel and above.
	Exchange                      bool
	ExchangeLevel, ExchangeFormat string

	dir string // of relative names
}

// HTTP is the door of the management API.
type HTTP struct {
	// Enabled reports whether the door is open. Address is where, TLSAddress where with
	// TLS, if TLSEnabled; SetByHand says that somebody chose its port.
	Enabled, TLSEnabled, SetByHand bool
	Address, TLSAddress            Address
	TLS                            TLS
	// PathPrefix goes in front of every path.
	PathPrefix string
	// MaxBodySize is in bytes.
	MaxBodySize int64
	// Origins are those of cross-origin requests, OriginsMaxAge in seconds.
	Origins       []string
	OriginsMaxAge int64
	// RatesMode is basic, detailed or none; DisableStats leaves rates out.
	RatesMode    string
	DisableStats bool
	// LoginSession is how long a login of the page lasts.
	LoginSession time.Duration
	// NoBasicAuth refuses logins by name and password. NoOperatorPolicies refuses
	// changes of operator policies.
	NoBasicAuth, NoOperatorPolicies bool
	// CSP and HSTS are the policies of those headers; "" is the default.
	CSP, HSTS                                       string
	ContentTypeOptions, XSSProtection, FrameOptions string
	IdleTimeout, RequestTimeout                     time.Duration

	origins     map[string]string
	listenerTLS bool
}

// Prometheus is the door of the metrics.
type Prometheus struct {
	Enabled, TLSEnabled, SetByHand bool
	Address, TLSAddress            Address
	TLS                            TLS
	// Path is that of the metrics.
	Path string
	// PerObject has /metrics give one series an object.
	PerObject bool
	// Authentication asks for a login.
	Authentication bool
}
