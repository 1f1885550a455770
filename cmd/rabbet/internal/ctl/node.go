package ctl

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rabbetmq/rabbet/delay"
)

var nodeVerbs = []*verb{
	{name: "ping", summary: "Checks that the node OS process is up, registered with EPMD and CLI tools can authenticate with it", usage: "[--timeout <timeout>]", run: ping,
		banner: func(c *call) string {
			return "Will ping " + c.node.name + ". This only checks if the OS process is running and registered with epmd. Timeout: " +
				strconv.FormatInt(c.node.timeout.Milliseconds(), 10) + " ms."
		}},
	{name: "await_startup", summary: "Waits for the RabbitMQ application to start on the target node", usage: "[--timeout <timeout>]", run: awaitStartup},
	{name: "wait", tools: []string{nameCtl, nameDiagnostics}, usage: "[<pidfile>] [--pid|-P <pid>]", summary: "Waits for RabbitMQ node startup by monitoring a local PID file", max: 1, options: []string{"pid="}, run: wait},
	{name: "await_online_nodes", tools: ctlOnly, usage: "<count> [--timeout <timeout>]", summary: "Waits for <count> nodes to join the cluster", min: 1, max: 1, run: awaitNodes,
		banner: func(c *call) string {
			return "Will wait for at least " + c.args[0] + " nodes to join the cluster of " + c.node.name + ". Timeout: " + strconv.Itoa(int(c.startLimit().Seconds())) + " seconds."
		}},
	{name: "stop", tools: ctlOnly, usage: "[<pidfile>]", summary: "Stops RabbitMQ and its runtime (Erlang VM). Requires a local node pid file path to monitor progress.", max: 1,
		banner: banner("Stopping and halting node %n ..."), run: stop},
	{name: "shutdown", tools: ctlOnly, usage: "[--wait]", summary: "Stops RabbitMQ and its runtime (Erlang VM). Monitors progress for local nodes. Does not require a PID file path.", options: []string{"wait", "no-wait"},
		banner: banner("Shutting down RabbitMQ node %n"), run: stop},
	{name: "stop_app", tools: ctlOnly, summary: "Stops the RabbitMQ application, leaving the runtime (Erlang VM) running",
		banner: banner("Stopping rabbit application on node %n ..."), run: func(c *call) error { return c.order("stop_app") }},
	{name: "start_app", tools: ctlOnly, summary: "Starts the RabbitMQ application but leaves the runtime (Erlang VM) running",
		banner: banner("Starting node %n ..."), run: func(c *call) error { return c.order("start_app") }},
	{name: "reset", tools: ctlOnly, summary: "Instructs a RabbitMQ node to leave the cluster and return to its virgin state", banner: banner("Resetting node %n ..."), run: reset},
	{name: "force_reset", tools: ctlOnly, summary: "Forcefully returns a RabbitMQ node to its virgin state", banner: banner("Forcefully resetting node %n ..."), run: reset},
	{name: "set_vm_memory_high_watermark", tools: ctlOnly, usage: "<fraction> | absolute <value>", summary: "Sets the vm_memory_high_watermark setting", min: 1, max: 2, check: checkMemoryLimit,
		banner: func(c *call) string {
			if len(c.args) == 2 {
				return "Setting memory threshold on " + c.node.name + " to " + c.args[1] + " bytes ..."
			}
			return "Setting memory threshold on " + c.node.name + " to " + c.args[0] + " ..."
		}, run: setMemoryLimit},
	{name: "set_disk_free_limit", tools: ctlOnly, usage: "<disk_limit> | mem_relative <fraction>", summary: "Sets the disk_free_limit setting", min: 1, max: 2, check: checkDiskLimit,
		banner: func(c *call) string {
			if len(c.args) == 2 {
				return "Setting disk free limit on " + c.node.name + " to " + c.args[1] + " times the total RAM ..."
			}
			return "Setting disk free limit on " + c.node.name + " to " + c.args[0] + " bytes ..."
		}, run: setDiskLimit},
	{name: "set_log_level", tools: ctlOnly, usage: "[<category>] <log_level>", summary: "Sets log level in the running node", min: 1, max: 2, run: setLogLevel},
	{name: "rotate_logs", tools: ctlOnly, summary: "Does nothing [deprecated]", run: func(*call) error {
		return failed(exitUnavailable, "This command does not rotate logs anymore [deprecated]")
	}},
	{name: "enable_feature_flag", tools: ctlOnly, usage: "[--experimental] <feature_flag>", summary: "Enables a feature flag or all supported feature flags on the target node", min: 1, max: 1, options: []string{"experimental"},
		banner: func(c *call) string {
			if c.args[0] == "all" {
				return "Enabling all feature flags ..."
			}
			return "Enabling feature flag \"" + c.args[0] + "\" ..."
		}, run: enableFeatureFlag},
	{name: "eval", tools: ctlOnly, usage: "<expression>", summary: "Evaluates a snippet of Erlang code on the target node", min: 1, max: -1, run: eval},
	{name: "join_cluster", tools: ctlOnly, usage: "[--disc|--ram] <existing_cluster_member>", summary: "Instructs the node to become a member of the cluster that the specified node is in", min: 1, max: 1, options: []string{"disc", "ram"}, run: noCluster},
	{name: "forget_cluster_node", tools: ctlOnly, usage: "[--offline] <existing_cluster_member>", summary: "Removes a node from the cluster", min: 1, max: 1, run: noCluster},
	{name: "change_cluster_node_type", tools: ctlOnly, usage: "<disc|ram>", summary: "Changes the type of the cluster node", min: 1, max: 1, run: noCluster},
	{name: "rename_cluster_node", tools: ctlOnly, usage: "<oldnode1> <newnode1>", summary: "Renames cluster nodes in the local database", min: 2, max: -1, run: noCluster},
	{name: "force_boot", tools: ctlOnly, summary: "Forces node to start even if it cannot contact or rejoin any of its previously known peers", banner: banner("Forcing boot for Mnesia dir of %n ..."), run: nothing},
	{name: "version", tools: everyTool, summary: "Displays CLI tools version", run: serverVersion},
}

func nothing(*call) error { return nil }

func noCluster(*call) error { return failed(exitUnavailable, notClustered) }

func ping(c *call) error {
	if c.node.ping() != nil {
		return failed(exitUnavailable, "Failed to connect and authenticate to %s in %d ms", c.node.name, c.node.timeout.Milliseconds())
	}
	c.tell("Ping succeeded")
	return nil
}

// order has the process do something with its broker.
func (c *call) order(what string) error {
	return c.node.do(http.MethodPost, "/control/"+what, nil, nil)
}

// startTimeout is how long start-up is waited for unless --timeout says otherwise.
const startTimeout = 300 * time.Second

func (c *call) startLimit() time.Duration { return cmp.Or(c.opts.timeout, startTimeout) }

// await asks until the broker runs.
func (c *call) await() error {
	c.flush()
	limit := c.startLimit()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	var d description
	err := delay.Poll(ctx, delay.Real{}, 20*time.Millisecond, func() bool {
		n := c.connect() // the socket may not be there yet
		return n.get("/control/node", &d) == nil && d.Running
	})
	if err != nil {
		return failed(exitTimeout, "operation await_startup on node %s timed out. Timeout value used: %d", c.node.name, limit.Milliseconds())
	}
	return nil
}

func awaitStartup(c *call) error { return c.await() }

func awaitNodes(c *call) error {
	n, err := strconv.Atoi(c.args[0])
	switch {
	case err != nil || n < 0:
		return failed(exitUsage, "the number of nodes must be an integer: %s", c.args[0])
	case n > 1:
		return failed(exitSoftware, "Error: timed out while waiting. Not enough nodes joined %s's cluster.", c.node.name)
	}
	return c.await()
}

// wait waits for the process of a pid file, and then for its broker.
func wait(c *call) error {
	pid := c.opts.own["pid"]
	if pid == "" {
		if len(c.args) == 0 {
			return failed(exitUsage, "a pid file or --pid is needed")
		}
		c.say("Waiting for pid file '%s' to appear", c.args[0])
		ctx, cancel := context.WithTimeout(context.Background(), c.waitLimit())
		defer cancel()
		err := delay.Poll(ctx, delay.Real{}, 20*time.Millisecond, func() bool {
			data, err := os.ReadFile(c.args[0])
			pid = strings.TrimSpace(string(data))
			return err == nil && pid != ""
		})
		if err != nil {
			return failed(exitTimeout, "operation wait on node %s timed out. Timeout value used: %d", c.node.name, c.waitLimit().Milliseconds())
		}
	}
	c.say("pid is %s", pid)
	n, err := strconv.Atoi(pid)
	if err != nil {
		return failed(exitData, "could not read pid from %s", pid)
	}
	if process, err := os.FindProcess(n); err != nil || errors.Is(process.Signal(syscall.Signal(0)), os.ErrProcessDone) {
		return failed(exitSoftware, "Error: process is not running.")
	}
	c.say("Waiting for applications 'rabbit_and_plugins' to start on node '%s'", c.node.name)
	if err := c.await(); err != nil {
		return err
	}
	c.say("Applications 'rabbit_and_plugins' are running on node '%s'", c.node.name)
	return nil
}

func (c *call) waitLimit() time.Duration {
	if c.opts.timeout > 0 {
		return c.opts.timeout
	}
	return 10 * time.Second
}

// stop ends the process, and waits until it is gone.
func stop(c *call) error {
	var d description
	if err := c.node.get("/control/node", &d); err != nil {
		return err
	}
	c.flush()
	if err := c.order("stop"); err != nil {
		return err
	}
	if c.opts.has("no-wait") {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.node.timeout)
	defer cancel()
	if delay.Poll(ctx, delay.Real{}, 20*time.Millisecond, func() bool { return c.node.ping() != nil }) != nil {
		return failed(exitTimeout, "node %s did not stop", c.node.name)
	}
	return nil
}

func reset(c *call) error {
	err := c.order("reset")
	if isRefused(err, http.StatusConflict) {
		return failed(exitSoftware, "Mnesia is still running on node %s.\nPlease stop RabbitMQ with 'rabbitmqctl stop_app' first.", c.node.name)
	}
	return err
}

func setLogLevel(c *call) error {
	level := c.args[len(c.args)-1]
	switch level {
	case "debug", "info", "warning", "error", "critical", "none":
	default:
		return failed(exitUnavailable, "level %s is not supported. Try one of debug, info, warning, error, critical, none", level)
	}
	c.say("Setting log level to \"%s\" ...", level)
	return c.node.do(http.MethodPut, "/control/log_level", map[string]any{"Level": level}, nil)
}

func enableFeatureFlag(c *call) error {
	if c.args[0] == "all" {
		return nil
	}
	var flags []map[string]any
	if err := c.node.get("/api/feature-flags", &flags); err != nil {
		return err
	}
	for _, f := range flags {
		if f["name"] == c.args[0] {
			return nil
		}
	}
	return failed(exitUsage, "Feature flag '%s' is not supported by one or more nodes", c.args[0])
}

func eval(c *call) error {
	if strings.ReplaceAll(strings.Join(c.args, " "), " ", "") == "node()." {
		c.print("%s", c.node.name)
		return nil
	}
	return failed(exitData, "Evaluation failed: Erlang expressions are not supported")
}
