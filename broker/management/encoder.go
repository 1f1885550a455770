package management

import (
	"math"
	"strconv"
	"unicode/utf8"
)

// An encoder appends JSON to a buffer, and leaves out what the request's columns do
// not ask for. Objects are written field by field, so nothing of a list has to be in
// memory but the bytes under way.
type encoder struct {
	buf     []byte
	columns *columns   // what is wanted of the object being written; nil is all
	outer   []*columns // those of the objects around it
	typed   bool       // arguments are written with the types they have on the wire
}

// columns is a set of fields, with those wanted of each; nil is all.
type columns struct{ fields map[string]*columns }

// add adds a path of names.
func (c *columns) add(path []string) {
	sub, known := c.fields[path[0]]
	switch {
	case known && sub == nil:
	case len(path) == 1:
		c.fields[path[0]] = nil
	default:
		if sub == nil {
			sub = newColumns()
			c.fields[path[0]] = sub
		}
		sub.add(path[1:])
	}
}

func newColumns() *columns { return &columns{make(map[string]*columns)} }

// wants reports whether a field is to be written.
func (e *encoder) wants(name string) bool {
	if e.columns == nil {
		return true
	}
	_, ok := e.columns.fields[name]
	return ok
}

// key begins a field, and reports whether it is to be written.
func (e *encoder) key(name string) bool {
	if !e.wants(name) {
		return false
	}
	e.separate()
	e.buf = append(appendString(e.buf, name), ':')
	return true
}

// separate writes the comma before anything but the first of an object or array.
func (e *encoder) separate() {
	if n := len(e.buf); n > 0 {
		switch e.buf[n-1] {
		case '{', '[', ':':
		default:
			e.buf = append(e.buf, ',')
		}
	}
}

// open begins an object that is a value of its own: a reply, or one item of an array.
func (e *encoder) open() {
	e.separate()
	e.buf = append(e.buf, '{')
}

// shut ends the object that open began. One of which nothing was asked for is an
// empty array, as in RabbitMQ.
func (e *encoder) shut() {
	if n := len(e.buf); e.columns != nil && e.buf[n-1] == '{' {
		e.buf[n-1] = '['
		e.buf = append(e.buf, ']')
		return
	}
	e.buf = append(e.buf, '}')
}

// object begins a field that is an object; false if it is not to be written.
func (e *encoder) object(name string) bool {
	if !e.key(name) {
		return false
	}
	e.descend(name)
	e.buf = append(e.buf, '{')
	return true
}

// end ends the object that object began.
func (e *encoder) end() {
	e.buf = append(e.buf, '}')
	e.ascend()
}

// array begins a field that is an array; false if it is not to be written. Columns
// go on within its objects.
func (e *encoder) array(name string) bool {
	if !e.key(name) {
		return false
	}
	e.descend(name)
	e.buf = append(e.buf, '[')
	return true
}

// endArray ends the array that array began.
func (e *encoder) endArray() {
	e.buf = append(e.buf, ']')
	e.ascend()
}

func (e *encoder) descend(name string) {
	e.outer = append(e.outer, e.columns)
	if e.columns != nil {
		e.columns = e.columns.fields[name]
	}
}

func (e *encoder) ascend() {
	last := len(e.outer) - 1
	e.columns, e.outer = e.outer[last], e.outer[:last]
}

func (e *encoder) str(name, v string) {
	if e.key(name) {
		e.buf = appendString(e.buf, v)
	}
}

// strOrNull is str with null for the empty string.
func (e *encoder) strOrNull(name, v string) {
	if v == "" {
		e.null(name)
		return
	}
	e.str(name, v)
}

func (e *encoder) strs(name string, list []string) {
	if !e.array(name) {
		return
	}
	for _, v := range list {
		e.separate()
		e.buf = appendString(e.buf, v)
	}
	e.endArray()
}

func (e *encoder) num(name string, v int64) {
	if e.key(name) {
		e.buf = strconv.AppendInt(e.buf, v, 10)
	}
}

func (e *encoder) count(name string, v uint64) {
	if e.key(name) {
		e.buf = strconv.AppendUint(e.buf, v, 10)
	}
}

func (e *encoder) float(name string, v float64) {
	if e.key(name) {
		e.buf = appendFloat(e.buf, v)
	}
}

func (e *encoder) boolean(name string, v bool) {
	if e.key(name) {
		e.buf = strconv.AppendBool(e.buf, v)
	}
}

func (e *encoder) null(name string) {
	if e.key(name) {
		e.buf = append(e.buf, "null"...)
	}
}

// raw writes a value that is JSON already.
func (e *encoder) raw(name string, v []byte) {
	if e.key(name) {
		e.buf = append(e.buf, v...)
	}
}

// arguments writes an AMQP table, or Go's map for one, as an object; a typed one as a list
// of triples.
func (e *encoder) arguments(name string, t any) {
	switch {
	case !e.key(name):
	case e.typed:
		e.buf = appendTyped(e.buf, t, maxDepth)
	default:
		e.buf = appendValue(e.buf, t)
	}
}

// value writes what Go has for a value of an AMQP table, or of JSON.
func (e *encoder) value(name string, v any) {
	if e.key(name) {
		e.buf = appendValue(e.buf, v)
	}
}

// appendFloat appends a number that has a decimal point, as RabbitMQ's rates have.
func appendFloat(b []byte, v float64) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		v = 0
	}
	if v == math.Trunc(v) && math.Abs(v) < 1e15 {
		return strconv.AppendFloat(b, v, 'f', 1, 64)
	}
	return strconv.AppendFloat(b, v, 'g', -1, 64)
}

const hexDigits = "0123456789abcdef"

// appendString appends a JSON string. Bytes that are no UTF-8 become U+FFFD.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' && c != 0x7f {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
			b = append(b, s[start:i]...)
			b = append(b, `\ufffd`...)
		} else {
			b = append(b, s[start:i]...)
			b = appendEscape(b, c)
		}
		i++
		start = i
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

func appendEscape(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	}
	return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}
