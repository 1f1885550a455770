package broker

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/queue"
)

// This file takes a picture of everything that a broker has.

// A Snapshot is what a broker has, each list sorted by name. Each queue's
// numbers are exact at a moment; the moments of two queues may differ.
type Snapshot struct {
	VHosts      []VHostInfo
	Connections []ConnectionInfo
}

// VHostInfo is one virtual host.
type VHostInfo struct {
	Name      string
	Exchanges []ExchangeInfo
	Queues    []QueueInfo
	// Bindings are those that were made; the default exchange's implicit ones
	// are not among them.
	Bindings []Binding
	// Consumers are those in Go, which belong to no connection.
	Consumers []ConsumerInfo
}

// ExchangeInfo is one exchange. The default exchange's name is "".
type ExchangeInfo struct {
	Name, Type                    string
	Durable, AutoDelete, Internal bool
	Args                          map[string]any
	// MessagesDelayed is the number of messages that wait in a delayed exchange,
	// exact at the moment (EXCH-56).
	MessagesDelayed int
	// Cache is what an exchange of type x-message-deduplication remembers; nil for others.
	Cache *CacheInfo
	// Policy is the name of the policy that applies, "" for none.
	Policy string
	Stats  ExchangeStats
}

// CacheInfo is what an exchange of type x-message-deduplication remembers (DEDUP-8).
type CacheInfo struct {
	// Entries are values and Bytes what they take; Size is the most entries that there may be.
	Entries int
	Bytes   int64
	Size    int
}

// QueueInfo is one queue.
type QueueInfo struct {
	Name string
	// ID tells the queue from others that had its name before.
	ID uint64
	// Type is classic, quorum or stream.
	Type                           string
	Durable, AutoDelete, Exclusive bool
	Args                           map[string]any
	// Owner is the ID of the connection that an exclusive queue belongs to.
	Owner string
	// Policy and OperatorPolicy are the names of those that apply, "" for none, and
	// Definition is what follows from both (POLICY-3).
	Policy, OperatorPolicy string
	Definition             map[string]any
	queue.Counts
	// ExclusiveConsumer and SingleActiveConsumer are consumer tags; "" is none.
	ExclusiveConsumer, SingleActiveConsumer string
	// UnackedBytes is the sum of the bodies that are out.
	UnackedBytes int64
	// Persistent are persistent messages, ready or out, and PersistentBytes their bodies.
	Persistent      int
	PersistentBytes int64
	// PagedOut are ready messages that are on the disk alone, and PagedOutBytes their bodies.
	PagedOut      int
	PagedOutBytes int64
	// Letters are dead letters of a quorum queue that wait until their targets have
	// confirmed them, and LettersBytes their bodies. They are neither ready nor unacked.
	Letters      int
	LettersBytes int64
	// Delayed are messages of a quorum queue that wait to come back, and DelayedBytes their
	// bodies; the first of them is back at NextDelayed and the last at LastDelayed.
	Delayed                  int
	DelayedBytes             int64
	NextDelayed, LastDelayed time.Time
	// Retry says in words when what comes back waits, as RabbitMQ's management API does;
	// empty where the profile does not know delayed retries (RETRY-8).
	Retry string
	// Stats has no Confirm, and nothing of what is unroutable.
	Stats MessageStats
	// Log is that of a stream, and nil for all other queues.
	Log *StreamLog
}

// StreamLog is what is known of a stream's log. A stream that never had a message has -1 as
// Last and Committed.
type StreamLog struct {
	// First and Last are the offsets of the oldest and the newest message, Committed that
	// of the newest which consumers may have.
	First, Last, Committed int64
	// Segments are the files, or what stands for them without a store; at least 1.
	Segments int
}

// ConnectionInfo is one connection that is open.
type ConnectionInfo struct {
	// ID is RabbitMQ's name of the connection: the client's address and the broker's,
	// such as "127.0.0.1:40000 -> 127.0.0.1:5672".
	ID string
	// Peer is the client's address and Local the broker's; Name is what the client
	// calls itself (CONN-11).
	Peer, Local, Name string
	User, VHost       string
	// Direct says that the client is a part of this program (DialDirect).
	Direct bool
	// Mechanism is that of the login, and TLS is nil for a connection without.
	Mechanism string
	TLS       *TLSInfo
	// State is running, blocked or closing.
	State string
	Since time.Time
	// Properties are those that the client has sent (CONN-11).
	Properties amqp.Table
	// ChannelMax, FrameMax and Heartbeat are what was agreed; a Heartbeat of 0 is none.
	ChannelMax uint16
	FrameMax   uint32
	Heartbeat  time.Duration
	// Received and Sent are bytes.
	Received, Sent uint64
	// Reads and Writes count calls of the network, and Pending is the bytes that wait
	// to be written.
	Reads, Writes uint64
	Pending       int
	Channels      []ChannelInfo
}

// ChannelInfo is one channel.
type ChannelInfo struct {
	Number uint16
	// Confirm and Transactional are the channel's mode.
	Confirm, Transactional bool
	// Unacked are deliveries, Unconfirmed publishes, and Uncommitted and
	// UncommittedAcks what a transaction has of both.
	Unacked, Unconfirmed, Uncommitted, UncommittedAcks int
	// Prefetch is the limit of consumers to come, GlobalPrefetch that of the
	// channel; 0 is none.
	Prefetch, GlobalPrefetch int
	Consumers                []ConsumerInfo
	Stats                    MessageStats
}

// ConsumerInfo is one consumer.
type ConsumerInfo struct {
	Tag, Queue       string
	NoAck, Exclusive bool
	Prefetch         int
	Unacked          int
	Priority         int64
	Args             map[string]any
	// Timeout is how long a delivery may wait for its acknowledgement; 0 is without end.
	Timeout time.Duration
	// SingleActive says that the queue serves one consumer at a time.
	SingleActive bool
	// Active is false for a consumer that waits for the active one of its queue to end
	// (BASIC-40).
	Active bool
}

// Snapshot takes a picture of the broker.
func (b *Broker) Snapshot() Snapshot {
	b.mu.Lock()
	vhosts := slices.Collect(maps.Values(b.vhosts))
	consumers := slices.Collect(maps.Keys(b.consumers))
	b.mu.Unlock()
	slices.SortFunc(consumers, func(a, b *Consumer) int { return cmp.Compare(a.opts.Tag, b.opts.Tag) })
	var s Snapshot
	for _, v := range vhosts {
		info := v.info()
		for _, c := range consumers {
			if consumer, on := c.info(); on && c.v == v {
				info.Consumers = append(info.Consumers, consumer)
			}
		}
		s.VHosts = append(s.VHosts, info)
	}
	s.Connections = b.Connections()
	slices.SortFunc(s.VHosts, func(a, b VHostInfo) int { return cmp.Compare(a.Name, b.Name) })
	return s
}
