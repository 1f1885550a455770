package brokertest

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/rabbetmq/rabbet/broker"
)

// Dump returns the whole broker as text, for a human: virtual hosts with exchanges,
// queues, bindings and messages, then connections with channels and consumers.
// Its form may change.
func (mq *Broker) Dump() string { return mq.server.Dump() }

// Dump returns the whole broker as text.
func (s *Server) Dump() string {
	snapshot := s.Broker().Snapshot()
	var b strings.Builder
	for _, h := range snapshot.VHosts {
		s.dumpVHost(&b, h)
	}
	if len(snapshot.Connections) == 0 {
		b.WriteString("no connections\n")
	}
	for _, c := range snapshot.Connections {
		fmt.Fprintf(&b, "connection %s of user %q in virtual host %q, since %s\n", client(c.Name, c.Peer), c.User,
			c.VHost, c.Since.Format("15:04:05.000"))
		for _, ch := range c.Channels {
			fmt.Fprintf(&b, "  channel %d: %d unacked, prefetch %d, of all consumers %d\n",
				ch.Number, ch.Unacked, ch.Prefetch, ch.GlobalPrefetch)
			for _, consumer := range ch.Consumers {
				b.WriteString("    " + consumerText(consumer))
			}
		}
	}
	return b.String()
}

func (s *Server) dumpVHost(b *strings.Builder, h broker.VHostInfo) {
	fmt.Fprintf(b, "virtual host %q\n", h.Name)
	exchanges := newTable("exchange", "type", "flags", "arguments")
	own := 0
	for _, x := range h.Exchanges {
		if !predeclared(x.Name) {
			own++
			exchanges.row(name(x.Name), x.Type, flags("durable", x.Durable, "auto-delete", x.AutoDelete, "internal", x.Internal),
				arguments(x.Args))
		}
	}
	if own > 0 {
		b.WriteString(exchanges.String())
	}
	if len(h.Queues) > 0 {
		t := newTable("queue", "ready", "unacked", "consumers", "flags", "arguments")
		for _, q := range h.Queues {
			t.row(name(q.Name), strconv.Itoa(q.Ready), strconv.Itoa(q.Unacked), strconv.Itoa(q.Consumers),
				flags("durable", q.Durable, "auto-delete", q.AutoDelete, "exclusive", q.Exclusive), arguments(q.Args))
		}
		b.WriteString(t.String())
	}
	if len(h.Bindings) > 0 {
		t := newTable("binding from", "by", "to", "arguments")
		for _, bind := range h.Bindings {
			to := "queue "
			if bind.ToExchange {
				to = "exchange "
			}
			t.row(name(bind.Source), name(bind.Key), to+name(bind.Destination), arguments(bind.Args))
		}
		b.WriteString(t.String())
	}
	v := &ServerVHost{s, h.Name}
	for _, q := range h.Queues {
		if q.Ready+q.Unacked > 0 {
			b.WriteString(v.messages(q.Name))
		}
		if q.Letters > 0 {
			fmt.Fprintf(b, "  queue %q: %s wait for the targets of dead letters\n", q.Name, plural(q.Letters, "message"))
		}
		if q.Delayed > 0 {
			fmt.Fprintf(b, "  queue %q: %s wait to come back, the first at %s\n", q.Name, plural(q.Delayed, "message"),
				q.NextDelayed.UTC().Format(time.RFC3339Nano))
		}
	}
	for _, c := range h.Consumers {
		b.WriteString("  the test's own " + consumerText(c))
	}
}

func consumerText(c broker.ConsumerInfo) string {
	return fmt.Sprintf("consumer %q of queue %q: %d unacked, prefetch %d, priority %d, %s\n", c.Tag, c.Queue, c.Unacked,
		c.Prefetch, c.Priority, flags("no-ack", c.NoAck, "exclusive", c.Exclusive))
}

// flags lists the names that a true follows.
func flags(pairs ...any) string {
	var list []string
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1].(bool) {
			list = append(list, pairs[i].(string))
		}
	}
	if len(list) == 0 {
		return "-"
	}
	return strings.Join(list, " ")
}
