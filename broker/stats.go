package broker

import "github.com/rabbetmq/rabbet/queue"

// MessageStats counts messages since the broker's start or the object's beginning,
// whichever is later, or since ResetStats. Each field is one that RabbitMQ's statistics
// have; which of them an object has is said where it is described.
type MessageStats struct {
	// Publish counts what was published; of a queue, what was routed to it.
	Publish uint64
	// PublishConfirming counts those publishes that are to be confirmed, and Routed the
	// queues that publishes reached; channels alone have both.
	PublishConfirming, Routed uint64
	// Confirm counts publishes that the publisher was told of.
	Confirm uint64
	// ReturnUnroutable and DropUnroutable count publishes that reached no queue, with
	// and without mandatory.
	ReturnUnroutable, DropUnroutable uint64
	// Deliver and DeliverNoAck count deliveries to consumers that have to acknowledge
	// and to others, Get and GetNoAck the same of basic.get, GetEmpty those that found
	// nothing.
	Deliver, DeliverNoAck, Get, GetNoAck, GetEmpty uint64
	// Ack counts acknowledgements, Redeliver those deliveries that were not the first.
	Ack, Redeliver uint64
}

// DeliverGet is all that was delivered or got.
func (s *MessageStats) DeliverGet() uint64 { return s.Deliver + s.DeliverNoAck + s.Get + s.GetNoAck }

// Add adds what others count.
func (s *MessageStats) Add(o MessageStats) {
	s.Publish += o.Publish
	s.PublishConfirming += o.PublishConfirming
	s.Routed += o.Routed
	s.Confirm += o.Confirm
	s.ReturnUnroutable += o.ReturnUnroutable
	s.DropUnroutable += o.DropUnroutable
	s.Deliver += o.Deliver
	s.DeliverNoAck += o.DeliverNoAck
	s.Get += o.Get
	s.GetNoAck += o.GetNoAck
	s.GetEmpty += o.GetEmpty
	s.Ack += o.Ack
	s.Redeliver += o.Redeliver
}

// messageStats are a queue's counters as MessageStats.
func messageStats(s queue.Stats) MessageStats {
	return MessageStats{
		Publish: s.Published, Deliver: s.Delivered, DeliverNoAck: s.DeliveredNoAck, Get: s.Got, GetNoAck: s.GotNoAck,
		GetEmpty: s.GetEmpty, Ack: s.Acked, Redeliver: s.Redelivered,
	}
}

// ExchangeStats counts what was published to an exchange and what went out of it to
// queues; a message that reaches three counts three times.
type ExchangeStats struct{ PublishIn, PublishOut uint64 }

// ChurnStats counts what comes and goes.
type ChurnStats struct {
	ConnectionsCreated, ConnectionsClosed        uint64
	ChannelsCreated, ChannelsClosed              uint64
	QueuesDeclared, QueuesCreated, QueuesDeleted uint64
}

// Totals are sums over a virtual host, or over the whole broker.
type Totals struct {
	Exchanges, Queues, Connections, Channels, Consumers int
	// Ready and Unacked are messages in queues, and Away those that are neither: dead
	// letters that wait for their targets, and messages that wait to come back.
	Ready, Unacked, Away int
	// Received and Sent are bytes of connections, those that have ended included.
	Received, Sent uint64
	Messages       MessageStats
	Churn          ChurnStats
	// Types are sums over queues by their type; what deleted ones have counted is in them.
	Types map[string]TypeTotals
	// Publishers are channels that have published, ChannelUnacked the deliveries that
	// channels wait for, and Prefetch and ChannelPrefetch the sums of their limits.
	Publishers, ChannelUnacked, Prefetch, ChannelPrefetch int
}

// Add adds what others have.
func (t *Totals) Add(o *Totals) {
	t.Exchanges += o.Exchanges
	t.Queues += o.Queues
	t.Connections += o.Connections
	t.Channels += o.Channels
	t.Consumers += o.Consumers
	t.Ready += o.Ready
	t.Unacked += o.Unacked
	t.Away += o.Away
	t.Received += o.Received
	t.Sent += o.Sent
	t.Messages.Add(o.Messages)
	t.Publishers += o.Publishers
	t.ChannelUnacked += o.ChannelUnacked
	t.Prefetch += o.Prefetch
	t.ChannelPrefetch += o.ChannelPrefetch
}

// TypeTotals are sums over the queues of one type.
type TypeTotals struct {
	Queues, Ready, Unacked, Consumers int
	ReadyBytes                        int64
	queue.Stats
}

func (t *Totals) addQueues(of TypeTotals) {
	t.Queues += of.Queues
	t.Ready += of.Ready
	t.Unacked += of.Unacked
	t.Away += of.Letters + of.Delayed
}
