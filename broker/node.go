package broker

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/access"
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
	throttling  sync.Mutex    // held by the publisher that pauses

	life context.Context          // done once the broker is closed
	find func(name string) *vhost // nil if there is none

	mu      sync.Mutex
	conns   map[*conn]struct{}
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

func (n *node) openConns() []*conn {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Collect(maps.Keys(n.conns))
}

// closeConnections closes the open connections that are chosen.
func (n *node) closeConnections(chosen func(*conn) bool, reason string) int {
	closed := 0
	for _, c := range n.openConns() {
		c.out.mu.Lock()
		open := c.channels != nil
		c.out.mu.Unlock()
		if open && chosen(c) {
			n.log.Info("closing connection", "client", c.nc.RemoteAddr().String(), "reason", reason)
			c.force(refuseFrame(amqp.ConnectionForced, "%s", reason))
			closed++
		}
	}
	return closed
}

// unblock lets all connections go on that an alarm has blocked.
func (n *node) unblock() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for c := range n.conns {
		c.unblock()
	}
}
