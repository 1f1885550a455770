package shovel

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
)

// An address is what an AMQP URI says.
type address struct {
	uri string
	// direct says that there is no host: it is this broker (SHOVEL-4).
	direct         bool
	secure         bool
	host           string // with its port
	name           string // of the host alone, for TLS
	user, password string
	login          bool // user and password are given
	vhost          string
	heartbeat      time.Duration // the longest; 0 is what the broker asks for
	timeout        time.Duration // of connecting
	query          url.Values
}

const (
	defaultTimeout = 60 * time.Second
	maxPort        = 65535
)

// A uriError is what is wrong with a URI, as RabbitMQ's client says it.
type uriError struct{ uri, fault string }

func (e *uriError) Error() string {
	shown := amqp.FormatString(e.uri)
	if e.uri == "" {
		shown = "[]"
	}
	return `"` + e.uri + `" not a valid URI: {` + e.fault + "," + shown + "}"
}

// parseURI reads an AMQP URI with the faults that RabbitMQ finds (SHOVEL-3). Its texts
// show stack traces and break lines; these do not.
func parseURI(uri string) (*address, error) {
	invalid := func(format string, args ...any) error { return &uriError{uri, fmt.Sprintf(format, args...)} }
	scheme, rest, ok := strings.Cut(uri, ":")
	if !ok {
		return nil, invalid("{unable_to_parse_uri,no_scheme}")
	}
	if scheme = strings.ToLower(scheme); scheme != "amqp" && scheme != "amqps" {
		return nil, invalid("{unexpected_uri_scheme,%s}", amqp.FormatString(scheme))
	}
	rest, query := splitURI(strings.TrimPrefix(rest, "//"))
	authority, path, hasPath := strings.Cut(rest, "/")
	a := &address{uri: uri, secure: scheme == "amqps", user: "guest", password: "guest", vhost: "/", heartbeat: heartbeat, timeout: defaultTimeout}
	user, password, hostPort := splitAuthority(authority)
	name, port, fault := splitPort(hostPort)
	if fault != "" {
		return nil, invalid("{unable_to_parse_uri,{malformed_uri,%s}}", amqp.FormatString(uri))
	}
	for _, part := range []struct {
		text string
		to   *string
		set  bool
	}{{user, &a.user, authority != hostPort}, {password, &a.password, strings.Contains(authority[:len(authority)-len(hostPort)], ":")}, {path, &a.vhost, hasPath}} {
		if !part.set {
			continue
		}
		text, bad := unescape(part.text)
		if bad != "" {
			return nil, invalid("{invalid_entitiy,%s}", bad)
		}
		*part.to = text
	}
	switch {
	case strings.Contains(path, "/"):
		return nil, invalid("{invalid_vhost,%s}", amqp.FormatString(path))
	case port > maxPort || port < 0:
		return nil, invalid("{port_out_of_range,%d}", port)
	case name == "" && a.secure:
		return nil, invalid("{badrecord,amqp_params_direct}")
	}
	a.direct, a.login = name == "", authority != hostPort
	if port == 0 {
		if port = 5672; a.secure {
			port = 5671
		}
	}
	a.name, a.host = name, net.JoinHostPort(name, strconv.Itoa(port))
	if fault := a.readQuery(query); fault != "" {
		return nil, invalid("%s", fault)
	}
	return a, nil
}

// splitURI cuts off query and fragment.
func splitURI(rest string) (string, string) {
	rest, _, _ = strings.Cut(rest, "#")
	rest, query, _ := strings.Cut(rest, "?")
	return rest, query
}

// splitAuthority returns user, password and host with port.
func splitAuthority(authority string) (user, password, hostPort string) {
	at := strings.LastIndexByte(authority, '@')
	if at < 0 {
		return "", "", authority
	}
	user, password, _ = strings.Cut(authority[:at], ":")
	return user, password, authority[at+1:]
}

// splitPort returns host and port, 0 if there is none, and what is wrong.
func splitPort(hostPort string) (name string, port int, fault string) {
	colon := strings.LastIndexByte(hostPort, ':')
	if end := strings.LastIndexByte(hostPort, ']'); end >= 0 {
		if name = strings.TrimPrefix(hostPort[:end], "["); colon < end {
			return name, 0, ""
		}
	} else if name = hostPort; colon >= 0 {
		name = hostPort[:colon]
	} else {
		return name, 0, ""
	}
	port, err := strconv.Atoi(hostPort[colon+1:])
	if err != nil {
		return name, 0, "port"
	}
	if port == 0 {
		port = -1
	}
	return name, port, ""
}

// unescape resolves %XX; bad shows what it cannot, as a list of characters.
func unescape(text string) (out, bad string) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			b.WriteByte(text[i])
			continue
		}
		end := min(i+3, len(text))
		n, err := strconv.ParseUint(text[i+1:end], 16, 8)
		if err != nil || end-i < 3 {
			bad = "['%'"
			for _, c := range []byte(text[i+1 : end]) {
				bad += "," + strconv.Itoa(int(c))
			}
			return "", bad + "]"
		}
		b.WriteByte(byte(n))
		i += 2
	}
	return b.String(), ""
}

// readQuery takes the parameters that mean something; others are passed over (SHOVEL-3).
func (a *address) readQuery(query string) (fault string) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return "{unable_to_parse_uri,{malformed_uri," + amqp.FormatString(a.uri) + "}}"
	}
	a.query = values
	for key, take := range map[string]func(int){
		"heartbeat":          func(n int) { a.heartbeat = time.Duration(n) * time.Second },
		"connection_timeout": func(n int) { a.timeout = time.Duration(n) * time.Millisecond },
	} {
		text := values.Get(key)
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			shown := amqp.FormatString(text)
			return "{invalid_amqp_params_parameter," + key + "," + shown + `,[{"` + key + `",` + shown + "}],{not_an_integer," + shown + "}}"
		}
		take(n)
	}
	return ""
}

// masked is a URI without user, password and parameters, as it is shown (SHOVEL-9).
func masked(uri string) string {
	scheme, rest, ok := strings.Cut(uri, "://")
	if !ok {
		return uri
	}
	rest, _ = splitURI(rest)
	authority, path, hasPath := strings.Cut(rest, "/")
	_, _, hostPort := splitAuthority(authority)
	if hasPath {
		path = "/" + path
	}
	return scheme + "://" + hostPort + path
}

// tlsConfig is TLS as the parameters of the URI say: cacertfile, certfile and keyfile,
// server_name_indication, and verify, which verifies the peer unless it is verify_none.
func (a *address) tlsConfig() (*tls.Config, error) {
	cfg := &tls.Config{ServerName: a.name, InsecureSkipVerify: a.query.Get("verify") == "verify_none"}
	if name := a.query.Get("server_name_indication"); name != "" {
		cfg.ServerName = name
	}
	if file := a.query.Get("cacertfile"); file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if cfg.RootCAs = x509.NewCertPool(); !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s: no certificate in it", file)
		}
	}
	if file := a.query.Get("certfile"); file != "" {
		pair, err := tls.LoadX509KeyPair(file, a.query.Get("keyfile"))
		if err != nil {
			return nil, err
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}
