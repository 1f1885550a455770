package topology

import "sync/atomic"

// exchangeCounts count what is published to an exchange.
type exchangeCounts struct{ in, out atomic.Uint64 }

// Count adds publishes to the exchange, and the queues that they went to.
func (x *Exchange) Count(in, out uint64) {
	x.counts.in.Add(in)
	x.counts.out.Add(out)
}

// Counts returns what was published to the exchange, and to how many queues it went.
func (x *Exchange) Counts() (in, out uint64) { return x.counts.in.Load(), x.counts.out.Load() }

// ResetCounts begins to count anew.
func (x *Exchange) ResetCounts() {
	x.counts.in.Store(0)
	x.counts.out.Store(0)
}

// QueueChurn counts declarations of queues, those that have made a queue, and queues
// that were deleted.
type QueueChurn struct{ Declared, Created, Deleted atomic.Uint64 }

// Reset begins to count anew.
func (n *QueueChurn) Reset() {
	n.Declared.Store(0)
	n.Created.Store(0)
	n.Deleted.Store(0)
}
