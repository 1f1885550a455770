package queue_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/queue"
)

// Case fair-priority-get-kills-process: every third message comes from the lower of two
// levels, which may be paged out while the higher one is in memory. QUEUE-90: fair turns.
func TestLongFairQueueGets(t *testing.T) {
	for _, high := range []int{1, 10, 3000} {
		t.Run(fmt.Sprint(high, " above 4"), func(t *testing.T) {
			p := newPaged(t, queue.Config{Quorum: true, QuorumPriority: queue.FairPriority})
			const low = 40_000
			publish := func(name string, n int, priority uint8) {
				for i := range n {
					m := message(fmt.Sprint(name, i))
					m.Persistent, m.Priority = true, priority
					m.Props = (&amqp.Properties{Flags: amqp.HasPriority, Priority: priority}).Append(nil)
					require.True(t, p.Publish([]*queue.Message{m}, &p.fx))
				}
			}
			publish("low", low, 1)
			publish("high", high, 9)
			p.commit()
			next := map[bool]int{}
			for turn := range low + high {
				fromLow := turn%3 == 2 || next[false] == high
				it := p.get()
				name := "high"
				if fromLow && next[true] < low {
					name = "low"
				}
				require.Equal(t, fmt.Sprint(name, next[name == "low"]), string(it.Msg.Body), "turn %d", turn)
				next[name == "low"]++
				p.Settle([]queue.Item{it}, new(queue.Effects))
			}
			p.counts(0, 0)
		})
	}
}

// Case fair-priority-get-kills-process, after a restart: everything is on disk alone.
func TestFairQueueGetsAfterRestart(t *testing.T) {
	cfg := queue.Config{Quorum: true, QuorumPriority: queue.FairPriority}
	p := newPaged(t, cfg)
	for i := range 6 {
		m := message(fmt.Sprint(i))
		m.Priority = uint8(1 + 8*(i%2))
		m.Props = (&amqp.Properties{Flags: amqp.HasPriority, Priority: m.Priority}).Append(nil)
		require.True(t, p.Publish([]*queue.Message{m}, &p.fx))
	}
	p.commit()
	again := openPaged(t, cfg, p.store)
	require.NoError(t, again.Recover())
	var got string
	for range 6 {
		got += string(again.get().Msg.Body)
	}
	assert.Equal(t, "130524", got)
}
