package delayed

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/queue"
)

// What could not be read comes back beside what is not committed yet, also when a
// commit has found nothing to keep in memory meanwhile.
func TestDelayedGivesBackWhatIsNotCommitted(t *testing.T) {
	clock := delay.NewManual(time.Unix(0, 0))
	d := New(Config{Clock: clock})
	for range 2 {
		d.Add(&queue.Message{Props: []byte{0, 0}}, 1, nil)
	}
	first, second := d.held[1], d.held[2]
	d.ended = true // so that the alarm sends nothing out
	clock.Advance(time.Second)
	d.ended = false
	due := d.take()
	assert.Equal(t, []*queue.Message{first, second}, []*queue.Message{due[0].msg, due[1].msg})
	d.committed(1)
	d.giveBack(due)
	assert.Equal(t, map[uint64]*queue.Message{2: second}, d.held)
	assert.Equal(t, 2, d.Len())
}
