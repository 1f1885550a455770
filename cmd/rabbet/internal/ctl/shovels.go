package ctl

import (
	"net/http"
	"slices"
)

var shovelVerbs = []*verb{
	{name: "shovel_status", plugin: "rabbitmq_shovel", tools: []string{nameCtl, nameDiagnostics}, usage: "", summary: "Displays status of Shovel on a node", max: -1,
		banner: banner("Shovel status on node %n"), run: shovelStatus},
	{name: "restart_shovel", plugin: "rabbitmq_shovel", tools: ctlOnly, usage: "[--vhost <vhost>] <name>", summary: "Restarts a dynamic Shovel", min: 1, max: 1,
		banner: banner("Restarting dynamic Shovel %0 in virtual host %v on node %n"), run: func(c *call) error { return c.withShovel("restart") }},
	{name: "delete_shovel", plugin: "rabbitmq_shovel", tools: ctlOnly, usage: "[--vhost <vhost>] <name>", summary: "Deletes a Shovel", min: 1, max: 1,
		banner: banner("Deleting shovel %0 in vhost %v"), run: func(c *call) error { return c.withShovel() }},
}

// shovelColumns are the columns of shovel_status with the API's fields. Those that no
// shovel has a value for are left out, unless always says so.
var shovelColumns = []struct {
	name, field string
	always      bool
}{
	{"destination", "dest_uri", true}, {"destination_exchange", "dest_exchange", false},
	{"destination_exchange_key", "dest_exchange_key", false}, {"destination_protocol", "dest_protocol", false},
	{"destination_queue", "dest_queue", false}, {"last_changed", "timestamp", true}, {"name", "name", true},
	{"source", "src_uri", true}, {"source_exchange", "src_exchange", false}, {"source_exchange_key", "src_exchange_key", false},
	{"source_protocol", "src_protocol", false}, {"source_queue", "src_queue", false}, {"state", "state", true},
	{"termination_reason", "reason", true}, {"type", "type", true}, {"vhost", "vhost", true},
}

func shovelStatus(c *call) error {
	var shovels []map[string]any
	if err := c.node.get("/api/shovels", &shovels); err != nil {
		return err
	}
	t := &table{}
	var fields []string
	for _, column := range shovelColumns {
		if column.always || slices.ContainsFunc(shovels, func(s map[string]any) bool { return s[column.field] != nil }) {
			t.columns, fields = append(t.columns, column.name), append(fields, column.field)
		}
	}
	for _, s := range shovels {
		row := make([]any, len(fields))
		for i, field := range fields {
			if row[i] = s[field]; row[i] == nil {
				row[i] = ""
			}
		}
		t.add(row...)
	}
	return c.show(t)
}

// withShovel deletes a shovel, or what is named below it.
func (c *call) withShovel(below ...string) error {
	path := append([]string{"shovels", "vhost", c.opts.vhostName(), c.args[0]}, below...)
	err := c.node.get(apiPath(path[:4]...), nil)
	if err == nil {
		err = c.node.do(http.MethodDelete, apiPath(path...), nil, nil)
	}
	if isRefused(err, http.StatusNotFound) {
		return failed(exitUnavailable, "Shovel with the given name was not found on the target node '%s' and / or virtual host '%s'",
			c.node.name, c.opts.vhostName())
	}
	return err
}
