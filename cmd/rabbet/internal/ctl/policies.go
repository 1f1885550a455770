package ctl

import (
	"encoding/json"
	"net/http"
	"strconv"
)

var policyVerbs = []*verb{
	{name: "set_policy", tools: ctlOnly, usage: "[--vhost <vhost>] [--priority <priority>] [--apply-to <apply-to>] <name> <pattern> <definition>", summary: "Sets or updates a policy", min: 3, max: 3,
		options: []string{"priority=", "apply-to="}, banner: policyBanner("policy"), run: func(c *call) error { return c.setPolicy("policies") }},
	{name: "set_operator_policy", tools: ctlOnly, usage: "[--vhost <vhost>] [--priority <priority>] [--apply-to <apply-to>] <name> <pattern> <definition>", summary: "Sets an operator policy that overrides a subset of arguments in user policies", min: 3, max: 3,
		options: []string{"priority=", "apply-to="}, banner: policyBanner("operator policy override"), run: func(c *call) error { return c.setPolicy("operator-policies") }},
	{name: "clear_policy", tools: ctlOnly, usage: "[--vhost <vhost>] <name>", summary: "Clears (removes) a policy", min: 1, max: 1,
		banner: banner(`Clearing policy "%0" on vhost "%v" ...`), run: func(c *call) error { return c.clearParameter(apiPath("policies", c.opts.vhostName(), c.args[0])) }},
	{name: "clear_operator_policy", tools: ctlOnly, usage: "[--vhost <vhost>] <name>", summary: "Clears an operator policy", min: 1, max: 1,
		banner: banner(`Clearing operator policy "%0" on vhost "%v" ...`), run: func(c *call) error {
			return c.clearParameter(apiPath("operator-policies", c.opts.vhostName(), c.args[0]))
		}},
	{name: "set_parameter", tools: ctlOnly, usage: "[--vhost <vhost>] <component_name> <name> <value>", summary: "Sets a runtime parameter.", min: 3, max: 3,
		banner: banner(`Setting runtime parameter "%1" for component "%0" to "%2" in vhost "%v" ...`), run: setParameter},
	{name: "clear_parameter", tools: ctlOnly, usage: "[--vhost <vhost>] <component_name> <name>", summary: "Clears a runtime parameter.", min: 2, max: 2,
		banner: banner(`Clearing runtime parameter "%1" for component "%0" on vhost "%v" ...`), run: func(c *call) error {
			return c.clearParameter(apiPath("parameters", c.args[0], c.opts.vhostName(), c.args[1]))
		}},
	{name: "set_global_parameter", tools: ctlOnly, usage: "<name> <value>", summary: "Sets a runtime parameter.", min: 2, max: 2,
		banner: banner(`Setting global runtime parameter "%0" to "%1" ...`), run: setGlobalParameter},
	{name: "clear_global_parameter", tools: ctlOnly, usage: "<name>", summary: "Clears a global runtime parameter", min: 1, max: 1,
		banner: banner(`Clearing global runtime parameter "%0" ...`), run: func(c *call) error { return c.clearParameter(apiPath("global-parameters", c.args[0])) }},
	{name: "set_cluster_name", tools: ctlOnly, usage: "<name>", summary: "Sets the cluster name", min: 1, max: 1,
		banner: banner(`Setting cluster name to %0 ...`), run: func(c *call) error {
			return c.node.do(http.MethodPut, "/api/cluster-name", map[string]string{"name": c.args[0]}, nil)
		}},
}

func policyBanner(kind string) func(*call) string {
	return func(c *call) string {
		priority := c.opts.own["priority"]
		if priority == "" {
			priority = "0"
		}
		return `Setting ` + kind + ` "` + c.args[0] + `" for pattern "` + c.args[1] + `" to "` + c.args[2] +
			`" with priority "` + priority + `" for vhost "` + c.opts.vhostName() + `" ...`
	}
}

// document checks that an argument is JSON.
func document(text string) (json.RawMessage, error) {
	if !json.Valid([]byte(text)) {
		return nil, failed(exitData, "Could not parse JSON document: %s", text)
	}
	return json.RawMessage(text), nil
}

func (c *call) setPolicy(kind string) error {
	if err := c.checkVHost(); err != nil {
		return err
	}
	definition, err := document(c.args[2])
	if err != nil {
		return err
	}
	record := map[string]any{"pattern": c.args[1], "definition": definition, "priority": 0}
	if text, ok := c.opts.own["priority"]; ok {
		n, err := strconv.Atoi(text)
		if err != nil {
			return failed(exitUsage, "priority must be an integer: %s", text)
		}
		record["priority"] = n
	}
	if to := c.opts.own["apply-to"]; to != "" {
		record["apply-to"] = to
	}
	return refusedAs(c.node.do(http.MethodPut, apiPath(kind, c.opts.vhostName(), c.args[0]), record, nil))
}

// refusedAs gives a refused document the exit code of the tools.
func refusedAs(err error) error {
	if isRefused(err, http.StatusBadRequest) {
		return failed(exitUnavailable, "%s", err)
	}
	return err
}

func (c *call) clearParameter(path string) error {
	err := c.node.do(http.MethodDelete, path, nil, nil)
	if isRefused(err, http.StatusNotFound) {
		return failed(exitUnavailable, "Parameter does not exist")
	}
	return err
}

func setParameter(c *call) error {
	value, err := document(c.args[2])
	if err != nil {
		return err
	}
	return refusedAs(c.node.do(http.MethodPut, apiPath("parameters", c.args[0], c.opts.vhostName(), c.args[1]),
		map[string]any{"component": c.args[0], "vhost": c.opts.vhostName(), "name": c.args[1], "value": value}, nil))
}

func setGlobalParameter(c *call) error {
	value, err := document(c.args[1])
	if err != nil {
		return err
	}
	return refusedAs(c.node.do(http.MethodPut, apiPath("global-parameters", c.args[0]), map[string]any{"name": c.args[0], "value": value}, nil))
}
