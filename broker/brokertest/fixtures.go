package brokertest

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
)

// This file prepares what a test needs and plays the other side, without a
// client. What the broker refuses fails the test with RabbitMQ's text.

// A Topology is what a virtual host is furnished with.
type Topology struct {
	Exchanges []broker.Exchange
	Queues    []broker.Queue
	Bindings  []broker.Binding
	Policies  []broker.Policy
}

// Declare creates a topology: policies and exchanges first, then queues, then
// bindings. What is there already must be the same, as for a client.
func (v *VHost) Declare(t Topology) {
	tb := v.mq.tb
	tb.Helper()
	v.mq.needStarted("Declare")
	h := v.host()
	for _, p := range t.Policies {
		if err := h.SetPolicy(p); err != nil {
			tb.Fatalf("brokertest: policy %q: %v", p.Name, err)
		}
	}
	for _, x := range t.Exchanges {
		if err := h.DeclareExchange(x); err != nil {
			tb.Fatalf("brokertest: exchange %q: %v", x.Name, err)
		}
	}
	for _, q := range t.Queues {
		if _, err := h.DeclareQueue(q); err != nil {
			tb.Fatalf("brokertest: queue %q: %v", q.Name, err)
		}
	}
	for _, b := range t.Bindings {
		if err := h.Bind(b); err != nil {
			tb.Fatalf("brokertest: binding of %q to %q by %q: %v", b.Source, b.Destination, b.Key, err)
		}
	}
}

// A PublishOption sets something of a message that Publish sends.
type PublishOption func(*broker.Message)

// Properties sets all properties at once; options after it add to them. What is
// not zero counts as present, whatever the Flags say.
func Properties(p amqp.Properties) PublishOption {
	return func(m *broker.Message) { m.Properties = withFlags(p) }
}

// withFlags marks as present what is not zero.
func withFlags(p amqp.Properties) amqp.Properties {
	for flag, present := range map[amqp.PropertyFlags]bool{
		amqp.HasContentType:     p.ContentType != "",
		amqp.HasContentEncoding: p.ContentEncoding != "",
		amqp.HasHeaders:         len(p.Headers) > 0,
		amqp.HasDeliveryMode:    p.DeliveryMode != 0,
		amqp.HasPriority:        p.Priority != 0,
		amqp.HasCorrelationID:   p.CorrelationID != "",
		amqp.HasReplyTo:         p.ReplyTo != "",
		amqp.HasExpiration:      p.Expiration != "",
		amqp.HasMessageID:       p.MessageID != "",
		amqp.HasTimestamp:       p.Timestamp != 0,
		amqp.HasType:            p.Type != "",
		amqp.HasUserID:          p.UserID != "",
		amqp.HasAppID:           p.AppID != "",
		amqp.HasClusterID:       p.ClusterID != "",
	} {
		if present {
			p.Flags |= flag
		}
	}
	return p
}

// Persistent makes a message survive a restart in a durable queue.
func Persistent() PublishOption {
	return func(m *broker.Message) {
		m.Properties.DeliveryMode = 2
		m.Properties.Flags |= amqp.HasDeliveryMode
	}
}

// ContentType sets the content type.
func ContentType(s string) PublishOption {
	return func(m *broker.Message) {
		m.Properties.ContentType = s
		m.Properties.Flags |= amqp.HasContentType
	}
}

// Expiration gives the message its own time to live, in whole milliseconds.
func Expiration(ttl time.Duration) PublishOption {
	return func(m *broker.Message) {
		m.Properties.Expiration = strconv.FormatInt(ttl.Milliseconds(), 10)
		m.Properties.Flags |= amqp.HasExpiration
	}
}

// Header adds a header. The value may be of any type that a field table knows:
// strings, booleans, numbers, []byte, time.Time, []any, map[string]any.
func Header(key string, value any) PublishOption {
	return func(m *broker.Message) {
		t, err := amqp.TableOf(map[string]any{key: value})
		if err != nil { // Publish refuses it with a reason
			t = amqp.Table{{Key: key, Value: value}}
		}
		m.Properties.Headers = append(m.Properties.Headers, t...)
		m.Properties.Flags |= amqp.HasHeaders
	}
}

// Publish publishes a message and returns the number of queues that it reached:
// 0 is an unroutable one. The exchange must exist; "" is the default exchange,
// whose routing keys are names of queues.
func (v *VHost) Publish(exchange, key string, body []byte, opts ...PublishOption) int {
	v.mq.tb.Helper()
	v.mq.needStarted("Publish")
	m := broker.Message{Body: body}
	for _, opt := range opts {
		opt(&m)
	}
	reached, err := v.host().Publish(exchange, key, m)
	if err != nil {
		v.mq.tb.Fatalf("brokertest: Publish to exchange %q by %q: %v", exchange, key, err)
	}
	return reached
}

// Get takes the next message out of a queue, for which it waits a while, and
// acknowledges it. To hold a message, or to give it back, use Consume.
func (v *VHost) Get(queue string) broker.Message {
	tb := v.mq.tb
	tb.Helper()
	v.mq.needStarted("Get")
	h := v.host()
	var got *broker.Delivery
	err := v.mq.wait(context.Background(), func() bool {
		d, ok, err := h.Get(queue, true)
		if err != nil {
			return false // there is no such queue yet
		}
		got = d
		return ok
	})
	if err != nil {
		tb.Fatalf("brokertest: Get: nothing came to queue %q%s\n%s", queue, err, v.describe(queue))
	}
	return got.Message
}

// Purge drops a queue's ready messages and returns their number.
func (v *VHost) Purge(queue string) int {
	v.mq.tb.Helper()
	v.mq.needStarted("Purge")
	n, err := v.host().Purge(queue)
	if err != nil {
		v.mq.tb.Fatalf("brokertest: Purge: %v", err)
	}
	return n
}

// A Consumer is a consumer that is the test's own.
type Consumer struct {
	*broker.Consumer
	v     *VHost
	queue string
}

// Consume starts to consume from a queue, with the options if there are any. It
// ends with the test, or by Close: then what it holds goes back.
func (v *VHost) Consume(queue string, opts ...broker.ConsumeOptions) *Consumer {
	v.mq.tb.Helper()
	v.mq.needStarted("Consume")
	var o broker.ConsumeOptions
	if len(opts) > 0 {
		o = opts[0]
	}
	c, err := v.host().Consume(queue, o)
	if err != nil {
		v.mq.tb.Fatalf("brokertest: Consume: %v", err)
	}
	return &Consumer{c, v, queue}
}

// Next waits a while for a delivery, which the test holds until Ack or Nack.
func (c *Consumer) Next() *broker.Delivery {
	mq := c.v.mq
	mq.tb.Helper()
	patience := mq.patience()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	d, err := c.Consumer.Next(ctx)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		mq.tb.Fatalf("brokertest: Next: nothing came to consumer %q of queue %q in %v\n%s", c.Tag(), c.queue, patience,
			c.v.describe(c.queue))
	case err != nil:
		mq.tb.Fatalf("brokertest: Next: consumer %q of queue %q: %v\n%s", c.Tag(), c.queue, err, c.v.describe(c.queue))
	}
	return d
}
