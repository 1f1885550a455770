package ctl

import (
	"slices"
	"strings"
)

var (
	upgradeOnly = []string{nameUpgrade}
	everyone    = append([]string{nameUpgrade}, everyTool...)
)

// upgradeVerbs are what scripts call before they end a node, and those that have to do with
// who may connect.
var upgradeVerbs = []*verb{
	{name: "await_online_quorum_plus_one", tools: upgradeOnly, summary: "Waits for all quorum queues to have an above minimum online quorum",
		banner: awaiting("a quorum + 1 of nodes to be online for all quorum queues"), run: aloneAnyway},
	{name: "await_online_synchronized_mirror", tools: upgradeOnly, summary: "Waits for all classic mirrored queues hosted on the target node to have at least one synchronized mirror online",
		banner: awaiting("a synchronised mirror be online for all classic mirrored queues"), run: aloneAnyway},
	{name: "drain", tools: upgradeOnly, summary: "Puts the node in maintenance mode. Such nodes will not serve any client traffic",
		banner: banner("Will put node %n into maintenance mode. The node will no longer serve any client traffic!"), run: drain},
	{name: "revive", tools: upgradeOnly, summary: "Puts the node out of maintenance and into regular operating mode",
		banner: banner("Will put node %n back into regular operating mode. The node will again serve client traffic and host primary queue replicas."),
		run:    func(c *call) error { return c.order("revive") }},
	{name: "post_upgrade", tools: upgradeOnly, summary: "Runs post-upgrade tasks", banner: banner("Executing post upgrade tasks..."), run: func(c *call) error {
		if err := c.running(); err != nil {
			return err
		}
		c.print("Rebalancing queue masters...\n")
		return nil
	}},
	{name: "suspend_listeners", tools: ctlOnly, summary: "Suspends client connection listeners so that no new client connections are accepted",
		banner: banner("Will suspend client connection listeners on node %n. The node will no longer accept client connections!"),
		run:    func(c *call) error { return c.order("suspend") }},
	{name: "resume_listeners", tools: ctlOnly, summary: "Resumes client connection listeners making them accept client connections again",
		banner: banner("Will resume client connection listeners on node %n. The node will now accept client connections"),
		run:    func(c *call) error { return c.order("resume") }},
	{name: "hipe_compile", tools: ctlOnly, usage: "<directory>", summary: "DEPRECATED. This command is a no-op. HiPE is no longer supported by modern Erlang versions", max: 1,
		banner: banner("This command is a no-op. HiPE is no longer supported by modern Erlang versions"), run: nothing},
	{name: "autocomplete", tools: everyone, usage: "<prefix>", summary: "Provides command name autocomplete variants", max: 1, run: autocomplete},
}

// awaiting is a banner with the time limit, which is two minutes unless it is given.
func awaiting(what string) func(*call) string {
	return func(c *call) string {
		limit := "120"
		if text, ok := c.opts.own["timeout"]; ok {
			limit = text
		}
		return "Will wait for " + what + " for " + limit + " seconds..."
	}
}

func aloneAnyway(c *call) error {
	if err := c.running(); err != nil {
		return err
	}
	c.print("Target node seems to be the only one in a single node cluster, the command does not apply")
	return nil
}

// drain refuses new clients and sends the others away.
func drain(c *call) error {
	if err := c.order("drain"); err != nil {
		return err
	}
	_, err := c.dropAll("Node was put into maintenance mode", func(map[string]any) bool { return true })
	return err
}

func autocomplete(c *call) error {
	prefix := ""
	if len(c.args) > 0 {
		prefix = c.args[0]
	}
	for _, name := range c.names() {
		if strings.HasPrefix(name, prefix) {
			c.print("%s", name)
		}
	}
	return nil
}

// names are those of the tool's verbs.
func (c *call) names() (names []string) {
	for _, v := range verbs {
		if v.has(c.Name) {
			names = append(names, v.name)
		}
	}
	slices.Sort(names)
	return names
}
