package brokertest

import (
	"errors"
	"strings"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/queue"
)

// This file looks at what there is and changes nothing. Nothing here waits.

// Counts are a queue's numbers at one moment.
type Counts = queue.Counts

// allMessages is more than a queue can hold.
const allMessages = int(^uint(0) >> 1)

// Ready is a queue's messages that wait for a consumer, in delivery order. Do
// not write to the bodies, which are the queue's.
func (v *VHost) Ready(queue string) []broker.Message {
	v.mq.tb.Helper()
	list, err := v.host().Peek(queue, allMessages)
	if err != nil {
		v.mq.tb.Fatalf("brokertest: Ready: %v", err)
	}
	return list
}

// Unacked is a queue's messages that are out and not settled, in the queue's
// order, with who holds them.
func (v *VHost) Unacked(queue string) []broker.Unacked {
	v.mq.tb.Helper()
	list, err := v.host().Unacked(queue)
	if err != nil {
		v.mq.tb.Fatalf("brokertest: Unacked: %v", err)
	}
	return list
}

// A ConsumerInfo is a consumer and where it is: address and name of its
// connection, and its channel, all zero for one that Consume has made.
type ConsumerInfo struct {
	broker.ConsumerInfo
	Peer, Connection string
	Channel          uint16
}

// Consumers is a queue's consumers, or with "" all of the virtual host.
func (v *VHost) Consumers(queue string) []ConsumerInfo {
	v.mq.tb.Helper()
	return v.consumers(v.mq.Broker().Snapshot(), v.info().Name, queue)
}

func (v *VHost) consumers(s broker.Snapshot, vhost, queue string) []ConsumerInfo {
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

// Connections is the clients that are connected, the oldest first.
func (mq *Broker) Connections() []broker.ConnectionInfo { return mq.Broker().Snapshot().Connections }

// Topology is what has been declared in the virtual host, sorted by name, in a
// form that can be compared with what a test expects: without the predeclared
// exchanges, without exclusive queues, which are a connection's own, and what
// leads to them. Integers in arguments are of type int, whatever the client sent.
// Policies are not part of it.
func (v *VHost) Topology() Topology {
	v.mq.tb.Helper()
	var t Topology
	info := v.info()
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
	return t
}

// predeclared tells whether every virtual host has the exchange (EXCH-1).
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

// info is the virtual host as it is now.
func (v *VHost) info() broker.VHostInfo {
	v.mq.tb.Helper()
	name := v.name
	if name == "" {
		name = v.mq.vhostName()
	}
	for _, h := range v.mq.Broker().Snapshot().VHosts {
		if h.Name == name {
			return h
		}
	}
	v.mq.tb.Fatalf("brokertest: there is no virtual host %q", name)
	return broker.VHostInfo{}
}

// vhostName is the name of the default virtual host.
func (mq *Broker) vhostName() string {
	mq.mu.Lock()
	defer mq.mu.Unlock()
	return mq.login.vhost
}

// counts is a queue's numbers; false if there is no such queue.
func (v *VHost) counts(name string) (Counts, bool) {
	v.mq.tb.Helper()
	n, err := v.host().Counts(name)
	var e *broker.Error
	if errors.As(err, &e) && e.Code == amqp.NotFound {
		return Counts{}, false
	}
	if err != nil {
		v.mq.tb.Fatalf("brokertest: %v", err)
	}
	return n, true
}
