package topology

import (
	"sync"
	"sync/atomic"

	"github.com/rabbetmq/rabbet/queue"
)

// exchangeCounts count what is published to an exchange.
type exchangeCounts struct{ in, out atomic.Uint64 }

// QueueChurn counts declarations of queues, those that have made a queue, and queues
// that were deleted.
type QueueChurn struct{ Declared, Created, Deleted atomic.Uint64 }

// Reset begins to count anew.
func (n *QueueChurn) Reset() {
	n.Declared.Store(0)
	n.Created.Store(0)
	n.Deleted.Store(0)
}

// departedQueues are what deleted queues had counted, by their type.
type departedQueues struct {
	mu      sync.Mutex
	byType  map[string]queue.Stats
	changes uint64
}

func (d *departedQueues) add(kind string, s queue.Stats) {
	s.UnackedBytes, s.Persistent, s.PersistentBytes = 0, 0, 0
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.byType == nil {
		d.byType = make(map[string]queue.Stats)
	}
	sum := d.byType[kind]
	sum.Add(s)
	d.byType[kind] = sum
	d.changes++
}
