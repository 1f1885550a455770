package unacked

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker/internal/topology"
)

// A consumer is what a delivery went to.
type consumer struct{ _ byte }

// someQueue stands for any queue: entries without one count as settled.
var someQueue = new(topology.Queue)

// unackedOf is a list of the tags first to last.
func unackedOf(first, last uint64) *List[consumer] {
	var l List[consumer]
	for tag := first; tag <= last; tag++ {
		l.Push(Delivery[consumer]{Tag: tag, Queue: someQueue})
	}
	return &l
}

func tagsOf(list []Delivery[consumer]) []uint64 {
	tags := []uint64{}
	for _, u := range list {
		tags = append(tags, u.Tag)
	}
	return tags
}

// live is the tags that are in the list.
func live(l *List[consumer]) []uint64 { return tagsOf(slices.Collect(l.All())) }

func TestUnackedTake(t *testing.T) {
	type ack struct {
		tag      uint64
		multiple bool
		want     []uint64 // nil is a tag that is unknown
	}
	for _, tc := range []struct {
		name string
		acks []ack
		left []uint64
	}{
		{"in order", []ack{{3, false, []uint64{3}}, {4, false, []uint64{4}}}, []uint64{5, 6, 7, 8}},
		{"out of order", []ack{{5, false, []uint64{5}}, {8, false, []uint64{8}}, {3, false, []uint64{3}}}, []uint64{4, 6, 7}},
		{"twice", []ack{{5, false, []uint64{5}}, {5, false, nil}, {5, true, nil}}, []uint64{3, 4, 6, 7, 8}},
		{"multiple", []ack{{5, true, []uint64{3, 4, 5}}, {4, false, nil}, {3, true, nil}}, []uint64{6, 7, 8}},
		{"multiple over gaps", []ack{{4, false, []uint64{4}}, {6, false, []uint64{6}}, {7, true, []uint64{3, 5, 7}}}, []uint64{8}},
		{"all", []ack{{6, false, []uint64{6}}, {0, true, []uint64{3, 4, 5, 7, 8}}, {0, true, []uint64{}}}, []uint64{}},
		{"never given", []ack{{2, false, nil}, {9, false, nil}, {9, true, nil}, {0, false, nil}, {1 << 63, true, nil}},
			[]uint64{3, 4, 5, 6, 7, 8}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := unackedOf(3, 8)
			for _, a := range tc.acks {
				got, ok := l.Take(nil, a.tag, a.multiple)
				require.Equal(t, a.want != nil, ok, "%+v", a)
				if ok {
					assert.Equal(t, a.want, tagsOf(got), "%+v", a)
				}
			}
			assert.Equal(t, tc.left, live(l))
			assert.Equal(t, len(tc.left), l.Len())
		})
	}
}

var unackedSeed = flag.Uint64("unacked.seed", 0, "the one seed of TestUnackedRandomly; 0 is many")

// TestUnackedRandomly does the same to the list and to a plain map.
func TestUnackedRandomly(t *testing.T) {
	seeds := []uint64{*unackedSeed}
	if *unackedSeed == 0 {
		seeds = nil
		for i := range uint64(30) {
			seeds = append(seeds, i+1, rand.Uint64())
		}
	}
	for _, seed := range seeds {
		if !t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { unackedLife(t, seed) }) {
			return
		}
	}
}

func unackedLife(t *testing.T, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 0))
	var l List[consumer]
	model := map[uint64]bool{}
	var tag uint64
	var taken [][]Delivery[consumer] // what a rollback may restore
	keys := func(upTo uint64) []uint64 {
		tags := []uint64{}
		for k := range model {
			if k <= upTo {
				tags = append(tags, k)
			}
		}
		slices.Sort(tags)
		return tags
	}
	for range 400 {
		switch op := rnd.IntN(20); {
		case op < 8:
			for range rnd.IntN(20) {
				tag += uint64(1 + rnd.IntN(8)/7) // no-ack deliveries make holes
				l.Push(Delivery[consumer]{Tag: tag, Queue: someQueue})
				model[tag] = true
			}
		case op < 17:
			at, multiple := tag-min(tag, uint64(rnd.IntN(30))), rnd.IntN(6) == 0
			if all := keys(tag); len(all) > 0 && rnd.IntN(3) == 0 {
				at = all[rnd.IntN(len(all))]
			}
			var want []uint64
			switch {
			case multiple && at == 0:
				want = keys(tag)
			case !model[at]:
			case multiple:
				want = keys(at)
			default:
				want = []uint64{at}
			}
			got, ok := l.Take(nil, at, multiple)
			require.Equal(t, want != nil, ok, "tag %d", at)
			if ok {
				require.Equal(t, want, tagsOf(got))
			}
			for _, k := range want {
				delete(model, k)
			}
			if len(got) > 0 && rnd.IntN(2) == 0 {
				taken = append(taken, got)
			}
		case op < 19:
			for _, back := range taken {
				l.Restore(back)
				for _, u := range back {
					model[u.Tag] = true
				}
			}
			taken = nil
		default:
			require.Equal(t, keys(tag), tagsOf(l.TakeAll(nil)))
			clear(model)
		}
		require.Equal(t, len(model), l.Len())
		require.Equal(t, keys(tag), live(&l))
	}
}

// The list's memory follows what is unacked, whatever the order of the acks.
func TestUnackedMemory(t *testing.T) {
	for _, tc := range []struct {
		name string
		ack  func(l *List[consumer], tag uint64)
	}{
		{"in order", func(l *List[consumer], tag uint64) { l.Take(nil, tag, false) }},
		{"some behind", func(l *List[consumer], tag uint64) {
			if tag > 50 {
				l.Take(nil, tag-50, false)
			}
		}},
		{"the first is never acknowledged", func(l *List[consumer], tag uint64) {
			if tag > 1 {
				l.Take(nil, tag, false)
			}
		}},
		{"nor are some others", func(l *List[consumer], tag uint64) {
			if tag%1000 != 7 {
				l.Take(nil, tag, false)
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var l List[consumer]
			for tag := uint64(1); tag <= 20_000; tag++ {
				l.Push(Delivery[consumer]{Tag: tag, Queue: someQueue})
				tc.ack(&l, tag)
			}
			assert.LessOrEqual(t, l.Len(), 50)
			assert.LessOrEqual(t, cap(l.list), 300)
		})
	}
	l := unackedOf(1, 100_000)
	l.Take(nil, 0, true)
	assert.Zero(t, cap(l.list), "a burst's memory is given back")
}

// Acknowledging in order costs no allocation, one by one or many at once.
func TestUnackedAllocatesNothing(t *testing.T) {
	l := unackedOf(1, 64)
	tag := uint64(64)
	buf := make([]Delivery[consumer], 0, 64)
	assert.Zero(t, testing.AllocsPerRun(1000, func() {
		for range 64 {
			tag++
			l.Push(Delivery[consumer]{Tag: tag, Queue: someQueue})
		}
		for i := range uint64(32) {
			l.Take(buf, tag-127+i, false)
		}
		l.Take(buf, tag-64, true)
	}))
}
