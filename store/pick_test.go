package store

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// pick is the positions that Pick finds.
func pick(t *testing.T, l *Log, wanted ...uint64) []uint64 {
	t.Helper()
	var found []Record
	require.NoError(t, l.Pick(wanted, func(r Record) { found = append(found, Record{Seq: r.Seq}) }))
	return positions(found)
}

func TestPickFindsSinglePositions(t *testing.T) {
	b := open(t, t.TempDir())
	before, l, after := b.Log(1), b.Log(2), b.Log(3)
	assert.Empty(t, pick(t, l, 1, 2), "in a store without chunks")
	b.fill(before, 1, 2000)
	b.fill(after, 1, 2000)
	b.commit()
	assert.Empty(t, pick(t, l, 1, 2), "in a log without chunks")
	b.fill(l, 10, 1000) // two chunks
	b.commit()
	b.fill(l, 1500, 1501)
	b.commit()
	b.Remove(l, 20)
	b.DropRange(l, 1000, 1000)
	b.commit()
	assert.Equal(t, []uint64{10, 21, 22, 600, 999, 1501}, pick(t, l, 1, 9, 10, 20, 21, 22, 600, 999, 1000, 1001, 1200, 1501, 1502, 9000))
	assert.Equal(t, []uint64{521, 522}, pick(t, l, 521, 522), "where one chunk ends and the next begins")
	assert.Empty(t, pick(t, l, 2000))
	assert.Empty(t, pick(t, l))
	var data []string
	require.NoError(t, l.Pick([]uint64{1500}, func(r Record) { data = append(data, string(r.Data)) }))
	var loaded []string
	require.NoError(t, l.Load(1500, 1500, func(r Record) bool {
		loaded = append(loaded, string(r.Data))
		return true
	}))
	assert.Equal(t, loaded, data)
}
