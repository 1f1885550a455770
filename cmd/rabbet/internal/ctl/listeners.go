package ctl

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A listenerRow is one listener as the overview has it.
type listenerRow struct {
	Node, Protocol string
	IPAddress      string `json:"ip_address"`
	Port           int
}

// listeners are the node's, by port.
func (c *call) listeners() ([]listenerRow, error) {
	var overview struct{ Listeners []listenerRow }
	if err := c.node.get("/api/overview", &overview); err != nil {
		return nil, err
	}
	slices.SortFunc(overview.Listeners, func(a, b listenerRow) int { return cmp.Compare(a.Port, b.Port) })
	return overview.Listeners, nil
}

func ports(list []listenerRow) string {
	var names []string
	for _, l := range list {
		names = append(names, strconv.Itoa(l.Port))
	}
	return strings.Join(slices.Compact(names), ", ")
}

const connectTimeout = 5 * time.Second

func checkPortConnectivity(c *call) error {
	list, err := c.listeners()
	if err != nil {
		return err
	}
	var bad []listenerRow
	for _, l := range list {
		host := l.IPAddress
		if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
			host = "127.0.0.1"
		}
		if own := c.opts.own["address"]; own != "" {
			host = own
		}
		nc, err := net.DialTimeout("tcp", net.JoinHostPort(host, strconv.Itoa(l.Port)), connectTimeout)
		if err != nil {
			bad = append(bad, l)
			continue
		}
		nc.Close()
	}
	if len(bad) > 0 {
		return c.found(failed(exitUnavailable, "Connection to ports of the following listeners on node %s failed: \n%s", c.node.name, strings.Join(lines(bad), "\n")),
			map[string]any{"failures": c.listenerObjects(bad), "node": c.node.name})
	}
	return c.answer(map[string]any{"listeners": c.listenerObjects(list), "node": c.node.name, "result": "ok"},
		"Successfully connected to ports "+ports(list)+" on node "+c.node.name+" (using node hostname resolution)")
}

func checkPortListener(c *call) error {
	list, err := c.listeners()
	if err != nil {
		return err
	}
	for _, l := range list {
		if strconv.Itoa(l.Port) == c.args[0] {
			return c.answer(map[string]any{"node": c.node.name, "port": c.args[0], "result": "ok"},
				"A listener for port "+c.args[0]+" is running on node "+c.node.name+".")
		}
	}
	var numbers []int
	for _, l := range list {
		numbers = append(numbers, l.Port)
	}
	return c.found(failedPlainly(exitUnavailable, "No listener for port %s is active on node %s. Found listeners that use the following ports: %s", c.args[0], c.node.name, ports(list)),
		map[string]any{"listeners": c.listenerObjects(list), "missing": c.args[0], "ports": slices.Compact(numbers)})
}

func checkProtocolListener(c *call) error {
	list, err := c.listeners()
	if err != nil {
		return err
	}
	wanted := strings.ToLower(c.args[0])
	aliases := map[string]string{"amqp091": "amqp", "amqp0-9-1": "amqp", "amqp10": "amqp", "amqp1.0": "amqp", "amqps": "amqp/ssl", "management": "http", "prometheus": "http/prometheus"}
	if a, ok := aliases[wanted]; ok {
		wanted = a
	}
	var found []string
	for _, l := range list {
		if l.Protocol == wanted {
			return c.answer(map[string]any{"node": c.node.name, "protocol": c.args[0], "result": "ok"},
				"A listener for protocol "+c.args[0]+" is running on node "+c.node.name+".")
		}
		found = append(found, l.Protocol)
	}
	slices.Sort(found)
	found = slices.Compact(found)
	return c.found(failed(exitUnavailable, "No listener for protocol %s is active on node %s. Found listeners for the following protocols: %s", c.args[0], c.node.name, strings.Join(found, ", ")),
		map[string]any{"listeners": c.listenerObjects(list), "missing": c.args[0], "protocols": found})
}

// purposes are what RabbitMQ says of the protocols.
var purposes = map[string]string{
	"amqp": "AMQP 0-9-1 and AMQP 1.0", "amqp/ssl": "AMQP 0-9-1 and AMQP 1.0 over TLS", "http": "HTTP API",
	"https": "HTTP API over TLS (HTTPS)", "http/prometheus": "Prometheus exporter API over HTTP", "https/prometheus": "Prometheus exporter API over TLS (HTTPS)",
}

// address is that of a listener, in brackets if it is one of IPv6.
func (l *listenerRow) address() string {
	if strings.Contains(l.IPAddress, ":") {
		return "[" + l.IPAddress + "]"
	}
	return l.IPAddress
}

// listenerObjects are listeners for a formatter.
func (c *call) listenerObjects(list []listenerRow) []any {
	rows := []any{}
	for _, l := range list {
		rows = append(rows, map[string]any{"interface": l.address(), "node": c.node.name, "port": l.Port, "protocol": l.Protocol, "purpose": purposes[l.Protocol]})
	}
	return rows
}

func (l *listenerRow) line() string {
	return fmt.Sprintf("Interface: %s, port: %d, protocol: %s, purpose: %s", l.address(), l.Port, l.Protocol, purposes[l.Protocol])
}

func listListeners(c *call) error {
	list, err := c.listeners()
	if err != nil {
		return err
	}
	if c.opts.format("") == "json" {
		c.print("%s", jsonText(map[string]any{"listeners": c.listenerObjects(list), "node": c.node.name, "result": "ok"}))
		return nil
	}
	c.print("%s", strings.Join(lines(list), "\n"))
	return nil
}

func lines(list []listenerRow) []string {
	var texts []string
	for _, l := range list {
		texts = append(texts, l.line())
	}
	return texts
}
