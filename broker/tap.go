package broker

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/queue"
)

// This file is the Tap: how tests and tools see what clients do, and make things
// go wrong. A broker without one pays a comparison with nil a method.

// A Tap is told of everything that happens to messages, and asked about
// everything that clients do. It is for tests and tools. Its functions are called
// from many goroutines at once. They must not call the broker, nor block; a
// Verdict can make the broker wait instead.
type Tap struct {
	// Decide, unless nil, says what becomes of a call. It is asked by the
	// connection's reader before the call is handled, save that of "deliver" it is
	// asked with the queue locked. The Call is valid until Decide returns.
	Decide func(*Call) Verdict
	// Record, unless nil, is told of events. For EventPublished it returns the
	// number that later events know the publication by, which stays with the
	// message wherever it goes, the store included; 0 asks for none of them. For
	// other events what it returns does not matter.
	Record func(Event) uint64
}

// What a Call is called that is no method of a client's.
const (
	// CallConnect is a connection's first bytes, before it is greeted.
	CallConnect = "connect"
	// CallLogin is a user's attempt to log in: connection.start-ok with
	// credentials that make sense, right or wrong.
	CallLogin = "login"
	// CallDeliver is a delivery to a consumer, direct replies included. It has been
	// taken off the queue; the verdict is about what the client sees of it.
	CallDeliver = "deliver"
	// CallConfirm is the confirm that a publish is going to have: it has been
	// handed to its queues.
	CallConfirm = "confirm"
)

// CallPublish is a publish, asked about once its content is there.
const CallPublish = "basic.publish"

// A Call is something that a client asks for, or that is about to be sent to it.
type Call struct {
	// Method is the method's name, such as basic.publish, or one of the names
	// above.
	Method string
	// Peer is the connection, and Channel the number of the channel on it.
	Peer    *Peer
	Channel uint16
	// Args are the method's arguments; nil for what is no method of a client's.
	Args amqp.Method
	// Exchange, Key, Queue and ConsumerTag are what the call names, "" where it
	// names none. A binding between exchanges names its source.
	Exchange, Key, Queue, ConsumerTag string
	// Msg is the message of a publish, a confirm or a delivery.
	Msg *queue.Message

	find func() []string
}

// Queues are the queues that the call is about: of a publish those that it is
// going to reach, of an acknowledgement the delivery's, of a cancellation the
// consumer's.
func (c *Call) Queues() []string {
	switch {
	case c.find != nil:
		return c.find()
	case c.Queue != "":
		return []string{c.Queue}
	}
	return nil
}

// A Peer is a connection as a Tap knows it. It is not changed once it is made.
type Peer struct {
	// ID is unique in the broker's life, and from 1.
	ID uint64
	// Addr is the client's address.
	Addr string
	// Name is what the client calls itself (CONN-11). It and User are "" before
	// "login", VHost before connection.open is done.
	Name, User, VHost string
}

// An Act is what becomes of a call.
type Act uint8

// The acts. What an act makes no sense for is handled as usual.
const (
	// ActPass handles the call as usual.
	ActPass Act = iota
	// ActSwallow makes nothing of the call, and answers nothing. A publish that is
	// to be confirmed keeps its number, a delivery stays unacked.
	ActSwallow
	// ActNack nacks a publish that is not handed to any queue, and fails the
	// transaction that it is in. Of a "confirm" it nacks what the queues have.
	ActNack
	// ActUnroutable treats a publish as one that reaches no queue.
	ActUnroutable
	// ActUnconfirmed handles a publish and never confirms it.
	ActUnconfirmed
	// ActCloseChannel closes the channel with the verdict's code and text.
	ActCloseChannel
	// ActCloseConnection does the same with the connection.
	ActCloseConnection
	// ActRefuse refuses a login (CONN-15, CONN-16).
	ActRefuse
	// ActReset handles the call, sends half of the first frame of its answer, and
	// resets the connection. Half of a heartbeat stands in for an answer that a call
	// does not have.
	ActReset
	// ActDamage handles the call and ends the first frame of its answer with
	// another octet than a frame ends with.
	ActDamage
	// ActDamageBody changes the first byte of a message's body.
	ActDamageBody
	// ActTwice delivers a second time, as a redelivery with a tag of its own.
	ActTwice
	// ActBlock handles the call and blocks the connection from there on, as an
	// alarm does (CONN-79), until the function that Blocked gets is called.
	ActBlock
)

// A Verdict is what becomes of a call.
type Verdict struct {
	// Delay makes the connection wait on the broker's clock before anything else of
	// the verdict: its reader or, if the call goes to the client, its writer. The
	// connection's end, and the broker's, cut it short.
	Delay time.Duration
	// Waiting, unless nil, is called when the delay has begun: from then on a clock
	// that is moved counts for it.
	Waiting func()
	Act     Act
	// Code and Text are those that a channel or connection is closed with, the text
	// as the client reads it, or is refused or blocked for.
	Code uint16
	Text string
	// Blocked is called by ActBlock with what lets the connection go on, which may
	// be called at any time, and again.
	Blocked func(release func())
}

// A tapped is what a connection of a broker with a Tap has. The reader owns it
// but for what is said otherwise.
type tapped struct {
	tap   *Tap
	clock delay.Clock
	peer  *Peer
	call  Call            // of the reader
	life  context.Context // done when nothing is to be waited for any more
	hurry context.CancelFunc

	// Guarded by the connection's lock.
	delivery Call // of deliveries
	spoiled  *spoiled
	deaf     bool // the reader waits: no heartbeat is expected
	holds    int  // those that block the connection
}

// newTapped is nil without a Tap.
func newTapped(b *node, addr string) *tapped {
	if b.cfg.Tap == nil {
		return nil
	}
	t := &tapped{tap: b.cfg.Tap, clock: b.clock, peer: &Peer{ID: b.peers.Add(1), Addr: addr}}
	t.life, t.hurry = context.WithCancel(context.Background())
	return t
}

// end cuts delays short, those to come too.
func (t *tapped) end() {
	if t != nil {
		t.hurry()
	}
}

// waiting tells whether the reader waits because of a verdict. Called with the
// connection's lock held.
func (t *tapped) waiting() bool { return t != nil && (t.deaf || t.holds > 0) }

func (t *tapped) blocked() bool { return t != nil && t.holds > 0 }

// introduce notes what the connection says of itself.
func (t *tapped) introduce(c *conn, user string) {
	p := &Peer{ID: t.peer.ID, Addr: t.peer.Addr, Name: c.name, User: user}
	if c.vhost != nil {
		p.VHost = c.vhost.Name
	}
	t.peer = p
}

// ask asks the tap about a call of the reader's.
func (t *tapped) ask(call Call) Verdict {
	if t.tap.Decide == nil {
		return Verdict{}
	}
	t.call = call
	t.call.Peer = t.peer
	v := t.tap.Decide(&t.call)
	t.call = Call{}
	return v
}

// obey does with a call as the verdict says. It is for the calls of a client
// that are answered, on channel 0 too.
func (c *conn) obey(v Verdict, channel uint16, handle func() error) error {
	c.pause(v)
	switch v.Act {
	case ActSwallow:
		return nil
	case ActCloseChannel, ActCloseConnection:
		return v.refusal()
	case ActReset, ActDamage:
		return c.spoil(v.Act, channel, handle)
	case ActBlock:
		err := handle()
		c.hold(v)
		return err
	}
	return handle()
}

// refusal is the error of a verdict that closes something.
func (v *Verdict) refusal() *Error {
	e := &Error{Code: amqp.ReplyCode(v.Code), Text: v.Text, Bare: true, Closes: amqp.ClosesConnection}
	if v.Act == ActCloseChannel {
		e.Closes = amqp.ClosesChannel
	}
	return e
}

// pause makes the reader wait. Nobody is to wait with it.
func (c *conn) pause(v Verdict) {
	if v.Delay <= 0 {
		return
	}
	c.endBatch()
	c.setDeaf(true)
	defer c.setDeaf(false)
	c.tapped.wait(v.Delay, v.Waiting)
}

// wait waits on the broker's clock, unless the connection is to end.
func (t *tapped) wait(d time.Duration, begun func()) {
	over := make(chan struct{})
	timer := t.clock.AfterFunc(d, func() { close(over) })
	defer timer.Stop()
	if begun != nil {
		begun()
	}
	select {
	case <-over:
	case <-t.life.Done():
	}
}

func (c *conn) setDeaf(deaf bool) {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	c.tapped.deaf = deaf
}

// hold blocks the connection, as an alarm does.
func (c *conn) hold(v Verdict) {
	c.blocking = true
	c.out.mu.Lock()
	c.tapped.holds++
	if c.tapped.holds == 1 && !c.blocked && c.client.blocked {
		c.out.appendMethod(0, &amqp.ConnectionBlocked{Reason: v.Text}, &c.fx)
	}
	c.out.mu.Unlock()
	if v.Blocked != nil {
		v.Blocked(sync.OnceFunc(c.release))
	}
}

// release ends a hold.
func (c *conn) release() {
	var fx queue.Effects
	c.out.mu.Lock()
	c.tapped.holds--
	c.letGo(&fx)
	c.out.mu.Unlock()
	fx.Flush()
}

// loginAsked is login with a Tap, which may refuse it.
func (c *conn) loginAsked(creds access.Credentials) error {
	c.tapped.introduce(c, creds.User)
	v := c.tapped.ask(Call{Method: CallLogin})
	return c.obey(v, 0, func() error {
		if v.Act == ActRefuse {
			return c.refuseLogin(creds.User, creds.Mechanism, v.Text)
		}
		return c.login(creds)
	})
}

// decodeAndAsk is decodeAndHandle with a Tap.
func (ch *channel) decodeAndAsk(id amqp.MethodID, args []byte) error {
	m, known := amqp.NewMethod(id)
	if !known {
		return dropNow("unknown method %d.%d", id.Class(), id.Method()) // CONN-44
	}
	if err := decodeMethod(m, args); err != nil {
		return err
	}
	return ch.c.obey(ch.c.tapped.ask(ch.call(m)), ch.id, func() error { return ch.handle(m) })
}

// call describes a method on a channel.
func (ch *channel) call(m amqp.Method) Call {
	call := Call{Method: m.ID().String(), Channel: ch.id, Args: m}
	switch m := m.(type) {
	case *amqp.ExchangeDeclare:
		call.Exchange = m.Exchange
	case *amqp.ExchangeDelete:
		call.Exchange = m.Exchange
	case *amqp.ExchangeBind:
		call.Exchange, call.Key = m.Source, m.RoutingKey
	case *amqp.ExchangeUnbind:
		call.Exchange, call.Key = m.Source, m.RoutingKey
	case *amqp.QueueBind:
		call.Exchange, call.Key, call.Queue = m.Exchange, m.RoutingKey, m.Queue
	case *amqp.QueueUnbind:
		call.Exchange, call.Key, call.Queue = m.Exchange, m.RoutingKey, m.Queue
	case *amqp.QueueDeclare:
		call.Queue = m.Queue
	case *amqp.QueuePurge:
		call.Queue = m.Queue
	case *amqp.QueueDelete:
		call.Queue = m.Queue
	case *amqp.BasicGet:
		call.Queue = m.Queue
	case *amqp.BasicConsume:
		call.Queue, call.ConsumerTag = m.Queue, m.ConsumerTag
	case *amqp.BasicCancel:
		call.ConsumerTag = m.ConsumerTag
		call.find = func() []string { return ch.consumerQueue(m.ConsumerTag) }
	case *amqp.BasicAck:
		call.find = func() []string { return ch.heldQueues(m.DeliveryTag, m.Multiple) }
	case *amqp.BasicNack:
		call.find = func() []string { return ch.heldQueues(m.DeliveryTag, m.Multiple) }
	case *amqp.BasicReject:
		call.find = func() []string { return ch.heldQueues(m.DeliveryTag, false) }
	}
	return call
}

// consumerQueue is the queue of a consumer.
func (ch *channel) consumerQueue(tag string) []string {
	ch.c.out.mu.Lock()
	defer ch.c.out.mu.Unlock()
	if s := ch.consumers[tag]; s != nil {
		return []string{s.from.Name}
	}
	return nil
}

// heldQueues are the queues of the unacked deliveries that an acknowledgement
// settles.
func (ch *channel) heldQueues(tag uint64, multiple bool) (names []string) {
	ch.c.out.mu.Lock()
	defer ch.c.out.mu.Unlock()
	for _, u := range ch.unacked.list[ch.unacked.head:] {
		hit := u.tag == tag || multiple && (u.tag < tag || tag == 0)
		if hit && u.queue != nil && !slices.Contains(names, u.queue.Name) {
			names = append(names, u.queue.Name)
		}
	}
	return names
}
