package ctl

import (
	"net/http"
	"net/url"
	"strconv"
)

var queueVerbs = []*verb{
	{name: "quorum_status", tools: queuesOnly, usage: "[--vhost <vhost>] <queue>", summary: "Displays quorum status of a quorum queue", min: 1, max: 1,
		banner: banner("Status of quorum queue %0 on node %n ..."), run: quorumStatus},
	{name: "stream_status", tools: []string{nameStreams, nameQueues, nameDiagnostics}, usage: "[--vhost <vhost>] <stream>", summary: "Displays the status of a stream", min: 1, max: 1, options: []string{"tracking"},
		banner: banner("Status of stream %0 on node %n ..."), run: streamStatus},
	{name: "peek", tools: []string{nameQueues}, usage: "[--vhost <vhost>] <queue> <position>", summary: "Peeks at the given position of a quorum queue", min: 2, max: 2,
		banner: banner("Peeking at quorum queue %0 at position %1 on node %n ..."), check: checkPosition, run: peek},
	{name: "reclaim_quorum_memory", tools: queuesOnly, usage: "[--vhost <vhost>] <quorum queue>", summary: "Flushes quorum queue processes WAL, performs a full sweep GC on all of its local Erlang processes", min: 1, max: 1,
		banner: banner("Will flush Raft WAL of quorum queue %0 ..."), run: reclaimMemory},
	{name: "rebalance", tools: []string{nameQueues}, usage: "< all | classic | quorum | stream > [--vhost-pattern <pattern>] [--queue-pattern <pattern>]", summary: "Re-balances leaders of replicated queues across up-and-running cluster nodes", min: 1, max: 1, options: []string{"vhost-pattern=", "queue-pattern="},
		banner: banner("Re-balancing leaders of %0 queues..."), check: checkKind, run: rebalance},
	{name: "grow", tools: []string{nameQueues}, usage: "<node> < all | even > [--vhost-pattern <pattern>] [--queue-pattern <pattern>]", summary: "Grows quorum queue clusters by adding a member (replica) on the specified node for all matching queues", min: 2, max: 2, options: []string{"vhost-pattern=", "queue-pattern=", "errors-only"},
		banner: banner("Growing %1 quorum queues on %0..."), check: checkStrategy, run: replicate},
	{name: "shrink", tools: []string{nameQueues}, usage: "<node> [--errors-only]", summary: "Shrinks quorum queue clusters by removing any members (replicas) on the given node.", min: 1, max: 1, options: []string{"errors-only"},
		banner: banner("Shrinking quorum queues on %0..."), run: replicate},
	memberVerb("add_member", nameQueues, "<queue>", "Adds a quorum queue member (replica) on the given node.", "Adding a replica for queue %0 on node %1..."),
	memberVerb("delete_member", nameQueues, "<queue>", "Removes a quorum queue member (replica) on the given node.", "Removing a replica of queue %0 on node %1..."),
	memberVerb("add_replica", nameStreams, "<stream>", "Adds a stream queue replica on the given node.", "Adding a replica for queue %0 on node %1..."),
	memberVerb("delete_replica", nameStreams, "<stream>", "Removes a stream queue replica on the given node.", "Removing a replica of queue %0 on node %1..."),
}

func memberVerb(name, of, queue, summary, text string) *verb {
	return &verb{name: name, tools: []string{of}, usage: "[--vhost <vhost>] " + queue + " <node>", summary: summary, min: 2, max: 2,
		options: []string{"membership="}, banner: banner(text), run: func(c *call) error {
			if err := c.node.get(apiPath("queues", c.opts.vhostName(), c.args[0]), nil); isRefused(err, http.StatusNotFound) {
				return failed(exitUnavailable, "not_found")
			} else if err != nil {
				return err
			}
			return noCluster(c)
		}}
}

// replicate changes replicas on all queues: on one node there is nothing to change, and
// other nodes there are none.
func replicate(c *call) error {
	if err := c.running(); err != nil {
		return err
	}
	if c.args[0] != c.node.name {
		return noCluster(c)
	}
	if c.verb.name == "shrink" {
		return failed(exitUnavailable, "the only member of a quorum queue cannot be removed: "+notClustered)
	}
	c.print("")
	return nil
}

func checkStrategy(c *call) error {
	if s := c.args[1]; s != "all" && s != "even" {
		return c.misused("strategy '"+s+"' is not recognised.", append([]string{c.verb.name}, c.args...))
	}
	return nil
}

func checkKind(c *call) error {
	switch c.args[0] {
	case "all", "classic", "quorum", "stream":
		return nil
	}
	return c.misused("type "+c.args[0]+" is not supported. Try one of all, classic, quorum, stream.", append([]string{c.verb.name}, c.args...))
}

func rebalance(c *call) error {
	if err := c.running(); err != nil {
		return err
	}
	if c.opts.format("") == "" {
		c.showBoxes(&table{columns: []string{"Output"}, rows: [][]any{{"[]"}}})
		return nil
	}
	return c.show(&table{})
}

// queue reads the record of a quorum queue, in the words that peek and
// reclaim_quorum_memory have for others.
func (c *call) quorumQueue(classic string) error {
	var q map[string]any
	err := c.node.get(apiPath("queues", c.opts.vhostName(), c.args[0]), &q)
	switch {
	case isRefused(err, http.StatusNotFound):
		return failed(exitUnavailable, "Target queue was not found in virtual host '%s'", c.opts.vhostName())
	case err != nil:
		return err
	case q["type"] != "quorum":
		return failed(exitUnavailable, "%s", classic)
	}
	return nil
}

func reclaimMemory(c *call) error {
	if err := c.quorumQueue("This operation is not applicable to classic queues"); err != nil {
		return err
	}
	return c.order("collect_garbage")
}

func checkPosition(c *call) error {
	if n, err := strconv.Atoi(c.args[1]); err != nil || n < 1 {
		return c.misused(`"position value must be a positive integer"`, append([]string{c.verb.name}, c.args...))
	}
	return nil
}

// peek shows one message, which stays as it is.
func peek(c *call) error {
	if err := c.quorumQueue("Cannot peek into a classic queue"); err != nil {
		return err
	}
	at, _ := strconv.Atoi(c.args[1]) // It has been checked.
	var m map[string]any
	path := "/control/peek?" + url.Values{"vhost": {c.opts.vhostName()}, "queue": {c.args[0]}, "position": {strconv.Itoa(at)}}.Encode()
	if err := c.node.get(path, &m); isRefused(err, http.StatusConflict) {
		return failed(exitUnavailable, "Target queue does not have a message at that position")
	} else if err != nil {
		return err
	}
	if c.opts.format("") == "json" {
		return c.answer(map[string]any{"message": m, "result": "ok"}, "")
	}
	t := &table{columns: []string{"keys", "values"}}
	for _, key := range sortedKeys(m) {
		t.add(key, m[key])
	}
	return c.showBoxed(t)
}

// logged stands in for the index of a log of operations: there is none, but who watches it
// sees that it grows.
func logged(q map[string]any) int64 {
	sum := int64(0)
	stats, _ := q["message_stats"].(map[string]any)
	for _, name := range []string{"publish", "deliver_get", "ack"} {
		sum += asInteger(stats[name])
	}
	return sum
}

// quorumStatus is one row: the node leads, and follows nobody.
func quorumStatus(c *call) error {
	q, err := c.replicated("quorum")
	if err != nil {
		return err
	}
	index := logged(q)
	t := &table{columns: []string{
		"Node Name", "Raft State", "Membership", "Last Log Index", "Last Written", "Last Applied", "Commit Index", "Snapshot Index", "Term", "Machine Version",
	}}
	t.add(c.node.name, "leader", "voter", index, index, index, index, "undefined", 1, 3)
	return c.showBoxed(t)
}

// streamStatus is one row too, with the columns of 3.13; --tracking has none, as what a
// stream keeps of consumers and publishers belongs to the stream protocol.
func streamStatus(c *call) error {
	if _, err := c.replicated("stream"); err != nil {
		return err
	}
	if c.opts.has("tracking") {
		return c.showBoxed(&table{columns: []string{"type", "reference", "value"}})
	}
	var row map[string]any
	path := "/control/stream?" + url.Values{"vhost": {c.opts.vhostName()}, "queue": {c.args[0]}}.Encode()
	if err := c.node.get(path, &row); isRefused(err, http.StatusConflict) { // it went a moment ago
		return failed(exitUnavailable, "not_found")
	} else if err != nil {
		return err
	}
	t := &table{columns: []string{"role", "node", "epoch", "offset", "committed_offset", "first_offset", "readers", "segments"}}
	t.add(atom("writer"), atom(c.node.name), 1, row["offset"], row["committed_offset"], row["first_offset"], row["readers"], row["segments"])
	return c.showBoxed(t)
}

// replicated reads the record of a queue of a type that has replicas in RabbitMQ.
func (c *call) replicated(kind string) (q map[string]any, err error) {
	err = c.node.get(apiPath("queues", c.opts.vhostName(), c.args[0]), &q)
	switch {
	case isRefused(err, http.StatusNotFound):
		return nil, failed(exitUnavailable, "not_found")
	case err != nil:
		return nil, err
	case q["type"] != kind:
		return nil, failed(exitUnavailable, "Cannot get %s status of a %v queue", kind, q["type"])
	}
	return q, nil
}

// showBoxed is show for a verb whose own format is pretty_table.
func (c *call) showBoxed(t *table) error {
	if c.opts.format("pretty_table") == "pretty_table" && c.opts.formatter != "table" {
		c.showBoxes(t)
		return nil
	}
	return c.show(t)
}
