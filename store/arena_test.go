package store

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
)

func hold(a *arena, b []byte) []byte { return a.keep(append(a.room(len(b)), b...)) }

func TestArena(t *testing.T) {
	var a arena
	for range 3 { // the memory of one batch is that of the next
		var held [][]byte
		for i := range 2000 {
			held = append(held, hold(&a, bytes.Repeat([]byte{byte(i)}, i%700)))
			room := a.room(100)
			assert.Empty(t, room)
			assert.GreaterOrEqual(t, cap(room), 100)
			_ = append(room, "not kept"...)
		}
		large := a.keep(append(a.room(arenaBlock+1), make([]byte, arenaBlock+1)...))
		held = append(held, hold(&a, []byte("last")))
		assert.Len(t, large, arenaBlock+1)
		for i, b := range held[:2000] {
			assert.Equal(t, bytes.Repeat([]byte{byte(i)}, i%700), b)
			assert.Equal(t, len(b), cap(b), "appending to it must not reach what is behind it")
		}
		assert.Equal(t, "last", string(held[2000]))
		a.reset()
		for _, b := range a.blocks {
			assert.Equal(t, arenaBlock, cap(b), "large blocks are given up")
		}
	}
	for range 2 * keepBlocks {
		hold(&a, make([]byte, arenaBlock))
	}
	a.reset()
	assert.Len(t, a.blocks, keepBlocks)
}

// A batch of small messages is encoded without memory of its own.
func TestCommitterReusesMemory(t *testing.T) {
	p, l := new(planner), &chunkLog{id: 1}
	adds := make([]addition, 2000)
	var m Message = text("a message of some length")
	seq := uint64(0)
	allocs := testing.AllocsPerRun(20, func() {
		for i := range adds {
			seq++
			adds[i] = addition{Op: Op{Kind: OpAdd, Seq: seq, Message: m}}
		}
		l.adds = append(l.adds[:0], adds...)
		p.planChunks(l)
		l.chunks, p.plan = l.chunks[:0], p.plan[:0]
		p.arena.reset()
	})
	assert.Less(t, allocs, 2.0)
}
