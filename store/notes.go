package store

import (
	"cmp"
	"encoding/binary"
	"errors"
	"slices"
)

// A note is what a log's user wants to know of a message after a restart, besides the
// message: how often it came back, say. The store does not look into it.
//
// Notes stand behind the bitmap of the flags, which is then as long as its chunk's span
// asks for (span/8+1 bytes): for each message that has one
//
//	step   uvarint: position less that of the note before, or the chunk's first
//	length 1 byte, 1 to 13, and that many bytes
//
// A program of this format that knows no notes sees a bitmap that is longer than it need
// be, and keeps what it does not know.

// MaxNote is the most bytes of a note: all of them are in memory.
const MaxNote = 13

// A noteAt is the note of a message, by its position less the chunk's first. It has
// sixteen bytes and no pointers, for there may be a million.
type noteAt struct {
	at  uint16
	len uint8
	b   [MaxNote]byte
}

// newNote is a note of a message whose position is not known yet.
func newNote(note []byte) (n noteAt) {
	n.len = uint8(copy(n.b[:], note))
	return n
}

func (n *noteAt) bytes() []byte { return n.b[:n.len:n.len] }

// Note keeps a note with a message that was added, in place of the one before; an empty
// one is none. Nobody waits for it: it is on the disk with the next commit. What is more
// than MaxNote bytes is cut off.
func (a *Appender) Note(l *Log, seq uint64, note []byte) {
	a.s = l.s
	a.ops = append(a.ops, Op{Kind: OpNote, Log: l, Seq: seq, note: newNote(note)})
}

// note notes something of a message.
func (l *chunkLog) note(seq uint64, what noteAt) {
	if i := l.added(seq); i >= 0 {
		l.adds[i].note = what
	} else if i := l.find(seq); i >= 0 {
		l.change(i).marked().note(seq-l.chunks[i].first, what)
	}
}

// note puts a note in the place of the one before; an empty one removes it.
func (m *marks) note(at uint64, note noteAt) {
	note.at = uint16(at)
	if m.flags == nil {
		m.flags = bitmap{0} // there is something to write from now on
	}
	i, found := findNote(m.notes, at)
	switch {
	case note.len == 0 && found:
		m.notes = slices.Delete(m.notes, i, i+1)
	case note.len == 0:
	case found:
		m.notes[i] = note
	default:
		m.notes = slices.Insert(m.notes, i, note)
	}
}

// forget removes the note of a message that is settled.
func (m *marks) forget(at uint64) {
	if m.notes != nil {
		m.note(at, noteAt{})
	}
}

func findNote(notes []noteAt, at uint64) (int, bool) {
	return slices.BinarySearchFunc(notes, at, func(n noteAt, at uint64) int { return cmp.Compare(uint64(n.at), at) })
}

// noteOf is the note of a message, or nil.
func noteOf(notes []noteAt, at uint64) []byte {
	if i, found := findNote(notes, at); found {
		return notes[i].bytes()
	}
	return nil
}

// bitmapLen is the number of bytes of a bitmap for all of a chunk.
func bitmapLen(span uint32) int { return int(span)/8 + 1 }

// appendFlags appends the flags and notes of a chunk as the disk has them.
func appendFlags(b []byte, span uint32, flags bitmap, notes []noteAt) []byte {
	b = append(b, flags...)
	if len(notes) == 0 {
		return b
	}
	b = append(b, make([]byte, bitmapLen(span)-len(flags))...)
	before := uint16(0)
	for _, n := range notes {
		b = binary.AppendUvarint(b, uint64(n.at-before))
		b = append(b, n.len)
		b = append(b, n.bytes()...)
		before = n.at
	}
	return b
}

// written is what the disk has of flags and notes.
func (m *marks) written(span uint32) []byte {
	if len(m.notes) == 0 {
		return m.flags
	}
	return appendFlags(nil, span, m.flags, m.notes)
}

// marks are the same, to be kept: nothing in them is a view of the disk.
func (m *storedMarks) marks(first uint64, chunk []byte) *marks {
	kept := &marks{notes: m.notesOf(first, chunk)}
	kept.settled, kept.flags = slices.Clone(m.settled), slices.Clone(m.flags)
	return kept
}

// isNoted reports whether a message has a note, and gives it to the record.
func (m *marks) isNoted(rec *stored, first uint64) bool {
	rec.Note = noteOf(m.notes, rec.Seq-first)
	return rec.Note != nil
}

// splitFlags reads what appendFlags writes. The flags are a view of b.
func splitFlags(b []byte, span uint32) (flags bitmap, notes []noteAt, err error) {
	n := min(bitmapLen(span), len(b))
	flags, b = b[:n:n], b[n:]
	for at, first := uint64(0), true; len(b) > 0; first = false {
		step, n := binary.Uvarint(b)
		if n <= 0 || step > uint64(span)-at || step == 0 && !first {
			return flags, notes, errNotes
		}
		at, b = at+step, b[n:]
		if len(b) == 0 || b[0] == 0 || b[0] > MaxNote || int(b[0]) >= len(b) {
			return flags, notes, errNotes
		}
		note := newNote(b[1 : 1+b[0]])
		note.at = uint16(at)
		notes, b = append(notes, note), b[1+b[0]:]
	}
	return flags, notes, nil
}

var errNotes = errors.New("marks beyond its end, or notes that make no sense")
