package ctl

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"

	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/lint"
)

var objectVerbs = []*verb{
	{name: "purge_queue", tools: ctlOnly, usage: "[--vhost <vhost>] <queue>", summary: "Purges a queue (removes all messages in it)", min: 1, max: 1,
		banner: banner(`Purging queue '%0' in vhost '%v' ...`), run: purgeQueue},
	{name: "delete_queue", tools: ctlOnly, usage: "[--vhost <vhost>] <queue_name> [--if-empty|-e] [--if-unused|-u]", summary: "Deletes a queue", min: 1, max: 1,
		options: []string{"if-empty", "if-unused", "e", "u"}, banner: func(c *call) string {
			condition := ""
			if c.opts.has("if-empty") || c.opts.has("e") {
				condition = " if queue is empty"
			}
			return "Deleting queue '" + c.args[0] + "' on vhost '" + c.opts.vhostName() + "'" + condition + " ..."
		}, run: deleteQueue},
	{name: "close_connection", tools: ctlOnly, usage: "<connection pid> <explanation>", summary: "Instructs the broker to close the connection associated with the Erlang process id", min: 2, max: 2,
		banner: banner(`Closing connection %0, reason: %1...`), run: closeConnection},
	{name: "close_all_connections", tools: ctlOnly, usage: "[--vhost <vhost> --limit <limit>] [-n <node> --global] [--per-connection-delay <delay>] <explanation>", summary: "Instructs the broker to close all connections for the specified vhost or entire RabbitMQ node", min: 1, max: 1,
		options: []string{"global", "limit=", "per-connection-delay="}, banner: banner(`Closing all connections in vhost %v, reason: %0...`), run: closeAllConnections},
	{name: "close_all_user_connections", tools: ctlOnly, usage: "<username> <explanation>", summary: "Instructs the broker to close all connections of the specified user", min: 2, max: 2,
		banner: banner(`Closing connections of user %0, reason: %1...`), run: closeUserConnections},
	{name: "export_definitions", tools: ctlOnly, usage: "<file_path | \"-\"> [--format <json | erlang>]", summary: "Exports definitions in JSON or compressed Erlang Term Format.", min: 1, max: 1, options: []string{"format="},
		banner: func(c *call) string {
			if c.args[0] == "-" {
				return ""
			}
			return `Exporting definitions in JSON to a file at "` + c.args[0] + `" ...`
		}, run: exportDefinitions},
	{name: "import_definitions", tools: ctlOnly, usage: "<file_path | \"-\"> [--format <json | erlang>] [--skip-if-unchanged] [--timeout <timeout>]", summary: "Imports definitions in JSON or compressed Erlang Term Format.", min: 0, max: 1, options: []string{"format=", "skip-if-unchanged"}, check: checkImport,
		banner: func(c *call) string {
			if len(c.args) == 0 || c.args[0] == "-" {
				return "Importing definitions in JSON from standard input ..."
			}
			return `Importing definitions in JSON from a file at "` + c.args[0] + `" ...`
		}, run: importDefinitions},
}

func purgeQueue(c *call) error {
	err := c.node.do(http.MethodDelete, apiPath("queues", c.opts.vhostName(), c.args[0], "contents"), nil, nil)
	if isRefused(err, http.StatusNotFound) {
		return failed(exitUnavailable, "not_found")
	}
	return err
}

func deleteQueue(c *call) error {
	path := apiPath("queues", c.opts.vhostName(), c.args[0])
	var q map[string]any
	if err := c.node.get(path, &q); isRefused(err, http.StatusNotFound) {
		return failed(exitUsage, "Queue not found")
	} else if err != nil {
		return err
	}
	conditions := url.Values{}
	empty, unused := c.opts.has("if-empty") || c.opts.has("e"), c.opts.has("if-unused") || c.opts.has("u")
	if empty {
		conditions.Set("if-empty", "true")
	}
	if unused {
		conditions.Set("if-unused", "true")
	}
	err := c.node.do(http.MethodDelete, path+"?"+conditions.Encode(), nil, nil)
	switch {
	case isRefused(err, http.StatusBadRequest) && empty && text(q["messages_ready"]) != "0":
		return failed(exitUsage, "Queue is not empty")
	case isRefused(err, http.StatusBadRequest) && unused:
		return failed(exitUsage, "Queue is in use")
	case err != nil:
		return err
	}
	ready := text(q["messages_ready"])
	if ready == "" {
		ready = "0"
	}
	c.print("Queue was successfully deleted with %s ready messages", ready)
	return nil
}

// drop closes a connection with a reason.
func (c *call) drop(name, reason string) error {
	if c.node.http == nil {
		return c.node.unreachable()
	}
	req, err := http.NewRequest(http.MethodDelete, "http://node"+apiPath("connections", name), nil)
	if err != nil {
		return err
	}
	req.Header.Set("X-Reason", reason)
	resp, err := c.node.http.Do(req)
	if err != nil {
		return c.node.unreachable()
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound {
		return failed(exitUnavailable, "Could not find connection %s", name)
	}
	return nil
}

func closeConnection(c *call) error { return c.drop(c.args[0], c.args[1]) }

// dropAll closes the connections that match.
func (c *call) dropAll(reason string, matches func(map[string]any) bool) (int, error) {
	var list []map[string]any
	if err := c.node.get("/api/connections", &list); err != nil {
		return 0, err
	}
	n := 0
	for _, conn := range list {
		if matches(conn) && c.drop(text(conn["name"]), reason) == nil {
			n++
		}
	}
	return n, nil
}

func closeAllConnections(c *call) error {
	n, err := c.dropAll(c.args[0], func(conn map[string]any) bool {
		return c.opts.has("global") || conn["vhost"] == c.opts.vhostName()
	})
	if err == nil {
		c.print("Closed %d connections", n)
	}
	return err
}

func closeUserConnections(c *call) error {
	_, err := c.dropAll(c.args[1], func(conn map[string]any) bool { return conn["user"] == c.args[0] })
	return err
}

func exportDefinitions(c *call) error {
	if f := c.opts.own["format"]; f != "" && f != "json" {
		return failed(exitUsage, "definitions are exported as JSON only")
	}
	var document json.RawMessage
	if err := c.node.get("/api/definitions", &document); err != nil {
		return err
	}
	if c.args[0] == "-" {
		c.print("%s", document)
		return nil
	}
	if err := os.WriteFile(c.args[0], document, 0o600); err != nil {
		return failed(exitData, "%s", err)
	}
	if c.opts.quiet || c.opts.silent {
		return nil
	}
	return lint.Warn(c.Stderr, document, lint.Targets)
}

func checkImport(c *call) error {
	if len(c.args) == 0 || c.args[0] == "-" {
		return nil
	}
	if _, err := os.Stat(c.args[0]); os.IsNotExist(err) {
		return c.badArgument("Bad argument: File " + c.args[0] + " does not exist")
	}
	return nil
}

func importDefinitions(c *call) error {
	if f := c.opts.own["format"]; f != "" && f != "json" {
		return failed(exitUsage, "definitions are imported from JSON only")
	}
	read := func() ([]byte, error) { return io.ReadAll(c.Stdin) }
	if len(c.args) > 0 && c.args[0] != "-" {
		read = func() ([]byte, error) { return os.ReadFile(c.args[0]) }
	}
	data, err := read()
	if err != nil {
		return failed(exitData, "%s", err)
	}
	document, err := document(string(data))
	if err != nil {
		return failed(exitData, "Failed to parse the definition file: it is not valid JSON")
	}
	if err := c.node.do(http.MethodPost, "/api/definitions", document, nil); isRefused(err, http.StatusBadRequest) {
		return failed(exitData, "%s", err)
	} else if err != nil {
		return err
	}
	c.say("Successfully started definition import. This process is asynchronous and can take some time. Watch target node logs for completion.")
	return nil
}
