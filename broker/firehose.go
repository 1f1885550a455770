package broker

import (
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/message"
	"github.com/rabbetmq/rabbet/broker/internal/topology"
	"github.com/rabbetmq/rabbet/queue"
)

// This file is the firehose: while a virtual host is traced, a copy of each publish and
// of each delivery of its clients goes to amq.rabbitmq.trace (TRACE-1 to TRACE-5).

const traceExchange = "amq.rabbitmq.trace"

// A firehose holds copies until they are published, since deliveries happen under locks
// under which nothing can be. One goroutine publishes them, and ends when all are out.
type firehose struct {
	vh  *topology.VHost
	log *slog.Logger
	on  atomic.Bool

	mu      sync.Mutex
	copies  []tracedMessage
	bytes   int
	dropped int
	running bool
	drains  sync.WaitGroup
}

// A tracedMessage is one copy.
type tracedMessage struct {
	key     string
	headers amqp.Table
	body    []byte
}

// maxTraced is how many bytes of copies wait. More are dropped, and the log says so: the
// firehose must hold up nobody.
const maxTraced = 64 << 20

// tracePublish copies a publish that has been routed (TRACE-2).
func (ch *channel) tracePublish(m *queue.Message, queues []*topology.Queue) {
	if m.Exchange == traceExchange { // TRACE-4
		return
	}
	routed := make(amqp.Array, len(queues))
	for i, q := range queues {
		routed[i] = q.Name
	}
	headers := append(ch.traceHeaders(m), amqp.Field{Key: "routed_queues", Value: routed})
	ch.c.counted.firehose.add(tracedMessage{"publish." + m.Exchange, headers, m.Body})
}

// traceDelivery copies a delivery (TRACE-2).
func (ch *channel) traceDelivery(q string, it *queue.Item) {
	if it.Msg.Exchange == traceExchange { // TRACE-4
		return
	}
	redelivered := int32(0)
	if it.Redelivered {
		redelivered = 1
	}
	headers := append(ch.traceHeaders(it.Msg), amqp.Field{Key: "redelivered", Value: redelivered})
	ch.c.counted.firehose.add(tracedMessage{"deliver." + q, headers, it.Msg.Body})
}

// traceHeaders are what both kinds of copies have (TRACE-3).
func (ch *channel) traceHeaders(m *queue.Message) amqp.Table {
	var keys amqp.Array
	for _, key := range message.AppendKeys(nil, m) {
		keys = append(keys, key)
	}
	return amqp.Table{
		{Key: "exchange_name", Value: m.Exchange}, {Key: "routing_keys", Value: keys},
		{Key: "properties", Value: tracedProperties(m.Props)}, {Key: "node", Value: ch.c.b.cfg.ClusterName},
		{Key: "vhost", Value: ch.c.vhost.Name}, {Key: "connection", Value: ch.c.id()},
		{Key: "channel", Value: int32(ch.id)}, {Key: "user", Value: ch.c.identity.User},
	}
}

// tracedProperties are a message's properties by name.
func tracedProperties(raw amqp.RawProperties) amqp.Table {
	t := amqp.Table{}
	var p amqp.Properties
	if err := p.Decode(raw); err != nil { // checked when it was published
		return t
	}
	for _, f := range []struct {
		flag amqp.PropertyFlags
		name string
		v    any
	}{
		{amqp.HasContentType, "content_type", p.ContentType}, {amqp.HasContentEncoding, "content_encoding", p.ContentEncoding},
		{amqp.HasHeaders, "headers", p.Headers}, {amqp.HasDeliveryMode, "delivery_mode", int32(p.DeliveryMode)},
		{amqp.HasPriority, "priority", int32(p.Priority)}, {amqp.HasCorrelationID, "correlation_id", p.CorrelationID},
		{amqp.HasReplyTo, "reply_to", p.ReplyTo}, {amqp.HasExpiration, "expiration", p.Expiration},
		{amqp.HasMessageID, "message_id", p.MessageID}, {amqp.HasTimestamp, "timestamp", int32(p.Timestamp)},
		{amqp.HasType, "type", p.Type}, {amqp.HasUserID, "user_id", p.UserID}, {amqp.HasAppID, "app_id", p.AppID},
		{amqp.HasClusterID, "cluster_id", p.ClusterID},
	} {
		if p.Flags&f.flag != 0 {
			t = append(t, amqp.Field{Key: f.name, Value: f.v})
		}
	}
	return t
}

// add has a copy published.
func (f *firehose) add(m tracedMessage) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.bytes+len(m.body) > maxTraced {
		f.dropped++
		return
	}
	f.bytes += len(m.body)
	f.copies = append(f.copies, m)
	if !f.running {
		f.running = true
		f.drains.Go(f.drain)
	}
}

// wait waits until all copies are out.
func (f *firehose) wait() { f.drains.Wait() }

// drain publishes the copies that there are, in order.
func (f *firehose) drain() {
	var fx queue.Effects
	p := f.vh.NewPublisher(topology.FromFirehose, &fx)
	for {
		copies, dropped := f.take()
		if dropped > 0 {
			f.log.Warn("the firehose has dropped messages, since more than it holds were waiting", "vhost", f.vh.Name, "messages", dropped)
		}
		if len(copies) == 0 {
			return
		}
		x := f.vh.Exchange(traceExchange)
		for _, t := range copies {
			props := amqp.Properties{Flags: amqp.HasHeaders, Headers: t.headers}
			m := &queue.Message{Exchange: traceExchange, Key: t.key, Props: props.Append(nil), Body: t.body}
			if to, err := p.Find(nil, x, []string{t.key}, m.Props.Headers(), m.Props); err == nil {
				p.Pass(m, to)
			}
		}
		p.Flush()
		f.vh.Perform(&fx)
	}
}

// take takes all copies; without any the drain is over.
func (f *firehose) take() (copies []tracedMessage, dropped int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	copies, dropped = f.copies, f.dropped
	f.copies, f.bytes, f.dropped = nil, 0, 0
	f.running = len(copies) > 0
	return copies, dropped
}
