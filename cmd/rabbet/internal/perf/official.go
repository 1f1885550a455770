package perf

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/amqp/link"
)

// An officialLink is a connection of RabbitMQ's own Go client, with a channel.
type officialLink struct {
	conn    *amqp091.Connection
	ch      *amqp091.Channel
	blocked atomic.Bool
}

func dialOfficial(url, name string) (*officialLink, error) {
	conn, err := amqp091.DialConfig(url, amqp091.Config{Properties: amqp091.Table{"connection_name": name}, Heartbeat: -1})
	if err != nil {
		return nil, err
	}
	l := &officialLink{conn: conn}
	if l.ch, err = conn.Channel(); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	blockings := conn.NotifyBlocked(make(chan amqp091.Blocking, 1))
	go func() { // ends with the connection
		for b := range blockings {
			l.blocked.Store(b.Active)
		}
	}()
	return l, nil
}

func (l *officialLink) Blocked() bool { return l.blocked.Load() }

// giveUpWriting has nothing to do: the end of the connection lets writes fail.
func (l *officialLink) giveUpWriting(time.Time) {}

func (l *officialLink) hangUp() { _ = l.conn.Close() } // One that has failed is closed.

func (l *officialLink) Close() error { return nil } // hangUp has done it.

// ended waits for the end of the channel, and says why it came.
func ended(closed <-chan *amqp091.Error) error {
	err, ok := <-closed
	if !ok {
		return link.ErrClosed
	}
	return &link.CloseError{Connection: !err.Recover, Code: uint16(err.Code), Text: err.Reason}
}

// An officialProducer publishes with RabbitMQ's own client.
type officialProducer struct {
	*officialLink
	*sender
	exchange, key string
	mandatory     bool
	message       amqp091.Publishing

	confirms <-chan amqp091.Confirmation
	returns  <-chan amqp091.Return
	closed   <-chan *amqp091.Error
}

func (r *runner) openOfficialProducer(_ context.Context, i int) error {
	l, err := dialOfficial(r.URL, producerName(i))
	if err != nil {
		return err
	}
	p := &officialProducer{officialLink: l, sender: r.newSender(i), exchange: r.exchange, key: r.publishKey(i), mandatory: r.Mandatory}
	r.producers = append(r.producers, p)
	props := r.properties(p.key)
	p.message = amqp091.Publishing{
		DeliveryMode: props.DeliveryMode, ContentType: props.ContentType, MessageId: props.MessageID, Body: make([]byte, r.Size),
	}
	if props.Headers != nil {
		p.message.Headers = props.Headers.Map()
	}
	p.returns = l.ch.NotifyReturn(make(chan amqp091.Return, 1024))
	p.closed = l.ch.NotifyClose(make(chan *amqp091.Error, 1))
	if p.window == nil {
		return nil
	}
	p.confirms = l.ch.NotifyPublish(make(chan amqp091.Confirmation, r.Confirm))
	return l.ch.Confirm(false)
}

func (p *officialProducer) run(stop context.Context) error {
	p.start = p.watch.now() + int64(p.offset)
	for {
		n := p.allowed(stop, 16) // few, so that what is sent is counted in time
		if n == 0 {
			return nil
		}
		for range n {
			if len(p.message.Body) >= stampSize {
				binary.BigEndian.PutUint64(p.message.Body, uint64(p.watch.now()))
			}
			if p.ch.PublishWithContext(context.Background(), p.exchange, p.key, p.mandatory, false, p.message) != nil {
				return nil // listen says why the channel has ended
			}
		}
		p.published(n)
	}
}

func (p *officialProducer) listen() error {
	for {
		select {
		case c, ok := <-p.confirms:
			if !ok {
				return ended(p.closed)
			}
			p.confirmed(c.DeliveryTag, false, !c.Ack)
		case _, ok := <-p.returns:
			if !ok {
				return ended(p.closed)
			}
			p.returned.Add(1)
		}
	}
}

// An officialConsumer consumes with RabbitMQ's own client.
type officialConsumer struct {
	*officialLink
	*receiver
	deliveries <-chan amqp091.Delivery
	closed     <-chan *amqp091.Error
}

func (r *runner) openOfficialConsumer(_ context.Context, i int) error {
	l, err := dialOfficial(r.URL, consumerName(i))
	if err != nil {
		return err
	}
	c := &officialConsumer{officialLink: l, receiver: r.newReceiver()}
	r.consumers = append(r.consumers, c)
	c.closed = l.ch.NotifyClose(make(chan *amqp091.Error, 1))
	if c.ackEvery > 0 && r.Prefetch > 0 {
		if err := l.ch.Qos(r.Prefetch, 0, false); err != nil {
			return err
		}
	}
	c.deliveries, err = l.ch.Consume(r.queues[i%len(r.queues)], "", c.ackEvery == 0, false, false, false, nil)
	return err
}

func (c *officialConsumer) run(onReceive func(n int64)) error {
	unacked := 0
	for d := range c.deliveries {
		now := c.watch.now()
		if c.stamped && len(d.Body) >= stampSize {
			c.mu.Lock()
			c.latency.record(now - int64(binary.BigEndian.Uint64(d.Body)))
			c.mu.Unlock()
		}
		if unacked++; c.ackEvery > 0 && unacked >= c.ackEvery {
			unacked = 0
			if d.Ack(c.ackEvery > 1) != nil {
				break // for the reason that the channel has ended
			}
		}
		c.lastAt.Store(now)
		c.received.Add(1)
		onReceive(1)
	}
	return ended(c.closed)
}

// properties are what each message carries.
func (p *plan) properties(key string) amqp.Properties {
	props := amqp.Properties{Flags: amqp.HasDeliveryMode, DeliveryMode: 1}
	if p.Persistent {
		props.DeliveryMode = 2
	}
	if p.ExchangeType == "headers" {
		props.Headers = amqp.Table{{Key: "key", Value: key}}
	}
	for i := range p.Headers {
		props.Headers = append(props.Headers, amqp.Field{Key: fmt.Sprintf("header-%d", i+1), Value: "a value of some length"})
	}
	if props.Headers != nil {
		props.Flags |= amqp.HasHeaders
	}
	if p.Headers > 0 {
		props.Flags |= amqp.HasContentType | amqp.HasMessageID
		props.ContentType, props.MessageID = "application/json", "6a1c2f3e-9d3b-4f6c-8a52-0f4d2b7c1e90"
	}
	return props
}
