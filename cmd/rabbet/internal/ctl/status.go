package ctl

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

var statusVerbs = []*verb{
	{name: "status", usage: "[--unit <unit>]", summary: "Displays status of a node", options: []string{"unit="}, banner: banner("Status of node %n ..."), run: status},
	{name: "cluster_status", summary: "Displays all the nodes in the cluster grouped by node type, together with the currently running nodes", banner: banner("Cluster status of node %n ..."), run: clusterStatus},
	{name: "environment", summary: "Displays the name and value of each variable in the application environment for each running application", banner: banner("Application environment of node %n ..."), run: func(c *call) error {
		d, err := c.describe()
		if err == nil {
			c.print("%s", strings.TrimSpace(d.Settings))
		}
		return err
	}},
	{name: "report", summary: "Generate a server status report containing a concatenation of all server status information for support purposes", banner: banner("Reporting server status of node %n ..."), run: report},
	{name: "server_version", tools: diagnostics, summary: "Displays server version on the target node", banner: banner("Asking node %n for its RabbitMQ version..."), run: serverVersion},
	{name: "erlang_version", tools: diagnostics, usage: "[--details] [--offline]", options: []string{"details"}, summary: "Displays Erlang/OTP version on the target node", banner: banner("Asking node %n for its Erlang/OTP version..."), run: func(c *call) error {
		d, err := c.describe()
		if err == nil {
			return c.answer(map[string]any{"result": "ok", "value": d.Runtime}, d.Runtime)
		}
		return err
	}},
	{name: "memory_breakdown", tools: diagnostics, usage: "[--unit <unit>]", summary: "Provides a memory usage breakdown on the target node.", options: []string{"unit="}, banner: banner("Reporting memory breakdown on node %n..."), run: memoryBreakdown},
}

func serverVersion(c *call) error {
	d, err := c.describe()
	if err != nil {
		return err
	}
	version := fullVersion(d.Version)
	return c.answer(map[string]any{"result": "ok", "value": version}, version)
}

// releases are the last releases of the series that a broker behaves as.
var releases = map[string]string{"3.13": "3.13.7", "4.2": "4.2.0", "4.3": "4.3.0"}

func fullVersion(profile string) string {
	if v, ok := releases[profile]; ok {
		return v
	}
	return profile
}

// A nodeRow is the node as the API has it.
type nodeRow struct {
	MemUsed       int64       `json:"mem_used"`
	MemLimit      int64       `json:"mem_limit"`
	DiskFree      json.Number `json:"disk_free"`
	DiskFreeLimit int64       `json:"disk_free_limit"`
	FDTotal       int64       `json:"fd_total"`
	FDUsed        int64       `json:"fd_used"`
	SocketsTotal  int64       `json:"sockets_total"`
	SocketsUsed   int64       `json:"sockets_used"`
	ProcTotal     int64       `json:"proc_total"`
	ProcUsed      int64       `json:"proc_used"`
}

// A state is all that status prints.
type state struct {
	description
	node      nodeRow
	totals    struct{ Connections, Queues int64 }
	vhosts    int
	listeners []listenerRow
	alarms    []string
	shares    []share
}

func (c *call) state() (s state, err error) {
	if s.description, err = c.describe(); err != nil {
		return s, err
	}
	var nodes []nodeRow
	if err := c.node.get("/api/nodes", &nodes); err != nil {
		return s, err
	}
	if len(nodes) > 0 {
		s.node = nodes[0]
	}
	var overview struct {
		Totals struct{ Connections, Queues int64 } `json:"object_totals"`
	}
	if err := c.node.get("/api/overview", &overview); err != nil {
		return s, err
	}
	s.totals.Connections, s.totals.Queues = overview.Totals.Connections, overview.Totals.Queues
	var vhosts []json.RawMessage
	if err := c.node.get("/api/vhosts", &vhosts); err != nil {
		return s, err
	}
	s.vhosts = len(vhosts)
	if s.listeners, err = c.listeners(); err != nil {
		return s, err
	}
	if s.alarms, err = c.alarmLines(); err != nil {
		return s, err
	}
	s.shares, err = c.memoryShares()
	return s, err
}

// unitSizes are what --unit may name.
var unitSizes = map[string]float64{"bytes": 1, "mb": 1e6, "gb": 1e9, "tb": 1e12}

// inUnit is a number of bytes in the unit of --unit, gigabytes by default.
func (c *call) inUnit(n int64) string {
	unit := strings.ToLower(c.opts.own["unit"])
	size, ok := unitSizes[unit]
	if !ok {
		unit, size = "gb", unitSizes["gb"]
	}
	s := strconv.FormatFloat(float64(n)/size, 'f', 4, 64)
	s = strings.TrimRight(s, "0")
	if strings.HasSuffix(s, ".") {
		s += "0"
	}
	return s + " " + unit
}

func status(c *call) error {
	s, err := c.state()
	if err != nil {
		return err
	}
	if c.opts.format("") == "json" {
		return c.statusJSON(&s)
	}
	section := func(title string, lines ...string) {
		c.print("%s\n\n%s\n", title, strings.Join(lines, "\n"))
	}
	section("Runtime", "OS PID: "+strconv.Itoa(s.PID), "OS: "+osName(s.OS), "Uptime (seconds): "+strconv.FormatInt(s.Uptime, 10),
		fmt.Sprint("Is under maintenance?: ", s.Maintenance), "RabbitMQ version: "+fullVersion(s.Version), "RabbitMQ release series support status: supported",
		"Node name: "+s.Name, "Erlang configuration: "+s.Runtime,
		fmt.Sprintf("Erlang processes: %d used, %d limit", s.node.ProcUsed, s.node.ProcTotal), "Scheduler run queue: 0", "Cluster heartbeat timeout (net_ticktime): 60")
	section("Plugins", append([]string{"Enabled plugin file: " + s.PluginsFile, "Enabled plugins:", ""}, starred(s.Plugins)...)...)
	section("Data directory", "Node data directory: "+s.DataDir, "Raft data directory: "+s.DataDir)
	section("Config files", starred(s.ConfigFiles)...)
	section("Log file(s)", starred(s.LogFiles)...)
	alarms := []string{"(none)"}
	if len(s.alarms) > 0 {
		alarms = s.alarms
	}
	section("Alarms", alarms...)
	memory := []string{"Total memory used: " + c.inUnit(s.node.MemUsed), "Calculation strategy: rss",
		"Memory high watermark setting: " + s.watermark(c) + ", computed to: " + c.inUnit(s.node.MemLimit), ""}
	for _, part := range s.shares {
		memory = append(memory, fmt.Sprintf("%s: %s (%s %%)", part.name, c.inUnit(part.bytes), percentage(part.percent)))
	}
	section("Memory", memory...)
	section("File Descriptors", fmt.Sprintf("Total: %d, limit: %d", s.node.FDUsed, s.node.FDTotal), fmt.Sprintf("Sockets: %d, limit: %d", s.node.SocketsUsed, s.node.SocketsTotal))
	free, _ := s.node.DiskFree.Int64()
	section("Free Disk Space", "Low free disk space watermark: "+c.inUnit(s.node.DiskFreeLimit), "Free disk space: "+c.inUnit(free))
	section("Totals", fmt.Sprint("Connection count: ", s.totals.Connections), fmt.Sprint("Queue count: ", s.totals.Queues), fmt.Sprint("Virtual host count: ", s.vhosts))
	var lines []string
	for _, l := range s.listeners {
		lines = append(lines, l.line())
	}
	section("Listeners", lines...)
	return nil
}

// watermark is the setting of the memory limit.
func (s *state) watermark(c *call) string {
	if s.MemoryRatio > 0 {
		return strconv.FormatFloat(s.MemoryRatio, 'f', -1, 64) + " of available memory"
	}
	return c.inUnit(s.node.MemLimit)
}

func starred(list []string) []string {
	lines := make([]string, len(list))
	for i, item := range list {
		lines[i] = " * " + item
	}
	return lines
}

func osName(goos string) string { return strings.ToUpper(goos[:1]) + goos[1:] }

func (c *call) statusJSON(s *state) error {
	listeners := c.listenerObjects(s.listeners)
	alarms := []any{}
	for _, a := range s.alarms {
		alarms = append(alarms, a)
	}
	c.print("%s", jsonText(map[string]any{
		"pid": s.PID, "os": osName(s.OS), "uptime": s.Uptime, "is_under_maintenance": s.Maintenance, "rabbitmq_version": fullVersion(s.Version),
		"erlang_version": s.Runtime, "active_plugins": s.Plugins, "enabled_plugin_file": s.PluginsFile, "data_directory": s.DataDir,
		"config_files": s.ConfigFiles, "log_files": s.LogFiles, "alarms": alarms,
		"memory":           map[string]any{"total": map[string]any{"rss": s.node.MemUsed, "allocated": s.node.MemUsed}, "strategy": "rss"},
		"file_descriptors": map[string]any{"total_limit": s.node.FDTotal, "total_used": s.node.FDUsed, "sockets_limit": s.node.SocketsTotal, "sockets_used": s.node.SocketsUsed},
		"disk_free":        s.node.DiskFree, "disk_free_limit": s.node.DiskFreeLimit,
		"totals":    map[string]any{"connection_count": s.totals.Connections, "queue_count": s.totals.Queues, "virtual_host_count": s.vhosts},
		"listeners": listeners, "vm_memory_high_watermark_limit": s.node.MemLimit,
		"vm_memory_high_watermark_setting": s.watermarkSetting(), "run_queue": 0,
		"processes": map[string]any{"limit": s.node.ProcTotal, "used": s.node.ProcUsed}, "net_ticktime": 60,
	}))
	return nil
}

func (s *state) watermarkSetting() map[string]any {
	if s.MemoryRatio > 0 {
		return map[string]any{"relative": s.MemoryRatio}
	}
	return map[string]any{"absolute": s.node.MemLimit}
}

func clusterStatus(c *call) error {
	d, err := c.describe()
	if err != nil {
		return err
	}
	var cluster struct{ Name string }
	if err := c.node.get("/api/cluster-name", &cluster); err != nil {
		return err
	}
	lines, err := c.alarmLines()
	if err != nil {
		return err
	}
	listeners, err := c.listeners()
	if err != nil {
		return err
	}
	var flags []struct{ Name, State string }
	if err := c.node.get("/api/feature-flags", &flags); err != nil {
		return err
	}
	if c.opts.format("") == "json" {
		c.print("%s", jsonText(map[string]any{
			"listeners": map[string]any{d.Name: c.listenerObjects(listeners)}, "feature_flags": flags,
			"cluster_name": cluster.Name, "disk_nodes": []string{d.Name}, "ram_nodes": []string{}, "running_nodes": []string{d.Name},
			"partitions": map[string]any{}, "alarms": lines, "versions": map[string]any{d.Name: map[string]any{"rabbitmq_name": "RabbitMQ", "rabbitmq_version": fullVersion(d.Version), "erlang_version": d.Runtime}},
			"maintenance_status": map[string]any{d.Name: "not under maintenance"},
		}))
		return nil
	}
	alarms := "(none)"
	if len(lines) > 0 {
		alarms = strings.Join(lines, "\n")
	}
	c.print("Basics\n\nCluster name: %s\n\nDisk Nodes\n\n%s\n\nRunning Nodes\n\n%s\n\nVersions\n\n%s: RabbitMQ %s on %s\n\nMaintenance status\n\nNode: %s, status: not under maintenance\n\nAlarms\n\n%s\n\nNetwork Partitions\n\n(none)",
		cluster.Name, d.Name, d.Name, d.Name, fullVersion(d.Version), d.Runtime, d.Name, alarms)
	c.print("\nListeners\n")
	for _, l := range listeners {
		c.print("Node: %s, interface: %s, port: %d, protocol: %s, purpose: %s", d.Name, l.address(), l.Port, l.Protocol, purposes[l.Protocol])
	}
	c.print("\nFeature flags\n")
	for _, f := range flags {
		c.print("Flag: %s, state: %s", f.Name, f.State)
	}
	return nil
}

// report prints what the other commands do, one after the other.
func report(c *call) error {
	for _, name := range []string{"status", "cluster_status", "list_vhosts", "list_users", "list_queues", "list_exchanges", "list_connections", "environment"} {
		v := c.find(name)
		part := *c
		part.verb, part.args = v, nil
		c.print("\n%s\n", v.banner(&part))
		if err := v.run(&part); err != nil {
			return err
		}
	}
	return nil
}
