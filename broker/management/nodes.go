package management

import (
	"os"
	"runtime"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"

	"github.com/rabbetmq/rabbet/broker/management/internal/osprocess"
)

func (q *request) listNodes() error {
	return list(q, listing[string]{
		items: []string{q.s.cfg.NodeName},
		write: func(e *encoder, _ string) bool {
			q.writeNode(e)
			return true
		},
	})
}

func (q *request) getNode() error {
	if err := q.requireNode(); err != nil {
		return err
	}
	return q.reply(func(e *encoder) {
		if q.flag("memory") && e.object("memory") {
			q.s.writeMemory(e, 1)
			e.end()
		}
		if q.flag("binary") && e.object("binary") {
			writeBinaries(e, q.s.bodies())
			e.end()
		}
		q.writeNode(e)
	})
}

// nodeInfo is what the program knows of its process.
func (s *Server) nodeInfo() NodeInfo {
	if s.cfg.Node == nil {
		return NodeInfo{FreeDisk: -1}
	}
	return s.cfg.Node()
}

// writeNode writes the process in the field names of an Erlang node. What Go has no
// counterpart of is 0.
func (q *request) writeNode(e *encoder) {
	s := q.s
	e.str("name", s.cfg.NodeName)
	e.str("type", "disc")
	e.boolean("running", true)
	e.boolean("being_drained", false)
	if q.statsDisabled() {
		return
	}
	info := s.nodeInfo()
	e.strs("partitions", nil)
	e.str("os_pid", strconv.Itoa(os.Getpid()))
	writeProcess(e, s.process())
	memoryLimit, diskLimit := s.broker.ResourceLimits()
	alarms := s.alarms()
	e.num("mem_limit", memoryLimit)
	e.boolean("mem_alarm", slices.Contains(alarms, "memory"))
	e.str("mem_calculation_strategy", "rss")
	e.num("disk_free_limit", diskLimit)
	e.boolean("disk_free_alarm", slices.Contains(alarms, "disk"))
	e.num("disk_free", max(info.FreeDisk, 0))
	zeroDetails(e, "disk_free")
	e.str("rates_mode", s.cfg.RatesMode)
	e.num("uptime", s.clock.Now().Sub(s.started).Milliseconds()&0xffffffff)
	e.num("run_queue", 0)
	e.num("processors", int64(runtime.GOMAXPROCS(0)))
	s.writeExchangeTypes(e)
	writeMechanisms(e)
	e.strs("applications", nil)
	s.writeContexts(e, "contexts")
	e.strs("log_files", info.LogFiles)
	e.str("db_dir", info.DataDir)
	e.strs("config_files", info.ConfigFiles)
	e.num("net_ticktime", 60)
	e.strs("enabled_plugins", info.EnabledPlugins)
	e.strs("cluster_links", nil)
	if e.object("metrics_gc_queue_length") {
		for _, name := range []string{
			"channel_closed", "channel_consumer_deleted", "connection_closed", "consumer_deleted", "exchange_deleted",
			"node_node_deleted", "queue_deleted", "vhost_deleted",
		} {
			e.num(name, 0)
		}
		e.end()
	}
	if e.object("ra_open_file_metrics") {
		e.num("ra_log_wal", 0)
		e.num("ra_log_segment_writer", 0)
		e.end()
	}
	writeNoStorage(e)
	t := s.broker.Totals()
	s.lookAtOverview(func(r recorded) { r.churn(e, &t.Churn, nil) })
}

// storageFigures are those of Erlang's storage, which Rabbet does not have.
var storageFigures = []string{
	"io_read_count", "io_read_bytes", "io_read_avg_time", "io_write_count", "io_write_bytes", "io_write_avg_time",
	"io_sync_count", "io_sync_avg_time", "io_seek_count", "io_seek_avg_time", "io_reopen_count",
	"mnesia_ram_tx_count", "mnesia_disk_tx_count", "msg_store_read_count", "msg_store_write_count",
	"queue_index_read_count", "queue_index_write_count", "context_switches",
}

func writeNoStorage(e *encoder) {
	for _, name := range storageFigures {
		if strings.HasSuffix(name, "_avg_time") {
			e.float(name, 0)
		} else {
			e.num(name, 0)
		}
		zeroDetails(e, name)
	}
}

func writeMechanisms(e *encoder) {
	if !e.array("auth_mechanisms") {
		return
	}
	for _, m := range [][2]string{
		{"PLAIN", "SASL PLAIN authentication mechanism"}, {"AMQPLAIN", "QPid AMQPLAIN mechanism"},
	} {
		e.open()
		e.str("name", m[0])
		e.str("description", m[1])
		e.boolean("enabled", true)
		e.shut()
	}
	e.endArray()
}

// A process is figures of the process at a moment.
type process struct {
	memory, heap, heapIdle, collected    int64 // bytes
	descriptors, maxDescriptors, sockets int64
	goroutines, collections              int64
}

var processMetrics = []string{
	"/memory/classes/total:bytes", "/memory/classes/heap/released:bytes", "/memory/classes/heap/objects:bytes",
	"/memory/classes/heap/free:bytes", "/gc/heap/allocs:bytes", "/gc/cycles/total:gc-cycles", "/sched/goroutines:goroutines",
}

func (s *Server) process() process {
	samples := make([]metrics.Sample, len(processMetrics))
	for i, name := range processMetrics {
		samples[i].Name = name
	}
	metrics.Read(samples)
	value := func(i int) int64 {
		if samples[i].Value.Kind() != metrics.KindUint64 {
			return 0
		}
		return int64(samples[i].Value.Uint64())
	}
	p := process{
		memory: value(0) - value(1), heap: value(2), heapIdle: value(3), collected: value(4) - value(2),
		collections: value(5), goroutines: value(6),
	}
	if rss := osprocess.ResidentMemory(); rss > 0 {
		p.memory = rss
	}
	p.descriptors, p.maxDescriptors = osprocess.Descriptors()
	p.sockets = int64(s.broker.Totals().Connections)
	return p
}

// maxGoroutines is the limit that RabbitMQ has on Erlang's processes. Go has none on
// goroutines.
const maxGoroutines = 1 << 20

func writeProcess(e *encoder, p process) {
	for _, f := range []struct {
		name  string
		value int64
	}{
		{"mem_used", p.memory}, {"fd_used", p.descriptors}, {"sockets_used", p.sockets}, {"proc_used", p.goroutines},
		{"gc_num", p.collections}, {"gc_bytes_reclaimed", p.collected},
	} {
		e.num(f.name, f.value)
		zeroDetails(e, f.name)
	}
	e.num("fd_total", p.maxDescriptors)
	e.num("sockets_total", p.maxDescriptors)
	e.num("proc_total", maxGoroutines)
}

func (q *request) getMemory() error         { return q.memory(1) }
func (q *request) getMemoryRelative() error { return q.memory(100) }

func (q *request) memory(scale int64) error {
	if err := q.requireNode(); err != nil {
		return err
	}
	return q.reply(func(e *encoder) {
		if e.object("memory") {
			q.s.writeMemory(e, scale)
			e.end()
		}
	})
}

// bodies is the memory that messages hold, by the type of their queue.
func (s *Server) bodies() map[string]int64 {
	held := make(map[string]int64)
	for _, p := range s.open(s.broker.VHosts()) {
		for _, name := range p.QueueNames() {
			if info, ok := p.Queue(name); ok {
				held[info.Type] += queueMemory(info)
			}
		}
	}
	return held
}

// memoryFields are the parts of a node's memory that RabbitMQ tells apart, in its order.
var memoryFields = []string{
	"connection_readers", "connection_writers", "connection_channels", "connection_other", "queue_procs",
	"queue_slave_procs", "quorum_queue_procs", "quorum_queue_dlx_procs", "stream_queue_procs",
	"stream_queue_replica_reader_procs", "stream_queue_coordinator_procs", "plugins", "other_proc", "metrics", "mgmt_db",
	"mnesia", "metadata_store", "metadata_store_ets", "quorum_ets", "other_ets", "binary", "msg_index", "code", "atom",
	"other_system", "allocated_unused", "reserved_unallocated",
}

// writeMemory writes where the memory is, as far as Go knows: in bytes with a scale of 1,
// in parts of the scale otherwise.
func (s *Server) writeMemory(e *encoder, scale int64) {
	p := s.process()
	held := s.bodies()
	known := held["classic"] + held["quorum"] + held["stream"]
	parts := map[string]int64{
		"queue_procs": held["classic"], "quorum_queue_procs": held["quorum"], "stream_queue_procs": held["stream"],
		"other_proc": max(p.heap-known, 0), "allocated_unused": p.heapIdle,
		"other_system": max(p.memory-p.heap-p.heapIdle, 0),
	}
	for _, name := range memoryFields {
		if scale == 1 {
			e.num(name, parts[name])
			continue
		}
		e.num(name, parts[name]*scale/max(p.memory, 1))
	}
	if scale != 1 {
		e.num("total", scale)
		return
	}
	e.str("strategy", "rss")
	if e.object("total") {
		e.num("erlang", p.heap)
		e.num("rss", p.memory)
		e.num("allocated", p.heap+p.heapIdle)
		e.end()
	}
}

func writeBinaries(e *encoder, held map[string]int64) {
	for _, name := range []string{
		"connection_readers", "connection_writers", "connection_channels", "connection_other",
	} {
		e.num(name, 0)
	}
	e.num("queue_procs", held["classic"])
	e.num("queue_slave_procs", 0)
	e.num("quorum_queue_procs", held["quorum"])
	for _, name := range []string{
		"quorum_queue_dlx_procs", "stream_queue_procs", "stream_queue_replica_reader_procs",
		"stream_queue_coordinator_procs", "plugins", "mgmt_db", "msg_index", "other",
	} {
		e.num(name, 0)
	}
}
