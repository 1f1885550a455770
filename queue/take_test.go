package queue_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/queue"
)

func TestTakeLeavesTheOrder(t *testing.T) {
	for name, cfg := range map[string]queue.Config{
		"classic": {}, "priorities": {MaxPriority: 2}, "quorum": {Quorum: true},
	} {
		t.Run(name, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(1, 2))
			b := newBench(t, cfg)
			taker := queue.Queue(b.Classic).(queue.Taker)
			for i := range 60 {
				m := message(fmt.Sprint(i))
				m.Priority = uint8(rnd.IntN(3))
				b.Publish([]*queue.Message{m}, &b.fx)
				if rnd.IntN(4) == 0 {
					b.Requeue([]queue.Item{b.get()}, &b.fx)
				}
			}
			for range 20 {
				before := b.Peek(0, 100)
				counts := b.Counts()
				var wanted []uint64
				var left []string
				for _, it := range before {
					if rnd.IntN(8) == 0 {
						wanted = append(wanted, it.Seq)
					} else {
						left = append(left, string(it.Msg.Body))
					}
				}
				taken := taker.Take(append(slices.Clone(wanted), 1<<40))
				require.Len(t, taken, len(wanted))
				require.Equal(t, left, append([]string(nil), bodiesOf(b.Peek(0, 100))...))
				assert.Equal(t, counts.Ready-len(taken), b.Counts().Ready)
				assert.Equal(t, counts.Unacked+len(taken), b.Counts().Unacked)
				b.Settle(taken, new(queue.Effects))
				assert.Equal(t, counts.Unacked, b.Counts().Unacked)
			}
		})
	}
}
