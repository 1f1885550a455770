package store

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// notes are what was noted of the messages that a log has.
func notes(t *testing.T, l *Log) map[uint64]string {
	t.Helper()
	found := map[uint64]string{}
	require.NoError(t, l.Load(0, 1<<62, func(r Record) bool {
		if r.Note != nil {
			found[r.Seq] = string(r.Note)
		}
		return true
	}))
	return found
}

// A note is kept with its message, over restarts of either kind, until the message goes.
func TestNotes(t *testing.T) {
	b := open(t, t.TempDir())
	l := b.Log(1)
	b.fill(l, 1, 600)
	b.commit()
	b.Note(l, 2, []byte("two"))
	b.Note(l, 600, []byte("last"))
	b.Note(l, 599, []byte("gone with it"))
	b.fill(l, 601, 602)
	b.Note(l, 602, []byte("with the add"))
	b.Note(l, 9999, []byte("nobody's"))
	b.Flag(l, 3)
	b.Remove(l, 599)
	b.commit()
	b.Note(l, 2, []byte("changed"))
	b.commit()
	want := map[uint64]string{2: "changed", 600: "last", 602: "with the add"}
	assert.Equal(t, want, notes(t, l))
	for _, again := range []func(*bench) *bench{(*bench).crash, (*bench).reopen} {
		b = again(b)
		l, _ = b.recover(1)
		assert.Equal(t, want, notes(t, l))
		b.Note(l, 2, nil)
		b.Note(l, 3, []byte("three"))
		b.commit()
		delete(want, 2)
		want[3] = "three"
		assert.Equal(t, want, notes(t, l))
	}
	require.NoError(t, b.Close())
	content, err := Check(b.Dir(), Meaning{
		Message: func(data []byte) (int, error) { return len(data), nil },
		Note:    func(note []byte) error { return fmt.Errorf("no note: %s", note) },
	})
	require.NoError(t, err)
	assert.Len(t, content.Faults, 3, "of the three chunks each tells of one: %v", content.Faults)
}

// What RecoverNoted leaves out is in no range, and no range goes over it.
func TestRecoverNotedLeavesOut(t *testing.T) {
	b := open(t, t.TempDir())
	l := b.Log(1)
	b.fill(l, 1, 10)
	b.Note(l, 1, []byte("out"))
	b.Note(l, 5, []byte("out"))
	b.Note(l, 7, []byte("in"))
	b.Note(l, 10, []byte("out"))
	b.commit()
	b = b.reopen()
	var ranges []string
	left := []uint64{}
	l, err := b.RecoverNoted(1, size, func(r Range) {
		ranges = append(ranges, fmt.Sprint(r.First, "-", r.Last, ": ", r.Count, ", ", r.Size))
	}, func(r *Record) bool {
		if string(r.Note) == "out" {
			left = append(left, r.Seq)
			return true
		}
		return false
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"2-4: 3, 3", "6-9: 4, 4"}, ranges)
	assert.Equal(t, []uint64{1, 5, 10}, left)
	assert.Len(t, load(t, l), 10)
}

func FuzzNotes(f *testing.F) {
	f.Add(uint32(20), appendFlags(nil, 20, bitmap{1, 2}, []noteAt{{0, 1, [MaxNote]byte{1}}, {7, 2, [MaxNote]byte{1, 2}}, {20, 13, [MaxNote]byte{}}}))
	f.Add(uint32(0), []byte{1, 0, 1, 'x'})
	f.Fuzz(func(t *testing.T, span uint32, b []byte) {
		if span > chunkSpan {
			return
		}
		flags, notes, err := splitFlags(b, span)
		if err != nil {
			return
		}
		flags2, notes2, err := splitFlags(appendFlags(nil, span, flags, notes), span)
		require.NoError(t, err)
		assert.Equal(t, notes, notes2)
		for at := range uint64(span) + 1 {
			assert.Equal(t, flags.has(at), flags2.has(at))
		}
	})
}
