package broker

import (
	"maps"
	"net"
	"slices"

	"github.com/rabbetmq/rabbet/delay"
)

// Totals are sums over a virtual host, or over the whole broker.
type Totals struct {
	Exchanges, Queues, Connections, Channels, Consumers int
	// Ready and Unacked are messages in queues.
	Ready, Unacked int
	// Received and Sent are bytes of connections, those that have ended included.
	Received, Sent uint64
	Messages       MessageStats
	Churn          ChurnStats
}

// Add adds what others have.
func (t *Totals) Add(o *Totals) {
	t.Exchanges += o.Exchanges
	t.Queues += o.Queues
	t.Connections += o.Connections
	t.Channels += o.Channels
	t.Consumers += o.Consumers
	t.Ready += o.Ready
	t.Unacked += o.Unacked
	t.Received += o.Received
	t.Sent += o.Sent
	t.Messages.Add(o.Messages)
}

// Totals are those of the whole broker.
func (b *Broker) Totals() Totals {
	b.mu.Lock()
	vhosts := slices.Collect(maps.Values(b.vhosts))
	b.mu.Unlock()
	var t Totals
	for _, v := range vhosts {
		of := v.Totals()
		t.Add(&of)
	}
	return t
}

// Totals are those of the virtual host.
func (v *VHost) Totals() Totals {
	exchanges, queues, _ := v.vh.List()
	t := Totals{Exchanges: len(exchanges), Queues: len(queues)}
	for _, q := range queues {
		counts := q.Counts()
		t.Ready += counts.Ready
		t.Unacked += counts.Unacked
	}
	for _, c := range v.b.Connections() {
		if c.VHost != v.vh.Name {
			continue
		}
		t.Connections++
		t.Channels += len(c.Channels)
		for i := range c.Channels {
			t.Consumers += len(c.Channels[i].Consumers)
		}
		t.Received += c.Received
		t.Sent += c.Sent
	}
	return t
}

// Version is the version of RabbitMQ that the broker says it is.
func (b *Broker) Version() string { return b.profile.Version }

// ClusterName is what the broker calls itself.
func (b *Broker) ClusterName() string { return b.cfg.ClusterName }

// ListenerInfo is an address that the broker listens on.
type ListenerInfo struct {
	Addr net.Addr
	TLS  bool
}

// Listeners are those that are open, in the order of their start.
func (b *Broker) Listeners() []ListenerInfo {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]ListenerInfo, len(b.listeners))
	for i, l := range b.listeners {
		list[i] = ListenerInfo{Addr: l.Addr()}
	}
	return list
}

// Alarms are the resources that are short.
func (b *Broker) Alarms() Alarm { return Alarm(b.alarms.set.Load()) }

// Connection describes an open connection by its ID; false if there is none.
func (b *Broker) Connection(id string) (ConnectionInfo, bool) {
	for _, c := range b.Connections() {
		if c.ID == id {
			return c, true
		}
	}
	return ConnectionInfo{}, false
}

// ResourceLimits are the bounds on memory and free disk at which publishers are blocked,
// in bytes; 0 is none.
func (b *Broker) ResourceLimits() (memory, disk int64) {
	return b.cfg.MemoryLimit, max(b.cfg.DiskFreeLimit, 0)
}

// LoginCount counts logins over AMQP.
type LoginCount struct{ Succeeded, Failed uint64 }

// Logins counts the logins since the broker's start or ResetLogins.
func (b *Broker) Logins() LoginCount { return LoginCount{} }

// ResetLogins begins to count logins anew.
func (b *Broker) ResetLogins() {}

// ResetStats begins all counters of messages anew.
func (b *Broker) ResetStats() {}

// Clock is the broker's source of time.
func (b *Broker) Clock() delay.Clock { return b.clock }
