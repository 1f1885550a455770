package store

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A backlog that has come one message a commit costs little memory a message,
// though each is a chunk of its own until the next start.
func TestMemoryOfLoneMessages(t *testing.T) {
	const messages, most = 5_000, 64
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	b := open(t, t.TempDir())
	l := b.Log(1)
	b.fill(l, 1, 1)
	b.commit()
	before := heap()
	for seq := uint64(2); seq <= messages+1; seq++ {
		b.fill(l, seq, seq)
		b.commit()
	}
	each := float64(heap()-before) / messages
	runtime.KeepAlive(l)
	t.Logf("%.0f bytes a message", each)
	assert.Less(t, each, float64(most))
	assert.Equal(t, messages+1, b.keys(bucketChunks))
}
