package graduate

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/delay"
)

// A target that starts counts fewer messages than it has. A time to live makes up for what
// is missing only once it is over.
func TestBoundsCountExpiryOnlyWhenDue(t *testing.T) {
	clock := delay.NewManual(time.UnixMilli(1_000_000))
	c := &copier{job: &job{clock: clock}}
	var err error
	c.journal, err = openJournal(filepath.Join(t.TempDir(), "queue.journal"))
	require.NoError(t, err)
	defer c.journal.close()
	for n := range uint64(10) {
		c.journal.confirm(c.journal.send(messageKey{n, n}))
	}
	c.expiries = []int64{1_000_500, 1_001_000, 1_002_000}
	least, most := c.bounds(5)
	assert.Equal(t, []int{15, 15}, []int{least, most})
	clock.Advance(time.Second)
	least, most = c.bounds(5)
	assert.Equal(t, []int{13, 15}, []int{least, most})
}
