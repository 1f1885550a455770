package topology

import (
	"errors"
	"fmt"
	"math"

	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/store"
)

// The store keeps under which names messages wait. A start reads when each is due,
// and leaves the rest of it where it is.

// A delayedDoc says that messages wait, or may come to wait, under a name. It is
// there before the exchange's own record and goes after it. Of an exchange that
// is not durable, and of one that is deleted, it is all that a restart finds: the
// alternate is its last trace.
type delayedDoc struct {
	VHost, Name  string
	ID           uint64
	Alternate    string
	HasAlternate bool
}

func (vh *VHost) persistDelayed(d *delayed, x *Exchange) {
	vh.put(delayedDoc{vh.Name, d.name, d.id, x.alternate, x.hasAlternate}, kindDelayed, vh.Name, d.name)
}

// delayedExchange makes what a record tells of.
func (r *recovered) delayedExchange(value []byte) error {
	var doc delayedDoc
	if err := decodeDoc(value, &doc); err != nil {
		return err
	}
	vh := r.vhosts[doc.VHost]
	if vh == nil {
		return fmt.Errorf("there is no virtual host %q", doc.VHost)
	}
	if err := r.claim(doc.ID); err != nil {
		return err
	}
	d := newDelayed(vh, doc.Name, doc.ID)
	d.ghost = ghostOf(doc.Name, doc.Alternate, doc.HasAlternate)
	vh.delayed[doc.Name], r.delayed[doc.ID] = d, d
	r.given(doc.ID)
	return nil
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
