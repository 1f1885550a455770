package store

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"
)

// plain takes all but messages and records that say "bad".
var plain = Meaning{
	Message: func(data []byte) (int, error) {
		if string(data) == "bad" {
			return 0, errors.New("malformed")
		}
		return len(data), nil
	},
	Record: func(_ string, value []byte) error {
		if string(value) == "bad" {
			return errors.New("malformed")
		}
		return nil
	},
}

// requireSound requires that a check finds no fault.
func requireSound(t testing.TB, dir string) *Content {
	t.Helper()
	c, err := Check(dir, plain)
	require.NoError(t, err)
	require.Empty(t, c.Faults)
	return c
}

func TestCheckCounts(t *testing.T) {
	b := open(t, t.TempDir())
	b.fill(b.Log(2), 1, 9)
	l := b.Log(5)
	b.fill(l, 1, 600)
	b.Add(l, 700, 5, true, text("volatile"))
	b.Put("key", []byte("value"))
	b.commit()
	b.Remove(l, 1)
	b.Remove(l, 600)
	b.Flag(l, 2)
	b.commit()
	want := []LogContent{{2, 9, 0, 9}, {5, 598, 1, 9 + 90*2 + 501*3 - 1 - 3}}
	assert.Equal(t, want, requireSound(t, b.copy()).Logs)
	_, err := Check(b.Dir(), plain)
	require.ErrorIs(t, err, ErrLocked)
	require.NoError(t, b.Close())
	before, err := os.ReadFile(filepath.Join(b.Dir(), FileName))
	require.NoError(t, err)
	assert.Equal(t, want, requireSound(t, b.Dir()).Logs)
	after, err := os.ReadFile(filepath.Join(b.Dir(), FileName))
	require.NoError(t, err)
	assert.True(t, bytes.Equal(before, after), "a check changes nothing")
}

func TestCheckFindsFaults(t *testing.T) {
	at := func(first uint64) []byte { return chunkKey(nil, 1, first) }
	change := func(bucket []byte, key []byte, edit func(v []byte) []byte) func(*bolt.Tx) error {
		return func(tx *bolt.Tx) error {
			b := tx.Bucket(bucket)
			return b.Put(key, edit(append([]byte{}, b.Get(key)...)))
		}
	}
	// chunk changes a chunk and makes its checksum right.
	chunk := func(first uint64, edit func(v []byte) []byte) func(*bolt.Tx) error {
		return change(bucketChunks, at(first), func(v []byte) []byte { return seal(at(first), edit(v)) })
	}
	// set makes a value with the right checksum.
	set := func(bucket, key []byte, value string) func(*bolt.Tx) error {
		return change(bucket, key, func([]byte) []byte { return sealed(bucket, key, []byte(value)) })
	}
	raw := func(bucket, key []byte, value string) func(*bolt.Tx) error {
		return change(bucket, key, func([]byte) []byte { return []byte(value) })
	}
	tests := map[string]struct {
		damage func(*bolt.Tx) error
		want   string
	}{
		"a count":         {chunk(1, func(v []byte) []byte { v[6]--; return v }), "log 1, chunk 1: corrupt chunk"},
		"volatile count":  {chunk(1, func(v []byte) []byte { v[8]++; return v }), "log 1, chunk 1: its header says"},
		"deadlines":       {chunk(1, func(v []byte) []byte { v[10]++; return v }), "log 1, chunk 1: its header says"},
		"a span":          {chunk(600, func(v []byte) []byte { v[16]++; return v }), "log 1, chunk 600: its header says"},
		"a size":          {chunk(600, func(v []byte) []byte { v[24]++; return v }), "log 1, chunk 600: its header says"},
		"a version":       {chunk(600, func(v []byte) []byte { v[4]++; return v }), "log 1, chunk 600: chunk of version 3"},
		"cut short":       {chunk(600, func(v []byte) []byte { return v[:len(v)-1] }), "log 1, chunk 600: corrupt chunk"},
		"a step":          {chunk(600, func(v []byte) []byte { v[chunkHeader]++; return v }), "log 1, chunk 600"},
		"a message":       {chunk(600, func(v []byte) []byte { return bytes.ReplaceAll(v, []byte("600"), []byte("bad")) }), "log 1, chunk 600: message 600: malformed"},
		"a bit":           {change(bucketChunks, at(600), func(v []byte) []byte { v[len(v)-1] ^= 1; return v }), "log 1, chunk 600: corrupt chunk: its checksum is wrong"},
		"newer flags":     {chunk(600, func(v []byte) []byte { v[chunkHeader+1] |= 4; return v }), "log 1, chunk 600: message 600 has flags 0x4, of which this program knows 0x3"},
		"a record":        {set(bucketRecords, []byte("key"), "bad"), `record "key": malformed`},
		"a key":           {set(bucketChunks, []byte("short"), "x"), "chunk 73686f7274: malformed key"},
		"settled alone":   {set(bucketSettled, at(5), "\x01"), "settled 00000000000000010000000000000005: belongs to no chunk"},
		"marks alone":     {set(bucketFlags, at(5), "\x01"), "flags 00000000000000010000000000000005: belongs to no chunk"},
		"settled, never":  {set(bucketSettled, at(600), "\x01\x02"), "log 1, chunk 600: settled positions that are no messages"},
		"marks too far":   {set(bucketFlags, at(600), "\x01\x00\x02"), "log 1, chunk 600: marks beyond its end"},
		"nothing left":    {set(bucketSettled, at(600), "\x01"), "log 1, chunk 600: all of it is settled, and it is still there"},
		"overlap":         {change(bucketChunks, at(300), func([]byte) []byte { return nil }), "log 1, chunk 300: begins within the one before"},
		"something else":  {set(bucketMeta, []byte("what"), "x"), `meta "what": unknown, or malformed`},
		"a bucket":        {func(tx *bolt.Tx) error { return tx.DeleteBucket(bucketFlags) }, "bucket flags is missing"},
		"a newer format":  {raw(bucketMeta, keyVersion, "\x03"), "format version 03; this program reads version 2"},
		"an older format": {raw(bucketMeta, keyVersion, "\x01"), "format version 1, which the next start of a broker brings up to date"},
		"another program": {func(tx *bolt.Tx) error { return tx.DeleteBucket(bucketMeta) }, "the file is a database of another program"},
		"a record's sum":  {raw(bucketRecords, []byte("key"), "\x00\x00\x00\x00value"), `records "key": its checksum is wrong`},
		"a bitmap's sum":  {raw(bucketSettled, at(600), "\x00\x00\x00\x00\x01"), "log 1, chunk 600: its settled: the checksum is wrong"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := open(t, t.TempDir())
			l := b.Log(1)
			b.fill(l, 1, 400)
			b.commit()
			b.fill(l, 600, 600)
			b.Put("key", []byte("value"))
			b.commit()
			require.NoError(t, b.Close())
			requireSound(t, b.Dir())
			edit(t, b.Dir(), test.damage)
			c, err := Check(b.Dir(), plain)
			if err != nil {
				require.ErrorContains(t, err, test.want)
				return
			}
			require.NotEmpty(t, c.Faults)
			assert.Contains(t, c.Faults[0].Text, test.want)
		})
	}
}

func TestCheckWhatIsNoStore(t *testing.T) {
	dir := t.TempDir()
	_, err := Check(dir, plain)
	require.EqualError(t, err, "store: no store in "+dir)
	_, _, err = Compact(dir)
	require.EqualError(t, err, "store: no store in "+dir)
	garbage(t, dir)
	_, err = Check(dir, plain)
	require.ErrorContains(t, err, "invalid database")
	_, _, err = Compact(dir)
	require.ErrorContains(t, err, "invalid database")
}

func TestCheckFileCutShort(t *testing.T) {
	b := open(t, t.TempDir())
	b.fill(b.Log(1), 1, 50000)
	b.commit()
	require.NoError(t, b.Close())
	require.NoError(t, os.Truncate(filepath.Join(b.Dir(), FileName), 1<<17))
	_, err := Check(b.Dir(), plain)
	require.ErrorContains(t, err, "has 131072 bytes, not the")
}

func TestCompact(t *testing.T) {
	b := open(t, t.TempDir())
	l := b.Log(1)
	b.fill(l, 1, 200000)
	b.commit()
	b.DropRange(l, 1000, 200000)
	b.Remove(l, 7)
	b.Flag(l, 8)
	b.Put("key", []byte("value"))
	b.commit()
	_, _, err := Compact(b.Dir())
	require.ErrorIs(t, err, ErrLocked)
	require.NoError(t, b.Close())
	was := requireSound(t, b.Dir())
	require.NoError(t, os.WriteFile(filepath.Join(b.Dir(), FileName+".compact"), []byte("cut off"), 0o600))

	before, after, err := Compact(b.Dir())
	require.NoError(t, err)
	assert.Greater(t, before, int64(4<<20))
	assert.Less(t, after, int64(256<<10))
	info, err := os.Stat(filepath.Join(b.Dir(), FileName))
	require.NoError(t, err)
	assert.Equal(t, after, info.Size())
	files, err := os.ReadDir(b.Dir())
	require.NoError(t, err)
	assert.Len(t, files, 1)

	assert.Equal(t, was, requireSound(t, b.Dir()))
	b = open(t, b.Dir())
	l, _ = b.recover(1)
	assert.Equal(t, upTo(1, 999, 7), positions(load(t, l)))
	assert.Equal(t, []uint64{8}, redelivered(load(t, l)), "closed in order is closed in order")
}
