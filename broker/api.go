package broker

import (
	"fmt"
	"sync"
	"unicode/utf8"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/message"
	"github.com/rabbetmq/rabbet/broker/internal/refusal"
	"github.com/rabbetmq/rabbet/broker/internal/topology"
	"github.com/rabbetmq/rabbet/queue"
)

// The broker seen from Go, without a client: declare, bind,
// publish, look, purge. Refusals are of type *Error, with the code and text
// that a client would read.

// An Error is a refusal as AMQP tells it: a reply code and RabbitMQ's text.
type Error = amqp.Error

// A VHost is a handle on one virtual host of a broker. Its methods are safe for
// concurrent use. What a client would be refused they refuse with an *Error of the
// same code and text, such as NOT_FOUND for a queue that is not there; what a
// client could not even say, such as a name of more than 255 bytes, with another
// error.
type VHost struct {
	VHostPolicies
	VHostParameters
	VHostDelays
	VHostHolders
	*vhost
	b    *Broker
	gets local // what Get has taken
	// publishers are of those calls of Publish that have ended.
	publishers sync.Pool
}

// A goPublisher is what one call of Publish needs, and the next can use.
type goPublisher struct {
	topology.Publisher
	fx     queue.Effects
	nacked bool
	keys   []string
	queues []*topology.Queue
}

func (v *VHost) newGoPublisher() any {
	p := &goPublisher{}
	p.Publisher = v.vh.NewPublisher(topology.FromGo, &p.fx)
	p.Handed = func(refused []int) { p.nacked = p.nacked || len(refused) > 0 }
	return p
}

func (b *Broker) newVHost(vh *topology.VHost) *VHost {
	v := &VHost{
		VHostPolicies: VHostPolicies{vh}, VHostParameters: VHostParameters{vh, &b.components}, VHostDelays: VHostDelays{vh},
		vhost: &vhost{vh: vh}, b: b,
	}
	v.publishers.New = v.newGoPublisher
	v.firehose.Open(topology.TraceExchange, b.log, func() *topology.VHost { return vh })
	v.VHostHolders.v = v
	return v
}

// findVHost finds what connections know of a virtual host; nil if there is none.
func (b *Broker) findVHost(name string) *vhost {
	if v := b.vhost(name); v != nil {
		return v.vhost
	}
	return nil
}

// VHost returns a virtual host; "" is the default one. It fails with
// NOT_ALLOWED for one that does not exist (CONN-28).
func (b *Broker) VHost(name string) (*VHost, error) {
	if name == "" {
		name = b.cfg.DefaultVHost
	}
	v := b.vhost(name)
	if v == nil {
		return nil, errNoVHost(name)
	}
	return v, nil
}

// Exchange describes an exchange to declare.
type Exchange struct {
	Name string
	// Type is direct, fanout, topic, headers or x-delayed-message; direct by
	// default.
	Type                          string
	Durable, AutoDelete, Internal bool
	// Args are arguments such as alternate-exchange or x-delayed-type.
	Args map[string]any
}

// Queue describes a queue to declare.
type Queue struct {
	// Name is the queue's name; "" asks for a generated one (QUEUE-1).
	Name                string
	Durable, AutoDelete bool
	// Args are the x-arguments.
	Args map[string]any
}

// Binding leads from an exchange to a queue or, with ToExchange, an exchange.
type Binding struct {
	Source, Destination, Key string
	ToExchange               bool
	Args                     map[string]any
}

// Message is a message as a Go program sees it.
type Message struct {
	// Exchange and Key are those of the publish; Redelivered reports whether
	// the message was out with a client before. Publish ignores the three.
	Exchange, Key string
	Redelivered   bool
	// Properties are its properties; Flags says which of them are present.
	Properties amqp.Properties
	Body       []byte
}

// maxName is the length in bytes of the longest name or key (LIMIT-8).
const maxName = 255

// checkNames refuses what a client could not say.
func checkNames(names ...string) error {
	for _, name := range names {
		if len(name) > maxName {
			return fmt.Errorf("broker: %q is longer than %d bytes", name, maxName)
		}
	}
	return nil
}

// checkText is checkNames for what no client can say but in UTF-8 (CONN-47).
func checkText(names ...string) error {
	for _, name := range names {
		if !utf8.ValidString(name) {
			return fmt.Errorf("broker: %q is not UTF-8", name)
		}
	}
	return checkNames(names...)
}

// checkProperties refuses properties that no frame can carry as they are.
func checkProperties(p *amqp.Properties) error {
	if err := p.Headers.Validate(); err != nil {
		return fmt.Errorf("broker: headers: %w", err)
	}
	return checkNames(p.ContentType, p.ContentEncoding, p.CorrelationID, p.ReplyTo, p.Expiration, p.MessageID,
		p.Type, p.UserID, p.AppID, p.ClusterID)
}

// DeclareExchange is exchange.declare.
func (v *VHost) DeclareExchange(x Exchange) error {
	if err := v.vh.Closed(); err != nil {
		return err
	}
	if err := checkText(x.Name); err != nil {
		return err
	}
	args, err := tableOf(x.Args)
	if err != nil {
		return err
	}
	if x.Type == "" {
		x.Type = "direct"
	}
	return v.vh.DeclareExchange(&amqp.ExchangeDeclare{
		Exchange: x.Name, Type: x.Type, Durable: x.Durable, AutoDelete: x.AutoDelete, Internal: x.Internal, Arguments: args,
	}, nil)
}

// DeleteExchange is exchange.delete.
func (v *VHost) DeleteExchange(name string) error {
	if err := v.vh.Closed(); err != nil {
		return err
	}
	return v.vh.DeleteExchange(name, false, nil)
}

// DeclareQueue is queue.declare; it returns the queue's name. A queue declared
// from Go is never exclusive: there is no connection to own it.
func (v *VHost) DeclareQueue(q Queue) (string, error) {
	if err := v.vh.Closed(); err != nil {
		return "", err
	}
	if err := checkText(q.Name); err != nil {
		return "", err
	}
	args, err := tableOf(q.Args)
	if err != nil {
		return "", err
	}
	r, err := v.vh.DeclareQueue(&amqp.QueueDeclare{
		Queue: q.Name, Durable: q.Durable, AutoDelete: q.AutoDelete, Arguments: args,
	}, nil)
	if err != nil {
		return "", err
	}
	return r.Name, nil
}

// DeleteQueue is queue.delete; it returns the number of ready messages that
// went with the queue. A missing queue is no error (QUEUE-22).
func (v *VHost) DeleteQueue(name string) (int, error) {
	if err := v.vh.Closed(); err != nil {
		return 0, err
	}
	var fx queue.Effects
	defer v.vh.Perform(&fx)
	return v.vh.DeleteQueue(name, false, false, nil, &fx)
}

// DeleteQueueIf is DeleteQueue, refused for a queue that has consumers with ifUnused, or
// ready messages with ifEmpty (QUEUE-23).
func (v *VHost) DeleteQueueIf(name string, ifUnused, ifEmpty bool) (int, error) {
	if err := v.vh.Closed(); err != nil {
		return 0, err
	}
	var fx queue.Effects
	defer v.vh.Perform(&fx)
	return v.vh.DeleteQueue(name, ifUnused, ifEmpty, nil, &fx)
}

// DeleteExchangeIf is DeleteExchange, refused for an exchange that has bindings with
// ifUnused (EXCH-17).
func (v *VHost) DeleteExchangeIf(name string, ifUnused bool) error {
	if err := v.vh.Closed(); err != nil {
		return err
	}
	return v.vh.DeleteExchange(name, ifUnused, nil)
}

// Bind is queue.bind or exchange.bind.
func (v *VHost) Bind(b Binding) error {
	if err := v.vh.Closed(); err != nil {
		return err
	}
	if err := checkText(b.Source, b.Destination, b.Key); err != nil {
		return err
	}
	args, err := tableOf(b.Args)
	if err != nil {
		return err
	}
	return v.vh.Bind(b.request(args), nil)
}

// Unbind is queue.unbind or exchange.unbind.
func (v *VHost) Unbind(b Binding) error {
	if err := v.vh.Closed(); err != nil {
		return err
	}
	args, err := tableOf(b.Args)
	if err != nil {
		return err
	}
	return v.vh.Unbind(b.request(args), nil)
}

func (b Binding) request(args amqp.Table) topology.Binding {
	return topology.Binding{Source: b.Source, Destination: b.Destination, Key: b.Key, Args: args, ToExchange: b.ToExchange}
}

// Publish routes a message and returns the number of queues that it reached;
// 0 means that it was unroutable and is gone, or that a delayed exchange keeps it
// (EXCH-52). A full queue that rejects counts as reached (BASIC-4). The exchange
// must exist; unlike a client's, the publish may name an internal one. The queues
// keep the body: do not change it.
func (v *VHost) Publish(exchange, key string, m Message) (int, error) {
	reached, _, err := v.PublishConfirmed(exchange, key, m)
	return reached, err
}

// PublishConfirmed is Publish, and reports whether a publisher would be sent a nack: a full
// queue has rejected the message (QUEUE-65).
func (v *VHost) PublishConfirmed(exchange, key string, m Message) (reached int, nacked bool, err error) {
	if err := v.vh.Closed(); err != nil {
		return 0, false, err
	}
	if err := checkNames(key); err != nil {
		return 0, false, err
	}
	if err := checkProperties(&m.Properties); err != nil {
		return 0, false, err
	}
	if err := v.b.cfg.checkSize(uint64(len(m.Body))); err != nil {
		return 0, false, err
	}
	x := v.vh.Exchange(exchange)
	if x == nil {
		return 0, false, refusal.NoExchange(exchange, v.vh.Name)
	}
	msg := &queue.Message{Exchange: exchange, Key: key, Props: m.Properties.Append(nil), Body: m.Body}
	if v.b.cfg.Stamps != nil {
		v.b.stamp(msg)
	}
	message.ReadMarks(msg, msg.Props.Flags())
	if err := message.ReadTTL(msg); err != nil {
		return 0, false, err
	}
	keys, headers, err := message.RewriteHeaders(msg, v.b.profile.ClientDeaths)
	if err != nil {
		return 0, false, err
	}
	p := v.publishers.Get().(*goPublisher)
	p.keys = append(append(p.keys[:0], key), keys...)
	to, err := p.Find(p.queues[:0], x, p.keys, headers, msg.Props)
	p.queues = to.Queues
	if err != nil {
		return 0, false, err
	}
	v.recordGoPublish(msg, to)
	x.Count(1, uint64(len(to.Queues)))
	v.add(MessageStats{Publish: 1}, 0, 0)
	p.nacked = false
	p.Pass(msg, to)
	reached = p.Flush()
	v.vh.Perform(&p.fx)
	nacked = p.nacked
	v.publishers.Put(p) // not after a panic
	return reached, nacked, nil
}

// Peek returns up to limit ready messages of a queue, in delivery order, and
// changes nothing. The bodies are shared with the queue: do not write to them.
func (v *VHost) Peek(name string, limit int) ([]Message, error) {
	q, err := v.vh.Queue(name, nil)
	if err != nil {
		return nil, err
	}
	return messagesOf(q.Peek(0, limit))
}

// PeekStream returns up to limit messages of a stream, beginning where a consumer with
// this offset would (ConsumeOptions.Offset), and changes nothing. The bodies are shared
// with the stream: do not write to them.
func (v *VHost) PeekStream(name string, offset any, limit int) ([]Message, error) {
	q, err := v.vh.Queue(name, nil)
	if err != nil {
		return nil, err
	}
	items, err := v.vh.PeekStream(q, offset, limit)
	if err != nil {
		return nil, err
	}
	return messagesOf(items)
}

// messagesOf are items as a Go program sees them.
func messagesOf(items []queue.Item) ([]Message, error) {
	list := make([]Message, len(items))
	for i, it := range items {
		var err error
		if list[i], err = messageOf(&it, it.Msg.Props); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// messageOf is an item as a Go program sees it.
func messageOf(it *queue.Item, props amqp.RawProperties) (Message, error) {
	m := Message{Exchange: it.Msg.Exchange, Key: it.Msg.Key, Redelivered: it.Redelivered, Body: it.Msg.Body}
	err := m.Properties.Decode(props)
	return m, err
}

// Purge drops a queue's ready messages and returns their number.
func (v *VHost) Purge(name string) (int, error) {
	q, err := v.vh.Queue(name, nil)
	if err != nil {
		return 0, err
	}
	if err := v.vh.CheckPurge(q); err != nil {
		return 0, err
	}
	return q.Purge(), nil
}

// Counts returns a queue's numbers, exact at this moment.
func (v *VHost) Counts(name string) (queue.Counts, error) {
	q, err := v.vh.Queue(name, nil)
	if err != nil {
		return queue.Counts{}, err
	}
	return q.Counts(), nil
}

func tableOf(args map[string]any) (amqp.Table, error) {
	t, err := amqp.TableOf(args)
	if err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	return t, nil
}
