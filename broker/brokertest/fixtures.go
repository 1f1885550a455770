package brokertest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
)

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
	v.tb.Helper()
	check(v.tb, v.core.Declare(t))
}

// Declare fails with RabbitMQ's text for what the broker refuses; what came before
// stays.
func (v *ServerVHost) Declare(t Topology) error {
	h, err := v.started("Declare")
	if err != nil {
		return err
	}
	for _, p := range t.Policies {
		if err := h.SetPolicy(p); err != nil {
			return fmt.Errorf("policy %q: %w", p.Name, err)
		}
	}
	for _, x := range t.Exchanges {
		if err := h.DeclareExchange(x); err != nil {
			return fmt.Errorf("exchange %q: %w", x.Name, err)
		}
	}
	for _, q := range t.Queues {
		if _, err := h.DeclareQueue(q); err != nil {
			return fmt.Errorf("queue %q: %w", q.Name, err)
		}
	}
	for _, b := range t.Bindings {
		if err := h.Bind(b); err != nil {
			return fmt.Errorf("binding of %q to %q by %q: %w", b.Source, b.Destination, b.Key, err)
		}
	}
	return nil
}

// started returns the virtual host of a broker that is neither stopped nor closed.
func (v *ServerVHost) started(caller string) (*broker.VHost, error) {
	if err := v.s.needStarted(caller); err != nil {
		return nil, err
	}
	return v.host()
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

// present sets one property of a message.
func present(flag amqp.PropertyFlags, set func(*amqp.Properties)) PublishOption {
	return func(m *broker.Message) {
		set(&m.Properties)
		m.Properties.Flags |= flag
	}
}

// Persistent makes a message survive a restart in a durable queue.
func Persistent() PublishOption {
	return present(amqp.HasDeliveryMode, func(p *amqp.Properties) { p.DeliveryMode = 2 })
}

// ContentType sets the content type, such as "application/json".
func ContentType(s string) PublishOption {
	return present(amqp.HasContentType, func(p *amqp.Properties) { p.ContentType = s })
}

// Expiration gives the message its own time to live, in whole milliseconds.
func Expiration(ttl time.Duration) PublishOption {
	return present(amqp.HasExpiration, func(p *amqp.Properties) { p.Expiration = strconv.FormatInt(ttl.Milliseconds(), 10) })
}

// Priority sets the priority in a queue with x-max-priority.
func Priority(n uint8) PublishOption {
	return present(amqp.HasPriority, func(p *amqp.Properties) { p.Priority = n })
}

// MessageID sets the message's own identifier.
func MessageID(id string) PublishOption {
	return present(amqp.HasMessageID, func(p *amqp.Properties) { p.MessageID = id })
}

// CorrelationID says which request a message belongs to.
func CorrelationID(id string) PublishOption {
	return present(amqp.HasCorrelationID, func(p *amqp.Properties) { p.CorrelationID = id })
}

// ReplyTo names the queue that a reply goes to.
func ReplyTo(queue string) PublishOption {
	return present(amqp.HasReplyTo, func(p *amqp.Properties) { p.ReplyTo = queue })
}

// Type names the kind of message, as applications agree on it.
func Type(s string) PublishOption {
	return present(amqp.HasType, func(p *amqp.Properties) { p.Type = s })
}

// AppID names the application that publishes.
func AppID(s string) PublishOption {
	return present(amqp.HasAppID, func(p *amqp.Properties) { p.AppID = s })
}

// Timestamp sets the property timestamp, in whole seconds.
func Timestamp(t time.Time) PublishOption {
	return present(amqp.HasTimestamp, func(p *amqp.Properties) { p.Timestamp = uint64(t.Unix()) })
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
// 0 is an unroutable one, or one that a delayed exchange keeps. The exchange must
// exist; "" is the default exchange, whose routing keys are names of queues. Faults
// do not see it.
func (v *VHost) Publish(exchange, key string, body []byte, opts ...PublishOption) int {
	v.tb.Helper()
	reached, err := v.core.Publish(exchange, key, body, opts...)
	check(v.tb, err)
	return reached
}

// Get takes the next message out of a queue, for which it waits a while, and
// acknowledges it. To hold a message, or to give it back, use Consume.
func (v *VHost) Get(queue string) broker.Message {
	v.tb.Helper()
	ctx, cancel := v.patience(context.Background())
	defer cancel()
	m, err := v.core.Get(ctx, queue)
	check(v.tb, err)
	return m
}

// Purge drops a queue's ready messages and returns their number.
func (v *VHost) Purge(queue string) int {
	v.tb.Helper()
	n, err := v.core.Purge(queue)
	check(v.tb, err)
	return n
}

// DeleteQueue deletes a queue, also one with messages or consumers, and returns the
// number of ready messages that went with it. A missing queue is no error (QUEUE-22).
// Clients that consume from it are told basic.cancel.
func (v *VHost) DeleteQueue(queue string) int {
	v.tb.Helper()
	n, err := v.core.DeleteQueue(queue)
	check(v.tb, err)
	return n
}

// Publish fails with RabbitMQ's text for what the broker refuses.
func (v *ServerVHost) Publish(exchange, key string, body []byte, opts ...PublishOption) (int, error) {
	h, err := v.started("Publish")
	if err != nil {
		return 0, err
	}
	m := broker.Message{Body: body}
	for _, opt := range opts {
		opt(&m)
	}
	reached, err := h.Publish(exchange, key, m)
	if err != nil {
		return 0, fmt.Errorf("Publish to exchange %q by %q: %w", exchange, key, err)
	}
	return reached, nil
}

// Get takes the next message out of a queue, for which it waits as WaitQueue does.
func (v *ServerVHost) Get(ctx context.Context, queue string) (broker.Message, error) {
	h, err := v.started("Get")
	if err != nil {
		return broker.Message{}, err
	}
	var got *broker.Delivery
	err = v.s.wait(ctx, func() bool {
		d, ok, err := h.Get(queue, true)
		if err != nil {
			return false // there is no such queue yet
		}
		got = d
		return ok
	})
	if err != nil {
		return broker.Message{}, unmet("Get: nothing came to queue %q%s\n%s", queue, err, v.describe(queue))
	}
	return got.Message, nil
}

// Purge fails with NOT_FOUND if there is no such queue.
func (v *ServerVHost) Purge(queue string) (int, error) {
	h, err := v.started("Purge")
	if err != nil {
		return 0, err
	}
	n, err := h.Purge(queue)
	if err != nil {
		return 0, fmt.Errorf("Purge: %w", err)
	}
	return n, nil
}

// DeleteQueue deletes a queue and returns its number of ready messages.
func (v *ServerVHost) DeleteQueue(queue string) (int, error) {
	h, err := v.started("DeleteQueue")
	if err != nil {
		return 0, err
	}
	n, err := h.DeleteQueue(queue)
	if err != nil {
		return 0, fmt.Errorf("DeleteQueue: %w", err)
	}
	return n, nil
}

// Consume starts a consumer of the program's own, which is the caller's to close.
func (v *ServerVHost) Consume(queue string, o broker.ConsumeOptions) (*broker.Consumer, error) {
	h, err := v.started("Consume")
	if err != nil {
		return nil, err
	}
	c, err := h.Consume(queue, o)
	if err != nil {
		return nil, fmt.Errorf("Consume: %w", err)
	}
	return c, nil
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
	v.tb.Helper()
	var o broker.ConsumeOptions
	if len(opts) > 0 {
		o = opts[0]
	}
	c, err := v.core.Consume(queue, o)
	check(v.tb, err)
	v.tb.Cleanup(func() { c.Close() })
	return &Consumer{c, v, queue}
}

// Next waits a while for a delivery, which the test holds until Ack or Nack.
func (c *Consumer) Next() *broker.Delivery {
	c.v.tb.Helper()
	ctx, cancel := c.v.patience(context.Background())
	defer cancel()
	begin := delay.Real{}.Now()
	d, err := c.Consumer.Next(ctx)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		err = unmet("Next: nothing came to consumer %q of queue %q in %v\n%s", c.Tag(), c.queue,
			delay.Real{}.Now().Sub(begin).Round(time.Millisecond), c.v.core.describe(c.queue))
	case err != nil:
		err = fmt.Errorf("Next: consumer %q of queue %q: %w\n%s", c.Tag(), c.queue, err, c.v.core.describe(c.queue))
	}
	check(c.v.tb, err)
	return d
}
