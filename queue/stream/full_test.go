package stream

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/queue"
)

// small is a folder on a disk with so much room: what is written beyond it gets there in
// part, with ENOSPC.
type small struct {
	folder
	mu   sync.Mutex
	room int
}

func (d *small) create(name string) (file, error) {
	f, err := d.folder.create(name)
	return &smallFile{f, d}, err
}

func (d *small) open(name string) (file, int64, error) {
	f, size, err := d.folder.open(name)
	return &smallFile{f, d}, size, err
}

func (d *small) give(room int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.room = room
}

type smallFile struct {
	file
	disk *small
}

func (f *smallFile) WriteAt(p []byte, at int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if len(p) <= f.disk.room {
		f.disk.room -= len(p)
		return f.file.WriteAt(p, at)
	}
	n, err := f.file.WriteAt(p[:f.disk.room], at)
	f.disk.room = 0
	if err == nil {
		err = syscall.ENOSPC
	}
	return n, err
}

// fullDisk is a stream on a small disk on which a write of several chunks, and so many
// segments, has stopped after room bytes. What was told safe before is m0 to m2.
func fullDisk(t *testing.T, segmentBytes int64, room int) (b *bench, lost []string) {
	b = onDisk(t, queue.Settings{SegmentBytes: segmentBytes})
	b.folder = &small{folder: b.folder, room: 1 << 20}
	b.publish(texts(0, 3)...)
	b.folder.(*small).give(room)
	msgs := []*queue.Message{}
	for i := 3; i < 300; i++ {
		lost = append(lost, fmt.Sprintf("m%d %01000d", i, i))
		msgs = append(msgs, message(lost[i-3]))
	}
	require.True(t, b.Publish(msgs, &b.fx))
	require.ErrorIs(t, b.commit(), syscall.ENOSPC)
	return b, lost
}

// A disk that fills up in the middle of an append: who waits is told, nobody reads what is
// not safe, and with room again all is there once and in order.
func TestDiskFullInAnAppend(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, segmentBytes := range []int64{0, 100_000} {
		for range 4 {
			b, late := fullDisk(t, segmentBytes, rnd.IntN(300_000))
			c := b.consume("first", 1000)
			require.True(t, b.Publish([]*queue.Message{message("behind")}, &b.fx))
			require.ErrorIs(t, b.commit(), syscall.ENOSPC, "it would have to wait for what fails")
			assert.NotContains(t, c.wait(3), "behind")
			b.folder.(*small).give(1 << 20)
			want := slices.Concat(texts(0, 3), late, []string{"behind"})
			assert.Equal(t, want, c.wait(len(want)))
			b.reopen()
			assert.Equal(t, want, b.all())
			assert.Empty(t, b.told())
		}
	}
}

// A crash on a full disk costs what nobody was told of: a beginning of it may be there, and
// what comes next gets the offsets behind that.
func TestCrashOnAFullDisk(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for _, segmentBytes := range []int64{0, 100_000} {
		for range 4 {
			b, late := fullDisk(t, segmentBytes, rnd.IntN(300_000))
			require.NoError(t, b.env.Store.Abandon())
			b.Stop()
			b.open()
			got := b.all()
			require.GreaterOrEqual(t, len(got), 3)
			require.Less(t, len(got), 3+len(late))
			assert.Equal(t, slices.Concat(texts(0, 3), late)[:len(got)], got)
			assert.EqualValues(t, len(got), b.Info().Next)
			b.publish("new")
			assert.Equal(t, append(got, "new"), b.all())
			b.reopen()
			assert.Equal(t, append(got, "new"), b.all())
			assert.Empty(t, b.told())
		}
	}
}
