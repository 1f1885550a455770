package metrics

import (
	"encoding/json"
	"runtime"
	"runtime/metrics"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/management/internal/osprocess"
	"github.com/rabbetmq/rabbet/broker/shovel"
)

// Config is what is told beside the broker. The zero value is useful.
type Config struct {
	// NodeName is the name of the node, "rabbit@localhost" by default.
	NodeName string
	// Started is when the program started, the broker's clock by which time is told.
	Started time.Time
	// FreeDisk returns the free space in bytes where the data is, negative if it is not
	// known; nil is not known.
	FreeDisk func() int64
	// HTTPLogins returns how many logins over HTTP there were; nil leaves them out.
	HTTPLogins func() (succeeded, failed uint64)
	// Shovels runs the broker's shovels; nil leaves them out.
	Shovels *shovel.Manager
	// PerObject makes /metrics tell of every object, as
	// prometheus.return_per_object_metrics does.
	PerObject bool
	// Authenticate asks for the login of a user who monitors, as
	// prometheus.authentication.enabled does.
	Authenticate bool
}

// A view is what is collected for one request.
type view struct {
	b   *broker.Broker
	cfg *Config
	// prefix comes before the names of families; objects says that every object is told
	// of, in the virtual hosts of only unless that is nil.
	prefix  string
	objects bool
	only    map[string]bool
	// wanted are the families; nil is all that are no details.
	wanted map[family]bool
	// whole adds what belongs to no family.
	whole bool
}

// New returns a collector of the broker's figures, summed up: what /metrics shows.
func New(b *broker.Broker, cfg Config) prometheus.Collector {
	cfg.complete()
	return &view{b: b, cfg: &cfg, prefix: "rabbitmq_", whole: true}
}

func (cfg *Config) complete() {
	if cfg.NodeName == "" {
		cfg.NodeName = "rabbit@localhost"
	}
}

// Describe sends nothing: what there is shows when it is collected.
func (v *view) Describe(chan<- *prometheus.Desc) {}

// Collect sends the metrics of a view.
func (v *view) Collect(ch chan<- prometheus.Metric) {
	s := sink{ch: ch, descs: make(map[string]*prometheus.Desc)}
	v.identity(&s)
	t := v.b.Totals()
	for _, f := range plainFamilies {
		if v.wants(f) {
			s.putAll(v.prefix, f, nil, nil, v.plain(f, &t))
		}
	}
	v.logins(&s)
	if v.objects {
		v.collectObjects(&s)
	} else {
		for _, f := range objectFamilies {
			s.putAll(v.prefix, f, nil, nil, sums(f, &t))
		}
	}
	if v.whole {
		v.collectTotals(&s, &t)
		v.collectShovels(&s)
	}
}

// collectShovels counts shovels by state, as rabbitmq_shovel_prometheus does, and what they
// have moved.
func (v *view) collectShovels(s *sink) {
	if v.cfg.Shovels == nil {
		return
	}
	counts := map[shovel.State]int{shovel.Starting: 0, shovel.Running: 0, shovel.Blocked: 0, shovel.Terminated: 0}
	for _, st := range v.cfg.Shovels.Shovels() {
		counts[st.State]++
	}
	for state, n := range counts {
		s.put(v.prefix, gauge("shovel_dynamic", "Number of dynamic shovels"), []string{"status"}, []string{string(state)}, float64(n))
	}
	s.put("rabbet_", counter("shovel_messages_forwarded_total", "Total number of messages that shovels have handed to their destinations"),
		nil, nil, float64(v.cfg.Shovels.Forwarded()))
}

func (v *view) wants(f family) bool { return v.wanted == nil || v.wanted[f] }

// A sink sends metrics, and makes the description of each only once.
type sink struct {
	ch    chan<- prometheus.Metric
	descs map[string]*prometheus.Desc
}

func (s *sink) put(prefix string, m metric, labels, values []string, v float64) {
	d := s.descs[prefix+m.name]
	if d == nil {
		d = prometheus.NewDesc(prefix+m.name, m.help, labels, nil)
		s.descs[prefix+m.name] = d
	}
	kind := prometheus.GaugeValue
	if m.counter {
		kind = prometheus.CounterValue
	}
	s.ch <- prometheus.MustNewConstMetric(d, kind, v, values...)
}

// putAll sends the metrics of a family, as many as there are figures.
func (s *sink) putAll(prefix string, f family, labels, values []string, figures []float64) {
	for i, v := range figures {
		s.put(prefix, families[f][i], labels, values, v)
	}
}

// identity tells which node and version this is. Dashboards join everything with it.
func (v *view) identity(s *sink) {
	id := ""
	for _, p := range v.b.GlobalParameters() {
		if p.Name == "internal_cluster_id" {
			_ = json.Unmarshal(p.Value, &id) // what is no text is no name
		}
	}
	version := v.b.Version()
	s.info("rabbitmq_build_info", "RabbitMQ & Erlang/OTP version info",
		[]string{"rabbitmq_version", "prometheus_plugin_version", "prometheus_client_version", "erlang_version",
			"product_version", "product_name"},
		[]string{version, version, runtime.Version(), runtime.Version(), version, "RabbitMQ"})
	s.info("rabbitmq_identity_info", "RabbitMQ node & cluster identity info",
		[]string{"rabbitmq_node", "rabbitmq_cluster", "rabbitmq_cluster_permanent_id"},
		[]string{v.cfg.NodeName, v.b.ClusterName(), id})
}

func (s *sink) info(name, help string, labels, values []string) {
	s.ch <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, labels, nil), prometheus.UntypedValue, 1, values...)
}

// plain are the figures of a family that belongs to no object.
func (v *view) plain(f family, t *broker.Totals) []float64 {
	switch f {
	case churnFamily:
		c := &t.Churn
		return floats(c.ConnectionsCreated, c.ConnectionsClosed, c.ChannelsCreated, c.ChannelsClosed,
			c.QueuesDeclared, c.QueuesCreated, c.QueuesDeleted)
	case nodeCoarseFamily:
		return v.nodeCoarse(t)
	case nodeFamily:
		return v.node()
	case persisterFamily:
		return make([]float64, len(families[persisterFamily]))
	}
	return nil
}

func floats(list ...uint64) []float64 {
	values := make([]float64, len(list))
	for i, n := range list {
		values[i] = float64(n)
	}
	return values
}

func (v *view) nodeCoarse(t *broker.Totals) []float64 {
	samples := []metrics.Sample{
		{Name: "/sched/goroutines:goroutines"}, {Name: "/gc/cycles/total:gc-cycles"}, {Name: "/gc/heap/frees:bytes"},
	}
	metrics.Read(samples)
	used, _ := osprocess.Descriptors()
	free := int64(0)
	if v.cfg.FreeDisk != nil {
		free = max(v.cfg.FreeDisk(), 0)
	}
	return []float64{
		float64(used), float64(t.Connections), float64(osprocess.ResidentMemory()), float64(free),
		float64(samples[0].Value.Uint64()), float64(samples[1].Value.Uint64()), float64(samples[2].Value.Uint64()), 0,
	}
}

// maxGoroutines is the limit that RabbitMQ has on Erlang's processes. Go has none on
// goroutines.
const maxGoroutines = 1 << 20

func (v *view) node() []float64 {
	_, most := osprocess.Descriptors()
	memory, disk := v.b.ResourceLimits()
	uptime := time.Duration(0)
	if !v.cfg.Started.IsZero() {
		uptime = v.b.Clock().Now().Sub(v.cfg.Started)
	}
	return []float64{
		float64(most), float64(most), float64(memory), float64(disk), maxGoroutines, 0, 60, uptime.Seconds(),
	}
}

// logins counts logins by protocol.
func (v *view) logins(s *sink) {
	if !v.wants(authFamily) {
		return
	}
	put := func(protocol string, succeeded, failed uint64) {
		s.putAll(v.prefix, authFamily, []string{"protocol"}, []string{protocol}, floats(succeeded+failed, succeeded, failed))
	}
	n := v.b.Logins()
	put("amqp091", n.Succeeded, n.Failed)
	if v.cfg.HTTPLogins != nil {
		succeeded, failed := v.cfg.HTTPLogins()
		put("http", succeeded, failed)
	}
}

// sums are the figures of a family over all objects.
func sums(f family, t *broker.Totals) []float64 {
	m := &t.Messages
	var q broker.TypeTotals
	for _, of := range t.Types {
		q.Consumers += of.Consumers
		q.ReadyBytes += of.ReadyBytes
		q.Stats.Add(of.Stats)
	}
	switch f {
	case queueCoarseFamily:
		return []float64{float64(t.Ready), float64(t.Unacked), float64(t.Ready + t.Unacked + t.Away), 0}
	case queueFamily:
		bytes := float64(q.ReadyBytes + q.UnackedBytes)
		inMemory := t.Ready - q.PagedOut
		return []float64{
			float64(q.Consumers), 0, 0, bytes, float64(inMemory + t.Unacked), bytes - float64(q.PagedOutBytes),
			float64(inMemory), float64(t.Unacked), float64(q.Persistent), float64(q.PersistentBytes),
			bytes, float64(q.ReadyBytes), float64(q.UnackedBytes), float64(q.PagedOut), float64(q.PagedOutBytes), 0, 0,
		}
	case channelFamily:
		return []float64{
			float64(t.Consumers), float64(t.ChannelUnacked), 0, 0, 0, float64(t.Prefetch), float64(t.ChannelPrefetch),
		}
	case channelExchange:
		return floats(m.Publish, m.Confirm, m.ReturnUnroutable, m.DropUnroutable)
	case channelProcess:
		return []float64{0}
	case channelQueue:
		return floats(m.Get, m.GetNoAck, m.Deliver, m.DeliverNoAck, m.Redeliver, m.Ack, m.GetEmpty)
	case connectionCoarse:
		return floats(t.Received, t.Sent, 0)
	case connectionFamily:
		return []float64{0, 0, 0, float64(t.Channels)}
	case channelQueueExchange:
		return floats(q.Published)
	}
	return nil
}

// queueTypes are the modules that RabbitMQ's labels call the types of queues by.
var queueTypes = []struct{ kind, module string }{
	{"classic", "rabbit_classic_queue"}, {"quorum", "rabbit_quorum_queue"}, {"stream", "rabbit_stream_queue"},
}

// collectTotals sends what belongs to no family: counts, global counters, alarms.
func (v *view) collectTotals(s *sink, t *broker.Totals) {
	for i, n := range []int{t.Connections, t.Channels, t.Consumers, t.Queues} {
		s.put("rabbitmq_", totals[i], nil, nil, float64(n))
	}
	const global = "rabbitmq_global_"
	protocol := []string{"protocol"}
	m := &t.Messages
	for i, n := range []uint64{
		m.Publish, m.PublishConfirming, m.Routed, m.DropUnroutable, m.ReturnUnroutable, m.Confirm, uint64(t.Publishers),
		uint64(t.Consumers),
	} {
		s.put(global, protocolMetrics[i], protocol, []string{"amqp091"}, float64(n))
	}
	for _, q := range queueTypes {
		of := t.Types[q.kind]
		for i, n := range []uint64{
			of.Delivered + of.DeliveredNoAck + of.Got + of.GotNoAck, of.Delivered, of.DeliveredNoAck, of.Got, of.GotNoAck,
			of.GetEmpty, of.Redelivered, of.Acked,
		} {
			s.put(global, typeMetrics[i], []string{"protocol", "queue_type"}, []string{"amqp091", q.module}, float64(n))
		}
		if q.kind == "stream" { // whose messages do not die
			continue
		}
		putDeaths(s, q.module, &of)
	}
	on := v.b.Alarms()
	for i, set := range []bool{false, on&broker.DiskAlarm != 0, on&broker.MemoryAlarm != 0} {
		value := 0.0
		if set {
			value = 1
		}
		s.put("rabbitmq_alarms_", alarmMetrics[i], nil, nil, value)
	}
	v.own(s, t)
}

// putDeaths sends the counters of dead letters of a type of queues (DLXALO-22). There are
// those that RabbitMQ has: a classic queue has no delivery limit, and nothing is over the
// length of a queue that dead-letters at least once.
func putDeaths(s *sink, module string, of *broker.TypeTotals) {
	const global = "rabbitmq_global_"
	labels := []string{"queue_type", "dead_letter_strategy"}
	put := func(strategy string, deaths [4]uint64, left ...int) {
		for i, n := range deaths {
			if !slices.Contains(left, i) {
				s.put(global, deathMetrics[i], labels, []string{module, strategy}, float64(n))
			}
		}
	}
	const maxLen, deliveryLimit = 2, 3
	if module == "rabbit_classic_queue" {
		put("at_most_once", of.DeadLettered.ByReason(), deliveryLimit)
		put("disabled", of.Discarded.ByReason(), deliveryLimit)
		return
	}
	safely := of.DeadLetteredSafely
	put("at_most_once", of.DeadLettered.Without(safely).ByReason())
	put("disabled", of.Discarded.ByReason())
	put("at_least_once", safely.ByReason(), maxLen)
	s.put(global, deathConfirmedMetric, labels, []string{module, "at_least_once"}, float64(of.Confirmed))
}

// own sends what RabbitMQ does not have.
func (v *view) own(s *sink, t *broker.Totals) {
	delayed := 0
	for _, name := range v.b.VHosts() {
		vh, err := v.b.VHost(name)
		if err != nil {
			continue // deleted meanwhile
		}
		for _, x := range vh.Exchanges() {
			delayed += x.MessagesDelayed
		}
	}
	s.put("rabbet_", gauge("delayed_messages", "Messages that wait in delayed exchanges"), nil, nil, float64(delayed))
	s.put("rabbet_", gauge("exchanges", "Exchanges available"), nil, nil, float64(t.Exchanges))
	s.put("rabbet_", gauge("publishers", "Channels that have published"), nil, nil, float64(t.Publishers))
}
