package store

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A backlog that has come one message a commit costs little memory a message,
// though each is a chunk of its own until the next start.
func TestMemoryOfLoneMessages(t *testing.T) {
	const messages, most = 5000, 40
	b := open(t, t.TempDir())
	l := b.Log(1)
	for seq := uint64(1); seq <= messages; seq++ {
		b.fill(l, seq, seq)
		b.commit()
	}
	assert.Equal(t, messages, b.keys(bucketChunks))
	require.NoError(t, b.Close()) // then there is no committer to share the list with
	chunks := l.engine.(*chunkLog).chunks
	require.Len(t, chunks, messages)
	for i := range chunks {
		require.Nil(t, chunks[i].marks)
	}
	each := cap(chunks) * int(unsafe.Sizeof(chunks[0])) / messages
	t.Logf("%d bytes a message", each)
	assert.Less(t, each, most)
}
