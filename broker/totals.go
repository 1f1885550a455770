package broker

import (
	"maps"
	"slices"

	"github.com/rabbetmq/rabbet/delay"
)

// Totals are those of the whole broker.
func (b *Broker) Totals() Totals {
	b.mu.Lock()
	vhosts := slices.Collect(maps.Values(b.vhosts))
	b.mu.Unlock()
	t := b.countClients(vhosts)
	t.Types = b.countQueues(vhosts)
	for _, of := range t.Types {
		t.addQueues(of)
	}
	for _, v := range vhosts {
		t.Exchanges += v.vh.ExchangeCount()
	}
	t.Churn = b.churnStats()
	return t
}

// Totals are those of the virtual host. They have no Churn, and no queues that are deleted.
func (v *VHost) Totals() Totals {
	t := v.b.countClients([]*VHost{v})
	t.Types = sumQueues([]*VHost{v})
	for _, of := range t.Types {
		t.addQueues(of)
	}
	t.Exchanges = v.vh.ExchangeCount()
	return t
}

// countQueues sums up queues by their type, with what those had counted that are deleted.
// One that is deleted meanwhile goes from one to the other, so it counts again until none
// was: sums do not go back.
func (b *Broker) countQueues(vhosts []*VHost) map[string]TypeTotals {
	for tries := 0; ; tries++ {
		gone, before := b.env.Departed()
		sums := sumQueues(vhosts)
		if _, after := b.env.Departed(); after != before && tries < 10 {
			continue
		}
		for kind, s := range gone {
			of := sums[kind]
			of.Stats.Add(s)
			sums[kind] = of
		}
		return sums
	}
}

func sumQueues(vhosts []*VHost) map[string]TypeTotals {
	sums := make(map[string]TypeTotals)
	for _, v := range vhosts {
		for _, q := range v.vh.Queues() {
			counts, kind := q.Counts(), q.Type()
			of := sums[kind]
			of.Queues++
			of.Ready += counts.Ready
			of.Unacked += counts.Unacked
			of.Consumers += counts.Consumers
			of.ReadyBytes += counts.ReadyBytes
			of.Stats.Add(q.Stats())
			sums[kind] = of
		}
	}
	return sums
}

// countClients sums up connections, with those that have ended. What ends meanwhile goes
// from one to the other, so it counts again until nothing did: sums do not go back.
func (b *Broker) countClients(vhosts []*VHost) Totals {
	of := make(map[*vhost]bool, len(vhosts))
	for _, v := range vhosts {
		of[v.vhost] = true
	}
	for tries := 0; ; tries++ {
		var t, unused Totals
		before, after := uint64(0), uint64(0)
		for _, v := range vhosts {
			before += v.into(&t)
		}
		for _, c := range b.openConns() {
			c.addTo(of, &t)
		}
		for _, v := range vhosts {
			after += v.into(&unused)
		}
		if after == before || tries == 10 {
			return t
		}
	}
}

// addTo adds a connection, if it is open in one of the virtual hosts.
func (c *conn) addTo(of map[*vhost]bool, t *Totals) {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	if c.channels == nil || !of[c.counted] || c.out.finished {
		return
	}
	t.Connections++
	t.Channels += len(c.channels)
	t.Received += c.received.Load()
	t.Sent += c.out.sent.Load()
	for _, ch := range c.channels {
		t.Consumers += len(ch.consumers)
		m := ch.stats.all()
		if m.Publish > 0 {
			t.Publishers++
		}
		t.ChannelUnacked += ch.unacked.Len()
		t.Prefetch += ch.prefetch
		t.ChannelPrefetch += ch.shared.limit
		t.Messages.Add(m)
	}
}

// ResetStats begins all counters anew. What there is keeps its length.
func (b *Broker) ResetStats() {
	b.mu.Lock()
	vhosts := slices.Collect(maps.Values(b.vhosts))
	b.mu.Unlock()
	for _, c := range b.openConns() {
		c.out.mu.Lock()
		for _, ch := range c.channels {
			ch.stats.reset()
		}
		c.out.mu.Unlock()
	}
	for _, v := range vhosts {
		v.reset()
		for _, q := range v.vh.Queues() {
			q.ResetStats()
		}
		for _, x := range v.vh.Exchanges() {
			x.ResetCounts()
		}
	}
	b.churn.reset()
	b.env.Queues.Reset()
	b.env.ForgetDeparted()
}

// Version is the version of RabbitMQ that the broker says it is.
func (b *Broker) Version() string { return b.profile.Version }

// Connection describes an open connection by its ID; false if there is none.
func (b *Broker) Connection(id string) (ConnectionInfo, bool) {
	for _, c := range b.openConns() {
		if c.id() == id {
			return c.info()
		}
	}
	return ConnectionInfo{}, false
}

// Clock is the broker's source of time.
func (b *Broker) Clock() delay.Clock { return b.clock }
