package ctl

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

var checkVerbs = []*verb{
	{name: "check_running", tools: diagnostics, summary: "Health check that exits with a non-zero code if the RabbitMQ app on the target node is not running",
		banner: banner("Checking if RabbitMQ is running on node %n ..."), run: checkRunning},
	{name: "is_running", tools: diagnostics, summary: "Awaits for the RabbitMQ app to be fully started", banner: banner("Asking node %n for its status ..."), run: checkRunning},
	{name: "is_booting", tools: diagnostics, summary: "Checks if RabbitMQ is still booting on the target node", banner: banner("Asking node %n for its boot status ..."), run: isBooting},
	{name: "check_port_connectivity", tools: diagnostics, usage: "[--address <ipv4-or-v6-address>]", summary: "Basic TCP connectivity health check for each listener's port on the target node", options: []string{"address="},
		banner: banner("Testing TCP connections to all active listeners on node %n using hostname resolution ..."), run: checkPortConnectivity},
	{name: "check_local_alarms", tools: diagnostics, summary: "Health check that exits with a non-zero code if there are any resource alarms in effect on the target node",
		banner: banner("Asking node %n to report any local resource alarms ..."), run: func(c *call) error { return c.checkAlarms(true) }},
	{name: "check_alarms", tools: diagnostics, summary: "Health check that exits with a non-zero code if there are any resource alarms in effect",
		banner: banner("Asking node %n to report any local resource alarms ..."), run: func(c *call) error { return c.checkAlarms(false) }},
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
			return c.fine("Node %s reported all vhosts as running", c.node.name)
		}},
	{name: "check_certificate_expiration", tools: diagnostics, usage: "[--within <period>] [--unit <unit>]", summary: "Checks the expiration date on the certificates for every listener configured to use TLS", options: []string{"within=", "unit="},
		banner: banner("Checking certificate expiration on node %n ..."), check: checkWithin, run: checkCertificates},
	{name: "check_if_node_is_quorum_critical", tools: queuesOnly, summary: "Health check that exits with a non-zero code if there are queues with minimum online quorum",
		banner: banner("Checking if node %n is critical for quorum of any quorum queues ..."), run: func(c *call) error {
			if err := c.running(); err != nil {
				return err
			}
			return c.alone()
		}},
	{name: "check_if_node_is_mirror_sync_critical", tools: queuesOnly, summary: "Health check that exits with a non-zero code if there are classic mirrored queues without online synchronised mirrors",
		banner: banner("Checking if node %n is critical for data safety of any classic mirrored queues ..."), run: func(c *call) error {
			if err := c.running(); err != nil {
				return err
			}
			return c.alone()
		}},
	{name: "node_health_check", summary: "DEPRECATED. Performs intrusive, opinionated health checks on a fully booted node.", run: func(c *call) error {
		c.say("This command is DEPRECATED and will be removed in a future version.\nIt performs intrusive, opinionated health checks and requires a fully booted node.\nUse one of the options covered in https://www.rabbitmq.com/monitoring.html#health-checks instead.")
		c.say("Timeout: 70 seconds ...\nChecking health of node %s ...", c.node.name)
		if err := c.running(); err != nil {
			return err
		}
		c.tell("Health check passed")
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
	text := "RabbitMQ on node " + c.node.name + " is fully booted and running"
	object := map[string]any{"message": text}
	if c.verb.name == "is_running" {
		object["result"] = true
	}
	return c.answer(object, text)
}

func isBooting(c *call) error {
	if _, err := c.describe(); err != nil {
		return err
	}
	text := "RabbitMQ on node " + c.node.name + " is fully booted (check with is_running), stopped or has not started booting yet"
	return c.answer(map[string]any{"message": text, "result": false}, text)
}

// fine is the answer of a check that has found nothing.
func (c *call) fine(format string, args ...any) error {
	return c.answer(map[string]any{"result": "ok"}, fmt.Sprintf(format, args...))
}

// alone is the answer of checks that are about other nodes.
func (c *call) alone() error {
	const rest = " seems to be the only one in a single node cluster, the check does not apply"
	return c.answer(map[string]any{"message": "Target node" + rest, "result": "ok"}, "Node "+c.node.name+rest)
}

// alarmLines are the alarms that are on.
func (c *call) alarmLines() (lines []string, err error) {
	lines = []string{}
	var nodes []map[string]any
	if err := c.node.get("/api/nodes", &nodes); err != nil {
		return nil, err
	}
	for _, n := range nodes {
		if n["mem_alarm"] == true {
			lines = append(lines, "Memory alarm on node "+c.node.name)
		}
		if n["disk_free_alarm"] == true {
			lines = append(lines, "Free disk space alarm on node "+c.node.name)
		}
	}
	return lines, nil
}

// checkAlarms is check_local_alarms or check_alarms, which differ in their words alone.
func (c *call) checkAlarms(local bool) error {
	lines, err := c.alarmLines()
	if err != nil {
		return err
	}
	scope, none := "local alarms", "no local alarms"
	if !local {
		scope, none = "alarms", "no alarms, local or clusterwide"
	}
	switch text := strings.Join(lines, "\n"); {
	case len(lines) == 0:
		return c.fine("Node %s reported %s", c.node.name, none)
	case local:
		return c.found(failed(exitUnavailable, "%s", text), map[string]any{"local": lines, "message": "Node " + c.node.name + " reported " + scope})
	default:
		return c.found(failedPlainly(exitUnavailable, "%s", text),
			map[string]any{"local": lines, "global": []string{}, "message": "Node " + c.node.name + " reported " + scope})
	}
}

// found is the failure of a check, as an object for a formatter.
func (c *call) found(err error, object map[string]any) error {
	if c.opts.format("") != "json" {
		return err
	}
	object["result"] = "error"
	return failedPlainly(exitUnavailable, "%s", jsonText(object))
}

func alarms(c *call) error {
	lines, err := c.alarmLines()
	if err != nil {
		return err
	}
	if len(lines) == 0 {
		return c.answer(map[string]any{"alarms": []any{}, "node": c.node.name, "result": "ok"}, "Node "+c.node.name+" reported no alarms, local or clusterwide")
	}
	return c.answer(map[string]any{"global": []any{}, "local": lines, "message": "Node " + c.node.name + " reported alarms", "result": "ok"}, strings.Join(lines, "\n"))
}

// units are what --unit of check_certificate_expiration may be.
var units = []string{"days", "weeks", "months", "years"}

func checkWithin(c *call) error {
	within, unit := c.within()
	switch {
	case within < 1:
		return c.misused("within must be a positive integer.", []string{c.verb.name})
	case !slices.Contains(units, unit):
		return c.misused("\"unit '"+unit+"' is not supported. Please use one of: "+strings.Join(units, ", ")+"\"",
			[]string{c.verb.name, "--within", strconv.Itoa(within), "--unit", unit})
	}
	return nil
}

// within is the period of check_certificate_expiration, four weeks by default; 0 is none.
func (c *call) within() (int, string) {
	within, unit := 4, "weeks"
	if text, ok := c.opts.own["within"]; ok {
		within, _ = strconv.Atoi(text) // What is no number is 0.
	}
	if text, ok := c.opts.own["unit"]; ok {
		unit = text
	}
	return within, unit
}

func checkCertificates(c *call) error {
	within, unit := c.within()
	if err := c.node.get(apiPath("health", "checks", "certificate-expiration", strconv.Itoa(within), unit), nil); err != nil {
		return failed(exitUnavailable, "%s", err)
	}
	if within == 1 {
		unit = strings.TrimSuffix(unit, "s")
	}
	return c.fine("No certificates are expiring within %d %s.", within, unit)
}
