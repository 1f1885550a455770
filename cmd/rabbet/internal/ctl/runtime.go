package ctl

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/tlsconf"
)

var runtimeVerbs = []*verb{
	{name: "os_env", tools: diagnostics, summary: "Lists RabbitMQ-specific environment variables set on target node",
		banner: banner("Listing RabbitMQ-specific environment variables defined on node %n..."), run: osEnv},
	{name: "command_line_arguments", tools: diagnostics, summary: "Displays target node's command-line arguments and flags as reported by the runtime",
		banner: banner("Command line arguments of node %n ..."), run: commandLine},
	{name: "cipher_suites", tools: diagnostics, usage: "[--format <openssl | iana>] [--all]", summary: "Lists cipher suites enabled by default. To list all available cipher suites, add the --all argument.", options: []string{"format="},
		banner: func(c *call) string {
			return "Listing available cipher suites in " + map[string]string{"iana": "IANA", "openssl": "OpenSSL"}[c.suiteFormat()] + " format"
		}, check: checkSuiteFormat, run: cipherSuites},
	{name: "tls_versions", tools: diagnostics, summary: "Lists TLS versions supported (but not necessarily allowed) on the target node",
		banner: banner("Listing all TLS versions supported by the runtime..."), run: tlsVersions},
	{name: "certificates", tools: diagnostics, summary: "Displays certificates (public keys) for every listener on target node that is configured to use TLS",
		banner: banner("Certificates of node %n ..."), run: certificates},
	{name: "resolve_hostname", tools: diagnostics, usage: "<hostname> [--address-family <ipv4 | ipv6>]", summary: "Resolves a hostname to a set of addresses", min: 1, max: 1, options: []string{"address-family="},
		banner: func(c *call) string {
			return "Asking node " + c.node.name + " to resolve hostname " + c.args[0] + " to " + c.addressFamily() + " addresses..."
		}, check: checkAddressFamily, run: resolveHostname},
	{name: "resolver_info", tools: diagnostics, summary: "Displays effective hostname resolver (inetrc) configuration on target node",
		banner: banner("Asking node %n for its effective hostname resolver (inetrc) configuration..."), run: resolverInfo},
	{name: "list_network_interfaces", tools: diagnostics, summary: "Lists network interfaces (NICs) on the target node",
		banner: banner("Asking node %n to report its network interfaces ..."), run: networkInterfaces},
	{name: "discover_peers", tools: diagnostics, summary: "Performs peer discovery and lists discovered nodes, if any", banner: banner("Discovering peers nodes ..."), run: func(c *call) error {
		if err := c.running(); err != nil {
			return err
		}
		c.print("No peers discovered")
		return nil
	}},
	{name: "force_gc", tools: ctlOnly, summary: "Makes all processes on the target node perform a full sweep garbage collection",
		banner: banner("Will ask all processes on node %n to schedule a full sweep GC"), run: func(c *call) error { return c.order("collect_garbage") }},
}

// answer prints what a verb has found out: an object for a formatter, else the text.
func (c *call) answer(object map[string]any, text string) error {
	switch c.opts.format("") {
	case "json":
		c.print("%s", jsonText(object))
	case "erlang":
		c.print("%s", terms(object))
	default:
		c.print("%s", text)
	}
	return nil
}

// result is an answer about the node.
func (c *call) result(key string, value any, text string) error {
	return c.answer(map[string]any{"node": c.node.name, "result": "ok", key: value}, text)
}

func osEnv(c *call) error {
	d, err := c.describe()
	if err != nil {
		return err
	}
	lines := []string{}
	variables := map[string]any{}
	for _, pair := range d.Variables {
		name, value, _ := strings.Cut(pair, "=")
		lines, variables[name] = append(lines, pair), value
	}
	if len(lines) == 0 {
		lines = []string{"Target node did not report any RabbitMQ-specific environment variables"}
	}
	return c.result("variables", variables, strings.Join(lines, "\n"))
}

func commandLine(c *call) error {
	d, err := c.describe()
	if err != nil {
		return err
	}
	return c.result("arguments", d.Arguments, strings.Join(d.Arguments, " "))
}

func (c *call) suiteFormat() string {
	if f := c.opts.own["format"]; f != "" {
		return strings.ToLower(f)
	}
	return "openssl"
}

func checkSuiteFormat(c *call) error {
	switch c.suiteFormat() {
	case "openssl", "iana":
		return nil
	case "erlang":
		return failed(exitUsage, "cipher suites are not Erlang's here: the formats are openssl and iana")
	}
	return c.misused("Format should be either openssl or iana", append([]string{c.verb.name}, c.args...))
}

// cipherSuites lists what a listener may use, or may be told to.
func cipherSuites(c *call) error {
	names := tlsconf.SuiteNames(c.suiteFormat() == "openssl", c.opts.all)
	if c.opts.format("") == "json" {
		c.print("%s", jsonText(names))
		return nil
	}
	c.print("%s", strings.Join(names, "\n"))
	return nil
}

func tlsVersions(c *call) error {
	names := []string{"tlsv1.3", "tlsv1.2", "tlsv1.1", "tlsv1"}
	return c.answer(map[string]any{"versions": names}, strings.Join(names, "\n"))
}

// certificates are those of each listener that speaks TLS, in PEM.
func certificates(c *call) error {
	d, err := c.describe()
	if err != nil {
		return err
	}
	if c.opts.format("") == "json" {
		c.print("%s", jsonText(d.Certificates))
		return nil
	}
	if len(d.Certificates) == 0 {
		c.print("#{}")
	}
	for _, l := range d.Certificates {
		c.print("%s listener, port %d\n%s", l.Protocol, l.Port, l.PEM)
	}
	return nil
}

func (c *call) addressFamily() string {
	if f := c.opts.own["address-family"]; f != "" {
		return f
	}
	return "IPv4"
}

func checkAddressFamily(c *call) error {
	switch strings.ToLower(c.addressFamily()) {
	case "ipv4", "ipv6":
		return nil
	}
	return c.misused("unsupported IP address family "+c.addressFamily()+". Valid values are: ipv4, ipv6", append([]string{c.verb.name}, c.args...))
}

// resolveHostname asks the resolver of this machine, which is the node's.
func resolveHostname(c *call) error {
	network := "ip4"
	if strings.EqualFold(c.addressFamily(), "ipv6") {
		network = "ip6"
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.node.timeout)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupIP(ctx, network, c.args[0])
	var unknown *net.DNSError
	switch {
	case errors.As(err, &unknown) && unknown.IsNotFound, err == nil && len(addresses) == 0:
		return failed(exitData, "Hostname does not resolve (resolution failed with an nxdomain)")
	case err != nil:
		return failed(exitData, "Hostname does not resolve: %s", err)
	}
	lines := make([]string, len(addresses))
	for i, a := range addresses {
		lines[i] = a.String()
	}
	return c.result("addresses", lines, strings.Join(lines, "\n"))
}

func resolverInfo(c *call) error {
	return c.result("resolver", map[string]any{"lookup": []string{"native"}, "hosts_file": "/etc/hosts", "resolv_conf": "/etc/resolv.conf"},
		"Runtime Hostname Resolver (inetrc) Settings\n\nLookup order: native\nHosts file: /etc/hosts\nResolver conf file: /etc/resolv.conf\nCache size: \n\n"+
			"inetrc File Host Entries\n\n(none)")
}

// networkInterfaces are those of this machine, which is the node's.
func networkInterfaces(c *call) error {
	list, err := net.Interfaces()
	if err != nil {
		return failed(exitUnavailable, "%s", err)
	}
	object := map[string]any{}
	var sections []string
	for _, one := range list {
		lines := []string{"hwaddr: " + strings.ToUpper(one.HardwareAddr.String())}
		addresses, err := one.Addrs()
		if err != nil {
			return failed(exitUnavailable, "%s", err)
		}
		var found []string
		for _, a := range addresses {
			found, lines = append(found, a.String()), append(lines, "addr: "+a.String())
		}
		flags := strings.ReplaceAll(one.Flags.String(), "|", ", ")
		object[one.Name] = map[string]any{"hwaddr": one.HardwareAddr.String(), "addr": found, "flags": flags}
		sections = append(sections, fmt.Sprintf("Interface %s\n\n%s\nflags: %s\n", one.Name, strings.Join(lines, "\n"), flags))
	}
	return c.result("interfaces", object, strings.Join(sections, "\n"))
}
