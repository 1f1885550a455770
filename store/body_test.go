package store

// Large contents: kept once for all queues, for as long as one of them has the message.

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A letter is a message with a content of its own.
type letter struct {
	head    string
	content []byte
}

func (m letter) EncodedLen() int               { return len(m.head) }
func (m letter) AppendEncoded(b []byte) []byte { return append(b, m.head...) }
func (m letter) Content() []byte               { return m.content }
func (m letter) Size() int                     { return len(m.head) + len(m.content) }

// big is a content of so many bytes, and no other's.
func big(name string, n int) []byte {
	return bytes.Repeat([]byte(name+" "), n/(len(name)+1)+1)[:n]
}

// contents are those of a log's messages.
func contents(t testing.TB, l *Log) (list []string) {
	t.Helper()
	require.NoError(t, l.Load(0, 1<<40, func(r Record) bool {
		require.NotNil(t, r.Body)
		content, err := r.Body.Read()
		require.NoError(t, err)
		list = append(list, string(r.Data)+": "+string(content[:8])+fmt.Sprint(len(content)))
		return true
	}))
	return list
}

// folderSize is the size of the segments on the disk, in bytes, and their number.
func segmentSize(t testing.TB, dir string) (bytes int64, n int) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(dir, SegmentFolder))
	if errors.Is(err, os.ErrNotExist) {
		return 0, 0
	}
	require.NoError(t, err)
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, os.ErrNotExist) { // it has gone meanwhile
			continue
		}
		require.NoError(t, err)
		bytes += info.Size()
	}
	return bytes, len(entries)
}

// F2-fanout-of-large-persistent: a content is on the disk once for all queues.
func TestBodyIsStoredOnce(t *testing.T) {
	b := open(t, t.TempDir())
	content := big("shared", 10<<20)
	logs := make([]*Log, 20)
	for i := range logs {
		logs[i] = b.Log(LogID(i + 1))
		b.Add(logs[i], 1, 0, false, letter{fmt.Sprint("to ", i+1), content})
	}
	b.commit()
	size, n := segmentSize(t, b.Dir())
	assert.Less(t, size, int64(11<<20))
	assert.Equal(t, 1, n)
	for i, l := range logs {
		assert.Equal(t, []string{fmt.Sprint("to ", i+1, ": shared s10485760")}, contents(t, l))
	}
	requireSound(t, b.copy())

	b = b.crash()
	for i := range logs {
		logs[i], _ = b.recover(LogID(i + 1))
	}
	for _, l := range logs[:19] {
		b.Remove(l, 1)
	}
	b.commit()
	assert.Len(t, contents(t, logs[19]), 1)
	b = b.reopen()
	l, ranges := b.recover(20)
	assert.Equal(t, []Range{{First: 1, Last: 1, Count: 1, Size: 10<<20 + 5}}, ranges)
	assert.Len(t, contents(t, l), 1)
	b.Remove(l, 1)
	b.commit()
	eventually(t, func() bool { size, _ := segmentSize(t, b.Dir()); return size == 0 })
	requireSound(t, b.copy())
}

// A message that was read and goes on to another log takes its content along.
func TestBodyGoesOn(t *testing.T) {
	b := open(t, t.TempDir())
	from := b.Log(1)
	b.Add(from, 1, 0, false, letter{"first", big("one", 1<<20)})
	b.commit()
	b = b.reopen()
	from, _ = b.recover(1)
	var content []byte
	require.NoError(t, from.Load(1, 1, func(r Record) bool {
		var err error
		content, err = r.Body.Read()
		require.NoError(t, err)
		return true
	}))
	to := b.Log(2)
	b.Add(to, 7, 0, false, letter{"second", content})
	b.Remove(from, 1)
	b.commit()
	size, _ := segmentSize(t, b.Dir())
	assert.Less(t, size, int64(1<<20+100))
	assert.Empty(t, load(t, from))
	l, _ := b.crash().recover(2)
	assert.Equal(t, []string{"second: one one 1048576"}, contents(t, l))

	b.Remove(to, 7) // and once it is gone, it is written anew
	b.commit()
	b.Add(to, 8, 0, false, letter{"third", content})
	b.commit()
	assert.Equal(t, []string{"third: one one 1048576"}, contents(t, to))
	l, _ = b.crash().recover(2)
	assert.Equal(t, []string{"third: one one 1048576"}, contents(t, l))
}

// A message that is consumed before the commit is not written, nor is its content.
func TestBodyConsumedBeforeTheCommit(t *testing.T) {
	b, f := openFull(t)
	l := b.Log(1)
	b.Add(l, 1, 0, false, letter{"a", big("a", 1<<20)})
	b.Consume(l, 1)
	b.Add(l, 2, 0, false, letter{"b", big("b", 1<<20)})
	b.Flush()
	require.Error(t, <-f.attempts)
	b.Consume(l, 2)
	b.Flush()
	require.Error(t, <-f.attempts)
	require.Error(t, <-f.attempts)
	f.mend()
	b.commit()
	size, _ := segmentSize(t, b.Dir())
	assert.Zero(t, size)
}

// What is left of a crash, and nothing refers to, goes at the next start.
func TestUnusedSegmentsGo(t *testing.T) {
	b := open(t, t.TempDir())
	l := b.Log(1)
	b.Add(l, 1, 0, false, letter{"a", big("a", 1<<20)})
	b.commit()
	require.NoError(t, b.Stage(big("staged", 1<<20)))
	dir := b.copy()
	_, n := segmentSize(t, dir)
	require.Equal(t, 2, n)
	require.NoError(t, os.WriteFile(filepath.Join(dir, SegmentFolder, "notes.txt"), nil, 0o600))
	again := open(t, dir)
	_, n = segmentSize(t, dir)
	assert.Equal(t, 2, n, "one segment, and what is not ours")
	l, _ = again.recover(1)
	assert.Len(t, contents(t, l), 1)
}

// A staged content is not written again, and goes if nobody takes it.
func TestStage(t *testing.T) {
	b := open(t, t.TempDir())
	content := big("staged", 5<<20)
	require.NoError(t, b.Stage(content))
	require.NoError(t, b.Stage(content), "again is nothing")
	l := b.Log(1)
	b.Add(l, 1, 0, false, letter{"a", content})
	b.commit()
	size, n := segmentSize(t, b.Dir())
	assert.Equal(t, 1, n)
	assert.Less(t, size, int64(6<<20))
	assert.Len(t, contents(t, l), 1)
	require.NoError(t, b.Stage(big("never used", 20<<20)))
	eventually(t, func() bool { runtime.GC(); size, _ := segmentSize(t, b.Dir()); return size < 6<<20 })
	requireSound(t, b.copy())
}

// A body that was damaged costs its own message, and is named; so does one that is
// missing.
func TestDamagedBody(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"a bit": func(path string) error {
			data, err := os.ReadFile(path)
			if err == nil {
				data[100_000] ^= 1
				err = os.WriteFile(path, data, 0o600)
			}
			return err
		},
		"cut short": func(path string) error { return os.Truncate(path, 100_000) },
		"missing":   os.Remove,
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t, t.TempDir())
			l := b.Log(1)
			b.Add(l, 1, 0, false, letter{"a", big("a", 50_000)})
			b.Add(l, 2, 0, false, letter{"b", big("b", 100_000)})
			b.Add(l, 3, 0, false, text("small"))
			b.commit()
			dir := b.copy()
			require.NoError(t, spoil(filepath.Join(dir, SegmentFolder, segmentName(1))))
			content, err := Check(dir, plain)
			require.NoError(t, err)
			require.NotEmpty(t, content.Faults)
			assert.Contains(t, content.Faults[0].Text, segmentName(1))
			b = open(t, dir)
			l, _ = b.recover(1)
			read := 0
			require.NoError(t, l.Load(1, 3, func(r Record) bool {
				if r.Body == nil {
					assert.Equal(t, "small", string(r.Data))
					return true
				}
				if _, err := r.Body.Read(); err == nil {
					read++
				} else {
					require.ErrorIs(t, err, ErrDamaged)
					require.ErrorContains(t, err, segmentName(1))
				}
				return true
			}))
			assert.Equal(t, name != "missing", read == 1)
		})
	}
}

// Space comes back while the store runs, also within a segment that goes on.
func TestSpaceOfBodiesComesBack(t *testing.T) {
	b := open(t, t.TempDir())
	l := b.Log(1)
	for seq := uint64(1); seq <= 200; seq++ {
		b.Add(l, seq, 0, false, letter{"a", big(fmt.Sprint(seq), 1<<20)})
	}
	b.commit()
	size, _ := segmentSize(t, b.Dir())
	assert.Greater(t, size, int64(200<<20))
	b.DropRange(l, 1, 199)
	b.commit()
	eventually(t, func() bool { size, _ := segmentSize(t, b.Dir()); return size <= segmentBytes })
	assert.Len(t, contents(t, l), 1)
}
