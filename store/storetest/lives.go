package storetest

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/store"
)

// A model of a store: what should be there.
type model struct {
	logs    map[store.LogID][]found
	records map[string]string
}

func newModel() *model {
	return &model{logs: make(map[store.LogID][]found), records: make(map[string]string)}
}

func (m *model) clone() *model {
	c := &model{logs: maps.Clone(m.logs), records: maps.Clone(m.records)}
	for id, list := range c.logs {
		c.logs[id] = slices.Clone(list)
	}
	return c
}

// remove removes a run of a log's messages.
func (m *model) remove(id store.LogID, first, last uint64) {
	m.logs[id] = slices.DeleteFunc(m.logs[id], func(f found) bool { return f.seq >= first && f.seq <= last })
}

// change changes a message if it is there.
func (m *model) change(id store.LogID, seq uint64, change func(*found)) {
	if i, ok := slices.BinarySearchFunc(m.logs[id], seq, func(f found, seq uint64) int { return cmp.Compare(f.seq, seq) }); ok {
		change(&m.logs[id][i])
	}
}

// restart is what a restart leaves.
func (m *model) restart(inOrder bool) {
	for id := range m.logs {
		m.logs[id] = slices.DeleteFunc(m.logs[id], func(f found) bool { return f.volatile })
		for i := range m.logs[id] {
			f := &m.logs[id][i]
			f.redelivered = f.redelivered || !inOrder
		}
	}
}

// A life makes random operations, in a store and in a model.
type life struct {
	*bench
	*model
	rnd  *rand.Rand
	logs []*store.Log
	next []uint64
}

const lifeLogs = 4

// lives are random operations, commits that work and fail, restarts and crashes; after
// each the store has what the model has. The seed is a fixed one: this is a check, not a search.
func lives(t T, medium Medium) {
	x := &life{bench: begin(t, medium), model: newModel(), rnd: rand.New(rand.NewPCG(1, 2))}
	for id := range store.LogID(lifeLogs) {
		x.logs = append(x.logs, x.Log(id))
		x.next = append(x.next, 1)
	}
	for range 60 {
		committed, fate := x.clone(), x.rnd.IntN(8)
		x.failing.Store(fate < 2) // from the first operation on: nobody says when a batch is taken
		for range x.rnd.IntN(120) {
			x.step()
		}
		if fate < 2 {
			require.ErrorIs(t, x.wait(x.notify()), errDisk)
		}
		switch fate {
		case 0: // what is pending is lost
			x.bench, x.model = x.crashed(), committed
			x.reopen(false)
		case 1: // what has failed is made again, with more
			x.step()
			x.failing.Store(false)
			x.commit()
		case 2: // closing commits what is pending
			x.Flush()
			x.bench = x.again()
			x.reopen(true)
		default:
			x.commit()
		}
		x.compare()
	}
	x.end()
}

// reopen takes over what a restart has left.
func (x *life) reopen(inOrder bool) {
	x.t.Helper()
	x.model.restart(inOrder)
	for i := range x.logs {
		id := store.LogID(i)
		l, ranges := x.recover(id)
		var want []uint64
		for _, f := range x.model.logs[id] {
			want = append(want, f.seq)
		}
		requireCover(x.t, want, ranges)
		x.logs[i] = l
		x.next[i] = max(x.next[i], l.Last()+1)
	}
}

// compare compares the store with the model.
func (x *life) compare() {
	x.t.Helper()
	for i, l := range x.logs {
		want := []uint64{}
		for _, f := range x.model.logs[store.LogID(i)] {
			want = append(want, f.seq)
		}
		require.ElementsMatch(x.t, want, x.positions(l), "log %d", i)
		requireSame(x.t, x.model.logs[store.LogID(i)], x.all(l))
	}
	assert.Equal(x.t, x.model.records, x.bench.records())
}

// step makes one operation.
func (x *life) step() {
	i := x.rnd.IntN(lifeLogs)
	l, id := x.logs[i], store.LogID(i)
	seq := x.rnd.Uint64N(x.next[i]) // mostly one that was there
	switch x.rnd.IntN(12) {
	default:
		f := found{seq: x.next[i], deadline: x.rnd.Int64N(3), volatile: x.rnd.IntN(4) == 0, text: fmt.Sprint("m", x.next[i])}
		m := text{head: f.text}
		if x.rnd.IntN(10) == 0 {
			m.content = make([]byte, x.rnd.IntN(12_000))
			f.text += string(m.content)
		}
		x.Add(l, f.seq, f.deadline, f.volatile, m)
		x.model.logs[id] = append(x.model.logs[id], f)
		x.next[i] += 1 + x.rnd.Uint64N(2)*x.rnd.Uint64N(20_000)
	case 0, 1:
		if n := len(x.model.logs[id]); n > 0 {
			seq = x.model.logs[id][x.rnd.IntN(n)].seq
			[]func(*store.Log, uint64){x.Remove, x.Consume}[x.rnd.IntN(2)](l, seq)
			x.remove(id, seq, seq)
		}
	case 2:
		x.Flag(l, seq)
		x.change(id, seq, func(f *found) { f.redelivered = true })
	case 3:
		note := []byte("some note")[:x.rnd.IntN(9)]
		x.Note(l, seq, note)
		x.change(id, seq, func(f *found) { f.note = string(note) })
	case 4:
		if x.rnd.IntN(4) == 0 {
			last := seq + x.rnd.Uint64N(40_000)
			x.DropRange(l, seq, last)
			x.remove(id, seq, last)
		}
	case 5:
		if x.rnd.IntN(20) == 0 {
			x.Drop(l)
			delete(x.model.logs, id)
		}
	case 6:
		key := fmt.Sprint(x.rnd.IntN(20))
		x.Flush() // records are handed over at once
		if x.rnd.IntN(3) == 0 {
			x.Delete(key)
			delete(x.model.records, key)
		} else {
			x.Put(key, []byte(key+"!"))
			x.model.records[key] = key + "!"
		}
	}
}
