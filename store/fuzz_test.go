package store

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// FuzzChunk: whatever is on disk, decoding it ends, with an error or with
// records that are within the chunk; and what they say encodes to the same
// records.
func FuzzChunk(f *testing.F) {
	meta := chunkMeta{first: 7}
	b := make([]byte, chunkHeader)
	for i := range 3 {
		b = appendMessage(b, &meta, &Op{Seq: 7 + uint64(i*i), Deadline: int64(i), Volatile: i == 1, Message: text("message"[:i])}, nil)
	}
	key := chunkKey(nil, 1, 7)
	meta.put(b, key)
	f.Add(uint64(7), b)
	f.Add(uint64(0), b[:len(b)-1])
	f.Add(uint64(1), []byte{1})
	f.Fuzz(func(t *testing.T, first uint64, b []byte) {
		if first > 1<<63 { // positions do not wrap
			return
		}
		if len(b) >= chunkHeader {
			seal(key, b)
		}
		meta, err := readMeta(first, b)
		if err != nil {
			return
		}
		var records []stored
		last := first
		err = eachRecord(&meta, key, b, func(r *stored) bool {
			require.GreaterOrEqual(t, r.Seq, last)
			require.LessOrEqual(t, r.Seq, meta.last())
			last = r.Seq
			records = append(records, *r)
			return true
		})
		require.LessOrEqual(t, len(records), int(meta.count))
		if err != nil || len(records) == 0 || records[0].Seq != first {
			return
		}
		again, out := chunkMeta{first: first}, make([]byte, chunkHeader)
		for _, r := range records {
			var apart *body
			if r.place.segment != 0 {
				apart = &body{place: r.place}
			}
			out = appendMessage(out, &again, &Op{Seq: r.Seq, Deadline: r.Deadline, Volatile: r.Volatile, Message: text(r.Data)}, apart)
		}
		again.put(out, key)
		decoded, err := readMeta(first, out)
		require.NoError(t, err)
		assert.Equal(t, again, decoded)
		var same []stored
		require.NoError(t, eachRecord(&decoded, key, out, func(r *stored) bool {
			same = append(same, *r)
			return true
		}))
		assert.Equal(t, records, same)
	})
}
