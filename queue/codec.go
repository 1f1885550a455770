package queue

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/store"
)

// A message as the store keeps it:
//
//	version    1 byte, 1
//	flags      1 byte: bit 0 persistent, bit 1 BCC keys follow, bit 2 key alone,
//	           bit 3 ID follows, bit 4 the publisher's x-death
//	exchange   1 byte of length, and the name
//	key        1 byte of length, and the routing key
//	properties uvarint of length, and flags and values as on the wire
//	BCC        if flagged: uvarint of number, each as the routing key
//	ID         if flagged: 8 bytes
//	body       the rest, unless the store keeps it apart
//
// Who adds to it raises the format version of the store, as its chunk.go says.

const (
	messageVersion = 1
	flagPersistent = 1
	flagBCC        = 2
	flagKeyAlone   = 4
	flagID         = 8
	flagForeign    = 16
	knownFlags     = flagPersistent | flagBCC | flagKeyAlone | flagID | flagForeign
)

var errMessage = errors.New("queue: malformed message in the store")

// EncodedLen is the length of what AppendEncoded appends.
func (m *Message) EncodedLen() int {
	n := 4 + len(m.Exchange) + len(m.Key) + uvarintLen(len(m.Props)) + len(m.Props)
	if m.Extra != nil {
		n += uvarintLen(len(m.Extra.BCC))
		for _, key := range m.Extra.BCC {
			n += 1 + len(key)
		}
		if m.Extra.ID != 0 {
			n += 8
		}
	}
	return n
}

func uvarintLen(n int) int {
	size := 1
	for ; n >= 0x80; n >>= 7 {
		size++
	}
	return size
}

// Content is the body.
func (m *Message) Content() []byte { return m.Body }

// AppendEncoded appends the message as the store keeps it, without its body.
func (m *Message) AppendEncoded(b []byte) []byte {
	flags := byte(0)
	if m.Persistent {
		flags |= flagPersistent
	}
	if m.Extra != nil {
		flags |= flagBCC
		if m.Extra.KeyAlone {
			flags |= flagKeyAlone
		}
		if m.Extra.ID != 0 {
			flags |= flagID
		}
		if m.Extra.ForeignDeaths {
			flags |= flagForeign
		}
	}
	b = append(b, messageVersion, flags)
	b = appendText(b, m.Exchange)
	b = appendText(b, m.Key)
	b = binary.AppendUvarint(b, uint64(len(m.Props)))
	b = append(b, m.Props...)
	if m.Extra != nil {
		b = binary.AppendUvarint(b, uint64(len(m.Extra.BCC)))
		for _, key := range m.Extra.BCC {
			b = appendText(b, key)
		}
		if m.Extra.ID != 0 {
			b = binary.BigEndian.AppendUint64(b, m.Extra.ID)
		}
	}
	return b
}

func appendText(b []byte, s string) []byte { return append(append(b, byte(len(s))), s...) }

// Size is what the message counts for: its body (QUEUE-61).
func (m *Message) Size() int { return len(m.Body) }

// bodySize is the size of a stored message's body.
func bodySize(r *store.Record) int {
	if r.Body != nil {
		return r.Body.Len()
	}
	var d decoder
	var m Message
	if err := d.message(&m, r.Data); err != nil {
		return 0
	}
	return m.Size()
}

// CheckStored checks a message as the store keeps it, its properties included,
// and returns the size of its body.
func CheckStored(data []byte) (size int, err error) {
	var d decoder
	var m Message
	if err := d.message(&m, data); err != nil {
		return 0, err
	}
	return m.Size(), m.Props.Validate()
}

// DecodeStored reads a message as the store keeps it; its expiration is left to
// the caller that enqueues it. The data is copied. The error is store.ErrDamaged if the body
// cannot be read.
func DecodeStored(r *store.Record) (*Message, error) {
	d := decoder{arena: make([]byte, len(r.Data))}
	m := new(Message)
	if err := d.stored(m, r); err != nil {
		return nil, err
	}
	return m, nil
}

// A decoder turns a run of records into items. What they share they share in
// memory too.
type decoder struct {
	items []Item
	slab  []Message
	arena []byte
	last  *Message

	quorum, countFailures bool // for the items, which have notes then
}

// decode decodes one record. One that makes no sense is left out, with ErrDamaged.
func (d *decoder) decode(r *store.Record) error {
	if len(d.slab) == 0 {
		d.slab = make([]Message, 64)
	}
	var note noted
	if d.quorum && r.Note != nil {
		if note, _ = parseNote(r.Note); note.away() {
			return nil // it is not where it was
		}
	}
	m := &d.slab[0]
	if err := d.stored(m, r); err != nil {
		return fmt.Errorf("%w: message %d: %w", store.ErrDamaged, r.Seq, err)
	}
	d.slab = d.slab[1:]
	d.last = m
	it := Item{Msg: m, Seq: r.Seq, Deadline: r.Deadline, Redelivered: r.Redelivered, Stored: true}
	if d.quorum {
		it.known(note, d.countFailures)
	}
	d.items = append(d.items, it)
	return nil
}

// stored decodes a record, with its body wherever that is.
func (d *decoder) stored(m *Message, r *store.Record) error {
	if err := d.message(m, r.Data); err != nil || r.Body == nil {
		return err
	}
	body, err := r.Body.Read()
	m.Body = body
	return err
}

// message decodes data, which is copied.
func (d *decoder) message(m *Message, data []byte) error {
	const arenaSize = 64 << 10
	if len(d.arena) < len(data) {
		d.arena = make([]byte, max(arenaSize, len(data)))
	}
	b := d.arena[:len(data):len(data)]
	copy(b, data)
	if err := ViewStored(m, b, d.last); err != nil {
		return err
	}
	d.arena = d.arena[len(data):]
	return nil
}

// ViewStored reads a message as AppendEncoded writes it. Its properties and body are
// views of b, its texts those of the message before if they are the same. The
// expiration is left to the caller that enqueues it.
func ViewStored(m *Message, b []byte, before *Message) error {
	if len(b) < 2 {
		return errMessage
	}
	if b[0] != messageVersion {
		return fmt.Errorf("%w: version %d; this program reads version %d", errMessage, b[0], messageVersion)
	}
	flags := b[1]
	if flags&^knownFlags != 0 || flags&flagBCC == 0 && flags&^flagPersistent != 0 {
		return fmt.Errorf("%w: flags %#x, which this program does not know", errMessage, flags)
	}
	b = b[2:]
	exchange, b, ok1 := text(b)
	key, b, ok2 := text(b)
	props, b, ok3 := block(b)
	if !ok1 || !ok2 || !ok3 {
		return errMessage
	}
	*m = Message{Props: amqp.RawProperties(props), Persistent: flags&flagPersistent != 0}
	m.Exchange, m.Key = shared(before, exchange, key)
	if flags&flagBCC != 0 {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > uint64(len(b)) {
			return errMessage
		}
		b = b[size:]
		m.Extra = &Extra{KeyAlone: flags&flagKeyAlone != 0, ForeignDeaths: flags&flagForeign != 0}
		for range n {
			var k []byte
			var ok bool
			if k, b, ok = text(b); !ok {
				return errMessage
			}
			m.Extra.BCC = append(m.Extra.BCC, string(k))
		}
		if flags&flagID != 0 {
			if len(b) < 8 {
				return errMessage
			}
			m.Extra.ID, b = binary.BigEndian.Uint64(b), b[8:]
		}
	}
	m.Body = b
	if m.Props.Flags()&amqp.HasPriority != 0 {
		m.Priority = m.Props.Priority()
	}
	return nil
}

// shared are the texts as strings, those of the message before if they are the
// same.
func shared(before *Message, exchange, key []byte) (string, string) {
	if before != nil && before.Exchange == string(exchange) && before.Key == string(key) {
		return before.Exchange, before.Key
	}
	return string(exchange), string(key)
}

func text(b []byte) (s, rest []byte, ok bool) {
	if len(b) == 0 || len(b) < 1+int(b[0]) {
		return nil, nil, false
	}
	n := 1 + int(b[0])
	return b[1:n:n], b[n:], true
}

func block(b []byte) (p, rest []byte, ok bool) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)-size) {
		return nil, nil, false
	}
	end := size + int(n)
	return b[size:end:end], b[end:], true
}
