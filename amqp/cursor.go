// The primitive types: appending them, and the cursor that reads them. A cursor
// is asked for one value after the other and for the error once, at the end.

package amqp

import (
	"encoding/binary"
	"unicode/utf8"
)

// maxShortstr is how many bytes a short string has at most (LIMIT-8).
const maxShortstr = 255

// AppendShortstr appends a short string: a length octet and at most 255 bytes.
// What is longer is cut, between two characters if it is UTF-8.
func AppendShortstr(b []byte, s string) []byte {
	if len(s) > maxShortstr {
		s = s[:cutBefore(s, maxShortstr)]
	}
	b = append(b, byte(len(s)))
	return append(b, s...)
}

// cutBefore is the last place in s, at n or up to three bytes before it, where a
// character starts; n if there is none.
func cutBefore(s string, n int) int {
	for i := n; i > n-utf8.UTFMax; i-- {
		if utf8.RuneStart(s[i]) {
			return i
		}
	}
	return n
}

// AppendLongstr appends a long string: four octets of length and any bytes.
func AppendLongstr(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
	return append(b, s...)
}

// bit is 1 for true.
func bit(v bool) byte {
	if v {
		return 1
	}
	return 0
}

// cursor reads values off the front of b. After b has turned out to be too short
// all further values are zero.
type cursor struct {
	b   []byte
	err error
}

// fail notes what is wrong. Shape goes before contents, and then the first error
// before later ones, as in RabbitMQ.
func (c *cursor) fail(err error) {
	if err == ErrSyntax {
		c.b = nil
	}
	if c.err == nil || err == ErrSyntax {
		c.err = err
	}
}

// end is the cursor's error; bytes left over are one.
func (c *cursor) end() error {
	if len(c.b) != 0 {
		c.fail(ErrSyntax)
	}
	return c.err
}

// take is the next n bytes, nil if there are fewer.
func (c *cursor) take(n int) []byte {
	if n > len(c.b) {
		c.fail(ErrSyntax)
		return nil
	}
	b := c.b[:n]
	c.b = c.b[n:]
	return b
}

func (c *cursor) octet() uint8 {
	if len(c.b) < 1 {
		c.fail(ErrSyntax)
		return 0
	}
	v := c.b[0]
	c.b = c.b[1:]
	return v
}

func (c *cursor) short() uint16 {
	if len(c.b) < 2 {
		c.fail(ErrSyntax)
		return 0
	}
	v := binary.BigEndian.Uint16(c.b)
	c.b = c.b[2:]
	return v
}

func (c *cursor) long() uint32 {
	if len(c.b) < 4 {
		c.fail(ErrSyntax)
		return 0
	}
	v := binary.BigEndian.Uint32(c.b)
	c.b = c.b[4:]
	return v
}

func (c *cursor) longlong() uint64 {
	if len(c.b) < 8 {
		c.fail(ErrSyntax)
		return 0
	}
	v := binary.BigEndian.Uint64(c.b)
	c.b = c.b[8:]
	return v
}

// anystr is a short string of any bytes. It is old, without an allocation, if it is
// the same.
func (c *cursor) anystr(old string) string {
	s := c.take(int(c.octet()))
	if string(s) == old {
		return old
	}
	return string(s)
}

// shortstr is a short string that must be UTF-8 (CONN-47), old or new as in anystr.
func (c *cursor) shortstr(old string) string {
	s := c.anystr(old)
	if !utf8.ValidString(s) {
		c.fail(ErrUTF8)
	}
	return s
}

func (c *cursor) longstr() string { return string(c.block()) }

// block is what a four-octet length announces.
func (c *cursor) block() []byte {
	n := c.long()
	if uint64(n) > uint64(len(c.b)) {
		c.fail(ErrSyntax)
		return nil
	}
	return c.take(int(n))
}

func (c *cursor) table() Table {
	t, err := RawTable(c.block()).Decode()
	if err != nil {
		c.fail(err)
	}
	return t
}

// skipShort skips a reserved short.
func (c *cursor) skipShort() { c.short() }

// skipShortstr skips a reserved short string, which RabbitMQ checks all the same.
func (c *cursor) skipShortstr() {
	if !utf8.Valid(c.take(int(c.octet()))) {
		c.fail(ErrUTF8)
	}
}

// skipLongstr skips a reserved long string.
func (c *cursor) skipLongstr() { c.block() }
