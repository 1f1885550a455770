package queue

// Waker is a connection whose outbox got something to write.
type Waker interface {
	// Wake lets the connection's writer run. It never blocks.
	Wake()
}

// Effects collects what calls under a queue's lock want done after it. One
// Effects belongs to one goroutine and is reused batch after batch.
type Effects struct {
	wake []Waker
	// Idle holds auto-delete queues that lost their last consumer (QUEUE-21).
	Idle []*Queue
	// Backlog is the most ready messages, and BacklogBytes the most bytes, that
	// a publish left behind in a queue with consumers: they do not keep up.
	Backlog      int
	BacklogBytes int64
}

// Wake notes a connection to be woken. The connection calls it once until it
// has been woken, so the list holds no duplicates.
func (fx *Effects) Wake(w Waker) { fx.wake = append(fx.wake, w) }

// Flush wakes the noted connections.
func (fx *Effects) Flush() {
	for i, w := range fx.wake {
		w.Wake()
		fx.wake[i] = nil
	}
	fx.wake = fx.wake[:0]
}

// TakeBacklog returns the backlog noted since the last call.
func (fx *Effects) TakeBacklog() (messages int, bytes int64) {
	messages, bytes = fx.Backlog, fx.BacklogBytes
	fx.Backlog, fx.BacklogBytes = 0, 0
	return messages, bytes
}

// TakeIdle returns the auto-delete queues noted so far and forgets them.
func (fx *Effects) TakeIdle() []*Queue {
	idle := fx.Idle
	fx.Idle = nil
	return idle
}
