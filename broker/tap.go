package broker

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/broker/tap"
	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/queue"
)

// A tapped is what a connection of a broker with a Tap has. The reader owns it
// but for what is said otherwise.
type tapped struct {
	tap   *tap.Tap
	clock delay.Clock
	peer  *tap.Peer
	call  tap.Call        // of the reader
	life  context.Context // done when nothing is to be waited for any more
	hurry context.CancelFunc

	// Guarded by the connection's lock.
	delivery tap.Call // of deliveries
	spoiled  *spoiled
	deaf     bool // the reader waits: no heartbeat is expected
	holds    int  // those that block the connection
}

// newTapped is nil without a Tap.
func newTapped(b *node, addr string) *tapped {
	if b.cfg.Tap == nil {
		return nil
	}
	t := &tapped{tap: b.cfg.Tap, clock: b.clock, peer: &tap.Peer{ID: b.peers.Add(1), Addr: addr}}
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
	p := &tap.Peer{ID: t.peer.ID, Addr: t.peer.Addr, Name: c.name, User: user}
	if c.vhost != nil {
		p.VHost = c.vhost.Name
	}
	t.peer = p
}

// ask asks the tap about a call of the reader's.
func (t *tapped) ask(call tap.Call) tap.Verdict {
	if t.tap.Decide == nil {
		return tap.Verdict{}
	}
	t.call = call
	t.call.Peer = t.peer
	v := t.tap.Decide(&t.call)
	t.call = tap.Call{}
	return v
}

// obey does with a call as the verdict says. It is for the calls of a client
// that are answered, on channel 0 too.
func (c *conn) obey(v tap.Verdict, channel uint16, handle func() error) error {
	c.pause(v)
	switch v.Act {
	case tap.ActSwallow:
		return nil
	case tap.ActCloseChannel, tap.ActCloseConnection:
		return v.Refusal()
	case tap.ActReset, tap.ActDamage:
		return c.spoil(v.Act, channel, handle)
	case tap.ActBlock:
		err := handle()
		c.hold(v)
		return err
	}
	return handle()
}

// pause makes the reader wait. Nobody is to wait with it.
func (c *conn) pause(v tap.Verdict) {
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
func (c *conn) hold(v tap.Verdict) {
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
	v := c.tapped.ask(tap.Call{Method: tap.CallLogin})
	return c.obey(v, 0, func() error {
		if v.Act == tap.ActRefuse {
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
func (ch *channel) call(m amqp.Method) tap.Call {
	call := tap.Call{Method: m.ID().String(), Channel: ch.id, Args: m}
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
		call.Find = func() []string { return ch.consumerQueue(m.ConsumerTag) }
	case *amqp.BasicAck:
		call.Find = func() []string { return ch.heldQueues(m.DeliveryTag, m.Multiple) }
	case *amqp.BasicNack:
		call.Find = func() []string { return ch.heldQueues(m.DeliveryTag, m.Multiple) }
	case *amqp.BasicReject:
		call.Find = func() []string { return ch.heldQueues(m.DeliveryTag, false) }
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
