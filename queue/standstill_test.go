package queue_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/rabbetmq/rabbet/queue"
)

// A queue that stands still delivers nothing, and one that is closed takes nothing from
// outside.
func TestStandStill(t *testing.T) {
	b := newBench(t, queue.Config{Settings: &queue.Settings{
		MaxLength: -1, MaxBytes: -1, DeliveryLimit: -1, Overflow: queue.RejectPublishDLX, DeadLetter: true}})
	b.subscribe("c", unlimited)
	b.StandStill(false, true, &b.fx)
	b.publish("1", "2")
	assert.Empty(t, b.taken())
	_, _, ok := b.Get(true, &b.fx)
	assert.False(t, ok)
	b.StandStill(false, false, &b.fx)
	b.Publish([]*queue.Message{message("refused")}, &b.fx)
	assert.Equal(t, []int{0}, b.fx.Refused)
	assert.Empty(t, b.buried(), "it is no dead letter of this queue")
	b.fx.Refused = nil
	b.fx.Inside = true
	b.publish("dead letter of another")
	b.fx.Inside = false
	assert.Empty(t, b.fx.Refused)
	b.StandStill(true, true, &b.fx)
	assert.Equal(t, []string{"c:1", "c:2", "c:dead letter of another"}, b.taken())
}

func TestPurgeExactly(t *testing.T) {
	b := newBench(t, queue.Config{})
	b.publish("1", "2", "3")
	newest := b.Newest()
	assert.False(t, b.PurgeExactly(2, newest))
	out := b.get()
	assert.False(t, b.PurgeExactly(2, newest), "one is out")
	b.Requeue([]queue.Item{out}, &b.fx)
	b.publish("4")
	b.Settle([]queue.Item{b.get()}, &b.fx)
	assert.False(t, b.PurgeExactly(3, newest), "as many as before, but others")
	assert.True(t, b.PurgeExactly(3, b.Newest()))
	assert.Empty(t, b.peek())
	b.Delete(false, false)
	assert.False(t, b.PurgeExactly(0, b.Newest()))
}
