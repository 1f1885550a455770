package store

// Folders of format 1. What earlier programs wrote themselves is in the test data of
// package broker; here a folder is set back to that format.

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"
)

// setBack makes a folder without bodies apart one of format 1.
func setBack(t *testing.T, dir string) {
	t.Helper()
	edit(t, dir, func(tx *bolt.Tx) error {
		require.NoError(t, tx.DeleteBucket(bucketTotals))
		for _, name := range buckets {
			old := map[string][]byte{}
			require.NoError(t, tx.Bucket(name).ForEach(func(k, v []byte) error {
				switch {
				case isVersion(name, k):
					old[string(k)] = []byte{oldVersion}
				case string(name) != string(bucketChunks):
					payload, ok := unseal(name, k, v)
					require.True(t, ok)
					old[string(k)] = append([]byte{}, payload...)
				default:
					b := append([]byte{oldChunkVersion, 0, 0, 0, 0}, v[5:11]...)
					b = append(b, v[13:]...)
					binary.BigEndian.PutUint32(b[1:], crcOf(b[5:]))
					old[string(k)] = b
				}
				return nil
			}))
			for k, v := range old {
				require.NoError(t, tx.Bucket(name).Put([]byte(k), v))
			}
		}
		return nil
	})
}

// oldFolder is one of format 1 with many kinds of records, and what is in it.
func oldFolder(t *testing.T) (dir, want string) {
	dir = manyKinds(t, true)
	s, err := Open(dir, Options{Sync: SyncNone})
	require.NoError(t, err)
	for _, id := range []LogID{50, 51} { // their contents are apart
		l, err := s.Recover(id, size, func(Range) {})
		require.NoError(t, err)
		var app Appender
		app.Drop(l)
		app.Flush()
	}
	require.NoError(t, s.Close())
	want, told, err := contentOf(copyOf(t, dir))
	require.NoError(t, err)
	require.False(t, told)
	setBack(t, dir)
	return dir, want
}

// Whenever a migration is cut off, the folder has the whole of the old file, and the
// next start brings all of it up to date.
func TestMigrationIsCutOff(t *testing.T) {
	dir, want := oldFolder(t)
	path := filepath.Join(dir, FileName)
	var cuts []string
	var last, total int64
	err := migrateBy(path, Options{OnMigrate: func(done, of int64) {
		assert.LessOrEqual(t, last, done)
		last, total = done, of
		cuts = append(cuts, copyOf(t, dir))
	}}, 2000)
	require.NoError(t, err)
	require.Greater(t, len(cuts), 5)
	assert.LessOrEqual(t, last, total)
	cuts = append(cuts, dir)
	for i, cut := range cuts {
		got, told, err := contentOf(copyOf(t, cut))
		require.NoError(t, err)
		assert.False(t, told)
		require.Equal(t, want, got, "cut off after step %d", i)
		if i%3 == 0 && i < len(cuts)-1 { // a copy that is torn is made anew
			temp := filepath.Join(cut, FileName+".migrating")
			info, err := os.Stat(temp)
			require.NoError(t, err)
			require.NoError(t, os.Truncate(temp, info.Size()/2))
			got, _, err := contentOf(cut)
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		assert.Contains(t, []string{FileName, SegmentFolder}, e.Name())
	}
	requireSound(t, dir)
}

// A copy of another file, or of what the file was before, is not gone on with.
func TestMigrationOfAnother(t *testing.T) {
	dir, want := oldFolder(t)
	other, _ := oldFolder(t)
	edit(t, other, func(tx *bolt.Tx) error {
		return tx.Bucket(bucketRecords).Put([]byte("other"), []byte("record"))
	})
	stop := errors.New("stop")
	func() {
		defer func() { assert.Equal(t, stop, recover()) }()
		steps := 0
		_ = migrateBy(filepath.Join(other, FileName), Options{OnMigrate: func(_, _ int64) {
			if steps++; steps == 5 {
				panic(stop)
			}
		}}, 2000)
	}()
	temp, err := os.ReadFile(filepath.Join(other, FileName+".migrating"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, FileName+".migrating"), temp, 0o600))
	got, _, err := contentOf(dir)
	require.NoError(t, err)
	assert.Equal(t, want, got)
}

// What was damaged before is damaged still, and told of.
func TestMigrationKeepsDamage(t *testing.T) {
	dir, _ := oldFolder(t)
	edit(t, dir, func(tx *bolt.Tx) error {
		v := append([]byte{}, tx.Bucket(bucketChunks).Get(chunkKey(nil, 5, 1))...)
		v[len(v)-1] ^= 1
		return tx.Bucket(bucketChunks).Put(chunkKey(nil, 5, 1), v)
	})
	_, told, err := contentOf(dir)
	require.NoError(t, err)
	assert.True(t, told)
}

// A check and a compaction change nothing of an older folder.
func TestOldFolderIsOnlyOpened(t *testing.T) {
	dir, _ := oldFolder(t)
	before, err := os.ReadFile(filepath.Join(dir, FileName))
	require.NoError(t, err)
	_, err = Check(dir, plain)
	require.ErrorContains(t, err, "format version 1")
	_, _, err = Compact(dir)
	require.ErrorContains(t, err, "format version 1")
	after, err := os.ReadFile(filepath.Join(dir, FileName))
	require.NoError(t, err)
	assert.Equal(t, before, after)
}
