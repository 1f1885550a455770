package settings

import (
	"errors"
	"fmt"
	"math"
	"net"
	"strings"
	"time"
)

const (
	managing  = "Management"
	measuring = "Prometheus"
)

var definitions = []Option{
	{Section: "Definitions", Flag: "definitions", Arg: "file", Key: "load_definitions", Help: "import the definitions in `file` at the start",
		key: field(definitionsPath, func(s *Settings) *string { return &s.Definitions.Path })},
	{Section: "Definitions", Key: "management.load_definitions", Alias: true, Help: "the same, as older versions call it",
		key: field(definitionsPath, func(s *Settings) *string { return &s.Definitions.Path })},
	{Section: "Definitions", Key: "definitions.local.path", Alias: true, Help: "the same: a file, or a folder of them",
		key: field(definitionsPath, func(s *Settings) *string { return &s.Definitions.Path })},
	{Section: "Definitions", Key: "definitions.import_backend", Help: "local_filesystem is the only one", key: does("local_filesystem", func(_ *Settings, text string) error {
		if text != "local_filesystem" && text != "rabbit_definitions_import_local_filesystem" {
			return fmt.Errorf("%q is not supported: local_filesystem is", text)
		}
		return nil
	})},
	{Section: "Definitions", Key: "definitions.skip_if_unchanged", Help: "leave out what was imported already",
		key: field(boolean, func(s *Settings) *bool { return &s.Definitions.SkipIfUnchanged })},
}

// definitionsPath is a file or a folder.
var definitionsPath = kind[string]{"file", func(s string) (string, error) {
	if _, err := file.parse(s); err != nil && !strings.HasSuffix(err.Error(), "not a file") {
		return "", err
	}
	return s, nil
}, same}

var management = []Option{
	{Section: managing, Flag: "management", Arg: "address", Alias: true, Env: []string{"RABBET_MANAGEMENT"},
		Help: "serve the management API at `address`, a port or host:port; off closes it",
		flag: value{"port, host:port or off", func(s *Settings, _ []string, text string) error {
			return setDoor(text, &s.Management.Enabled, &s.Management.SetByHand, &s.Management.Address)
		}, func(s *Settings) string { return port.format(s.Management.Address.Port) }}},
	{Section: managing, Key: "management.tcp.port", Help: "port of the management API", key: doorPort(port, func(s *Settings) (*bool, *Address) {
		return &s.Management.SetByHand, &s.Management.Address
	})},
	{Section: managing, Key: "management.tcp.ip", Help: "its address; the default is that of AMQP", key: field(ip, func(s *Settings) *string { return &s.Management.Address.Host })},
	{Section: managing, Key: "management.ssl.port", Help: "port of the management API over TLS", key: doorPort(port, func(s *Settings) (*bool, *Address) {
		return &s.Management.TLSEnabled, &s.Management.TLSAddress
	})},
	{Section: managing, Key: "management.ssl.ip", Help: "address of that", key: field(ip, func(s *Settings) *string { return &s.Management.TLSAddress.Host })},
	{Section: managing, Key: "management.listener.port", Alias: true, Help: "port, as older versions have it", key: doorPort(port, func(s *Settings) (*bool, *Address) {
		return &s.Management.SetByHand, &s.Management.Address
	})},
	{Section: managing, Key: "management.listener.ip", Alias: true, Help: "address, as older versions have it", key: field(ip, func(s *Settings) *string { return &s.Management.Address.Host })},
	{Section: managing, Key: "management.listener.ssl", Alias: true, Help: "whether that is TLS", key: field(boolean, func(s *Settings) *bool { return &s.Management.listenerTLS })},
	{Section: managing, Key: "management.path_prefix", Help: "what goes in front of every path", key: field(text, func(s *Settings) *string { return &s.Management.PathPrefix })},
	{Section: managing, Key: "management.http.max_body_size", Help: "longest body of a request in bytes",
		key: field(integer(0, math.MaxInt64), func(s *Settings) *int64 { return &s.Management.MaxBodySize })},
	{Section: managing, Key: "management.tcp.idle_timeout", Help: "time that a connection may be silent", key: field(millis, func(s *Settings) *time.Duration { return &s.Management.IdleTimeout })},
	{Section: managing, Key: "management.tcp.request_timeout", Help: "time to send a request", key: field(millis, func(s *Settings) *time.Duration { return &s.Management.RequestTimeout })},
	{Section: managing, Key: "management.cors.allow_origins", Help: "no origin may call", key: none(func(s *Settings) { s.Management.origins = map[string]string{} })},
	{Section: managing, Key: "management.cors.allow_origins.$number", Help: "origins whose pages may call; * is any",
		key: member(name, func(s *Settings) *map[string]string { return &s.Management.origins })},
	{Section: managing, Key: "management.cors.max_age", Help: "seconds that browsers may remember that",
		key: field(integer(0, math.MaxInt32), func(s *Settings) *int64 { return &s.Management.OriginsMaxAge })},
	{Section: managing, Key: "management.rates_mode", Help: "which rates are kept", key: field(oneOf("basic", "detailed", "none"), func(s *Settings) *string { return &s.Management.RatesMode })},
	{Section: managing, Key: "management.disable_stats", Help: "keep no rates", key: field(boolean, func(s *Settings) *bool { return &s.Management.DisableStats })},
	{Section: managing, Key: "management_agent.disable_metrics_collector", Alias: true, Help: "the same",
		key: field(boolean, func(s *Settings) *bool { return &s.Management.DisableStats })},
	{Section: managing, Key: "management.login_session_timeout", Help: "minutes that a login of the page lasts",
		key: field(durationKind("minutes", time.Minute), func(s *Settings) *time.Duration { return &s.Management.LoginSession })},
	{Section: managing, Key: "management.disable_basic_auth", Help: "refuse logins by name and password", key: field(boolean, func(s *Settings) *bool { return &s.Management.NoBasicAuth })},
	{Section: managing, Key: "management.restrictions.operator_policy_changes.disabled", Help: "refuse changes of operator policies",
		key: field(boolean, func(s *Settings) *bool { return &s.Management.NoOperatorPolicies })},
	{Section: managing, Key: "management.csp.policy", Help: "header content-security-policy", key: field(text, func(s *Settings) *string { return &s.Management.CSP })},
	{Section: managing, Key: "management.hsts.policy", Help: "header strict-transport-security", key: field(text, func(s *Settings) *string { return &s.Management.HSTS })},
	{Section: managing, Key: "management.headers.content_type_options", Help: "header x-content-type-options",
		key: field(text, func(s *Settings) *string { return &s.Management.ContentTypeOptions })},
	{Section: managing, Key: "management.headers.xss_protection", Help: "header x-xss-protection", key: field(text, func(s *Settings) *string { return &s.Management.XSSProtection })},
	{Section: managing, Key: "management.headers.frame_options", Help: "header x-frame-options", key: field(text, func(s *Settings) *string { return &s.Management.FrameOptions })},
}

var prometheus = []Option{
	{Section: measuring, Flag: "prometheus", Arg: "address", Alias: true, Env: []string{"RABBET_PROMETHEUS"},
		Help: "serve metrics for Prometheus at `address`, a port or host:port; off closes it",
		flag: value{"port, host:port or off", func(s *Settings, _ []string, text string) error {
			return setDoor(text, &s.Prometheus.Enabled, &s.Prometheus.SetByHand, &s.Prometheus.Address)
		}, func(s *Settings) string { return port.format(s.Prometheus.Address.Port) }}},
	{Section: measuring, Key: "prometheus.tcp.listener", Help: "address of the metrics, or none: no listener without TLS", key: does("address:port or none", func(s *Settings, text string) error {
		if text == "none" {
			s.Prometheus.Enabled = false
			return nil
		}
		a, unix, err := parseListener(text, "")
		if err == nil && (unix != "" || net.ParseIP(a.Host) == nil) {
			err = fmt.Errorf("%q is neither none nor an address such as 127.0.0.1:15692", text)
		}
		if err == nil {
			s.Prometheus.SetByHand, s.Prometheus.Address = true, a
		}
		return err
	})},
	{Section: measuring, Key: "prometheus.tcp.port", Help: "port of the metrics", key: doorPort(port, func(s *Settings) (*bool, *Address) {
		return &s.Prometheus.SetByHand, &s.Prometheus.Address
	})},
	{Section: measuring, Key: "prometheus.tcp.ip", Help: "its address; the default is that of AMQP", key: field(ip, func(s *Settings) *string { return &s.Prometheus.Address.Host })},
	{Section: measuring, Key: "prometheus.ssl.port", Help: "port of the metrics over TLS", key: doorPort(port, func(s *Settings) (*bool, *Address) {
		return &s.Prometheus.TLSEnabled, &s.Prometheus.TLSAddress
	})},
	{Section: measuring, Key: "prometheus.ssl.ip", Help: "address of that", key: field(ip, func(s *Settings) *string { return &s.Prometheus.TLSAddress.Host })},
	{Section: measuring, Key: "prometheus.path", Help: "path of the metrics", key: field(name, func(s *Settings) *string { return &s.Prometheus.Path })},
	{Section: measuring, Key: "prometheus.return_per_object_metrics", Help: "a series for each object at that path",
		key: field(boolean, func(s *Settings) *bool { return &s.Prometheus.PerObject })},
	{Section: measuring, Key: "prometheus.authentication.enabled", Help: "ask for a login", key: field(boolean, func(s *Settings) *bool { return &s.Prometheus.Authentication })},
}

var testOptions = []Option{
	{Section: "Tests", Flag: "test-control", Arg: "address",
		Help: "serve a control for tests, as JSON over HTTP, at this `address` of loopback; data goes to a folder of its own unless --data-dir is given",
		flag: field(name, func(s *Settings) *string { return &s.TestControl })},
	{Section: "Tests", Flag: "manual-clock", Help: "let time stand still until the test control moves it",
		flag: field(flagBoolean, func(s *Settings) *bool { return &s.ManualClock })},
}

// setDoor reads what a flag says about a door.
func setDoor(text string, enabled, byHand *bool, at *Address) error {
	if text == "off" {
		*enabled = false
		return nil
	}
	a, unix, err := parseListener(text, at.Host)
	if err == nil && unix != "" {
		err = errors.New("it is on a port only")
	}
	if err == nil {
		*enabled, *byHand, *at = true, true, a
	}
	return err
}

// doorPort is the port of a door, and turns a switch on beside it.
func doorPort(k kind[int], at func(*Settings) (*bool, *Address)) value {
	return value{k.name, func(s *Settings, _ []string, text string) error {
		n, err := k.parse(text)
		if err == nil {
			on, a := at(s)
			*on, a.Port = true, n
		}
		return err
	}, func(s *Settings) string { _, a := at(s); return k.format(a.Port) }}
}
