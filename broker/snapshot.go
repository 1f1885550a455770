package broker

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/rabbetmq/rabbet/queue"
)

// This file takes a picture of everything that a broker has.

// A Snapshot is what a broker has, each list sorted by name. Each queue's
// numbers are exact at a moment; the moments of two queues may differ.
type Snapshot struct {
	VHosts      []VHostInfo
	Connections []ConnectionInfo
}

// VHostInfo is one virtual host.
type VHostInfo struct {
	Name      string
	Exchanges []ExchangeInfo
	Queues    []QueueInfo
	// Bindings are those that were made; the default exchange's implicit ones
	// are not among them.
	Bindings []Binding
	// Consumers are those in Go, which belong to no connection.
	Consumers []ConsumerInfo
}

// ExchangeInfo is one exchange. The default exchange's name is "".
type ExchangeInfo struct {
	Name, Type                    string
	Durable, AutoDelete, Internal bool
	Args                          map[string]any
	// MessagesDelayed is the number of messages that wait in a delayed exchange,
	// exact at the moment (EXCH-56).
	MessagesDelayed int
}

// QueueInfo is one queue.
type QueueInfo struct {
	Name                           string
	Durable, AutoDelete, Exclusive bool
	Args                           map[string]any
	queue.Counts
}

// ConnectionInfo is one connection that is open.
type ConnectionInfo struct {
	// Peer is the client's address; Name what it calls itself (CONN-11).
	Peer, Name  string
	User, VHost string
	Since       time.Time
	Channels    []ChannelInfo
}

// ChannelInfo is one channel.
type ChannelInfo struct {
	Number  uint16
	Unacked int
	// Prefetch is the limit of consumers to come, GlobalPrefetch that of the
	// channel; 0 is none.
	Prefetch, GlobalPrefetch int
	Consumers                []ConsumerInfo
}

// ConsumerInfo is one consumer.
type ConsumerInfo struct {
	Tag, Queue       string
	NoAck, Exclusive bool
	Prefetch         int
	Unacked          int
	Priority         int64
}

// Snapshot takes a picture of the broker.
func (b *Broker) Snapshot() Snapshot {
	b.mu.Lock()
	vhosts := slices.Collect(maps.Values(b.vhosts))
	conns := slices.Collect(maps.Keys(b.conns))
	consumers := slices.Collect(maps.Keys(b.consumers))
	b.mu.Unlock()
	slices.SortFunc(consumers, func(a, b *Consumer) int { return cmp.Compare(a.opts.Tag, b.opts.Tag) })
	var s Snapshot
	for _, v := range vhosts {
		info := v.info()
		for _, c := range consumers {
			if consumer, on := c.info(); on && c.v == v {
				info.Consumers = append(info.Consumers, consumer)
			}
		}
		s.VHosts = append(s.VHosts, info)
	}
	for _, c := range conns {
		if info, open := c.info(); open {
			s.Connections = append(s.Connections, info)
		}
	}
	slices.SortFunc(s.VHosts, func(a, b VHostInfo) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(s.Connections, func(a, b ConnectionInfo) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Peer, b.Peer))
	})
	return s
}

func (v *VHost) info() VHostInfo {
	exchanges, queues, bindings := v.vh.List()
	info := VHostInfo{Name: v.vh.Name}
	for _, x := range exchanges {
		info.Exchanges = append(info.Exchanges, ExchangeInfo{
			Name: x.Name, Type: x.Kind, Durable: x.Durable, AutoDelete: x.AutoDelete, Internal: x.Internal,
			Args: x.Args.Map(), MessagesDelayed: x.MessagesDelayed(),
		})
	}
	for _, q := range queues {
		info.Queues = append(info.Queues, QueueInfo{
			Name: q.Name, Durable: q.Durable, AutoDelete: q.AutoDelete, Exclusive: q.Exclusive != nil,
			Args: q.Args.Map(), Counts: q.Counts(),
		})
	}
	for _, b := range bindings {
		info.Bindings = append(info.Bindings, Binding{
			Source: b.Source, Destination: b.Destination, Key: b.Key, ToExchange: b.ToExchange, Args: b.Args.Map(),
		})
	}
	return info
}

// info describes an open connection; false for one that is not open.
func (c *conn) info() (ConnectionInfo, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.channels == nil || c.finished {
		return ConnectionInfo{}, false
	}
	info := ConnectionInfo{
		Peer: c.nc.RemoteAddr().String(), Name: c.name, User: c.user.name, VHost: c.vhost.Name, Since: c.since,
	}
	for _, id := range slices.Sorted(maps.Keys(c.channels)) {
		info.Channels = append(info.Channels, c.channels[id].info())
	}
	return info, true
}

func (ch *channel) info() ChannelInfo {
	info := ChannelInfo{
		Number: ch.id, Unacked: ch.unacked.len(), Prefetch: ch.prefetch, GlobalPrefetch: ch.shared.limit,
	}
	for _, tag := range slices.Sorted(maps.Keys(ch.consumers)) {
		s := ch.consumers[tag]
		info.Consumers = append(info.Consumers, ConsumerInfo{
			Tag: tag, Queue: s.from.Name, NoAck: s.NoAck, Exclusive: s.Exclusive,
			Prefetch: s.prefetch, Unacked: s.unacked, Priority: s.Priority,
		})
	}
	return info
}

// info describes a consumer; false for one that has ended.
func (c *Consumer) info() (ConsumerInfo, bool) {
	c.held.mu.Lock()
	defer c.held.mu.Unlock()
	return ConsumerInfo{
		Tag: c.opts.Tag, Queue: c.name, NoAck: c.opts.NoAck, Exclusive: c.opts.Exclusive,
		Prefetch: c.opts.Prefetch, Unacked: c.held.unacked.len(), Priority: c.opts.Priority,
	}, c.over == nil
}
