package ctl

import (
	"net/http"
	"strings"
)

var vhostVerbs = []*verb{
	{name: "add_vhost", tools: ctlOnly, usage: "<vhost> [--description <description> --tags \"<tag1>,<tag2>,<...>\" --default-queue-type <quorum|classic|stream>]", summary: "Creates a virtual host", min: 1, max: 1,
		options: []string{"description=", "tags=", "default-queue-type="}, banner: banner(`Adding vhost "%0" ...`), run: addVHost},
	{name: "update_vhost_metadata", tools: ctlOnly, usage: "<vhost> [--description <description>] [--tags \"<tag1>,<tag2>,<...>\"] [--default-queue-type <quorum|classic|stream>]", summary: "Updates metadata (tags, description, default queue type) a virtual host", min: 1, max: 1,
		options: []string{"description=", "tags=", "default-queue-type="}, banner: banner(`Updating metadata of vhost "%0" ...`), run: updateVHost},
	{name: "delete_vhost", tools: ctlOnly, usage: "<vhost>", summary: "Deletes a virtual host", min: 1, max: 1,
		banner: banner(`Deleting vhost "%0" ...`), run: deleteVHost},
	{name: "set_vhost_tags", tools: ctlOnly, usage: "<vhost> <tag> [...]", summary: "Sets virtual host tags", min: 1, max: -1,
		banner: func(c *call) string {
			return `Setting tags for virtual host "` + c.args[0] + `" to [` + strings.Join(c.args[1:], ", ") + `] ...`
		}, run: func(c *call) error {
			c.opts.own["tags"] = strings.Join(c.args[1:], ",")
			return updateVHost(c)
		}},
	{name: "restart_vhost", tools: ctlOnly, usage: "[--vhost <vhost>]", summary: "Restarts a failed vhost data stores and queues",
		banner: banner(`Trying to restart vhost '%v' on node '%n' ...`), run: func(c *call) error {
			if err := c.checkVHost(); err != nil {
				return err
			}
			c.print("Vhost '%s' is already running on node '%s'", c.opts.vhostName(), c.node.name)
			return nil
		}},
	{name: "set_vhost_limits", tools: ctlOnly, usage: "[--vhost <vhost>] <definition>", summary: "Sets virtual host limits", min: 1, max: 1,
		banner: banner(`Setting vhost limits to "%0" for vhost "%v" ...`), run: func(c *call) error {
			if err := c.checkVHost(); err != nil {
				return err
			}
			return c.setLimits("/api/vhost-limits", c.opts.vhostName(), c.args[0])
		}},
	{name: "clear_vhost_limits", tools: ctlOnly, usage: "[--vhost <vhost>]", summary: "Clears virtual host limits",
		banner: banner(`Clearing vhost "%v" limits ...`), run: func(c *call) error {
			return c.clearLimits("vhost-limits", c.opts.vhostName(), "all", "max-connections", "max-queues")
		}},
	{name: "list_vhost_limits", usage: "[--vhost <vhost>] [--global]", summary: "Displays configured virtual host limits", options: []string{"global"},
		banner: func(c *call) string {
			if c.opts.has("global") {
				return "Listing limits for all vhosts ..."
			}
			return `Listing limits for vhost "` + c.opts.vhostName() + `" ...`
		}, run: listVHostLimits},
	{name: "trace_on", tools: ctlOnly, usage: "[--vhost <vhost>]", summary: "Starts tracing, publishing traced messages to the amq.rabbitmq.trace exchange", banner: banner(`Starting tracing for vhost "%v" ...`), run: func(c *call) error { return c.trace(true) }},
	{name: "trace_off", tools: ctlOnly, usage: "[--vhost <vhost>]", summary: "Stops tracing", banner: banner(`Stopping tracing for vhost "%v" ...`), run: func(c *call) error { return c.trace(false) }},
}

// checkVHost refuses a virtual host that is not there.
func (c *call) checkVHost() error {
	err := c.node.get(apiPath("vhosts", c.opts.vhostName()), nil)
	if isRefused(err, http.StatusNotFound) {
		return failed(exitUnavailable, "Virtual host %s does not exist", c.opts.vhostName())
	}
	return err
}

// metadata are the options of a virtual host, as the API has them.
func (c *call) metadata() map[string]any {
	m := map[string]any{}
	if v, ok := c.opts.own["description"]; ok {
		m["description"] = v
	}
	if v, ok := c.opts.own["tags"]; ok {
		m["tags"] = v
	}
	if v, ok := c.opts.own["default-queue-type"]; ok {
		m["default_queue_type"] = v
	}
	return m
}

func (c *call) putVHost(name string, record map[string]any) error {
	switch record["default_queue_type"] {
	case nil, "", "classic", "quorum", "stream", "undefined":
	default:
		return failed(exitUsage, "Unsupported default queue type")
	}
	return c.node.do(http.MethodPut, apiPath("vhosts", name), record, nil)
}

func addVHost(c *call) error {
	if c.node.get(apiPath("vhosts", c.args[0]), nil) == nil {
		return nil // it is there, and left as it is
	}
	return c.putVHost(c.args[0], c.metadata())
}

func updateVHost(c *call) error {
	c.opts.vhost = c.args[0]
	if err := c.checkVHost(); err != nil {
		return err
	}
	return c.putVHost(c.args[0], c.metadata())
}

func deleteVHost(c *call) error {
	err := c.node.do(http.MethodDelete, apiPath("vhosts", c.args[0]), nil, nil)
	if isRefused(err, http.StatusNotFound) {
		return failedPlainly(exitData, "Virtual host '%s' does not exist", c.args[0])
	}
	return err
}

func listVHostLimits(c *call) error {
	var list []map[string]any
	if err := c.node.get("/api/vhost-limits", &list); err != nil {
		return err
	}
	t := &table{columns: []string{"vhost", "limits"}, blank: true}
	mine := ""
	for _, l := range list {
		if c.opts.has("global") {
			t.add(l["vhost"], jsonText(l["value"]))
		} else if l["vhost"] == c.opts.vhostName() {
			mine = jsonText(l["value"])
		}
	}
	if c.opts.has("global") {
		return c.show(t)
	}
	c.print("%s", mine)
	return nil
}

func (c *call) trace(on bool) error {
	if err := c.checkVHost(); err != nil {
		return err
	}
	if err := c.node.do(http.MethodPut, apiPath("vhosts", c.opts.vhostName()), map[string]any{"tracing": on}, nil); err != nil {
		return err
	}
	state := "disabled"
	if on {
		state = "enabled"
	}
	c.print("Trace %s for vhost %s", state, c.opts.vhostName())
	return nil
}
