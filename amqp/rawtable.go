// Field tables as they are on the wire: checking one, and reading single values of
// it, without decoding the rest.

package amqp

import "encoding/binary"

// RawTable is the body of a table: what follows its length. Its methods take any
// bytes and do not keep them.
type RawTable []byte

// Decode is the whole table; the error is [ErrTable].
func (r RawTable) Decode() (Table, error) {
	l, err := decodeBody(r, true)
	return l.table, err
}

// Lookup is the value of the first field with this key. Only that value is
// decoded. It is false if there is none, and also if the table is malformed up to
// and including the field.
func (r RawTable) Lookup(key string) (any, bool) {
	for len(r) > 0 {
		entry, ok := nextEntry(r, true)
		if !ok {
			return nil, false
		}
		value := r[entry.start : entry.start+entry.size]
		if string(entry.key) == key {
			return entry.decode(value)
		}
		r = r[entry.start+entry.size:]
	}
	return nil, false
}

// Each calls visit with each field's key, type tag and value, which are views of the
// table, until visit returns false. It reports whether the table was well-formed as
// far as it was visited; what is nested in values is not looked at.
func (r RawTable) Each(visit func(key []byte, tag byte, value []byte) bool) bool {
	for len(r) > 0 {
		entry, ok := nextEntry(r, true)
		if !ok {
			return false
		}
		if !visit(entry.key, entry.tag, r[entry.start:entry.start+entry.size]) {
			return true
		}
		r = r[entry.start+entry.size:]
	}
	return true
}

// Validate checks the table and everything nested in it; the error is [ErrTable].
// It allocates only for what is nested more than 16 deep.
func (r RawTable) Validate() error { return r.ValidateEach(nil) }

// ValidateEach is Validate, and calls visit, unless it is nil, with each field of the table
// itself: its key, and all of its bytes from the key's length to the end of the value. Both
// are views of the table.
func (r RawTable) ValidateEach(visit func(key, field []byte)) error {
	type level struct {
		end     int
		isTable bool
	}
	var few [16]level
	open := few[:0]
	cur := level{len(r), true}
	for pos := 0; ; {
		for pos == cur.end {
			if len(open) == 0 {
				return nil
			}
			cur, open = open[len(open)-1], open[:len(open)-1]
		}
		entry, ok := nextEntry(r[pos:cur.end], cur.isTable)
		if !ok {
			return ErrTable
		}
		if visit != nil && len(open) == 0 {
			visit(entry.key, r[pos:pos+entry.start+entry.size])
		}
		pos += entry.start
		if entry.tag == 'A' || entry.tag == 'F' {
			open = append(open, cur)
			cur = level{pos + entry.size, entry.tag == 'F'}
		} else {
			pos += entry.size
		}
	}
}

// entry is where the parts of a table's field or of an array's element are.
type entry struct {
	key   []byte // nil in an array
	tag   byte
	start int // where the value is, after its length if it has one
	size  int // how long the value is
}

// nextEntry takes apart the front of a table's or array's body. It is false for an
// unknown tag, for a value that exceeds the body, and for a floating-point value
// that is no finite number (TYPES-8). What is nested in the value is not looked at.
func nextEntry(b []byte, isTable bool) (e entry, ok bool) {
	at := 0
	if isTable {
		if len(b) == 0 {
			return e, false
		}
		at = 1 + int(b[0])
		if at > len(b) {
			return e, false
		}
		e.key = b[1:at]
	}
	if at >= len(b) {
		return e, false
	}
	e.tag = b[at]
	e.start = at + 1
	rest := b[e.start:]
	switch size := sizes[e.tag]; size {
	case unknown:
		return e, false
	case variable:
		if len(rest) < 4 {
			return e, false
		}
		n := binary.BigEndian.Uint32(rest)
		if uint64(n) > uint64(len(rest)-4) {
			return e, false
		}
		e.start += 4
		e.size = int(n)
		return e, true
	default:
		e.size = int(size)
	}
	if e.size > len(rest) {
		return e, false
	}
	switch e.tag {
	case 'f':
		return e, binary.BigEndian.Uint32(rest)&0x7f800000 != 0x7f800000
	case 'd':
		return e, binary.BigEndian.Uint64(rest)&(0x7ff<<52) != 0x7ff<<52
	}
	return e, true
}

// decode is the entry's value, given its bytes.
func (e entry) decode(value []byte) (any, bool) {
	if e.tag != 'A' && e.tag != 'F' {
		return scalar(e.tag, value), true
	}
	l, err := decodeBody(value, e.tag == 'F')
	if err != nil {
		return nil, false
	}
	return l.value(), true
}
