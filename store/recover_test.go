package store

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"
)

// redelivered are the positions of those that are marked.
func redelivered(records []Record) []uint64 {
	list := []uint64{}
	for _, r := range records {
		if r.Redelivered {
			list = append(list, r.Seq)
		}
	}
	return list
}

// PERSIST-5: after an orderly end, what had been delivered is marked.
func TestCloseKeepsMarks(t *testing.T) {
	b := open(t, t.TempDir())
	l := b.Log(1)
	b.fill(l, 1, 600)
	b.commit()
	b.Flag(l, 2)
	b.Flag(l, 600)
	b.fill(l, 601, 602)
	b.Flag(l, 602) // in the batch that adds it
	b.fill(l, 603, 603)
	b.Flag(l, 603) // marked, but gone
	b.Remove(l, 603)
	b.Flag(l, 9999)
	b.commit()
	for range 2 { // it stays so
		b = b.reopen()
		l, _ = b.recover(1)
		assert.Equal(t, upTo(1, 602), positions(load(t, l)))
		assert.Equal(t, []uint64{2, 600, 602}, redelivered(load(t, l)))
	}
}

// PERSIST-5: after a crash nobody knows, and all is marked.
func TestCrashMarksAll(t *testing.T) {
	b := open(t, t.TempDir())
	b.fill(b.Log(1), 1, 600)
	b.fill(b.Log(5), 10, 11)
	b.commit()
	b = b.crash()
	l, _ := b.recover(1)
	assert.Equal(t, upTo(1, 600), redelivered(load(t, l)))
	b.fill(l, 601, 602) // not of before
	b.commit()

	b = b.reopen()
	l, _ = b.recover(1)
	assert.Equal(t, upTo(1, 602), positions(load(t, l)))
	assert.Equal(t, upTo(1, 600), redelivered(load(t, l)), "still marked after an orderly end")
	l, _ = b.recover(5)
	assert.Equal(t, upTo(10, 11), redelivered(load(t, l)))

	b = b.crash() // never closed
	l, _ = b.recover(1)
	assert.Equal(t, upTo(1, 602), redelivered(load(t, l)))
}

// What was noted of messages that are gone must not be said of those that come
// after a restart.
func TestLastPositionOutlivesTheMessages(t *testing.T) {
	b := open(t, t.TempDir())
	l := b.Log(1)
	b.fill(l, 1, 5000)
	b.commit()
	b = b.crash()
	l, _ = b.recover(1)
	assert.Equal(t, uint64(5000), l.Last())
	b.DropRange(l, 1, 5000)
	b.commit()
	b = b.reopen()
	l, ranges := b.recover(1)
	assert.Empty(t, ranges)
	assert.Equal(t, uint64(5000), l.Last())

	b.Drop(l) // a new log is another matter
	b.commit()
	b.fill(b.Log(1), 1, 10)
	b.commit()
	b = b.reopen()
	l, _ = b.recover(1)
	assert.Equal(t, uint64(10), l.Last())
	assert.Empty(t, redelivered(load(t, l)))
}

// PERSIST-2: a restart drops transient messages.
func TestVolatileMessagesAreDropped(t *testing.T) {
	b := open(t, t.TempDir())
	l := b.Log(1)
	for seq := uint64(1); seq <= 100; seq++ {
		b.Add(l, seq, 0, seq%3 == 0, text("abc"))
	}
	b.Add(l, 101, 77, true, text("abc"))
	b.commit()
	b.Remove(l, 3)
	b.Remove(l, 4)
	b.commit()
	for seq := uint64(200); seq < 300; seq++ {
		b.Add(l, seq, 0, true, text("abc"))
	}
	b.commit()

	b = b.reopen()
	l, ranges := b.recover(1)
	assert.Equal(t, []Range{{First: 1, Last: 100, Count: 66, Size: 66 * 3, Timed: true}}, ranges)
	assert.Equal(t, uint64(299), l.Last())
	b.fill(l, 300, 301) // in the batch that drops them
	b.commit()
	want := []uint64{}
	for seq := uint64(1); seq <= 100; seq++ {
		if seq%3 != 0 && seq != 4 {
			want = append(want, seq)
		}
	}
	want = append(want, 300, 301)
	assert.Equal(t, want, positions(load(t, l)))
	for _, seq := range want {
		b.Remove(l, seq)
	}
	b.commit()
	assert.Zero(t, b.keys(bucketChunks))
	assert.Zero(t, b.keys(bucketSettled))
}

func TestDropUnknown(t *testing.T) {
	b := open(t, t.TempDir())
	largest, err := b.DropUnknown(func(LogID) bool { return false })
	require.NoError(t, err)
	assert.Zero(t, largest)
	for _, id := range []LogID{1, 2, 5, 9, maxLogID} {
		b.fill(b.Log(id), 1, 600)
	}
	b.Add(b.Log(7), 1, 0, true, text("volatile"))
	b.commit()

	b = b.crash()
	largest, err = b.DropUnknown(func(id LogID) bool { return id == 2 || id == 9 })
	require.NoError(t, err)
	assert.Equal(t, maxLogID, largest)
	b.commit()
	assert.Equal(t, 4, b.keys(bucketChunks))
	for _, id := range []LogID{2, 9} {
		l, _ := b.recover(id)
		assert.Len(t, load(t, l), 600)
	}
	for _, id := range []LogID{1, 5, 7, maxLogID} {
		l, ranges := b.recover(id)
		assert.Empty(t, ranges)
		assert.Empty(t, load(t, l))
		assert.Zero(t, l.Last())
	}
}

func TestRecords(t *testing.T) {
	b := open(t, t.TempDir())
	b.Put("b", []byte("2"))
	b.Put("a\x00x", []byte("1"))
	b.Put("c", []byte("3"))
	b.Put("b", []byte("two"))
	b.Delete("c")
	b.Delete("never was")
	b.commit()
	b = b.crash()
	type record struct{ key, value string }
	var got []record
	require.NoError(t, b.Records(func(key string, value []byte) error {
		got = append(got, record{key, string(value)})
		return nil
	}))
	assert.Equal(t, []record{{"a\x00x", "1"}, {"b", "two"}}, got)
	assert.Equal(t, os.ErrInvalid, b.Records(func(string, []byte) error { return os.ErrInvalid }))
}

func TestCloseCommitsWhatIsPending(t *testing.T) {
	b := open(t, t.TempDir())
	b.fill(b.Log(1), 1, 3000)
	b.Put("key", []byte("value"))
	b.Flush()
	w := newSignal()
	b.Notify(w)
	b = b.reopen()
	require.NoError(t, <-w)
	l, _ := b.recover(1)
	assert.Len(t, load(t, l), 3000)
	assert.Empty(t, redelivered(load(t, l)))
	assert.Equal(t, 1, b.keys(bucketRecords))
}

func TestOpenLocked(t *testing.T) {
	b := open(t, t.TempDir())
	_, err := Open(b.Dir(), Options{})
	require.ErrorIs(t, err, ErrLocked)
	b.reopen()
}

// What cannot be read is refused, in words, when the store is opened or when the
// log is recovered.
func TestRefuseWhatCannotBeRead(t *testing.T) {
	const first = "\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01"
	put := func(bucket, key, value string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			edit(t, dir, func(tx *bolt.Tx) error { return tx.Bucket([]byte(bucket)).Put([]byte(key), []byte(value)) })
		}
	}
	tests := map[string]struct {
		damage func(t *testing.T, dir string)
		want   string
	}{
		"a newer format":      {put("meta", "version", "\x03"), "format version 03; this program reads version 2"},
		"a longer version":    {put("meta", "version", "\x01\x00"), "format version 0100; this program reads version 2"},
		"a newer chunk":       {put("chunks", first, "\x00\x00\x00\x00\x03"+string(make([]byte, 30))), "store: damaged: log 1, chunk 1: chunk of version 3; this program reads version 2"},
		"a chunk cut short":   {put("chunks", first, "\x01"), "store: damaged: log 1, chunk 1: corrupt chunk"},
		"a key that is none":  {put("chunks", "short", "x"), "corrupt chunk"},
		"another's database":  {foreign, "the file is a database of another program"},
		"no database at all":  {garbage, FileName + ": invalid database"},
		"a file for a folder": {file, "not a directory"},
	}
	for name, test := range tests {
		for _, clean := range []bool{true, false} {
			t.Run(fmt.Sprint(name, ", closed in order: ", clean), func(t *testing.T) {
				b := open(t, t.TempDir())
				b.fill(b.Log(1), 1, 3)
				b.commit()
				dir := b.copy()
				require.NoError(t, b.Close())
				if clean {
					dir = b.Dir()
				}
				test.damage(t, dir)
				s, err := Open(dir, Options{Sync: SyncNone})
				if err == nil {
					_, err = s.DropUnknown(func(LogID) bool { return true })
				}
				if err == nil {
					_, err = s.Recover(1, size, func(Range) {})
				}
				if s != nil {
					require.NoError(t, s.Close())
				}
				require.ErrorContains(t, err, test.want)
			})
		}
	}
}

// edit changes a store's file behind its back.
func edit(t *testing.T, dir string, change func(*bolt.Tx) error) {
	db, err := bolt.Open(filepath.Join(dir, FileName), 0o600, &bolt.Options{NoSync: true})
	require.NoError(t, err)
	require.NoError(t, db.Update(change))
	require.NoError(t, db.Update(func(tx *bolt.Tx) error { // the totals are another test's
		if tx.Bucket(bucketTotals) == nil {
			return nil
		}
		n, err := countAll(tx)
		require.NoError(t, err)
		return n.put(tx)
	}))
	require.NoError(t, db.Close())
}

func foreign(t *testing.T, dir string) {
	edit(t, dir, func(tx *bolt.Tx) error {
		for _, bucket := range buckets {
			require.NoError(t, tx.DeleteBucket(bucket))
		}
		_, err := tx.CreateBucket([]byte("theirs"))
		return err
	})
}

func garbage(t *testing.T, dir string) {
	require.NoError(t, os.WriteFile(filepath.Join(dir, FileName), make([]byte, 1<<16), 0o600))
}

func file(t *testing.T, dir string) {
	require.NoError(t, os.RemoveAll(dir))
	require.NoError(t, os.WriteFile(dir, nil, 0o600))
}

// A file that was cut short is refused; reading beyond its end would end the
// process.
func TestOpenTruncated(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, Options{})
	require.NoError(t, err)
	for i := range 1000 {
		s.Put(fmt.Sprint("key", i), make([]byte, 1000))
	}
	require.NoError(t, s.Close())
	path := filepath.Join(dir, FileName)
	require.NoError(t, os.Truncate(path, 16<<10))
	_, err = Open(dir, Options{})
	require.ErrorContains(t, err, "has 16384 bytes, not the")
}

// A caller that leaves out the logs that EachLog does not name misses nothing: neither messages
// nor the positions that were used.
func TestEachLog(t *testing.T) {
	b := open(t, t.TempDir())
	for _, id := range []LogID{3, 5, 9, maxLogID} {
		b.fill(b.Log(id), 1, 600)
	}
	b.commit()
	b = b.crash() // leaves marks of logs
	l, _ := b.recover(5)
	b.DropRange(l, 1, 600)
	b.commit()
	assert.Empty(t, load(t, l))
	found := map[LogID]bool{}
	require.NoError(t, b.EachLog(func(id LogID) { found[id] = true }))
	assert.Equal(t, map[LogID]bool{3: true, 5: true, 9: true, maxLogID: true}, found)
	l, _ = b.crash().recover(5)
	assert.Equal(t, uint64(600), l.Last())
}
