package store

// What the engine below costs by itself, as the measure of what is built on it.

import (
	"encoding/binary"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"

	"github.com/rabbetmq/rabbet/delay"
)

// BenchmarkBareCommit is one commit of one small value, synced, in a file that
// has some content, and the median of that.
func BenchmarkBareCommit(b *testing.B) {
	db, err := bolt.Open(filepath.Join(b.TempDir(), FileName), 0o600, &bolt.Options{
		NoFreelistSync: true, FreelistType: bolt.FreelistMapType,
	})
	require.NoError(b, err)
	defer db.Close()
	name, value := []byte("b"), make([]byte, 64)
	put := func(n uint64) error {
		return db.Update(func(tx *bolt.Tx) error {
			bucket, err := tx.CreateBucketIfNotExists(name)
			if err != nil {
				return err
			}
			return bucket.Put(binary.BigEndian.AppendUint64(nil, n), value)
		})
	}
	clock := delay.Real{}
	var took []time.Duration
	for b.Loop() {
		began := clock.Now()
		require.NoError(b, put(uint64(len(took)%1000)))
		took = append(took, clock.Now().Sub(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1000, "median-µs")
}
