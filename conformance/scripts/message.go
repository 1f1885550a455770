// Sending and receiving in scripts: messages are told apart by short bodies,
// and absence is proved by what the broker says, never by waiting a while.

package scripts

import (
	"fmt"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Send publishes a transient message without properties.
func (ch *Channel) Send(exchange, key, body string) {
	ch.SendWith(exchange, key, amqp.Publishing{Body: []byte(body)})
}

// SendAll publishes each body to the queue through the default exchange.
func (ch *Channel) SendAll(queue string, bodies ...string) {
	for _, body := range bodies {
		ch.Send("", queue, body)
	}
}

// Store is SendAll on a channel in confirm mode, and waits until the queue has
// the messages. What other channels see of a queue, and what a declare counts,
// may lag behind publishes that are not confirmed (BASIC-68, BASIC-69).
func (ch *Channel) Store(queue string, bodies ...string) {
	ch.SendAll(queue, bodies...)
	ch.AllConfirmed(len(bodies))
}

// SendWith publishes a message with properties.
func (ch *Channel) SendWith(exchange, key string, p amqp.Publishing) {
	ch.t.OK(ch.PublishWithContext(ch.t.ctx, exchange, key, false, false, p), "publish")
}

// SendMandatory publishes a message that must be routed or returned.
func (ch *Channel) SendMandatory(exchange, key, body string) {
	ch.t.OK(ch.PublishWithContext(ch.t.ctx, exchange, key, true, false, amqp.Publishing{Body: []byte(body)}), "publish")
}

// Confirming puts the channel in confirm mode.
func (ch *Channel) Confirming() *Channel {
	ch.t.OK(ch.Confirm(false), "confirm.select")
	return ch
}

// Confirmed waits for the next confirm, in the order of publishing.
func (ch *Channel) Confirmed() amqp.Confirmation {
	return Receive(ch.t, ch.acks, "a confirm")
}

// AllConfirmed waits for the next n confirms, which must be acks.
func (ch *Channel) AllConfirmed(n int) {
	for range n {
		if c := ch.Confirmed(); !c.Ack {
			ch.t.Errorf("publish %d: nack instead of ack", c.DeliveryTag)
		}
	}
}

// ExpectNoConfirm records a difference if there are more confirms than the
// script has asked for. A round trip brings those that are on their way.
func (ch *Channel) ExpectNoConfirm() {
	ch.ExpectOpen()
	select {
	case c := <-ch.acks:
		ch.t.Errorf("unexpected confirm of %d", c.DeliveryTag)
	default:
	}
}

// Returned waits for the next basic.return.
func (ch *Channel) Returned() amqp.Return { return Receive(ch.t, ch.returns, "a basic.return") }

// TakeReturn gives the next basic.return that has come already.
func (ch *Channel) TakeReturn() (amqp.Return, bool) {
	select {
	case r := <-ch.returns:
		return r, true
	default:
		return amqp.Return{}, false
	}
}

// Fetch gets the next message of a queue, to be acknowledged. There must be
// one.
func (ch *Channel) Fetch(queue string) amqp.Delivery {
	d, ok, err := ch.Get(queue, false)
	ch.t.OK(err, "get")
	if !ok {
		ch.t.Fatalf("get: the queue is empty")
	}
	return d
}

// Drain gets messages until the queue says that it is empty, and gives their
// bodies. What was published on this channel before is among them.
func (ch *Channel) Drain(queue string) []string {
	bodies := []string{}
	for {
		d, ok, err := ch.Get(queue, true)
		ch.t.OK(err, "get")
		if !ok {
			return bodies
		}
		bodies = append(bodies, string(d.Body))
	}
}

// ExpectDrain drains the queue and records a difference unless these are its
// messages, in this order.
func (ch *Channel) ExpectDrain(queue string, bodies ...string) {
	ch.t.Equal(append([]string{}, bodies...), ch.Drain(queue), "messages of the queue")
}

// Subscription says how to consume. The zero value: a tag of the script's
// making, acknowledgements wanted.
type Subscription struct {
	Tag                       string
	NoAck, Exclusive, NoLocal bool
	NoWait                    bool
	Args                      amqp.Table
}

// Consumer is a consumer that belongs to a script.
type Consumer struct {
	Tag        string
	t          *T
	ch         *Channel
	deliveries <-chan amqp.Delivery
}

// Subscribe starts a consumer.
func (ch *Channel) Subscribe(queue string, s Subscription) *Consumer {
	if s.Tag == "" {
		s.Tag = ch.t.Name("c")
	}
	d, err := ch.Consume(queue, s.Tag, s.NoAck, s.Exclusive, s.NoLocal, s.NoWait, s.Args)
	ch.t.OK(err, "consume")
	return &Consumer{Tag: s.Tag, t: ch.t, ch: ch, deliveries: d}
}

// Next waits for the next delivery.
func (c *Consumer) Next() amqp.Delivery {
	return Receive(c.t, c.deliveries, fmt.Sprintf("a delivery to %s", c.Tag))
}

// Expect waits for as many deliveries as there are bodies, records a
// difference unless these are theirs, and gives the last one.
func (c *Consumer) Expect(bodies ...string) amqp.Delivery {
	var last amqp.Delivery
	for i, body := range bodies {
		last = c.Next()
		c.t.Equal(body, string(last.Body), fmt.Sprintf("delivery %d to %s", i+1, c.Tag))
	}
	return last
}

// Stop cancels the consumer and gives what else was delivered to it before
// cancel-ok: with what Next has given, that is all it ever gets (BASIC-27).
func (c *Consumer) Stop() []amqp.Delivery {
	c.t.OK(c.ch.Cancel(c.Tag, false), "cancel")
	var rest []amqp.Delivery
	for d := range c.deliveries {
		rest = append(rest, d)
	}
	return rest
}

// ExpectNoMore stops the consumer and records a difference if it was given
// anything that Next has not told of.
func (c *Consumer) ExpectNoMore() {
	for _, d := range c.Stop() {
		c.t.Errorf("%s: unexpected delivery of %q", c.Tag, d.Body)
	}
}

// ExpectCancelled waits for the broker's basic.cancel of the consumer.
func (c *Consumer) ExpectCancelled() {
	c.t.Equal(c.Tag, Receive(c.t, c.ch.cancels, "a basic.cancel"), "tag of basic.cancel")
}

// Acked acknowledges a delivery.
func (ch *Channel) Acked(d amqp.Delivery) { ch.t.OK(d.Ack(false), "ack") }
