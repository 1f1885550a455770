package queue

// The chain of chunks, which no caller can see.

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// chunks is the number of chunks in the chain and of the items they have room for.
func (f *fifo) chunks() (n, room int) {
	for c := f.head; c != nil; c = c.next {
		n, room = n+1, room+cap(c.items)
	}
	return n, room
}

func TestFifoOrder(t *testing.T) {
	const seed = 1
	rnd := rand.New(rand.NewPCG(seed, 0))
	var f fifo
	var in, out uint64
	for range 300 {
		for range rnd.IntN(1000) {
			in++
			f.push(Item{Msg: new(Message), Seq: in})
		}
		for range rnd.IntN(1000) {
			if f.len() == 0 {
				break
			}
			out++
			require.Equal(t, out, f.front().Seq)
			require.Equal(t, out, f.pop().Seq)
		}
		require.EqualValues(t, in-out, f.len())
		want, visited := out, 0
		f.each(func(it *Item) bool {
			want++
			visited++
			return assert.Equal(t, want, it.Seq) && visited < 700
		}, nil)
		require.Equal(t, min(700, f.len()), visited)
	}
}

func TestFifoMemory(t *testing.T) {
	var f fifo
	n, room := f.chunks()
	assert.Zero(t, n+room, "an empty queue owns nothing")

	f.push(Item{Msg: new(Message), Seq: 1})
	_, room = f.chunks()
	assert.Equal(t, minChunk, room, "a short one owns little")

	for range 1000 { // a queue that is never long stays small
		f.push(Item{Msg: new(Message)})
		f.pop()
	}
	_, room = f.chunks()
	assert.LessOrEqual(t, room, 2*minChunk)

	for range 100_000 {
		f.push(Item{Msg: new(Message)})
	}
	n, room = f.chunks()
	assert.LessOrEqual(t, room, f.len()+2*maxChunk, "a long one does not take twice what it needs")
	assert.LessOrEqual(t, n, f.len()/maxChunk+10)

	for f.len() > 10 {
		f.pop()
	}
	_, room = f.chunks()
	assert.LessOrEqual(t, room, 2*maxChunk, "what was read is given back on the way")
	for f.len() > 0 {
		f.pop()
	}
	_, room = f.chunks()
	assert.LessOrEqual(t, room, keepChunk, "an idle queue does not hold what a busy hour needed")
	f.push(Item{Msg: new(Message), Seq: 7})
	assert.EqualValues(t, 7, f.pop().Seq)
}

// What was popped is not kept alive by the chunk that it was in.
func TestFifoForgetsItems(t *testing.T) {
	var f fifo
	for range 5 {
		f.push(Item{Msg: new(Message)})
	}
	for range 3 {
		f.pop()
	}
	for _, it := range f.head.items[:3] {
		assert.Nil(t, it.Msg)
	}
}

func TestFifoReusesItsChunk(t *testing.T) {
	var f fifo
	it := Item{Msg: new(Message)}
	f.push(it)
	assert.Zero(t, testing.AllocsPerRun(1000, func() {
		f.pop()
		f.push(it)
		f.push(it)
		f.pop()
	}), "emptied all the time")
	f.push(it)
	assert.Zero(t, testing.AllocsPerRun(1000, func() {
		f.push(it)
		f.pop()
	}), "never empty, never long")
}
