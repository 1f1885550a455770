// Package memory is an engine that keeps a store's data in memory. A broker that is closed,
// or dies, and another over the same engine are a restart without a disk: what is durable is
// there, what is not is gone, and what may have been delivered comes as redelivered.
package memory

import (
	"maps"
	"slices"
	"sync"

	"github.com/rabbetmq/rabbet/store"
)

// DefaultCapacity is the Capacity of an engine without one: 1 TiB.
const DefaultCapacity = 1 << 40

// An Engine keeps data in memory. The zero value is empty and ready. One store at a time
// may have it; when that is closed or abandoned another can be made, with what is left.
type Engine struct {
	// Capacity is the number of bytes of messages and records for which Free says that there is
	// room. It is not to be changed while a store has the engine.
	Capacity uint64

	mu      sync.RWMutex
	logs    map[store.LogID]*log
	records map[string][]byte
	used    uint64

	plan    [][]store.Op // the committer's
	touched []*log       // by the plan that was committed
}

// Plan keeps the operations.
func (e *Engine) Plan(ops []store.Op) bool {
	if len(ops) > 0 {
		e.plan = append(e.plan, ops)
	}
	return len(e.plan) > 0
}

// Commit makes the operations. It never fails.
func (e *Engine) Commit() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, ops := range e.plan {
		for i := range ops {
			e.apply(&ops[i])
		}
	}
	e.forget()
	return nil
}

// forget forgets the plan.
func (e *Engine) forget() {
	clear(e.plan)
	e.plan = e.plan[:0]
}

// Done tells the logs to which messages were added.
func (e *Engine) Done() {
	e.forget()
	for i, l := range e.touched {
		l.user.Committed(l.written)
		l.user, l.written = nil, 0
		e.touched[i] = nil
	}
	e.touched = e.touched[:0]
}

// apply makes one operation.
func (e *Engine) apply(o *store.Op) {
	if o.Kind == store.OpRecord {
		e.putRecord(o.Record)
		return
	}
	l := o.Log.Engine().(*log)
	switch o.Kind {
	case store.OpAdd:
		if l.written == 0 {
			l.user = o.Log
			e.touched = append(e.touched, l)
		}
		l.written = o.Seq
		l.add(o)
	case store.OpRemove, store.OpConsume:
		l.remove(o.Seq, o.Seq)
	case store.OpDropRange:
		l.remove(o.Seq, o.Last)
	case store.OpDropLog:
		l.remove(0, l.last)
		l.messages, l.gone = nil, 0
		delete(e.logs, l.id)
	case store.OpFlag:
		if m := l.find(o.Seq); m != nil {
			m.redelivered = true
		}
	case store.OpNote:
		if m := l.find(o.Seq); m != nil {
			m.note = slices.Clone(o.Note())
		}
	}
}

func (e *Engine) putRecord(r *store.KeyValue) {
	if e.records == nil {
		e.records = make(map[string][]byte)
	}
	e.used -= uint64(len(e.records[r.Key]))
	if r.Value == nil {
		delete(e.records, r.Key)
		return
	}
	e.records[r.Key] = slices.Clone(r.Value)
	e.used += uint64(len(r.Value))
}

// Records visits the records.
func (e *Engine) Records(visit func(key string, value []byte) error) error {
	e.mu.RLock()
	records := maps.Clone(e.records) // a value is never changed
	e.mu.RUnlock()
	for _, key := range slices.Sorted(maps.Keys(records)) {
		if err := visit(key, records[key]); err != nil {
			return err
		}
	}
	return nil
}

// Log makes a log. It is one of the engine's once it has a message.
func (e *Engine) Log(id store.LogID) store.EngineLog { return &log{engine: e, id: id} }

// Logs visits the logs that have, or had, messages.
func (e *Engine) Logs(visit func(store.LogID)) error {
	e.mu.RLock()
	ids := slices.Collect(maps.Keys(e.logs))
	e.mu.RUnlock()
	for _, id := range ids {
		visit(id)
	}
	return nil
}

// Recover tells what is in a log. Volatile messages went with the store before.
func (e *Engine) Recover(id store.LogID, r *store.Recovery) (store.EngineLog, error) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	l := e.logs[id]
	if l == nil {
		return e.Log(id), nil
	}
	r.Last = l.last
	l.recover(r)
	return l, nil
}

// Free is the room that is left.
func (e *Engine) Free() (uint64, error) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	capacity := e.Capacity
	if capacity == 0 {
		capacity = DefaultCapacity
	}
	return capacity - min(e.used, capacity), nil
}

// Close makes what is there what a restart finds.
func (e *Engine) Close(inOrder bool) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.forget()
	e.touched = nil
	for _, l := range e.logs {
		l.restart(inOrder)
	}
	return nil
}
