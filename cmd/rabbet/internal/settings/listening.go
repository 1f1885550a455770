package settings

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"

	"github.com/rabbetmq/rabbet/broker"
)

var basics = []Option{
	{Section: "Broker", Flag: "profile", Arg: "version", Env: []string{"RABBET_PROFILE"}, Help: "behave as RabbitMQ of this `version`",
		flag: field(oneOf(broker.Profiles()...), func(s *Settings) *string { return &s.Profile })},
	{Section: "Broker", Flag: "data-dir", Arg: "folder", Env: []string{"RABBITMQ_MNESIA_DIR", "RABBITMQ_MNESIA_BASE"},
		Help: "keep durable queues and messages in `folder`; by default in rabbet of $XDG_DATA_HOME, or of ~/.local/share",
		flag: field(name, func(s *Settings) *string { return &s.DataDir })},
	{Section: "Broker", Flag: "memory", Help: "keep everything in memory; nothing survives",
		flag: field(flagBoolean, func(s *Settings) *bool { return &s.Memory })},
	{Section: "Broker", Flag: "node-name", Arg: "name", Env: []string{"RABBITMQ_NODENAME"}, Help: "`name` of the node, such as rabbit@host",
		flag: does("name@host", func(s *Settings, text string) error {
			if text == "" || strings.ContainsAny(text, " /\\") {
				return fmt.Errorf("%q is no name of a node such as rabbit@host", text)
			}
			if !strings.Contains(text, "@") {
				_, host, _ := strings.Cut(s.NodeName, "@")
				text += "@" + host
			}
			s.NodeName = text
			return nil
		})},
	{Section: "Broker", Key: "cluster_name", Help: "name in the server properties", key: field(text, func(s *Settings) *string { return &s.ClusterName })},
	{Section: "Broker", Env: []string{"RABBITMQ_PID_FILE"}, Help: "file that the process's number is written to",
		flag: field(name, func(s *Settings) *string { return &s.PIDFile })},
	{Section: "Broker", Flag: "processors", Arg: "number",
		Help: "use this `number` of processors; auto uses as many as the load needs, unless GOMAXPROCS is set",
		flag: field(processors, func(s *Settings) *int64 { return &s.Processors })},
	{Section: "Broker", Flag: "cpuprofile", Arg: "file", Help: "write a CPU profile of this process to `file`, for go tool pprof",
		flag: field(name, func(s *Settings) *string { return &s.CPUProfile })},
}

// processors is an integer from 1, or auto, which is 0.
var processors = kind[int64]{"number or auto", func(s string) (int64, error) {
	if s == "auto" {
		return 0, nil
	}
	return number.parse(s)
}, func(n int64) string {
	if n == 0 {
		return "auto"
	}
	return number.format(n)
}}

// anyHost is host, or auto, which is every address.
var anyHost = kind[string]{"address", func(s string) (string, error) {
	if s == "auto" || s == "::" {
		return "", nil
	}
	return host.parse(strings.Trim(s, "[]"))
}, same}

var listening = []Option{
	{Section: "Listeners", Flag: "listen", Arg: "address", Repeat: true,
		Help: "listen on `address`: a port, host:port, or unix:/path of a socket; may be repeated, and takes the place of --ip and --port",
		flag: does("port, host:port or unix:/path", func(s *Settings, text string) error {
			s.Listen.flags = append(s.Listen.flags, text)
			_, _, err := parseListener(text, "127.0.0.1")
			return err
		})},
	{Section: "Listeners", Flag: "ip", Arg: "address", Env: []string{"RABBITMQ_NODE_IP_ADDRESS"}, Help: "listen on `address`; auto is every one",
		flag: field(anyHost, func(s *Settings) *string { return &s.Listen.ip })},
	{Section: "Listeners", Flag: "port", Arg: "number", Env: []string{"RABBITMQ_NODE_PORT"}, Help: "listen on port `number`; 0 takes a free one",
		flag: field(port, func(s *Settings) *int { return &s.Listen.port })},
	{Section: "Listeners", Key: "listeners.tcp", Help: "no listener without TLS", key: none(func(s *Settings) { s.Listen.noTCP = true })},
	{Section: "Listeners", Key: "listeners.tcp.$name", Help: "listener without TLS: a port on every address, address:port, or local:/path:0 of a socket",
		key: member(listener, func(s *Settings) *map[string]string { return &s.Listen.tcp })},
	{Section: "Listeners", Key: "listeners.ssl", Help: "no listener with TLS", key: none(func(s *Settings) { s.Listen.noTLS = true })},
	{Section: "Listeners", Key: "listeners.ssl.$name", Help: "listener with TLS: a port on every address, or address:port",
		key: member(tlsListener, func(s *Settings) *map[string]string { return &s.Listen.tls })},
	{Section: "Listeners", Key: "proxy_protocol", Help: "demand a header of the PROXY protocol",
		key: field(boolean, func(s *Settings) *bool { return &s.Listen.ProxyProtocol })},
	{Section: "Listeners", Key: "handshake_timeout", Help: "time to log in",
		key: field(infiniteMillis, func(s *Settings) *time.Duration { return &s.Listen.HandshakeTimeout })},
	{Section: "Listeners", Key: "ssl_handshake_timeout", Help: "time for the handshake of TLS",
		key: field(millis, func(s *Settings) *time.Duration { return &s.Listen.TLSHandshakeTimeout })},
	{Section: "Listeners", Key: "tcp_listen_options.keepalive", Help: "probe silent connections, as the system does",
		key: field(boolean, func(s *Settings) *bool { return &s.Listen.KeepAlive })},
	{Section: "Listeners", Key: "tcp_listen_options.send_timeout", Help: "time in which a client has to take something of what is written to it",
		key: field(millis, func(s *Settings) *time.Duration { return &s.Listen.SendTimeout })},
	{Section: "Listeners", Key: "tcp_listen_options.sndbuf", Help: "buffer for sending; 0 is the system's own",
		key: field(integer(0, 1<<30), func(s *Settings) *int64 { return &s.Listen.SendBuffer })},
	{Section: "Listeners", Key: "tcp_listen_options.recbuf", Help: "buffer for receiving; 0 is the system's own",
		key: field(integer(0, 1<<30), func(s *Settings) *int64 { return &s.Listen.ReceiveBuffer })},
}

// listener is the value of listeners.tcp.NAME.
var listener = kind[string]{"port or address:port", func(s string) (string, error) {
	_, _, err := parseListener(s, "")
	return s, err
}, same}

// tlsListener is the same without sockets of the machine.
var tlsListener = kind[string]{"port or address:port", func(s string) (string, error) {
	_, unix, err := parseListener(s, "")
	if unix != "" {
		err = fmt.Errorf("%q: there is no TLS on a socket of the machine", s)
	}
	return s, err
}, same}

// parseListener reads a port, an address with a port, or the path of a socket, which
// RabbitMQ writes local:/path:0. A port alone is on the host given.
func parseListener(text, bare string) (a Address, unix string, err error) {
	for _, prefix := range []string{"unix:", "local:"} {
		if path, ok := strings.CutPrefix(text, prefix); ok {
			path = strings.TrimSuffix(path, ":0")
			if !filepath.IsAbs(path) {
				return a, "", fmt.Errorf("%q is not the absolute path of a socket", path)
			}
			return a, path, nil
		}
	}
	if strings.HasPrefix(text, "/") {
		return a, strings.TrimSuffix(text, ":0"), nil
	}
	if !strings.Contains(text, ":") {
		a.Host = bare
		a.Port, err = port.parse(text)
		return a, "", err
	}
	h, p, err := net.SplitHostPort(text)
	if err != nil { // RabbitMQ has no brackets around an address of version 6
		at := strings.LastIndexByte(text, ':')
		h, p, err = text[:at], text[at+1:], nil
		if net.ParseIP(h) == nil {
			err = errors.New("no address")
		}
	}
	if err != nil {
		return a, "", fmt.Errorf("%q is neither a port nor address:port", text)
	}
	if h != "" {
		if h, err = anyHost.parse(h); err != nil {
			return a, "", err
		}
	}
	a.Host = h
	a.Port, err = port.parse(p)
	return a, "", err
}

// tlsVersions are the names that Erlang has for them.
var tlsVersions = oneOf("tlsv1.3", "tlsv1.2", "tlsv1.1", "tlsv1")

// tlsOptions are the options of one TLS struct, whose keys begin with prefix.
func tlsOptions(section, prefix string, at func(*Settings) *TLS) []Option {
	o := func(key, help string, v value) Option {
		return Option{Section: section, Key: prefix + "." + key, Help: help, key: v}
	}
	path := func(field func(*TLS) *string) func(*Settings) *string {
		return func(s *Settings) *string { return field(at(s)) }
	}
	opts := []Option{
		o("cacertfile", "certificates that peers are verified with", field(file, path(func(t *TLS) *string { return &t.CACertFile }))),
		o("certfile", "certificate, with what it needs of its chain", field(file, path(func(t *TLS) *string { return &t.CertFile }))),
		o("keyfile", "key of the certificate", field(file, path(func(t *TLS) *string { return &t.KeyFile }))),
		o("password", "password of the key", field(text, path(func(t *TLS) *string { return &t.Password }))),
		o("verify", "whether the peer's certificate is verified", field(oneOf("verify_peer", "verify_none"), path(func(t *TLS) *string { return &t.Verify }))),
		o("fail_if_no_peer_cert", "refuse peers without a certificate", field(boolean, func(s *Settings) *bool { return &at(s).FailIfNoPeerCert })),
		o("depth", "most certificates between the peer's and a known one", field(integer(0, 255), func(s *Settings) *int64 { return &at(s).Depth })),
		o("versions.$version", "versions of TLS to speak", member(tlsVersions, func(s *Settings) *map[string]string { return &at(s).versions })),
		o("ciphers.$cipher", "cipher suites of TLS 1.2, by OpenSSL's names or IANA's", member(atom, func(s *Settings) *map[string]string { return &at(s).ciphers })),
	}
	opts[3].Secret = true
	return opts
}
