package broker

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/topology"
)

// QueueNames are the names of all queues, sorted.
func (v *VHost) QueueNames() []string { return v.vh.QueueNames() }

// Queue describes a queue; false if it does not exist.
func (v *VHost) Queue(name string) (QueueInfo, bool) {
	q, err := v.vh.Queue(name, nil)
	if err != nil {
		return QueueInfo{}, false
	}
	return v.queueInfo(q), true
}

// Exchanges describes all exchanges, sorted by name.
func (v *VHost) Exchanges() []ExchangeInfo {
	list := v.vh.Exchanges()
	infos := make([]ExchangeInfo, len(list))
	for i, x := range list {
		infos[i] = v.exchangeInfo(x)
	}
	return infos
}

// Exchange describes an exchange; false if it does not exist. The default one is "".
func (v *VHost) Exchange(name string) (ExchangeInfo, bool) {
	x := v.vh.Exchange(name)
	if x == nil {
		return ExchangeInfo{}, false
	}
	return v.exchangeInfo(x), true
}

// Bindings are all that were made; the default exchange's implicit ones are not among
// them.
func (v *VHost) Bindings() []Binding {
	_, _, list := v.vh.List()
	var bindings []Binding
	for _, b := range list {
		bindings = append(bindings, Binding{
			Source: b.Source, Destination: b.Destination, Key: b.Key, ToExchange: b.ToExchange, Args: b.Args.Map(),
		})
	}
	return bindings
}

// Connections describes the connections that are open, the oldest first.
func (b *Broker) Connections() []ConnectionInfo {
	b.mu.Lock()
	conns := slices.Collect(maps.Keys(b.conns))
	b.mu.Unlock()
	var infos []ConnectionInfo
	for _, c := range conns {
		if info, open := c.info(); open {
			infos = append(infos, info)
		}
	}
	slices.SortFunc(infos, func(a, b ConnectionInfo) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Peer, b.Peer))
	})
	return infos
}

func (v *VHost) info() VHostInfo {
	info := VHostInfo{Name: v.vh.Name, Exchanges: v.Exchanges(), Bindings: v.Bindings()}
	for _, name := range v.QueueNames() {
		if q, ok := v.Queue(name); ok {
			info.Queues = append(info.Queues, q)
		}
	}
	return info
}

func (v *VHost) exchangeInfo(x *topology.Exchange) ExchangeInfo {
	in, out := x.Counts()
	info := ExchangeInfo{
		Stats: ExchangeStats{in, out},
		Name:  x.Name, Type: x.Kind, Durable: x.Durable, AutoDelete: x.AutoDelete, Internal: x.Internal,
		Args: x.Args.Map(), MessagesDelayed: x.MessagesDelayed(), Policy: v.vh.PolicyOfExchange(x),
	}
	if entries, bytes, size, ok := x.Cache(); ok {
		info.Cache = &CacheInfo{entries, bytes, size}
	}
	return info
}

func (v *VHost) queueInfo(q *topology.Queue) QueueInfo {
	info := QueueInfo{
		Name: q.Name, ID: q.Serial(), Type: q.Type(), Durable: q.Durable, AutoDelete: q.AutoDelete, Exclusive: q.Exclusive != nil,
		Args: q.Args.Map(), Counts: q.Counts(),
	}
	s := q.Stats()
	info.UnackedBytes, info.Persistent, info.PersistentBytes = s.UnackedBytes, s.Persistent, s.PersistentBytes
	info.PagedOut, info.PagedOutBytes = s.PagedOut, s.PagedOutBytes
	info.Letters, info.LettersBytes = s.Letters, s.LettersBytes
	info.Delayed, info.DelayedBytes = s.Delayed, s.DelayedBytes
	if s.Delayed > 0 {
		info.NextDelayed, info.LastDelayed = time.UnixMicro(s.NextDelayed), time.UnixMicro(s.LastDelayed)
	}
	info.Stats = messageStats(s)
	if owner, ok := q.Exclusive.(*conn); ok {
		info.Owner = owner.id()
	}
	info.Policy, info.OperatorPolicy, info.Definition = v.vh.PoliciesOfQueue(q)
	info.Retry = v.b.profile.RetryText(q.Args, info.Definition)
	if s, alone := q.Favoured(); s != nil && alone {
		info.SingleActiveConsumer = s.Tag
	} else if s != nil {
		info.ExclusiveConsumer = s.Tag
	}
	if log, ok := q.Log(); ok {
		info.Log = &StreamLog{First: int64(log.First), Last: int64(log.Next) - 1, Committed: int64(log.Committed) - 1, Segments: max(log.Segments, 1)}
	}
	return info
}

// argsOf are arguments as a map; nil for none.
func argsOf(t amqp.Table) map[string]any {
	if len(t) == 0 {
		return nil
	}
	return t.Map()
}

// info describes an open connection; false for one that is not open.
func (c *conn) info() (ConnectionInfo, bool) {
	c.out.mu.Lock()
	if c.channels == nil || c.out.finished {
		c.out.mu.Unlock()
		return ConnectionInfo{}, false
	}
	info := ConnectionInfo{
		ID: c.id(), Peer: c.nc.RemoteAddr().String(), Local: c.nc.LocalAddr().String(), Name: c.name,
		Direct: c.kind != connNetwork, User: c.identity.User, VHost: c.vhost.Name, Since: c.since, State: "running", Properties: c.client.properties,
		Mechanism: c.mechanism, TLS: c.tlsInfo(),
		ChannelMax: c.channelMax, FrameMax: c.out.frameMax, Heartbeat: c.interval,
		Received: c.received.Load(), Sent: c.out.sent.Load(), Reads: c.reads.Load(), Writes: c.out.writes.Load(),
		Pending: c.out.pending(),
	}
	switch {
	case c.forced != nil:
		info.State = "closing"
	case c.blocked:
		info.State = "blocked"
	}
	var consumers [][]*consumer
	for _, id := range slices.Sorted(maps.Keys(c.channels)) {
		ch := c.channels[id]
		info.Channels = append(info.Channels, ch.info())
		var list []*consumer
		for _, tag := range slices.Sorted(maps.Keys(ch.consumers)) {
			list = append(list, ch.consumers[tag])
		}
		consumers = append(consumers, list)
	}
	c.out.mu.Unlock()
	for i, list := range consumers { // the queues' locks go before the connection's
		for k, s := range list {
			of := &info.Channels[i].Consumers[k]
			of.Active, of.SingleActive = s.from.Serves(&s.Subscription), s.from.SingleActive()
			of.Timeout = max(c.b.ackTimeout(holder{s.from, s}), 0)
		}
	}
	return info, true
}

func (ch *channel) info() ChannelInfo {
	info := ChannelInfo{
		Number: ch.id, Confirm: ch.mode == modeConfirm, Transactional: ch.mode == modeTx, Stats: ch.stats.all(),
		Unacked: ch.unacked.Len(), Prefetch: ch.prefetch, GlobalPrefetch: ch.shared.limit,
		Uncommitted: int(ch.uncommitted.Load()),
	}
	if numbered := ch.numbered.Load(); numbered > ch.answered {
		info.Unconfirmed = int(numbered - ch.answered)
	}
	for _, s := range ch.tx.settled {
		info.UncommittedAcks += len(s.out)
	}
	for _, tag := range slices.Sorted(maps.Keys(ch.consumers)) {
		s := ch.consumers[tag]
		info.Consumers = append(info.Consumers, ConsumerInfo{
			Tag: tag, Queue: s.from.Name, NoAck: s.NoAck, Exclusive: s.Exclusive,
			Prefetch: s.prefetch, Unacked: s.unacked, Priority: s.Priority, Args: argsOf(s.args),
		})
	}
	return info
}

// info describes a consumer; false for one that has ended.
func (c *Consumer) info() (ConsumerInfo, bool) {
	c.held.mu.Lock()
	info := ConsumerInfo{
		Tag: c.opts.Tag, Queue: c.name, NoAck: c.opts.NoAck, Exclusive: c.opts.Exclusive,
		Prefetch: c.opts.Prefetch, Unacked: c.held.unacked.Len(), Priority: c.opts.Priority,
	}
	on := c.over == nil
	c.held.mu.Unlock()
	info.Active, info.SingleActive = c.from.Serves(&c.sub), c.from.SingleActive()
	return info, on
}
