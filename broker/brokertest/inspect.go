package brokertest

import (
	"fmt"
	"strings"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/queue"
)

// Counts are a queue's numbers at one moment.
type Counts = queue.Counts

// allMessages is more than a queue can hold.
const allMessages = int(^uint(0) >> 1)

// Ready returns a queue's messages that wait for a consumer, in delivery order. Do
// not write to the bodies, which are the queue's.
func (v *VHost) Ready(queue string) []broker.Message {
	v.tb.Helper()
	list, err := v.core.Ready(queue)
	check(v.tb, err)
	return list
}

// Unacked returns a queue's messages that are out and not settled, in the queue's
// order, with who holds them.
func (v *VHost) Unacked(queue string) []broker.Unacked {
	v.tb.Helper()
	list, err := v.core.Unacked(queue)
	check(v.tb, err)
	return list
}

// Consumers returns a queue's consumers, or with "" all of the virtual host.
func (v *VHost) Consumers(queue string) []ConsumerInfo {
	v.tb.Helper()
	list, err := v.core.Consumers(queue)
	check(v.tb, err)
	return list
}

// Connections returns the clients that are connected, the oldest first.
func (mq *Broker) Connections() []broker.ConnectionInfo { return mq.server.Connections() }

// Topology returns what has been declared in the virtual host, sorted by name, in a
// form that can be compared with what a test expects: without the predeclared
// exchanges, without exclusive queues, which are a connection's own, and what
// leads to them. Integers in arguments are of type int, whatever the client sent.
// Policies are not part of it.
func (v *VHost) Topology() Topology {
	v.tb.Helper()
	t, err := v.core.Topology()
	check(v.tb, err)
	return t
}

// Ready fails with NOT_FOUND if there is no such queue.
func (v *ServerVHost) Ready(queue string) ([]broker.Message, error) {
	h, err := v.host()
	if err != nil {
		return nil, err
	}
	list, err := h.Peek(queue, allMessages)
	if err != nil {
		return nil, fmt.Errorf("Ready: %w", err)
	}
	return list, nil
}

// Unacked fails with NOT_FOUND if there is no such queue.
func (v *ServerVHost) Unacked(queue string) ([]broker.Unacked, error) {
	h, err := v.host()
	if err != nil {
		return nil, err
	}
	list, err := h.Unacked(queue)
	if err != nil {
		return nil, fmt.Errorf("Unacked: %w", err)
	}
	return list, nil
}

// A ConsumerInfo is a consumer and where it is: address and name of its
// connection, and its channel, all zero for one that Consume has made.
type ConsumerInfo struct {
	broker.ConsumerInfo
	Peer, Connection string
	Channel          uint16
}

// Consumers returns a queue's consumers, or with "" all of the virtual host.
func (v *ServerVHost) Consumers(queue string) ([]ConsumerInfo, error) {
	info, err := v.Info()
	if err != nil {
		return nil, err
	}
	return consumers(v.s.Broker().Snapshot(), info.Name, queue), nil
}

func consumers(s broker.Snapshot, vhost, queue string) []ConsumerInfo {
	var list []ConsumerInfo
	add := func(from ConsumerInfo, consumers []broker.ConsumerInfo) {
		for _, c := range consumers {
			if queue == "" || c.Queue == queue {
				from.ConsumerInfo = c
				list = append(list, from)
			}
		}
	}
	for _, c := range s.Connections {
		if c.VHost == vhost {
			for _, ch := range c.Channels {
				add(ConsumerInfo{Peer: c.Peer, Connection: c.Name, Channel: ch.Number}, ch.Consumers)
			}
		}
	}
	for _, h := range s.VHosts {
		if h.Name == vhost {
			add(ConsumerInfo{}, h.Consumers)
		}
	}
	return list
}

// Connections returns the clients that are connected, the oldest first.
func (s *Server) Connections() []broker.ConnectionInfo { return s.Broker().Snapshot().Connections }

// Topology returns what has been declared in the virtual host.
func (v *ServerVHost) Topology() (Topology, error) {
	var t Topology
	info, err := v.Info()
	if err != nil {
		return t, err
	}
	for _, x := range info.Exchanges {
		if !predeclared(x.Name) {
			t.Exchanges = append(t.Exchanges, broker.Exchange{
				Name: x.Name, Type: x.Type, Durable: x.Durable, AutoDelete: x.AutoDelete, Internal: x.Internal,
				Args: plain(x.Args),
			})
		}
	}
	shown := map[string]bool{}
	for _, q := range info.Queues {
		if !q.Exclusive {
			shown[q.Name] = true
			t.Queues = append(t.Queues, broker.Queue{
				Name: q.Name, Durable: q.Durable, AutoDelete: q.AutoDelete, Args: plain(q.Args),
			})
		}
	}
	for _, b := range info.Bindings {
		if b.ToExchange || shown[b.Destination] {
			b.Args = plain(b.Args)
			t.Bindings = append(t.Bindings, b)
		}
	}
	return t, nil
}

// predeclared reports whether every virtual host has the exchange (EXCH-1).
func predeclared(exchange string) bool {
	return exchange == "" || strings.HasPrefix(exchange, "amq.")
}

// plain gives arguments the form that one writes them in: nil for none, and int
// for every integer.
func plain(args map[string]any) map[string]any {
	if len(args) == 0 {
		return nil
	}
	written := make(map[string]any, len(args))
	for k, v := range args {
		written[k] = plainValue(v)
	}
	return written
}

func plainValue(v any) any {
	if n, ok := amqp.AsInt(v); ok && int64(int(n)) == n {
		return int(n)
	}
	switch v := v.(type) {
	case map[string]any:
		return plain(v)
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = plainValue(v[i])
		}
		return list
	}
	return v
}

// Info returns all that is in the virtual host, exclusive queues too.
func (v *ServerVHost) Info() (broker.VHostInfo, error) {
	name := v.name
	if name == "" {
		name = v.s.vhostName()
	}
	for _, h := range v.s.Broker().Snapshot().VHosts {
		if h.Name == name {
			return h, nil
		}
	}
	return broker.VHostInfo{}, fmt.Errorf("there is no virtual host %q", name)
}

// vhostName returns the name of the default virtual host.
func (s *Server) vhostName() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.login.vhost
}

// Counts returns a queue's numbers. It fails with NOT_FOUND if there is no such queue.
func (v *ServerVHost) Counts(queue string) (Counts, error) {
	h, err := v.host()
	if err != nil {
		return Counts{}, err
	}
	return h.Counts(queue)
}

// counts returns a queue's numbers; false if there is no such queue.
func (v *ServerVHost) counts(queue string) (Counts, bool) {
	c, err := v.Counts(queue)
	return c, err == nil
}
