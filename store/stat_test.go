package store

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestStatFolder(t *testing.T) {
	b := open(t, t.TempDir())
	l := b.Log(1)
	b.fill(l, 1, 100)
	for seq := uint64(101); seq <= 120; seq++ {
		b.Add(l, seq, 0, false, letter{"large", big(fmt.Sprint(seq), 1<<20)})
	}
	for i := range 3 {
		b.Put(fmt.Sprint("key", i), []byte("value"))
	}
	b.commit()
	b.Remove(l, 1)
	b.Remove(l, 101)
	b.commit()
	_, err := StatFolder(b.Dir())
	require.ErrorIs(t, err, ErrLocked)
	require.NoError(t, b.Close())
	require.NoError(t, os.MkdirAll(filepath.Join(b.Dir(), "streams", "7"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(b.Dir(), "streams", "7", "x"), make([]byte, 1000), 0o600))

	st, err := StatFolder(b.Dir())
	require.NoError(t, err)
	info, err := os.Stat(filepath.Join(b.Dir(), FileName))
	require.NoError(t, err)
	assert.Equal(t, info.Size(), st.FileBytes)
	assert.Positive(t, st.FreeBytes)
	assert.Less(t, st.FreeBytes, st.FileBytes)
	names := []string{}
	inKinds := int64(0)
	for _, k := range st.Kinds {
		names = append(names, fmt.Sprint(k.Name, " ", k.Keys))
		inKinds += k.Bytes
	}
	assert.Equal(t, []string{"chunks 1", "settled 1", "flags 0", "records 3", "meta 2", "totals 1"}, names)
	assert.Less(t, inKinds, st.FileBytes-st.FreeBytes)
	require.Len(t, st.Segments, 2)
	assert.Equal(t, segmentName(1), st.Segments[0].Name)
	bodies, live := 0, int64(0)
	for _, s := range st.Segments {
		bodies += s.Bodies
		live += s.LiveBytes
		assert.GreaterOrEqual(t, s.Bytes, s.LiveBytes)
		assert.Positive(t, s.Allocated)
	}
	assert.Equal(t, 19, bodies)
	assert.Equal(t, int64(19*(1<<20+bodyHeader)), live)
	assert.Equal(t, 1, st.OtherFiles)
	assert.Equal(t, int64(1000), st.OtherBytes)

	_, err = StatFolder(t.TempDir())
	require.ErrorContains(t, err, "no store in ")
}
