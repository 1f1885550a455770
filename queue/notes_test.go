package queue

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func FuzzNote(f *testing.F) {
	for _, n := range []noted{
		{returns: 3, acquired: 300}, {until: 1 << 40 * perMilli}, {dead: Expired, died: 1_700_000_000},
		{returns: 1 << 30, acquired: 1, dead: DeliveryLimit, died: 3}, {returns: 2, acquired: 5, turn: 1<<42 - 1},
	} {
		f.Add(n.append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := parseNote(b)
		if err != nil {
			return
		}
		again, err := parseNote(n.append(nil))
		require.NoError(t, err)
		assert.Equal(t, n, again)
	})
}
