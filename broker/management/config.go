package management

import (
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/rabbetmq/rabbet/broker/shovel"
	"github.com/rabbetmq/rabbet/delay"
)

// Config is how the API is served. The zero value is RabbitMQ's default.
type Config struct {
	// Clock is the time that statistics live in: their samples and time stamps. It
	// should be the broker's; the wall clock by default.
	Clock delay.Clock
	// Logger gets failed logins and failures of the server; nothing is logged by
	// default.
	Logger *slog.Logger
	// NodeName is the name of the one node, "rabbit@localhost" by default.
	NodeName string
	// PathPrefix goes before every path, as management.path_prefix does; none by
	// default.
	PathPrefix string
	// Page serves what is not the API: the page in the browser. Without one "/" is not
	// found.
	Page http.Handler
	// Metrics answers /metrics and what is below it on the API's own listener, as the
	// Prometheus plugin does on its own; none by default.
	Metrics http.Handler
	// MaxBodySize is the largest body of a request in bytes, 20,000,000 by default, as
	// management.http.max_body_size is.
	MaxBodySize int64
	// LoginSessionTimeout is how long the page keeps a login; 0, the default, does not
	// tell it.
	LoginSessionTimeout time.Duration
	// Origins are the web origins that may call the API from a browser, "*" being all of
	// them; none by default. They are management.cors.allow_origins.
	Origins []string
	// OriginMaxAge is how long a browser may remember that, 30 minutes by default;
	// negative does not say.
	OriginMaxAge time.Duration
	// Headers are set on every answer and win over those that are set by default: a
	// content-security-policy, x-content-type-options, x-frame-options, referrer-policy.
	// An empty value removes one.
	Headers map[string]string
	// DisableStats leaves statistics out of all answers, as management.disable_stats
	// does; EnableQueueTotals keeps the lengths of queues nevertheless.
	DisableStats, EnableQueueTotals bool
	// RatesMode is management.rates_mode: basic by default, detailed to add the figures
	// of pairs of channel, exchange and queue, none to leave out rates.
	RatesMode string
	// FixedOperatorPolicies refuses changes of operator policies, as
	// management.restrictions.operator_policy_changes.disabled does.
	FixedOperatorPolicies bool
	// Listeners tells of listeners that the broker knows nothing of, such as that of
	// this API; nil is none.
	Listeners func() []Listener
	// TLS has the options of the broker's listeners with TLS, which /api/overview shows;
	// nil shows none (TLS-25).
	TLS *TLSOptions
	// Shovels runs the broker's shovels; nil if nobody does.
	Shovels *shovel.Manager
	// Node tells what is known of the process that the broker is part of; nil is
	// nothing.
	Node func() NodeInfo
}

// TLSOptions are the options of listeners that have TLS: paths of files and what peers must
// show. RabbitMQ shows the password of the key too, which is left out here.
type TLSOptions struct {
	// Versions are names such as tlsv1.3; none are the defaults.
	Versions []string
	// CertFile, KeyFile and CACertFile are paths; an empty one is not shown.
	CertFile, KeyFile, CACertFile string
	// Verify is verify_peer or verify_none.
	Verify           string
	FailIfNoPeerCert bool
	// Depth is the most intermediate certificates of a peer.
	Depth int64
}

// A Listener is an address that something listens on.
type Listener struct {
	// Protocol is RabbitMQ's name: amqp, amqp/ssl, http, https, http/prometheus …
	Protocol string
	// Addr is the address with its port.
	Addr string
	// Path is what a web listener serves, "/" by default; Description names it, such as
	// "RabbitMQ Management".
	Path, Description string
	// Certificates are the files of a TLS listener, for the check of their expiration.
	Certificates []Certificate
}

// A Certificate is a file of certificates.
type Certificate struct {
	// File is where it is; CA says that it holds authorities.
	File string
	CA   bool
	// Expires are the ends of the certificates in it.
	Expires []time.Time
}

// NodeInfo is what the program knows of its process and the API shows.
type NodeInfo struct {
	// DataDir is where the store is; "" without one.
	DataDir string
	// LogFiles and ConfigFiles are paths; EnabledPlugins are names of RabbitMQ's plugins
	// whose work the program does.
	LogFiles, ConfigFiles, EnabledPlugins []string
	// Settings is the configuration in effect, a line each, secrets left out.
	Settings []string
	// FreeDisk is the space in bytes where the data is; negative if it is not known.
	FreeDisk int64
}

const (
	standardNode    = "rabbit@localhost"
	standardMaxBody = 20_000_000
	standardPolicy  = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
		"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

func (c *Config) complete() {
	if c.Clock == nil {
		c.Clock = delay.Real{}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.NodeName == "" {
		c.NodeName = standardNode
	}
	if c.MaxBodySize == 0 {
		c.MaxBodySize = standardMaxBody
	}
	if c.OriginMaxAge == 0 {
		c.OriginMaxAge = 30 * time.Minute
	}
	if c.RatesMode == "" {
		c.RatesMode = ratesBasic
	}
	if c.PathPrefix = strings.Trim(c.PathPrefix, "/"); c.PathPrefix != "" {
		c.PathPrefix = "/" + c.PathPrefix
	}
	headers := map[string]string{
		"Content-Security-Policy": standardPolicy,
		"X-Content-Type-Options":  "nosniff",
		"X-Frame-Options":         "DENY",
		"Referrer-Policy":         "same-origin",
	}
	for name, value := range c.Headers {
		if name = http.CanonicalHeaderKey(name); value == "" {
			delete(headers, name)
			continue
		}
		headers[name] = value
	}
	c.Headers = headers
}

// The values of RatesMode.
const (
	ratesBasic    = "basic"
	ratesDetailed = "detailed"
	ratesNone     = "none"
)
