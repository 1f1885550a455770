package store

// flooders-starve-confirms: who publishes much leaves room for others.

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// waits reports whether a publisher would have to wait now.
func (b *bench) waits(share *Share) bool {
	ctx, cancel := context.WithCancel(b.t.Context())
	cancel()
	return b.Wait(ctx, share) != nil
}

func TestFloodersLeaveRoom(t *testing.T) {
	b, g := openGated(t)
	b.Put("ahead", nil)
	<-g.reached // what comes now collects
	l := b.Log(1)
	var flooder, other, third Share
	seq := uint64(1)
	flood := func() {
		b.fill(l, seq, seq+19_999)
		seq += 20_000
		b.Flush()
	}
	flood()
	assert.False(t, b.waits(&flooder), "its first part in the batch")
	flood()
	assert.False(t, b.waits(&flooder), "it is alone")
	b.fill(b.Log(2), 1, 1)
	b.Flush()
	assert.False(t, b.waits(&other), "its first part in the batch")
	flood()
	assert.True(t, b.waits(&flooder))
	assert.True(t, b.waits(&other), "the batch is full")
	assert.False(t, b.waits(&third), "everybody has one part")
	assert.False(t, b.waits(nil))

	ended := make(chan error)
	go func() { ended <- b.Wait(t.Context(), &flooder) }()
	g.pass <- struct{}{} // the batch is taken
	require.NoError(t, <-ended)
	assert.False(t, b.waits(&flooder))
}

// The quota follows what the disk takes.
func TestQuotaAdapts(t *testing.T) {
	b := open(t, t.TempDir())
	b.mu.Lock()
	b.current = batch{crowded: true, bytes: 1 << 20}
	b.mu.Unlock()
	b.adapt(100 * time.Microsecond) // the least
	for range 100 {
		b.adapt(10 * time.Millisecond)
	}
	assert.Equal(t, minQuota, b.quota)
	for range 100 {
		b.adapt(time.Millisecond)
	}
	assert.Equal(t, maxQuota, b.quota)
	for range 2000 { // a disk that takes 20 ms for anything
		b.adapt(20 * time.Millisecond)
	}
	assert.Equal(t, maxQuota, b.quota)
	b.mu.Lock()
	b.current = batch{}
	b.mu.Unlock()
}
