package metrics

import (
	"strconv"

	"github.com/rabbetmq/rabbet/broker"
)

// collectObjects sends the families that have a value for each object.
func (v *view) collectObjects(s *sink) {
	for _, name := range v.b.VHosts() {
		if v.only != nil && !v.only[name] {
			continue
		}
		if vh, err := v.b.VHost(name); err == nil {
			v.collectQueues(s, name, vh)
		}
	}
	v.collectClients(s)
	if v.wanted != nil {
		v.collectCluster(s)
	}
}

// queueFamilies are those with a value for each queue.
var queueFamilies = []family{queueCoarseFamily, queueConsumerFamily, queueFamily, channelQueueExchange}

func (v *view) collectQueues(s *sink, vhost string, vh *broker.VHost) {
	var wanted []family
	for _, f := range queueFamilies {
		// What counts consumers alone is a part of the whole family.
		if v.wants(f) && !(f == queueConsumerFamily && v.wants(queueFamily)) {
			wanted = append(wanted, f)
		}
	}
	if wanted == nil {
		return
	}
	labels := []string{"vhost", "queue"}
	for _, name := range vh.QueueNames() {
		info, ok := vh.Queue(name)
		if !ok {
			continue
		}
		for _, f := range wanted {
			s.putAll(v.prefix, f, labels, []string{vhost, name}, queueFigures(f, &info))
		}
	}
}

func queueFigures(f family, q *broker.QueueInfo) []float64 {
	ready, unacked := float64(q.Ready), float64(q.Unacked)
	bytes := float64(q.ReadyBytes + q.UnackedBytes)
	switch f {
	case queueCoarseFamily:
		return []float64{ready, unacked, ready + unacked, 0}
	case queueConsumerFamily:
		return []float64{float64(q.Consumers)}
	case channelQueueExchange:
		return []float64{float64(q.Stats.Publish)}
	}
	capacity := 0.0
	if q.Consumers > 0 && q.Ready == 0 {
		capacity = 1
	}
	out, outBytes := float64(q.PagedOut), float64(q.PagedOutBytes)
	return []float64{
		float64(q.Consumers), capacity, capacity, bytes, ready + unacked - out, bytes - outBytes, ready - out, unacked,
		float64(q.Persistent), float64(q.PersistentBytes), bytes, float64(q.ReadyBytes), float64(q.UnackedBytes),
		out, outBytes, 0, 0,
	}
}

// clientFamilies are those with a value for each connection or channel.
var clientFamilies = []family{
	channelFamily, channelExchange, channelProcess, channelQueue, connectionCoarse, connectionFamily,
}

func (v *view) collectClients(s *sink) {
	any := false
	for _, f := range clientFamilies {
		any = any || v.wants(f)
	}
	if !any {
		return
	}
	labels := []string{"channel"} // of connections, too, as in RabbitMQ
	put := func(f family, name string, figures []float64) {
		if v.wants(f) {
			s.putAll(v.prefix, f, labels, []string{name}, figures)
		}
	}
	for _, c := range v.b.Connections() {
		if v.only != nil && !v.only[c.VHost] {
			continue
		}
		put(connectionCoarse, c.ID, floats(c.Received, c.Sent, 0))
		put(connectionFamily, c.ID, []float64{float64(c.Reads), float64(c.Writes), float64(c.Pending), float64(len(c.Channels))})
		for i := range c.Channels {
			ch := &c.Channels[i]
			name := c.ID + " (" + strconv.Itoa(int(ch.Number)) + ")"
			m := &ch.Stats
			put(channelFamily, name, []float64{
				float64(len(ch.Consumers)), float64(ch.Unacked), float64(ch.Unconfirmed), float64(ch.Uncommitted),
				float64(ch.UncommittedAcks), float64(ch.Prefetch), float64(ch.GlobalPrefetch),
			})
			put(channelExchange, name, floats(m.Publish, m.Confirm, m.ReturnUnroutable, m.DropUnroutable))
			put(channelProcess, name, []float64{0})
			put(channelQueue, name, floats(m.Get, m.GetNoAck, m.Deliver, m.DeliverNoAck, m.Redeliver, m.Ack, m.GetEmpty))
		}
	}
}

// collectCluster sends the families that only details have.
func (v *view) collectCluster(s *sink) {
	const prefix = "rabbitmq_cluster_"
	for _, name := range v.b.VHosts() {
		if v.wants(vhostStatusFamily) {
			s.putAll(prefix, vhostStatusFamily, []string{"vhost"}, []string{name}, []float64{1})
		}
		vh, err := v.b.VHost(name)
		if err != nil || !v.wants(bindingsFamily) && !v.wants(exchangeNamesFamily) {
			continue
		}
		bindings := make(map[string]int)
		for _, b := range vh.Bindings() {
			bindings[b.Source]++
		}
		labels := []string{"vhost", "exchange", "type"}
		for _, x := range vh.Exchanges() {
			if x.Internal || x.Name == "" {
				continue
			}
			values := []string{name, x.Name, x.Type}
			if v.wants(bindingsFamily) {
				s.putAll(prefix, bindingsFamily, labels, values, []float64{float64(bindings[x.Name])})
			}
			if v.wants(exchangeNamesFamily) {
				s.putAll(prefix, exchangeNamesFamily, labels, values, []float64{1})
			}
		}
	}
}
