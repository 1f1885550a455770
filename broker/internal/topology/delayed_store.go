package topology

import (
	"errors"
	"math"

	"github.com/rabbetmq/rabbet/broker/internal/records"
	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/store"
)

// The store keeps under which names messages wait. A start reads when each is due,
// and leaves the rest of it where it is.

func (vh *VHost) persistDelayed(d *delayed, x *Exchange) {
	vh.put(&records.Delayed{
		VHost: records.Text(vh.Name), Name: records.Text(d.name), ID: d.id,
		Alternate: records.Text(x.alternate), HasAlternate: x.hasAlternate,
	})
}

// recover builds the index from the log. What is damaged is told and left out.
func (d *delayed) recover() error {
	log, err := d.vh.env.Store.Recover(queue.LogOf(d.id, 0), func([]byte) int { return 0 }, func(store.Range) {})
	if err != nil && !errors.Is(err, store.ErrDamaged) { // Load says it again
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.attach(log)
	d.seq, d.safe = log.Last(), log.Last()
	err = log.Load(0, math.MaxUint64, func(r store.Record) bool {
		d.index.Add(delay.Due{At: r.Deadline, Seq: r.Seq})
		d.trackStored(r)
		return true
	})
	if errors.Is(err, store.ErrDamaged) {
		d.vh.fault(d.name, err)
		return nil
	}
	return err
}

// resume lets what is due go out. It comes once all queues are recovered.
func (d *delayed) resume() {
	d.vh.forgetIfEmpty(d)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.arm()
}
