package broker

import (
	"maps"
	"slices"
	"sync/atomic"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/refusal"
	"github.com/rabbetmq/rabbet/broker/internal/topology"
	"github.com/rabbetmq/rabbet/broker/internal/unacked"
	"github.com/rabbetmq/rabbet/broker/tap"
)

// A channel's life and the table of its methods (CONN-57 to
// CONN-68).

type channelMode uint8

const (
	modePlain channelMode = iota
	modeConfirm
	modeTx
)

// A channel is one channel of a connection: a half that publishes and a half that consumes,
// and what both share, which belongs to the connection's reader.
type channel struct {
	c         *conn
	id        uint16
	serial    uint64 // tells it from others of its number
	closing   bool   // nothing is handled any more: channel.close sent, close-ok awaited (CONN-64)
	leaving   bool   // so because the client has closed it
	mode      channelMode
	content   content
	lastQueue string // the last queue declared (QUEUE-4)
	tx        transaction
	stats     channelStats

	publishHalf
	consumeHalf
}

// A publishHalf is what a channel knows of its client's publishes. It belongs to the
// connection's reader, but for what is said otherwise.
type publishHalf struct {
	c  *conn
	ch *channel

	// lastArgs and lastRoute are the publish before: publishers repeat themselves.
	lastArgs      []byte
	lastRoute     *route
	published     uint64 // publishes since confirm.select (BASIC-14)
	confirmed     uint64
	early         []uint64       // past confirmed, those that were acked before their turn
	nacks         []uint64       // those that a queue has rejected
	unrouted      uint64         // the number of the latest publish that nobody has
	confirmFaults []confirmFault // what a Tap has in mind for confirms to come
	toConfirm     bool           // listed in conn.confirms
	awaiting      atomic.Int32   // answers that wait for the store

	// for others to see: published at the end of a batch, and the publishes of the transaction
	numbered, uncommitted atomic.Uint64

	// guarded by the lock of the connection's outbound half
	answered uint64 // publishes that are confirmed or rejected
	gap      bool   // a confirm was never sent
	ended    bool   // nothing more is confirmed
}

// A consumeHalf is what a channel has delivered, and to whom. It is guarded by the lock of
// the connection's outbound half.
type consumeHalf struct {
	c  *conn
	ch *channel

	tag       uint64 // the newest delivery tag (BASIC-39)
	unacked   unacked.List[consumer]
	marks     []tagMark // of the checks for overdue deliveries
	consumers map[string]*consumer
	consumed  uint64 // how many consumers there have been
	prefetch  int    // per consumer, for those to come; 0 is no limit (BASIC-44)
	shared    sharedLimit
	reply     *replyConsumer // changed by the reader only
}

func newChannel(c *conn, id uint16) *channel {
	ch := &channel{c: c, id: id, serial: c.b.serials.Add(1)}
	ch.publishHalf.c, ch.publishHalf.ch = c, ch
	ch.consumeHalf.c, ch.consumeHalf.ch = c, ch
	ch.prefetch = c.b.cfg.DefaultPrefetch
	return ch
}

// channel finds an open or closing channel.
func (c *conn) channel(id uint16) *channel {
	if c.last != nil && c.last.id == id {
		return c.last
	}
	ch := c.channels[id]
	if ch == nil {
		ch = c.strays[id]
	}
	if ch != nil {
		c.last = ch
	}
	return ch
}

func (c *conn) channelIDs() []uint16 { return slices.Sorted(maps.Keys(c.channels)) }

func (c *conn) forgetChannel(id uint16) {
	c.last = nil
	if c.channels[id] == nil {
		return
	}
	c.endCounts()
	c.out.mu.Lock()
	ch := c.channels[id]
	delete(c.channels, id)
	c.counted.add(ch.stats.all(), 0, 0)
	c.b.churn.channelsClosed.Add(1)
	c.out.mu.Unlock()
	c.leaveChannel()
}

// channelMethod handles a method on a channel other than 0.
func (c *conn) channelMethod(id uint16, method amqp.MethodID, args []byte) error {
	ch := c.channel(id)
	if ch == nil {
		return c.openChannel(id, method, args)
	}
	var err error
	switch {
	case ch.content.phase != contentNone:
		return ch.content.interrupted()
	case ch.closing:
		return c.closingChannelMethod(ch, method)
	case method == amqp.BasicPublishID:
		err = c.beginPublish(ch, args)
	case method.HasContent(): // one of the server's
		m, _ := amqp.NewMethod(method)
		if err = decodeMethod(m, args); err == nil {
			ch.content.refuse(method, amqp.Errorf(amqp.CommandInvalid, "unimplemented method"))
		}
	default:
		c.flushPublishes()
		err = ch.decodeAndHandle(method, args)
	}
	return c.channelFailed(ch, method, err)
}

// openChannel handles the first method on a channel number (CONN-60 to
// CONN-63).
func (c *conn) openChannel(id uint16, method amqp.MethodID, args []byte) error {
	m, known := amqp.NewMethod(method)
	if !known {
		return refusal.DropNow("unknown method %d.%d", method.Class(), method.Method())
	}
	if err := c.checkChannelMax(); err != nil {
		return err
	}
	if err := decodeMethod(m, args); err != nil {
		return err
	}
	if method != amqp.ChannelOpenID {
		refusal := amqp.Errorf(amqp.ChannelError, "expected 'channel.open'")
		if !method.HasContent() {
			return refusal
		}
		stray := newChannel(c, id)
		stray.content.refuse(method, refusal)
		if c.strays == nil {
			c.strays = make(map[uint16]*channel)
		}
		c.strays[id] = stray
		return nil
	}
	if err := c.enterChannel(); err != nil {
		return err
	}
	ch := newChannel(c, id)
	c.out.mu.Lock()
	c.channels[id] = ch
	c.out.mu.Unlock()
	c.b.churn.channelsOpened.Add(1)
	c.b.events.ChannelOpened(describing(c), ch.serial, id)
	return c.channelFailed(ch, method, c.tapped.method(ch, m, (*channel).open))
}

func (ch *channel) open(amqp.Method) error {
	ch.c.send(ch.id, &amqp.ChannelOpenOk{})
	return nil
}

// checkChannelMax is CONN-63.
func (c *conn) checkChannelMax() error {
	if n := len(c.channels) + len(c.strays) + 1; c.channelMax > 0 && n > int(c.channelMax) {
		return refusal.WithoutMethod(amqp.NotAllowed, "number of channels opened (%d) has reached the negotiated channel_max (%d)",
			n-1, c.channelMax)
	}
	return nil
}

// closingChannelMethod is CONN-64: what a channel still understands after the
// broker has closed it.
func (c *conn) closingChannelMethod(ch *channel, method amqp.MethodID) error {
	switch {
	case method == amqp.ChannelOpenID: // CONN-65 on a channel that the client has closed
		return amqp.Errorf(amqp.ChannelError, "second 'channel.open' seen")
	case method == amqp.BasicPublishID: // ignored, but the frames after it must be those of a content
		ch.content.phase = contentHeader
	case ch.leaving:
	case method == amqp.ChannelCloseOkID:
		c.forgetChannel(ch.id)
	case method == amqp.ChannelCloseID:
		c.send(ch.id, &amqp.ChannelCloseOk{})
	}
	return nil
}

// forgetLeaving frees the numbers of the channels that the client has closed in
// this batch: a client that reuses one has to wait for close-ok (CONN-65).
func (c *conn) forgetLeaving() {
	for _, id := range c.leaving {
		c.forgetChannel(id)
	}
	c.leaving = c.leaving[:0]
}

// channelFailed closes the channel if that is all that the error breaks
// (ERR-1); other errors are the connection's.
func (c *conn) channelFailed(ch *channel, method amqp.MethodID, err error) error {
	if err == nil {
		return nil
	}
	e, ok := err.(*amqp.Error)
	if !ok || e.Hard() {
		return err
	}
	blame := e.Blamed(method)
	c.log.Error("closing channel", "channel", ch.id, "reason", e.Error(), "method", method.String())
	c.flushPublishes()
	ch.end()
	ch.closing = true
	c.send(ch.id, &amqp.ChannelClose{
		ReplyCode: uint16(e.Code), ReplyText: e.Error(), ClassID: blame.Class(), MethodID: blame.Method(),
	})
	return nil
}

// end removes the channel's consumers and requeues what is unacked (CONN-66).
// Publishes that were accepted are confirmed first.
func (ch *channel) end() {
	if ch.closing {
		return
	}
	c := ch.c
	c.sendConfirms()
	ch.dropReply()
	c.out.mu.Lock()
	ch.ended = true
	ch.unacked.Restore(ch.tx.taken()) // BASIC-87: what was acked in the transaction is requeued
	undone := ch.tx.publishes
	ch.tx = transaction{}
	consumers := slices.Collect(maps.Values(ch.consumers))
	ch.consumers = nil
	for _, s := range consumers {
		s.cancelled = true
	}
	out := ch.unacked.TakeAll(c.settler.scratch[:0])
	c.out.mu.Unlock()
	takeBack(undone)
	if c.record.on() {
		c.record.tx(undone, tap.EventRolledBack)
		c.record.settled(out, tap.EventRequeued)
	}
	c.b.events.ChannelClosed(describing(c), ch.serial, len(consumers))
	for _, s := range consumers {
		if s.from.Quorum() { // EVENT-4: other queues tell of consumers that are cancelled alone
			c.b.events.ConsumesNoMore(describing(c), s.describe(), topology.InternalUser)
		}
	}
	// Cancelled consumers take nothing. They leave after the requeue, so that
	// who takes over from one gets the messages in order (BASIC-40).
	c.orderByConsumer(out)
	c.requeue(out)
	c.reuse(out)
	for _, s := range consumers {
		s.from.Unsubscribe(&s.Subscription, &c.fx)
	}
	c.performEffects()
}

// decodeAndHandle runs one method. The commonest is handled without an
// allocation.
func (ch *channel) decodeAndHandle(id amqp.MethodID, args []byte) error {
	if id == amqp.BasicAckID && !ch.c.tapped.listens() {
		m := &ch.c.ack
		if err := decodeMethod(m, args); err != nil {
			return err
		}
		return ch.settle(m.DeliveryTag, m.Multiple, verdictAck)
	}
	m, known := amqp.NewMethod(id)
	if !known {
		return refusal.DropNow("unknown method %d.%d", id.Class(), id.Method()) // CONN-44: an unknown method drops the socket
	}
	if err := decodeMethod(m, args); err != nil {
		return err
	}
	return ch.c.tapped.method(ch, m, (*channel).handle)
}

func (ch *channel) handle(m amqp.Method) error {
	ch.c.written = ch.c.vhost.Written()
	switch m := m.(type) {
	case *amqp.BasicAck:
		return ch.settle(m.DeliveryTag, m.Multiple, verdictAck)
	case *amqp.BasicNack:
		return ch.settle(m.DeliveryTag, m.Multiple, rejection(m.Requeue, verdictRequeue))
	case *amqp.BasicReject:
		return ch.settle(m.DeliveryTag, false, rejection(m.Requeue, verdictFailed))
	case *amqp.BasicRecover:
		return ch.recover(m.Requeue, true)
	case *amqp.BasicRecoverAsync:
		return ch.recover(m.Requeue, false)
	case *amqp.BasicGet:
		return ch.get(m)
	case *amqp.BasicConsume:
		return ch.consume(m)
	case *amqp.BasicCancel:
		return ch.cancel(m)
	case *amqp.BasicQos:
		return ch.qos(m)
	case *amqp.ConfirmSelect:
		return ch.confirmSelect(m)
	case *amqp.TxSelect:
		return ch.txSelect()
	case *amqp.TxCommit:
		return ch.txCommit()
	case *amqp.TxRollback:
		return ch.txRollback()
	}
	return ch.handleTopology(m)
}

// handleTopology is handle for exchanges, queues and the channel itself.
func (ch *channel) handleTopology(m amqp.Method) error {
	vh, c := ch.c.vhost, ch.c
	switch m := m.(type) {
	case *amqp.ExchangeDeclare:
		return ch.reply0(vh.DeclareExchange(m, c), m.NoWait, &amqp.ExchangeDeclareOk{})
	case *amqp.ExchangeDelete:
		return ch.reply0(vh.DeleteExchange(m.Exchange, m.IfUnused, c), m.NoWait, &amqp.ExchangeDeleteOk{})
	case *amqp.ExchangeBind:
		r := topology.Binding{Source: m.Source, Destination: m.Destination, Key: m.RoutingKey, Args: m.Arguments, ToExchange: true}
		return ch.reply0(vh.Bind(r, c), m.NoWait, &amqp.ExchangeBindOk{})
	case *amqp.ExchangeUnbind:
		r := topology.Binding{Source: m.Source, Destination: m.Destination, Key: m.RoutingKey, Args: m.Arguments, ToExchange: true}
		return ch.reply0(vh.Unbind(r, c), m.NoWait, &amqp.ExchangeUnbindOk{})
	case *amqp.QueueDeclare:
		return ch.queueDeclare(m)
	case *amqp.QueueBind:
		return ch.queueBind(m)
	case *amqp.QueueUnbind:
		return ch.queueUnbind(m)
	case *amqp.QueuePurge:
		return ch.queuePurge(m)
	case *amqp.QueueDelete:
		return ch.queueDelete(m)
	case *amqp.ChannelClose:
		ch.end()
		ch.closing, ch.leaving = true, true
		c.leaving = append(c.leaving, ch.id)
		c.send(ch.id, &amqp.ChannelCloseOk{})
		return nil
	case *amqp.ChannelOpen: // CONN-61: 504 for a second open
		return amqp.Errorf(amqp.ChannelError, "second 'channel.open' seen")
	case *amqp.ChannelFlow: // CONN-67: off is refused with 540
		if !m.Active {
			return amqp.Errorf(amqp.NotImplemented, "active=false")
		}
		c.send(ch.id, &amqp.ChannelFlowOk{Active: true})
		return nil
	case *amqp.AccessRequest: // CONN-68: a ticket that is never looked at
		c.send(ch.id, &amqp.AccessRequestOk{Ticket: 1})
		return nil
	}
	if m, ok := m.(*amqp.BasicCancelOk); ok && c.b.profile.CancelOk { // BASIC-34: it cancels the consumer
		return ch.cancelAnswered(m.ConsumerTag)
	}
	return amqp.Errorf(amqp.CommandInvalid, "unimplemented method") // CONN-59: a method of the server, or of the connection
}

// reply0 answers a method that only succeeds or fails.
func (ch *channel) reply0(err error, noWait bool, ok amqp.Method) error {
	if err != nil {
		return err
	}
	if noWait { // EXCH-14: success is silent
		return nil
	}
	if err := ch.c.awaitRecords(); err != nil {
		return err
	}
	ch.c.send(ch.id, ok)
	return nil
}

// setMode makes a channel one of publisher confirms, or of transactions.
func (ch *channel) setMode(m channelMode) {
	ch.c.out.mu.Lock() // snapshots read it
	defer ch.c.out.mu.Unlock()
	ch.mode = m
}
