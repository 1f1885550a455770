package ctl

import "net/http"

var attemptVerbs = []*verb{
	{name: "list_node_auth_attempt_stats", usage: "[--by-source]", summary: "Lists authentication attempts on the target node", options: []string{"by-source"},
		banner: banner("Listing authentication\n attempts for node \"%n\" ..."), run: loginAttempts},
	{name: "reset_node_auth_attempt_metrics", tools: diagnostics, summary: "Resets auth attempt metrics on the target node",
		banner: banner("Reset auth attempt metrics on node %n ..."), run: resetAttempts},
	{name: "enable_auth_attempt_source_tracking", tools: diagnostics, summary: "Enables the tracking of peer IP address and username of authentication attempts",
		banner: banner("Enabling authentication attempt source tracking ..."), run: (*call).running},
	{name: "disable_auth_attempt_source_tracking", tools: diagnostics, summary: "Disables the tracking of peer IP address and username of authentication attempts", run: func(*call) error {
		return failed(exitUnavailable, "sources of logins over HTTP are always counted")
	}},
	{name: "list_unresponsive_queues", usage: "[--local] [--queue-timeout <milliseconds>] [<column> ...]", summary: "Tests queues to respond within timeout. Lists those which did not respond", max: -1, options: []string{"queue-timeout="},
		banner: banner("Listing unresponsive queues for vhost %v ..."), run: unresponsiveQueues},
}

// unresponsiveQueues asks for all queues. They have no process that could hang: the list is
// empty if there is an answer.
func unresponsiveQueues(c *call) error {
	if err := c.checkVHost(); err != nil {
		return err
	}
	var queues []map[string]any
	if err := c.node.get(apiPath("queues", c.opts.vhostName()), &queues); err != nil {
		return err
	}
	return c.show(&table{columns: []string{"name"}})
}

// loginAttempts are those of all clients, or of each source.
func loginAttempts(c *call) error {
	path := []string{"auth", "attempts", c.node.name}
	columns := []string{"protocol", "auth_attempts", "auth_attempts_failed", "auth_attempts_succeeded"}
	if c.opts.has("by-source") {
		path, columns = append(path, "source"), append([]string{"remote_address", "username"}, columns...)
	}
	var rows []map[string]any
	if err := c.node.get(apiPath(path...), &rows); err != nil {
		return err
	}
	if len(rows) == 0 && c.opts.format("") == "" {
		c.print("Node %s reported no authentication attempt stats", c.node.name)
		return nil
	}
	t := &table{columns: columns}
	for _, row := range rows {
		values := make([]any, len(columns))
		for i, name := range columns {
			values[i] = row[name]
		}
		t.add(values...)
	}
	return c.show(t)
}

func resetAttempts(c *call) error {
	return c.node.do(http.MethodDelete, apiPath("auth", "attempts", c.node.name), nil, nil)
}
