package stream

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/store"
)

// all reads the whole stream.
func (b *bench) all() []string {
	b.t.Helper()
	items, err := b.PeekFrom(First, 1<<20)
	require.NoError(b.t, err)
	got := []string{}
	for _, it := range items {
		got = append(got, string(it.Msg.Body))
	}
	return got
}

func (b *bench) path(first uint64) string { return filepath.Join(b.folderPath(), segmentName(first)) }

func TestRestart(t *testing.T) {
	b := onDisk(t, queue.Settings{SegmentBytes: 3000})
	for round := range 10 {
		from := 20 * round
		assert.Equal(t, texts(0, from), b.all())
		for i := range 20 {
			b.publish(fmt.Sprint("m", from+i))
		}
		last := b.consume("last", 10)
		assert.Equal(t, []int64{int64(from) + 19}, offsetsOf(t, last.items))
		b.reopen()
	}
	assert.Greater(t, b.Info().Segments, 4)
	assert.Equal(t, texts(0, 200), b.all())
	assert.Equal(t, texts(150, 200), b.consume(int64(150), 1000).wait(50))
	assert.Equal(t, queue.Counts{Ready: 200, Consumers: 1, ReadyBytes: b.Info().Bytes}, b.Counts())
	assert.Empty(t, b.told())
}

// A crash that leaves part of the last write costs that write, and its offsets are
// given to what comes next: nobody has seen them.
func TestTornWrites(t *testing.T) {
	whole := onDisk(t, queue.Settings{})
	whole.publish(texts(0, 3)...)
	kept := whole.Info().Bytes
	torn := []string{}
	for i := 3; i < 300; i++ {
		torn = append(torn, fmt.Sprintf("m%d %01000d", i, i))
	}
	whole.publish(torn...) // several chunks in one write
	require.Greater(t, whole.Info().Bytes, kept+2*chunkBytes)
	whole.close()
	data, err := os.ReadFile(whole.path(0))
	require.NoError(t, err)
	rnd := rand.New(rand.NewPCG(1, 1))
	for range 60 {
		b := onDisk(t, queue.Settings{})
		b.close()
		cut := slices.Clone(data)
		switch rnd.IntN(3) {
		case 0: // the file ends early
			cut = cut[:int(kept)+rnd.IntN(len(data)-int(kept))]
		case 1: // a page never reached the disk, though others behind it did
			page := int(kept) + rnd.IntN(chunkBytes/2)
			clear(cut[page:min(len(cut), page+4096)])
		case 2: // the header of the first chunk of the write neither
			clear(cut[kept : kept+headerLen])
		}
		require.NoError(t, os.MkdirAll(b.folderPath(), 0o750))
		require.NoError(t, os.WriteFile(b.path(0), cut, 0o640))
		b.open()
		got := b.all()
		assert.Equal(t, texts(0, 3), got[:3])
		for i, text := range got[3:] {
			assert.Equal(t, torn[i], text, "what is left is a beginning of the write")
		}
		assert.Empty(t, b.told())
		b.publish("new")
		assert.Equal(t, append(got, "new"), b.all())
		b.reopen()
		assert.Equal(t, append(got, "new"), b.all())
	}
}

// What has been written over by the disk itself is left out and told of; all else is
// there, with the offsets that it had.
func TestDamagedSegments(t *testing.T) {
	for _, where := range []string{"last segment", "first segment"} {
		t.Run(where, func(t *testing.T) {
			set := queue.Settings{}
			if where == "first segment" {
				set.SegmentBytes = 2000
			}
			b := onDisk(t, set)
			b.publishEach(100)
			b.close()
			data, err := os.ReadFile(b.path(0))
			require.NoError(t, err)
			h, ok := parseHeader(data)
			require.True(t, ok)
			size := int(h.size())
			data[3*size+headerLen+5] ^= 0xff // in the messages of the fourth
			data[6*size+17] ^= 0xff          // in the header of the seventh
			require.NoError(t, os.WriteFile(b.path(0), data, 0o640))
			b.open()
			want := slices.Concat(texts(0, 3), texts(4, 6), texts(7, 100))
			assert.Equal(t, want, b.all())
			for _, err := range b.told() {
				assert.ErrorIs(t, err, ErrDamaged)
			}
			assert.GreaterOrEqual(t, len(b.told()), 2)
			c := b.consume(int64(3), 1000)
			assert.Equal(t, want[3:], c.wait(len(want)-3))
			assert.EqualValues(t, 4, c.items[0].Seq)
			b.publish("m100")
			assert.Equal(t, append(want[3:], "m100"), c.wait(len(want)-2))
		})
	}
}

// The rest of a segment that cannot be read does not keep a consumer from what comes
// in the next.
func TestDamagedToTheEnd(t *testing.T) {
	b := onDisk(t, queue.Settings{SegmentBytes: 2000})
	b.publishEach(100)
	second := b.segments[1].first
	b.close()
	require.NoError(t, os.Truncate(b.path(0), 500))
	b.open()
	got := b.all()
	assert.Contains(t, got, fmt.Sprint("m", second))
	assert.Less(t, len(got), 100)
	assert.NotEmpty(t, b.told())
}

// An index that is missing or wrong costs time and nothing else.
func TestIndexLost(t *testing.T) {
	b := onDisk(t, queue.Settings{SegmentBytes: 2 << 20})
	text := fmt.Sprintf("%01000d", 1)
	for range 60 {
		b.publish(slices.Repeat([]string{text}, 100)...)
	}
	require.Greater(t, b.Info().Segments, 2)
	require.Greater(t, len(b.segments[len(b.segments)-1].index), 1)
	indexes, err := filepath.Glob(filepath.Join(b.folderPath(), "*"+indexSuffix))
	require.NoError(t, err)
	require.NotEmpty(t, indexes)
	for _, spoil := range []func(name string) error{
		func(string) error { return nil },
		func(name string) error { return os.Truncate(name, 40) },
		func(name string) error { return os.WriteFile(name, make([]byte, 320), 0o640) },
		os.Remove,
	} {
		b.close()
		for _, name := range indexes {
			require.NoError(t, spoil(name))
		}
		b.open()
		for _, offset := range []int64{0, 1, 1999, 3000, 5999} {
			items, err := b.PeekFrom(At(offset), 2)
			require.NoError(t, err)
			require.NotEmpty(t, items)
			assert.EqualValues(t, offset, items[0].Seq)
		}
		assert.EqualValues(t, 6000, b.Info().Next)
		assert.Empty(t, b.told())
	}
}

// A crash while a segment is changed leaves the new file empty, or not there.
func TestRestartInASegmentChange(t *testing.T) {
	b := onDisk(t, queue.Settings{SegmentBytes: 1000})
	b.publishEach(20)
	next := b.Info().Next
	b.close()
	require.NoError(t, os.WriteFile(b.path(next), nil, 0o640))
	b.open()
	assert.Equal(t, texts(0, 20), b.all())
	assert.Equal(t, next, b.Info().Next)
	assert.Empty(t, b.consume("last", 10).seen(), "the last chunk is the one to come")
	b.publish("m20")
	b.reopen()
	assert.Equal(t, texts(0, 21), b.all())
	assert.Empty(t, b.told())
}

// A disk that fails is tried again: what was appended stays in order, once.
func TestFailingDisk(t *testing.T) {
	b := onDisk(t, queue.Settings{SegmentBytes: 150})
	b.publish(texts(0, 5)...)
	f := &failing{folder: b.folder}
	b.folder = f
	f.fail(true)
	require.True(t, b.Publish([]*queue.Message{message("m5")}, &b.fx))
	c := b.consume("first", 100)
	assert.Equal(t, texts(0, 5), c.wait(5))
	for i := 6; i < 40; i++ {
		require.True(t, b.Publish([]*queue.Message{message(fmt.Sprint("m", i))}, &b.fx))
	}
	assert.Error(t, b.commit(), "the new segment cannot be made")
	assert.Equal(t, texts(0, 5), c.seen(), "nothing is delivered that is not safe")
	f.fail(false)
	require.NoError(t, b.commit())
	assert.Equal(t, texts(0, 40), c.wait(40))
	b.folder = f.folder
	b.reopen()
	assert.Equal(t, texts(0, 40), b.all())
}

// What was appended and not committed is not there after a crash, whatever comes next.
func TestAbandon(t *testing.T) {
	fail := errors.New("no disk")
	down := false
	b := onDisk(t, queue.Settings{})
	b.close()
	b.opts.BeforeCommit = func() error {
		if down {
			return fail
		}
		return nil
	}
	b.open()
	b.publish(texts(0, 3)...)
	down = true
	require.True(t, b.Publish([]*queue.Message{message("lost")}, &b.fx))
	assert.ErrorIs(t, b.commit(), fail)
	require.NoError(t, b.env.Store.Abandon())
	b.Stop()
	down = false
	b.open()
	assert.Equal(t, texts(0, 3), b.all())
	b.publish("m3")
	assert.Equal(t, texts(0, 4), b.all())
}

// Files that are no segments are not taken for any.
func TestForeignFiles(t *testing.T) {
	b := onDisk(t, queue.Settings{})
	b.publishEach(2)
	b.close()
	require.NoError(t, os.WriteFile(filepath.Join(b.folderPath(), "notes.txt"), []byte("x"), 0o640))
	b.open()
	assert.Equal(t, texts(0, 2), b.all())
	b.close()
	require.NoError(t, os.WriteFile(filepath.Join(b.folderPath(), "12.segment"), nil, 0o640))
	st, err := store.Open(b.dir, store.Options{})
	require.NoError(t, err)
	defer st.Close()
	err = New(Config{Name: "s", ID: 7, Env: &queue.Env{Store: st, Clock: b.clock}}).Recover()
	assert.ErrorContains(t, err, "12.segment is no segment")
}

// failing is a folder in which no file can be made while it fails.
type failing struct {
	folder
	down chan struct{}
}

func (f *failing) fail(on bool) {
	if on {
		f.down = make(chan struct{})
	} else {
		close(f.down)
	}
}

func (f *failing) create(name string) (file, error) {
	select {
	case <-f.down:
		return f.folder.create(name)
	default:
		return nil, os.ErrPermission
	}
}

// FuzzSegment opens streams whose last segment is anything.
func FuzzSegment(f *testing.F) {
	f.Add([]byte(chunkMagic), uint16(0), byte(0))
	f.Add([]byte("x"), uint16(60), byte(0xff))
	f.Fuzz(func(t *testing.T, tail []byte, at uint16, flip byte) {
		b := onDisk(t, queue.Settings{})
		b.publishEach(3)
		b.close()
		data, err := os.ReadFile(b.path(0))
		require.NoError(t, err)
		data[int(at)%len(data)] ^= flip
		require.NoError(t, os.WriteFile(b.path(0), append(data, tail...), 0o640))
		b.open()
		before := b.all()
		b.publish("new")
		assert.Equal(t, append(before, "new"), b.all())
		b.reopen()
		assert.Equal(t, append(before, "new"), b.all())
	})
}
