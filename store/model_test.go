package store

// Random lives of a store, the same as those of a naive model. A failure prints
// its seed; -store.seed runs that one life again.

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var seedFlag = flag.Uint64("store.seed", 0, "the one seed of TestRandomLives; 0 is many")

// A life is a store and the model of it.
type life struct {
	*bench
	t       *testing.T
	rnd     *rand.Rand
	logs    map[LogID]*Log
	seqs    map[LogID]uint64
	model   map[LogID][]Record
	records map[string]string
	last    []byte // content
}

func TestRandomLives(t *testing.T) {
	seeds := []uint64{1, 2, 3, rand.Uint64(), rand.Uint64(), rand.Uint64(), rand.Uint64(), rand.Uint64()}
	if *seedFlag != 0 {
		seeds = []uint64{*seedFlag}
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) { randomLife(t, seed) })
	}
}

func randomLife(t *testing.T, seed uint64) {
	l := &life{
		bench: open(t, t.TempDir()), t: t, rnd: rand.New(rand.NewPCG(seed, 0)), logs: map[LogID]*Log{},
		seqs: map[LogID]uint64{}, model: map[LogID][]Record{}, records: map[string]string{},
	}
	for id := range LogID(4) {
		l.logs[id] = l.Log(id)
	}
	for range 120 {
		l.step()
	}
	l.commit()
	l.compare()
}

func (l *life) step() {
	id := LogID(l.rnd.IntN(len(l.logs)))
	switch n := l.rnd.IntN(100); {
	case n < 40:
		l.addSome(id)
	case n < 70:
		l.settleSome(id)
	case n < 76:
		l.flagSome(id)
	case n < 80:
		l.dropSome(id)
	case n < 81:
		l.Drop(l.logs[id])
		l.model[id] = nil
	case n < 86:
		key := fmt.Sprint("key", l.rnd.IntN(10))
		if _, ok := l.records[key]; ok && l.rnd.IntN(2) == 0 {
			l.Delete(key)
			delete(l.records, key)
		} else {
			l.records[key] = fmt.Sprint(l.rnd.Uint32())
			l.Put(key, []byte(l.records[key]))
		}
	case n < 96:
		l.commit()
		l.compare()
	default:
		l.restart(n < 98)
	}
}

func (l *life) addSome(id LogID) {
	for range l.rnd.IntN(700) {
		l.seqs[id]++
		switch l.rnd.IntN(400) {
		case 0:
			l.seqs[id] += uint64(l.rnd.IntN(20000))
		case 1, 2, 3, 4, 5, 6, 7, 8:
			l.seqs[id] += uint64(l.rnd.IntN(10))
		}
		data := strings.Repeat("x", l.rnd.IntN(20))
		if l.rnd.IntN(300) == 0 {
			data = strings.Repeat("long", l.rnd.IntN(10000))
		}
		r := Record{Seq: l.seqs[id], Volatile: l.rnd.IntN(4) == 0, Data: []byte(data)}
		if l.rnd.IntN(3) == 0 {
			r.Deadline = l.rnd.Int64()
		}
		var m Message = text(data)
		if l.rnd.IntN(100) == 0 {
			m = letter{data, l.content()}
			r.Data = append(r.Data, m.Content()...)
		}
		l.Add(l.logs[id], r.Seq, r.Deadline, r.Volatile, m)
		l.model[id] = append(l.model[id], r)
	}
}

// content is large, and in several messages the same.
func (l *life) content() []byte {
	if l.last == nil || l.rnd.IntN(3) == 0 {
		l.last = big(fmt.Sprint(l.rnd.Uint64()), bodyBytes+l.rnd.IntN(20_000))
	}
	return l.last
}

// settleSome settles from the front, mostly.
func (l *life) settleSome(id LogID) {
	skip := 0
	for range l.rnd.IntN(600) {
		if l.rnd.IntN(20) == 0 {
			skip += l.rnd.IntN(30)
		}
		if skip >= len(l.model[id]) {
			return
		}
		l.Remove(l.logs[id], l.model[id][skip].Seq)
		l.model[id] = slices.Delete(l.model[id], skip, skip+1)
	}
}

func (l *life) flagSome(id LogID) {
	for range l.rnd.IntN(50) {
		if n := len(l.model[id]); n > 0 {
			r := &l.model[id][l.rnd.IntN(n)]
			r.Redelivered = true
			l.Flag(l.logs[id], r.Seq)
		}
	}
}

func (l *life) dropSome(id LogID) {
	if len(l.model[id]) == 0 {
		return
	}
	first := l.model[id][l.rnd.IntN(len(l.model[id]))].Seq
	last := first + uint64(l.rnd.IntN(2000))
	l.DropRange(l.logs[id], first, last)
	l.model[id] = slices.DeleteFunc(l.model[id], func(r Record) bool { return r.Seq >= first && r.Seq <= last })
}

// restart opens the store again, closed in order or not.
func (l *life) restart(clean bool) {
	l.commit()
	if clean {
		l.bench = l.reopen()
	} else {
		crashed := l.crash()
		require.NoError(l.t, l.Close())
		l.bench = crashed
	}
	for id, records := range l.model {
		records = slices.DeleteFunc(records, func(r Record) bool { return r.Volatile })
		for i := range records {
			records[i].Redelivered = records[i].Redelivered || !clean
		}
		l.model[id] = records
	}
	for id := range l.logs {
		l.recoverLog(id)
	}
	l.commit()
	l.compare()
}

func (l *life) recoverLog(id LogID) {
	var ranges []Range
	l.logs[id], ranges = l.recover(id)
	rest := l.model[id]
	for _, r := range ranges {
		require.GreaterOrEqual(l.t, len(rest), r.Count)
		size, timed := uint64(0), false
		for _, m := range rest[:r.Count] {
			size += uint64(len(m.Data))
			timed = timed || m.Deadline != 0
		}
		require.Equal(l.t, rest[0].Seq, r.First)
		require.Equal(l.t, rest[r.Count-1].Seq, r.Last)
		require.Equal(l.t, size, r.Size)
		require.True(l.t, r.Timed || !timed)
		rest = rest[r.Count:]
	}
	require.Empty(l.t, rest)
	// A user's positions go on from what is left.
	l.seqs[id] = l.logs[id].Last()
}

// compare is for a store that has committed everything.
func (l *life) compare() {
	for id, log := range l.logs {
		same(l.t, l.model[id], load(l.t, log))
		if n := len(l.model[id]); n > 0 {
			i := l.rnd.IntN(n)
			j := i + l.rnd.IntN(n-i)
			same(l.t, l.model[id][i:j+1], loadRange(l.t, log, l.model[id][i].Seq, l.model[id][j].Seq))
		}
	}
	records := map[string]string{}
	require.NoError(l.t, l.Records(func(key string, value []byte) error {
		records[key] = string(value)
		return nil
	}))
	require.True(l.t, maps.Equal(l.records, records))
}

// same compares records; marks count only after a restart, and are never
// forgotten.
func same(t *testing.T, want, got []Record) {
	t.Helper()
	require.Equal(t, len(want), len(got))
	for i := range want {
		require.Equal(t, want[i].Seq, got[i].Seq)
		require.Equal(t, want[i].Deadline, got[i].Deadline)
		require.Equal(t, want[i].Volatile, got[i].Volatile)
		require.Equal(t, want[i].Redelivered, got[i].Redelivered, "redelivered %d", want[i].Seq)
		require.Equal(t, string(want[i].Data), string(got[i].Data))
	}
}
