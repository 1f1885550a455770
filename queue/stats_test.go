package queue_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/rabbetmq/rabbet/queue"
)

func TestStatsCountWhatHappens(t *testing.T) {
	q := newBench(t, queue.Config{})
	var fx queue.Effects
	persistent := &queue.Message{Body: []byte("xyz"), Persistent: true}
	q.Publish([]*queue.Message{{Body: []byte("a")}, persistent, {Body: []byte("b")}}, &fx)
	assert.Equal(t, queue.Stats{Published: 3, Persistent: 1, PersistentBytes: 3}, q.Stats())
	first, _, _ := q.Get(false, &fx)
	second, _, _ := q.Get(false, &fx)
	q.Get(true, &fx)
	q.Get(true, &fx)
	want := queue.Stats{Published: 3, Got: 2, GotNoAck: 1, GetEmpty: 1, UnackedBytes: 4, Persistent: 1, PersistentBytes: 3}
	assert.Equal(t, want, q.Stats())
	q.Settle([]queue.Item{first}, new(queue.Effects))
	q.Requeue([]queue.Item{second}, &fx)
	want.Acked, want.UnackedBytes = 1, 0
	assert.Equal(t, want, q.Stats())
	q.Get(false, &fx)
	want.Got, want.Redelivered, want.UnackedBytes = 3, 1, 3
	assert.Equal(t, want, q.Stats())
	q.Purge()
	q.ResetStats()
	assert.Equal(t, queue.Stats{UnackedBytes: 3, Persistent: 1, PersistentBytes: 3}, q.Stats(), "what is there is not forgotten")
}
