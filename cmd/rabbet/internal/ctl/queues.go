package ctl

import (
	"net/http"
)

var queueVerbs = []*verb{
	{name: "quorum_status", tools: queuesOnly, usage: "[--vhost <vhost>] <queue>", summary: "Displays quorum status of a quorum queue", min: 1, max: 1,
		banner: banner("Status of quorum queue %0 on node %n ..."), run: quorumStatus},
	{name: "stream_status", tools: []string{nameStreams}, usage: "[--vhost <vhost>] <stream>", summary: "Displays the status of a stream", min: 1, max: 1, options: []string{"tracking"},
		banner: banner("Status of stream %0 on node %n ..."), run: quorumStatus},
	{name: "rebalance", tools: []string{nameQueues}, usage: "< all | classic | quorum | stream > [--vhost-pattern <pattern>] [--queue-pattern <pattern>]", summary: "Rebalances leaders of replicated queues across online cluster nodes", min: 1, max: 1, options: []string{"vhost-pattern=", "queue-pattern="},
		banner: banner("Re-balancing leaders of %0 queues..."), run: func(c *call) error { return c.running() }},
	{name: "add_member", tools: []string{nameQueues}, usage: "[--vhost <vhost>] <queue> <node>", summary: "Adds a quorum queue member (replica) on the given node.", min: 2, max: 2, run: noCluster},
	{name: "delete_member", tools: []string{nameQueues}, usage: "[--vhost <vhost>] <queue> <node>", summary: "Removes a quorum queue member (replica) on the given node.", min: 2, max: 2, run: noCluster},
	{name: "grow", tools: []string{nameQueues}, usage: "<node> < all | even > [--vhost-pattern <pattern>] [--queue-pattern <pattern>]", summary: "Grows quorum queue clusters by adding a member (replica)", min: 2, max: 2, options: []string{"vhost-pattern=", "queue-pattern="}, run: noCluster},
	{name: "shrink", tools: []string{nameQueues}, usage: "<node> [--errors-only]", summary: "Shrinks quorum queue clusters by removing any members (replicas) on the given node.", min: 1, max: 1, options: []string{"errors-only"}, run: noCluster},
	{name: "add_replica", tools: []string{nameStreams}, usage: "[--vhost <vhost>] <stream> <node>", summary: "Adds a stream queue replica on the given node.", min: 2, max: 2, run: noCluster},
	{name: "delete_replica", tools: []string{nameStreams}, usage: "[--vhost <vhost>] <stream> <node>", summary: "Removes a stream queue replica on the given node.", min: 2, max: 2, run: noCluster},
}

// quorumStatus is one row: the node leads, and follows nobody.
func quorumStatus(c *call) error {
	var q map[string]any
	if err := c.node.get(apiPath("queues", c.opts.vhostName(), c.args[0]), &q); isRefused(err, http.StatusNotFound) {
		return failed(exitUnavailable, "not_found")
	} else if err != nil {
		return err
	}
	if kind := q["type"]; c.verb.name == "quorum_status" && kind != "quorum" {
		return failed(exitUnavailable, "Cannot get quorum status of a classic queue")
	} else if c.verb.name == "stream_status" && kind != "stream" {
		return failed(exitUnavailable, "Cannot get stream status of a queue of type %v", kind)
	}
	t := &table{columns: []string{"Node Name", "Raft State", "Membership", "Term", "Machine Version"}}
	if c.verb.name == "stream_status" {
		t.columns = []string{"role", "node", "readers"}
		t.add("writer", c.node.name, q["consumers"])
		return c.show(t)
	}
	t.add(c.node.name, "leader", "voter", 1, 3)
	return c.show(t)
}
