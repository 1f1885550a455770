package storetest_test

import (
	"fmt"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.uber.org/goleak"

	"github.com/rabbetmq/rabbet/store"
	"github.com/rabbetmq/rabbet/store/memory"
	"github.com/rabbetmq/rabbet/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The engine of Open passes.
func TestDefaultEngine(t *testing.T) {
	for _, check := range storetest.Checks() {
		t.Run(check.Name, func(t *testing.T) {
			dir := t.TempDir()
			check.Run(t, func(opts store.Options) (*store.Store, error) { return store.Open(dir, opts) })
		})
	}
}

// A faulty engine is a sound one with one mistake.
type faulty struct {
	*memory.Engine
	plan  func(ops []store.Op) []store.Op
	close func(inOrder bool) bool
	last  func(uint64) uint64
}

func (f *faulty) Plan(ops []store.Op) bool {
	if f.plan != nil {
		ops = f.plan(ops)
	}
	return f.Engine.Plan(ops)
}

func (f *faulty) Recover(id store.LogID, r *store.Recovery) (store.EngineLog, error) {
	l, err := f.Engine.Recover(id, r)
	if f.last != nil {
		r.Last = f.last(r.Last)
	}
	return l, err
}

func (f *faulty) Close(inOrder bool) error {
	if f.close != nil {
		inOrder = f.close(inOrder)
	}
	return f.Engine.Close(inOrder)
}

// early commits in Plan.
type early struct{ *memory.Engine }

func (e early) Plan(ops []store.Op) bool {
	did := e.Engine.Plan(ops)
	_ = e.Commit()
	return did
}

// planning is a faulty engine that plans something else.
func planning(plan func(ops []store.Op) []store.Op) faulty { return faulty{plan: plan} }

// without is one that overlooks operations of a kind.
func without(kind store.OpKind) faulty {
	return planning(func(ops []store.Op) []store.Op {
		return slices.DeleteFunc(slices.Clone(ops), func(o store.Op) bool { return o.Kind == kind })
	})
}

// changing is one that changes operations.
func changing(change func(*store.Op)) faulty {
	return planning(func(ops []store.Op) []store.Op {
		ops = slices.Clone(ops)
		for i := range ops {
			change(&ops[i])
		}
		return ops
	})
}

// The checks notice each mistake.
func TestFaultyEngines(t *testing.T) {
	engines := map[string]faulty{
		"forgets positions":       {last: func(uint64) uint64 { return 0 }},
		"forgets crashes":         {close: func(bool) bool { return true }},
		"always crashes":          {close: func(bool) bool { return false }},
		"keeps volatile messages": changing(func(o *store.Op) { o.Volatile = false }),
		"drops deadlines":         changing(func(o *store.Op) { o.Deadline = 0 }),
		"swaps operations": planning(func(ops []store.Op) []store.Op {
			if ops = slices.Clone(ops); len(ops) > 1 && ops[0].Kind == ops[1].Kind {
				ops[0], ops[1] = ops[1], ops[0]
			}
			return ops
		}),
	}
	for kind := store.OpAdd; kind <= store.OpRecord; kind++ {
		engines[fmt.Sprint("without ", kind)] = without(kind)
	}
	for name, f := range engines {
		t.Run(name, func(t *testing.T) {
			assert.True(t, fails(func() store.Engine {
				f.Engine = new(memory.Engine)
				return &f
			}), "no check fails")
		})
	}
	t.Run("early", func(t *testing.T) {
		assert.True(t, fails(func() store.Engine { return early{new(memory.Engine)} }), "no check fails")
	})
}

// patient is the check that waits for what does not come.
const patient = "told of what is written"

// fails reports whether a check of an engine fails.
func fails(engine func() store.Engine) bool {
	for _, check := range storetest.Checks() {
		if check.Name != patient && failsOne(engine(), check) {
			return true
		}
	}
	return false
}

func failsOne(engine store.Engine, check storetest.Check) bool {
	var r recorder
	var stores []*store.Store
	done := make(chan struct{})
	go func() { // of its own, which FailNow ends
		defer close(done)
		check.Run(&r, func(opts store.Options) (*store.Store, error) {
			st := store.New(engine, opts)
			stores = append(stores, st)
			return st, nil
		})
	}()
	<-done
	for _, st := range stores {
		_ = st.Abandon() // a check that failed has not
	}
	return r.failed
}

// A recorder notes that a check has failed.
type recorder struct{ failed bool }

func (r *recorder) Errorf(string, ...any) { r.failed = true }
func (r *recorder) FailNow()              { r.failed = true; runtime.Goexit() }
func (r *recorder) Helper()               {}
