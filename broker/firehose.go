package broker

import (
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/rabbetmq/rabbet/amqp"
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
