// Content properties: the flags and values that a content header ends with, decoded
// or as they are on the wire. The struct itself is generated.

package amqp

import (
	"encoding/binary"
	"math/bits"
)

// PropertyFlags is a set of properties, such as HasPriority | HasExpiration.
type PropertyFlags uint16

// Decode reads flags and values; what p held before is gone. The error is
// [ErrTable] for malformed headers, and [ErrSyntax] for truncated values and for bytes
// after the last. The flag that announces more flags is ignored as in RabbitMQ, so that
// those, should there be any, are such bytes (CONN-55). Short strings may hold any
// bytes.
func (p *Properties) Decode(raw []byte) error {
	c := cursor{b: raw}
	*p = Properties{Flags: PropertyFlags(c.short())}
	p.Flags &= knownFlags
	p.decode(&c)
	return c.end()
}

// RawProperties are flags and values as they are on the wire. The accessors read
// one value in place, allocate nothing, and take any bytes: what is not there, or
// is cut off, is absent. Validate first where that difference matters.
type RawProperties []byte

// Flags says which properties are present.
func (p RawProperties) Flags() PropertyFlags {
	if len(p) < 2 {
		return 0
	}
	return PropertyFlags(binary.BigEndian.Uint16(p))
}

// Validate checks everything that [Properties.Decode] does, the headers included,
// without decoding. The error is the same.
func (p RawProperties) Validate() error { return p.ValidateEach(nil) }

// ValidateEach is Validate, and calls visit, unless it is nil, with each header on the
// way, as [RawTable.ValidateEach] does. Headers that were visited may turn out to be
// malformed later on.
func (p RawProperties) ValidateEach(visit func(key, field []byte)) error {
	flags := p.Flags()
	if len(p) < 2 {
		return ErrSyntax
	}
	pos := 2
	var err error
	for rest := flags & knownFlags; rest != 0; {
		flag := highest(rest)
		rest &^= flag
		end, ok := p.skip(pos, flag)
		if !ok {
			return ErrSyntax
		}
		if flag == HasHeaders {
			err = RawTable(p[pos+4 : end]).ValidateEach(visit)
		}
		pos = end
	}
	if pos != len(p) {
		return ErrSyntax
	}
	return err
}

// DeliveryMode is 2 for a persistent message, 1 for a transient one, 0 if absent
// (BASIC-90).
func (p RawProperties) DeliveryMode() uint8 { return p.octet(HasDeliveryMode) }

// Priority is the message's priority, 0 if absent.
func (p RawProperties) Priority() uint8 { return p.octet(HasPriority) }

// Expiration is the per-message TTL as the publisher wrote it; false if absent.
func (p RawProperties) Expiration() ([]byte, bool) { return p.shortstr(HasExpiration) }

// UserID is the user that the publisher claims to be; false if absent.
func (p RawProperties) UserID() ([]byte, bool) { return p.shortstr(HasUserID) }

// ReplyTo is where replies go; false if absent.
func (p RawProperties) ReplyTo() ([]byte, bool) { return p.shortstr(HasReplyTo) }

// CorrelationID is the correlation id; false if absent.
func (p RawProperties) CorrelationID() ([]byte, bool) { return p.shortstr(HasCorrelationID) }

// MessageID is the message id; false if absent.
func (p RawProperties) MessageID() ([]byte, bool) { return p.shortstr(HasMessageID) }

// Timestamp is the publisher's time in seconds since 1970; false if absent.
func (p RawProperties) Timestamp() (uint64, bool) {
	pos, _, ok := p.find(HasTimestamp)
	if !ok {
		return 0, false
	}
	return binary.BigEndian.Uint64(p[pos:]), true
}

// Headers is the headers table; nil if absent, but not if empty.
func (p RawProperties) Headers() RawTable {
	pos, end, ok := p.find(HasHeaders)
	if !ok {
		return nil
	}
	return RawTable(p[pos+4 : end])
}

func (p RawProperties) octet(flag PropertyFlags) uint8 {
	pos, _, ok := p.find(flag)
	if !ok {
		return 0
	}
	return p[pos]
}

func (p RawProperties) shortstr(flag PropertyFlags) ([]byte, bool) {
	pos, end, ok := p.find(flag)
	if !ok {
		return nil, false
	}
	return p[pos+1 : end], true
}

// find is where a property starts and ends, its length included. It walks over
// those before it.
func (p RawProperties) find(flag PropertyFlags) (pos, end int, ok bool) {
	flags := p.Flags()
	if flags&flag == 0 {
		return 0, 0, false
	}
	pos = 2
	for before := flags &^ (flag<<1 - 1); before != 0; {
		f := highest(before)
		before &^= f
		if pos, ok = p.skip(pos, f); !ok {
			return 0, 0, false
		}
	}
	end, ok = p.skip(pos, flag)
	return pos, end, ok
}

// skip is where the property that starts at pos ends.
func (p RawProperties) skip(pos int, flag PropertyFlags) (end int, ok bool) {
	rest := p[pos:]
	switch {
	case flag&shortstrFlags != 0:
		if len(rest) == 0 {
			return 0, false
		}
		end = pos + 1 + int(rest[0])
	case flag&octetFlags != 0:
		end = pos + 1
	case flag&tableFlags != 0:
		if len(rest) < 4 {
			return 0, false
		}
		n := binary.BigEndian.Uint32(rest)
		if uint64(n) > uint64(len(rest)-4) {
			return 0, false
		}
		end = pos + 4 + int(n)
	default: // timestamp
		end = pos + 8
	}
	return end, end <= len(p)
}

// highest is the highest of the flags, of which there is at least one.
func highest(flags PropertyFlags) PropertyFlags {
	return 1 << (bits.Len16(uint16(flags)) - 1)
}
