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

var checkVerbs = []*verb{
	{name: "check_running", tools: diagnostics, summary: "Health check that exits with a non-zero code if the RabbitMQ app on the target node is not running",
		banner: banner("Checking if RabbitMQ is running on node %n ..."), run: checkRunning},
	{name: "is_running", tools: diagnostics, summary: "Awaits for the RabbitMQ app to be fully started", banner: banner("Asking node %n for its status ..."), run: checkRunning},
	{name: "is_booting", tools: diagnostics, summary: "Checks if RabbitMQ is still booting on the target node", banner: banner("Asking node %n for its boot status ..."), run: isBooting},
	{name: "check_port_connectivity", tools: diagnostics, usage: "[--address <ipv4-or-v6-address>]", summary: "Basic TCP connectivity health check for each listener's port on the target node", options: []string{"address="},
		banner: banner("Testing TCP connections to all active listeners on node %n using hostname resolution ..."), run: checkPortConnectivity},
	{name: "check_local_alarms", tools: diagnostics, summary: "Health check that exits with a non-zero code if there are any resource alarms in effect on the target node",
		banner: banner("Asking node %n to report any local resource alarms ..."), run: func(c *call) error { return c.checkAlarms("reported no local alarms") }},
	{name: "check_alarms", tools: diagnostics, summary: "Health check that exits with a non-zero code if there are any resource alarms in effect",
		banner: banner("Asking node %n to report any local resource alarms ..."), run: func(c *call) error { return c.checkAlarms("reported no alarms, local or clusterwide") }},
	{name: "alarms", tools: diagnostics, summary: "Lists resource alarms (local or cluster-wide) in effect on the target node",
		banner: banner("Asking node %n to report any known resource alarms ..."), run: alarms},
	{name: "check_port_listener", tools: diagnostics, usage: "<port>", summary: "Health check that exits with a non-zero code if target node does not have an active listener for given port", min: 1, max: 1,
		banner: banner("Asking node %n if there's an active listener on port %0 ..."), run: checkPortListener},
	{name: "check_protocol_listener", tools: diagnostics, usage: "<protocol>", summary: "Health check that exits with a non-zero code if target node does not have an active listener for given protocol", min: 1, max: 1,
		banner: banner("Asking node %n if there's an active listener for protocol %0 ..."), run: checkProtocolListener},
	{name: "check_virtual_hosts", tools: diagnostics, summary: "Health check that checks if all vhosts are running in the target node",
		banner: banner("Checking if all vhosts are running on node %n ..."), run: func(c *call) error {
			if err := c.running(); err != nil {
				return err
			}
			c.print("Node %s reported all vhosts as running", c.node.name)
			return nil
		}},
	{name: "check_certificate_expiration", tools: diagnostics, usage: "--within <period> --unit <unit>", summary: "Checks the expiration date on the certificates for every listener configured to use TLS", options: []string{"within=", "unit="},
		banner: banner("Checking certificate expiration on node %n ..."), run: checkCertificates},
	{name: "check_if_node_is_quorum_critical", tools: queuesOnly, summary: "Health check that exits with a non-zero code if there are queues with minimum online quorum",
		banner: banner("Checking if node %n is critical for quorum of any quorum queues ..."), run: func(c *call) error {
			if err := c.running(); err != nil {
				return err
			}
			c.print("Node %s seems to be the only one in a single node cluster, the check does not apply", c.node.name)
			return nil
		}},
	{name: "check_if_node_is_mirror_sync_critical", tools: queuesOnly, summary: "Health check that exits with a non-zero code if there are classic mirrored queues without online synchronised mirrors",
		banner: banner("Checking if node %n is critical for data availability of any classic mirrored queues ..."), run: func(c *call) error {
			c.print("Node %s seems to be the only one in a single node cluster, the check does not apply", c.node.name)
			return c.running()
		}},
	{name: "node_health_check", summary: "DEPRECATED. Performs intrusive, opinionated health checks on a fully booted node.", run: func(c *call) error {
		c.say("This command is DEPRECATED and will be removed in a future version.\nIt performs intrusive, opinionated health checks and requires a fully booted node.\nUse one of the options covered in https://www.rabbitmq.com/monitoring.html#health-checks instead.")
		return nil
	}},
	{name: "listeners", tools: diagnostics, summary: "Lists active connection listeners (bound interface, port, protocol) on the target node",
		banner: banner("Asking node %n to report its protocol listeners ..."), run: listListeners},
}

// describe asks the process what it is.
func (c *call) describe() (d description, err error) {
	err = c.node.get("/control/node", &d)
	return d, err
}

// running fails unless the broker runs.
func (c *call) running() error {
	d, err := c.describe()
	if err != nil || !d.Running {
		return failed(exitUnavailable, "RabbitMQ on node %s is not running or has not fully booted yet (check with is_booting)", c.node.name)
	}
	return nil
}

func checkRunning(c *call) error {
	if err := c.running(); err != nil {
		return err
	}
	c.print("RabbitMQ on node %s is fully booted and running", c.node.name)
	return nil
}

func isBooting(c *call) error {
	if _, err := c.describe(); err != nil {
		return err
	}
	c.print("RabbitMQ on node %s is fully booted (check with is_running), stopped or has not started booting yet", c.node.name)
	return nil
}

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
	var bad []string
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
			bad = append(bad, l.line())
			continue
		}
		nc.Close()
	}
	if len(bad) > 0 {
		return failed(exitUnavailable, "Connection to ports of the following listeners on node %s failed: \n%s", c.node.name, strings.Join(bad, "\n"))
	}
	c.print("Successfully connected to ports %s on node %s (using node hostname resolution)", ports(list), c.node.name)
	return nil
}

// alarmLines are the alarms that are on.
func (c *call) alarmLines() (lines []string, resources []string, err error) {
	lines = []string{}
	var nodes []map[string]any
	if err := c.node.get("/api/nodes", &nodes); err != nil {
		return nil, nil, err
	}
	for _, n := range nodes {
		if n["mem_alarm"] == true {
			lines, resources = append(lines, "Memory alarm on node "+c.node.name), append(resources, "memory")
		}
		if n["disk_free_alarm"] == true {
			lines, resources = append(lines, "Free disk space alarm on node "+c.node.name), append(resources, "disk")
		}
	}
	return lines, resources, nil
}

func (c *call) checkAlarms(none string) error {
	lines, _, err := c.alarmLines()
	if err != nil {
		return err
	}
	if len(lines) > 0 {
		return failed(exitUnavailable, "Node %s reported alarms:\n%s", c.node.name, strings.Join(lines, "\n"))
	}
	c.print("Node %s %s", c.node.name, none)
	return nil
}

func alarms(c *call) error {
	lines, resources, err := c.alarmLines()
	if err != nil {
		return err
	}
	if c.opts.format("") == "json" {
		if len(resources) == 0 {
			c.print("%s", jsonText(map[string]any{"alarms": []any{}, "node": c.node.name, "result": "ok"}))
			return nil
		}
		list := []any{}
		for _, r := range resources {
			list = append(list, map[string]any{"node": c.node.name, "resource": r})
		}
		c.print("%s", jsonText(map[string]any{"global": []any{}, "local": list, "message": "Node " + c.node.name + " reported alarms", "result": "ok"}))
		return nil
	}
	if len(lines) == 0 {
		c.print("Node %s reported no alarms, local or clusterwide", c.node.name)
		return nil
	}
	c.print("%s", strings.Join(lines, "\n"))
	return nil
}

func checkPortListener(c *call) error {
	list, err := c.listeners()
	if err != nil {
		return err
	}
	for _, l := range list {
		if strconv.Itoa(l.Port) == c.args[0] {
			c.print("A listener for port %s is running on node %s.", c.args[0], c.node.name)
			return nil
		}
	}
	return failedPlainly(exitUnavailable, "No listener for port %s is active on node %s. Found listeners that use the following ports: %s", c.args[0], c.node.name, ports(list))
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
			c.print("A listener for protocol %s is running on node %s.", c.args[0], c.node.name)
			return nil
		}
		found = append(found, l.Protocol)
	}
	slices.Sort(found)
	return failed(exitUnavailable, "No listener for protocol %s is active on node %s. Found listeners for the following protocols: %s", c.args[0], c.node.name, strings.Join(slices.Compact(found), ", "))
}

func checkCertificates(c *call) error {
	within, err := strconv.Atoi(c.opts.own["within"])
	if err != nil {
		return c.misused("within must be an integer.", []string{c.verb.name})
	}
	unit := c.opts.own["unit"]
	path := apiPath("health", "checks", "certificate-expiration", strconv.Itoa(within), unit)
	err = c.node.get(path, nil)
	if err != nil {
		return failed(exitUnavailable, "%s", err)
	}
	if within == 1 {
		unit = strings.TrimSuffix(unit, "s")
	}
	c.print("No certificates are expiring within %d %s.", within, unit)
	return nil
}

// purposes are what RabbitMQ says of the protocols.
var purposes = map[string]string{
	"amqp": "AMQP 0-9-1 and AMQP 1.0", "amqp/ssl": "AMQP 0-9-1 and AMQP 1.0 over TLS", "http": "HTTP API",
	"https": "HTTP API over TLS (HTTPS)", "http/prometheus": "Prometheus exporter API over HTTP", "https/prometheus": "Prometheus exporter API over TLS (HTTPS)",
}

func (l *listenerRow) line() string {
	address := l.IPAddress
	if address == "::" {
		address = "[::]"
	}
	return fmt.Sprintf("Interface: %s, port: %d, protocol: %s, purpose: %s", address, l.Port, l.Protocol, purposes[l.Protocol])
}

func listListeners(c *call) error {
	list, err := c.listeners()
	if err != nil {
		return err
	}
	if c.opts.format("") == "json" {
		rows := []any{}
		for _, l := range list {
			rows = append(rows, map[string]any{"interface": l.IPAddress, "node": c.node.name, "port": l.Port, "protocol": l.Protocol, "purpose": purposes[l.Protocol]})
		}
		c.print("%s", jsonText(map[string]any{"listeners": rows, "node": c.node.name, "result": "ok"}))
		return nil
	}
	for _, l := range list {
		c.print("%s", l.line())
	}
	return nil
}
