// Field tables: encoding and decoding. Tables and arrays nest as deep as a frame has
// room for (TYPES-10), which may be deeper than a stack, so both directions keep
// their own list of what is open instead of recursing.

package amqp

import (
	"encoding/binary"
	"math"
)

// Table is a field table: its fields in their order on the wire, duplicates
// included (TYPES-5).
type Table []Field

// Field is one field of a table. Value is of one of the types that TypeName
// knows.
type Field struct {
	Key   string
	Value any
}

// Get is the value of the first field with this key (TYPES-5).
func (t Table) Get(key string) (any, bool) {
	for i := range t {
		if t[i].Key == key {
			return t[i].Value, true
		}
	}
	return nil, false
}

// level is a table or array that is being read or written.
type level struct {
	table   Table
	array   Array
	isTable bool
	at      int // reading: where it ends; writing: where it starts
	next    int // writing: the element whose turn it is
}

// AppendTable appends a table with its length. Keys are cut to 255 bytes; a value of
// a type that the wire does not have is written as void. See [Table.Validate].
func AppendTable(b []byte, t Table) []byte {
	b = append(b, 0, 0, 0, 0)
	cur := level{table: t, isTable: true, at: len(b)}
	var few [4]level
	open := few[:0]
	for {
		value, more := cur.write(&b)
		if !more {
			binary.BigEndian.PutUint32(b[cur.at-4:], uint32(len(b)-cur.at))
			if len(open) == 0 {
				return b
			}
			cur, open = open[len(open)-1], open[:len(open)-1]
			continue
		}
		switch v := value.(type) {
		case Table:
			b = append(b, 'F', 0, 0, 0, 0)
			open = append(open, cur)
			cur = level{table: v, isTable: true, at: len(b)}
		case Array:
			b = append(b, 'A', 0, 0, 0, 0)
			open = append(open, cur)
			cur = level{array: v, at: len(b)}
		default:
			b = appendScalar(b, value)
		}
	}
}

// write appends the key of the element whose turn it is, if it has one, and is that
// element's value; false at the end.
func (l *level) write(b *[]byte) (value any, more bool) {
	i := l.next
	l.next++
	if !l.isTable {
		if i == len(l.array) {
			return nil, false
		}
		return l.array[i], true
	}
	if i == len(l.table) {
		return nil, false
	}
	*b = AppendShortstr(*b, l.table[i].Key)
	return l.table[i].Value, true
}

// appendScalar appends tag and value of anything but tables and arrays.
func appendScalar(b []byte, value any) []byte {
	switch v := value.(type) {
	case bool:
		return append(b, 't', bit(v))
	case int8:
		return append(b, 'b', byte(v))
	case uint8:
		return append(b, 'B', v)
	case int16:
		return binary.BigEndian.AppendUint16(append(b, 's'), uint16(v))
	case uint16:
		return binary.BigEndian.AppendUint16(append(b, 'u'), v)
	case int32:
		return binary.BigEndian.AppendUint32(append(b, 'I'), uint32(v))
	case uint32:
		return binary.BigEndian.AppendUint32(append(b, 'i'), v)
	case int64:
		return binary.BigEndian.AppendUint64(append(b, 'l'), uint64(v))
	case float32:
		return binary.BigEndian.AppendUint32(append(b, 'f'), math.Float32bits(v))
	case float64:
		return binary.BigEndian.AppendUint64(append(b, 'd'), math.Float64bits(v))
	case Decimal:
		return binary.BigEndian.AppendUint32(append(b, 'D', v.Scale), v.Value)
	case Timestamp:
		return binary.BigEndian.AppendUint64(append(b, 'T'), uint64(v))
	case string:
		return AppendLongstr(append(b, 'S'), v)
	case []byte:
		b = binary.BigEndian.AppendUint32(append(b, 'x'), uint32(len(v)))
		return append(b, v...)
	}
	return append(b, 'V')
}

// DecodeTable reads a table with its length off the front of b, and is also what
// follows it. The error is [ErrSyntax] if b ends before the table does, [ErrTable]
// for what is wrong within.
func DecodeTable(b []byte) (t Table, rest []byte, err error) {
	c := cursor{b: b}
	t = c.table()
	return t, c.b, c.err
}

// decodeBody reads the body of a table or of an array, without its length. An empty
// table or array is nil.
func decodeBody(b []byte, isTable bool) (level, error) {
	cur := newLevel(b, 0, len(b), isTable)
	var few [4]level
	open := few[:0]
	for pos := 0; ; {
		for pos == cur.at {
			if len(open) == 0 {
				return cur, nil
			}
			done := cur.value()
			cur, open = open[len(open)-1], open[:len(open)-1]
			cur.set(done)
		}
		entry, ok := nextEntry(b[pos:cur.at], cur.isTable)
		if !ok {
			return level{}, ErrTable
		}
		cur.add(entry.key)
		pos += entry.start
		if entry.tag == 'A' || entry.tag == 'F' {
			open = append(open, cur)
			cur = newLevel(b, pos, pos+entry.size, entry.tag == 'F')
			continue
		}
		cur.set(scalar(entry.tag, b[pos:pos+entry.size]))
		pos += entry.size
	}
}

// newLevel is a level for what is between these places, with exactly the room that
// its elements need.
func newLevel(b []byte, start, end int, isTable bool) level {
	l := level{isTable: isTable, at: end}
	n := 0
	for start < end {
		entry, ok := nextEntry(b[start:end], isTable)
		if !ok {
			break // noticed again, and reported, when it is read
		}
		start += entry.start + entry.size
		n++
	}
	switch {
	case n == 0:
	case isTable:
		l.table = make(Table, 0, n)
	default:
		l.array = make(Array, 0, n)
	}
	return l
}

// add makes room for an element, whose value set sets.
func (l *level) add(key []byte) {
	if l.isTable {
		l.table = append(l.table, Field{Key: string(key)})
	} else {
		l.array = append(l.array, nil)
	}
}

// set gives the last element its value.
func (l *level) set(v any) {
	if l.isTable {
		l.table[len(l.table)-1].Value = v
	} else {
		l.array[len(l.array)-1] = v
	}
}

// value is what has been read.
func (l *level) value() any {
	if l.isTable {
		return l.table
	}
	return l.array
}

// scalar decodes a value that nextEntry has found sound.
func scalar(tag byte, b []byte) any {
	switch tag {
	case 't':
		return b[0] != 0
	case 'b':
		return int8(b[0])
	case 'B':
		return b[0]
	case 's':
		return int16(binary.BigEndian.Uint16(b))
	case 'u':
		return binary.BigEndian.Uint16(b)
	case 'I':
		return int32(binary.BigEndian.Uint32(b))
	case 'i':
		return binary.BigEndian.Uint32(b)
	case 'l', 'L':
		return int64(binary.BigEndian.Uint64(b))
	case 'f':
		return math.Float32frombits(binary.BigEndian.Uint32(b))
	case 'd':
		return math.Float64frombits(binary.BigEndian.Uint64(b))
	case 'D':
		return Decimal{Scale: b[0], Value: binary.BigEndian.Uint32(b[1:])}
	case 'T':
		return Timestamp(binary.BigEndian.Uint64(b))
	case 'S':
		return string(b)
	case 'x':
		return append([]byte{}, b...)
	}
	return nil // V
}
