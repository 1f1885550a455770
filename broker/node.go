package broker

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/broker/internal/announce"
	"github.com/rabbetmq/rabbet/broker/internal/profile"
	"github.com/rabbetmq/rabbet/broker/internal/topology"
	"github.com/rabbetmq/rabbet/broker/internal/userdb"
	"github.com/rabbetmq/rabbet/delay"
)

// A node is what the connections of a broker share. They know nothing else of it.
type node struct {
	cfg     Config
	profile *profile.Profile
	env     *topology.Env // what the virtual hosts share
	clock   delay.Clock
	log     *slog.Logger
	auth    access.Authenticator
	users   *userdb.DB
	events  *announce.Announcer
	globals
	alarms
	loginCounts

	decisions decisions
	replies   replies
	buffers   buffers
	acks      check // deliveries that are held for too long
	churn     churn

	traces      traces
	peers       atomic.Uint64 // the last Peer's ID
	connections atomic.Uint64 // those that there have been
	channels    atomic.Int64  // of all connections
	serials     atomic.Uint64 // the last given to a channel
	throttling  sync.Mutex    // held by the publisher that pauses
	backlog     backlog

	life context.Context          // done once the broker is closed
	find func(name string) *vhost // nil if there is none

	mu      sync.Mutex
	usage   map[string]*usage // by user
	entered int               // connections that are open
}

// A vhost is a virtual host with what is counted of its clients.
type vhost struct {
	vh       *topology.VHost
	firehose firehose
	tracer   atomic.Pointer[trace]
	tally

	connections int  // guarded by the node's lock
	gone        bool // deleted: nobody enters any more; guarded by the node's lock
}

// churnStats is what has come and gone, with what the virtual hosts count of queues.
func (b *node) churnStats() ChurnStats {
	q := &b.env.Queues
	return ChurnStats{
		ConnectionsCreated: b.churn.connectionsOpened.Load(), ConnectionsClosed: b.churn.connectionsClosed.Load(),
		ChannelsCreated: b.churn.channelsOpened.Load(), ChannelsClosed: b.churn.channelsClosed.Load(),
		QueuesDeclared: q.Declared.Load(), QueuesCreated: q.Created.Load(), QueuesDeleted: q.Deleted.Load(),
	}
}
