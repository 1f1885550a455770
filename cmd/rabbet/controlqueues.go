package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/rabbetmq/rabbet/broker"
)

// peek answers with one ready message of a queue; position 1 is the next to be delivered.
func (c *controller) peek(r *http.Request) (any, error) {
	b, _ := c.node.running()
	if b == nil {
		return nil, errNotRunning
	}
	q := r.URL.Query()
	v, err := b.VHost(q.Get("vhost"))
	if err != nil {
		return nil, err
	}
	position, err := strconv.Atoi(q.Get("position"))
	if err != nil || position < 1 {
		return nil, errors.New("the position is no number above zero")
	}
	list, _, err := v.Browse(q.Get("queue"), position-1, 1)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, controlError{"no_message", errors.New("there is no message at this position")}
	}
	return peeked(&list[0]), nil
}

// stream answers with the numbers of a stream.
func (c *controller) stream(r *http.Request) (any, error) {
	b, _ := c.node.running()
	if b == nil {
		return nil, errNotRunning
	}
	v, err := b.VHost(r.URL.Query().Get("vhost"))
	if err != nil {
		return nil, err
	}
	info, ok := v.Queue(r.URL.Query().Get("queue"))
	if !ok || info.Log == nil {
		return nil, controlError{"no_stream", errors.New("there is no such stream")}
	}
	return map[string]any{
		"offset": info.Log.Last, "committed_offset": info.Log.Committed, "first_offset": info.Log.First,
		"readers": info.Consumers, "segments": info.Log.Segments,
	}, nil
}

// peekLength is how much of a body peek shows, in bytes.
const peekLength = 64

// peeked is a message as rabbitmq-queues peek shows it.
func peeked(m *broker.QueuedMessage) map[string]any {
	object := map[string]any{
		"exchange": m.Exchange, "routing_keys": []string{m.Key},
		"payload (max 64 bytes)": string(m.Body[:min(len(m.Body), peekLength)]), "header.x-delivery-count": m.Deliveries,
	}
	for _, field := range m.Properties.Headers {
		object["header."+field.Key] = field.Value
	}
	for name, value := range map[string]string{
		"content_type": m.Properties.ContentType, "content_encoding": m.Properties.ContentEncoding,
		"correlation_id": m.Properties.CorrelationID, "reply_to": m.Properties.ReplyTo, "expiration": m.Properties.Expiration,
		"message_id": m.Properties.MessageID, "type": m.Properties.Type, "user_id": m.Properties.UserID, "app_id": m.Properties.AppID,
	} {
		if value != "" {
			object[name] = value
		}
	}
	if m.Properties.DeliveryMode != 0 {
		object["delivery_mode"] = m.Properties.DeliveryMode
	}
	return object
}

// eventQueue is the most events that wait for a tool which reads slowly: then the oldest
// are lost.
const eventQueue = 10_000

// events streams what amq.rabbitmq.event gets, a JSON object a line, until the tool goes.
func (c *controller) events(w http.ResponseWriter, r *http.Request) {
	pattern, err := regexp.Compile(r.URL.Query().Get("pattern"))
	if err != nil {
		respond(w, nil, err)
		return
	}
	consumer, drop, err := c.tapEvents()
	if err != nil {
		respond(w, nil, err)
		return
	}
	defer drop()
	w.Header().Set("Content-Type", "application/json")
	flush := http.NewResponseController(w)
	_ = flush.Flush() // Who has gone is noticed below.
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false) // Erlang's does not
	for {
		d, err := consumer.Next(r.Context())
		if err != nil {
			return
		}
		if !pattern.MatchString(strings.ReplaceAll(d.Key, ".", "_")) {
			continue
		}
		if out.Encode(eventOf(d)) != nil || flush.Flush() != nil {
			return
		}
	}
}

// eventOf is an event as RabbitMQ's tool prints it.
func eventOf(d *broker.Delivery) map[string]any {
	object := map[string]any{}
	for _, field := range d.Properties.Headers {
		object[field.Key] = field.Value
	}
	object["event"] = d.Key
	return object
}

// tapEvents consumes all events from a queue that goes with the consumer.
func (c *controller) tapEvents() (*broker.Consumer, func(), error) {
	b, _ := c.node.running()
	if b == nil {
		return nil, nil, errNotRunning
	}
	name := c.s.set.EventVHost
	if name == "" {
		name = c.s.set.Access.DefaultVHost
	}
	v, err := b.VHost(name)
	if err != nil {
		return nil, nil, err
	}
	const exchange = "amq.rabbitmq.event"
	if _, there := v.Exchange(exchange); !there {
		return nil, nil, controlError{"no_events", errors.New("events are told while rabbitmq_event_exchange is enabled: rabbitmq-plugins enable rabbitmq_event_exchange")}
	}
	queue, err := v.DeclareQueue(broker.Queue{AutoDelete: true, Args: map[string]any{"x-max-length": eventQueue}})
	if err != nil {
		return nil, nil, err
	}
	drop := func() { _, _ = v.DeleteQueue(queue) } // It may have gone with its consumer.
	if err := v.Bind(broker.Binding{Source: exchange, Destination: queue, Key: "#"}); err != nil {
		drop()
		return nil, nil, err
	}
	consumer, err := v.Consume(queue, broker.ConsumeOptions{NoAck: true})
	if err != nil {
		drop()
		return nil, nil, err
	}
	return consumer, func() { consumer.Close(); drop() }, nil
}
