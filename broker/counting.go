package broker

import (
	"sync"
	"sync/atomic"

	"github.com/rabbetmq/rabbet/broker/internal/topology"
)

// What connections count costs no message anything that a batch could share: the reader
// counts in plain numbers of its own, which go to where others may read them at the end
// of a batch; deliveries and acknowledgements are counted under the connection's lock,
// which is held anyway.

// A channelStats is what a channel has counted.
type channelStats struct {
	// guarded by the connection's lock; what publishers count is not in it.
	messages MessageStats
	// changed by the reader at the end of its batches
	published, confirming, routed, returned, dropped atomic.Uint64
	// the reader's own
	batch  publishCounts
	listed bool // in conn.counting
}

// publishCounts count the publishes of a batch.
type publishCounts struct{ published, confirming, routed, returned, dropped uint64 }

// An exchangeRun counts publishes in a row to one exchange.
type exchangeRun struct {
	x       *topology.Exchange
	in, out uint64
}

func (s *channelStats) endBatch() {
	s.published.Add(s.batch.published)
	s.routed.Add(s.batch.routed)
	if s.batch.confirming > 0 {
		s.confirming.Add(s.batch.confirming)
	}
	if s.batch.returned > 0 {
		s.returned.Add(s.batch.returned)
	}
	if s.batch.dropped > 0 {
		s.dropped.Add(s.batch.dropped)
	}
	s.batch, s.listed = publishCounts{}, false
}

// countDelivery counts a delivery to a consumer. Called with the connection's lock held.
func (s *channelStats) countDelivery(noAck, redelivered bool) {
	if noAck {
		s.messages.DeliverNoAck++
	} else {
		s.messages.Deliver++
	}
	if redelivered {
		s.messages.Redeliver++
	}
}

// countGet counts what basic.get has found. Called with the connection's lock held.
func (s *channelStats) countGet(noAck, redelivered bool) {
	if noAck {
		s.messages.GetNoAck++
	} else {
		s.messages.Get++
	}
	if redelivered {
		s.messages.Redeliver++
	}
}

// all is what the channel has counted. Called with the connection's lock held.
func (s *channelStats) all() MessageStats {
	m := s.messages
	m.PublishConfirming, m.Routed = s.confirming.Load(), s.routed.Load()
	m.Publish, m.ReturnUnroutable, m.DropUnroutable = s.published.Load(), s.returned.Load(), s.dropped.Load()
	return m
}

// reset begins to count anew. Called with the connection's lock held.
func (s *channelStats) reset() {
	s.messages = MessageStats{}
	s.published.Store(0)
	s.confirming.Store(0)
	s.routed.Store(0)
	s.returned.Store(0)
	s.dropped.Store(0)
}

// A tally is what a virtual host has counted that nobody else counts any more: of
// channels and connections that have ended, and of the broker's own calls.
type tally struct {
	mu             sync.Mutex
	messages       MessageStats
	received, sent uint64
	changes        uint64 // of what has come from somewhere else
}

func (t *tally) add(m MessageStats, received, sent uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.messages.Add(m)
	t.received += received
	t.sent += sent
	t.changes++
}

// into adds the tally to totals, and returns the number of changes so far.
func (t *tally) into(to *Totals) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	to.Messages.Add(t.messages)
	to.Received += t.received
	to.Sent += t.sent
	return t.changes
}

func (t *tally) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.messages, t.received, t.sent = MessageStats{}, 0, 0
}

// A churn counts what comes and goes.
type churn struct {
	connectionsOpened, connectionsClosed, channelsOpened, channelsClosed atomic.Uint64
}

func (n *churn) reset() {
	n.connectionsOpened.Store(0)
	n.connectionsClosed.Store(0)
	n.channelsOpened.Store(0)
	n.channelsClosed.Store(0)
}
