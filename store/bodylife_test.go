package store

// How long a body lives: until the commit that has made it useless is on the disk, and
// no longer than that.

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// stop makes the disk take nothing from now on.
func (f *full) stop() { f.mended.Store(false) }

// failOnce hands over what has been appended, and returns when an attempt to commit it
// has failed.
func (b *bench) failOnce() {
	b.t.Helper()
	b.Flush()
	w := newSignal()
	b.Notify(w)
	require.ErrorIs(b.t, <-w, errFull)
}

// paged returns when the pager has done what it had to do.
func (b *bench) paged() {
	done := make(chan struct{})
	b.Later(func() { close(done) })
	<-done
}

// A content that has left memory stays on the disk while the commit that settles its
// message is not there: a crash would leave the message and no body.
func TestBodyOutlivesItsContent(t *testing.T) {
	b, f := openFull(t)
	f.mended.Store(true)
	l := b.Log(1)
	for seq := uint64(1); seq <= 20; seq++ {
		b.Add(l, seq, 0, false, letter{"a", big(fmt.Sprint(seq), 300_000)})
	}
	b.commit()
	f.stop()
	for seq := uint64(1); seq <= 20; seq++ {
		b.Remove(l, seq)
	}
	b.failOnce()
	eventually(t, func() bool { // the contents have left memory
		runtime.GC()
		b.disk.bodies.mu.Lock()
		defer b.disk.bodies.mu.Unlock()
		return len(b.disk.bodies.byContent) == 0
	})
	assert.Len(t, contents(t, l), 20, "as the last commit left it")
	dir := b.copy()
	requireSound(t, dir)
	again, _ := open(t, dir).recover(1)
	assert.Len(t, contents(t, again), 20)
	f.mend()
	b.commit()
	eventually(t, func() bool { size, _ := segmentSize(t, b.Dir()); return size == 0 })
}

// A body that was useless and is taken again lives until it is useless again, and that
// is on the disk, whenever the garbage of before is collected.
func TestBodyTakenAgain(t *testing.T) {
	b, f := openFull(t)
	f.mended.Store(true)
	l := b.Log(1)
	content := big("again", 50_000)
	b.Add(l, 1, 0, false, letter{"a", content})
	b.commit()
	b.disk.reading.RLock() // somebody reads: what becomes useless is not removed
	b.Remove(l, 1)
	b.commit()
	b.Add(l, 2, 0, false, letter{"b", content})
	b.commit()
	f.stop()
	b.Remove(l, 2)
	b.failOnce()
	b.disk.reading.RUnlock()
	b.paged()
	dir := b.copy()
	requireSound(t, dir)
	again, _ := open(t, dir).recover(1)
	assert.Equal(t, []string{"b: again ag50000"}, contents(t, again))
	f.mend()
	b.commit()
	eventually(t, func() bool {
		b.disk.bodies.mu.Lock()
		defer b.disk.bodies.mu.Unlock()
		return len(b.disk.bodies.byPlace) == 0
	})
}

// A body that its commit did not need to write is no body for the next message.
func TestBodyNeverWrittenIsNotTaken(t *testing.T) {
	b, f := openFull(t)
	l := b.Log(1)
	content := big("unwritten", 50_000)
	b.Add(l, 1, 0, false, letter{"a", content})
	b.Put("key", nil) // which is to be written in any case
	b.failOnce()
	b.Consume(l, 1)
	b.failOnce()
	b.disk.reading.RLock()
	f.mend()
	b.commit()
	b.Add(l, 2, 0, false, letter{"b", content})
	b.commit()
	b.disk.reading.RUnlock()
	b.paged()
	assert.Equal(t, []string{"b: unwritte50000"}, contents(t, l))
	dir := b.copy()
	requireSound(t, dir)
	again, _ := open(t, dir).recover(1)
	assert.Equal(t, []string{"b: unwritte50000"}, contents(t, again))
}
