package queue_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/queue"
)

// A crasher is a receiver that panics at the first item.
type crasher struct{ crashed bool }

func (c *crasher) Offer(*queue.Item, *queue.Effects) bool {
	if !c.crashed {
		c.crashed = true
		panic("receiver crashed")
	}
	return false
}

func (*crasher) QueueDeleted(*queue.Effects) {}

// Case tap-panic-deadlocks-queue: a receiver that panics leaves neither the queue's lock nor
// its own held.
func TestPanicUnderDeliveryReleasesLocks(t *testing.T) {
	for _, deliver := range []string{"publish", "unpark"} {
		t.Run(deliver, func(t *testing.T) {
			b := newBench(t, queue.Config{})
			var lock sync.Mutex
			s := &queue.Subscription{Receiver: &crasher{}, Lock: &lock}
			require.NoError(t, b.Subscribe(s))
			assert.Panics(t, func() {
				if deliver == "unpark" {
					b.publish("a")
				}
				b.Unpark(s, &b.fx)
				b.publish("a")
			})
			assert.True(t, lock.TryLock(), "the receiver's lock is free")
			lock.Unlock()
			ended := make(chan queue.Counts)
			go func() { ended <- b.Counts() }()
			assert.NotZero(t, <-ended, "and so is the queue's")
		})
	}
}
