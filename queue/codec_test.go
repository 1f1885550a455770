package queue

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/store"
)

func storedMessages() map[string]*Message {
	props := &amqp.Properties{
		Flags: amqp.HasPriority | amqp.HasDeliveryMode | amqp.HasHeaders, Priority: 4, DeliveryMode: 2,
		Headers: amqp.Table{{Key: "a", Value: "b"}},
	}
	return map[string]*Message{
		"empty":      {Props: amqp.RawProperties{0, 0}},
		"transient":  {Exchange: "amq.direct", Key: "key", Props: amqp.RawProperties{0, 0}, Body: []byte("body")},
		"persistent": {Exchange: "x", Key: "k", Props: props.Append(nil), Priority: 4, Persistent: true, Body: make([]byte, 1000)},
		"ID":         {Key: "k", Props: amqp.RawProperties{0, 0}, Body: []byte("b"), Extra: &Extra{ID: 1<<63 + 5}},
		"BCC": {Key: "k", Props: amqp.RawProperties{0, 0}, Body: []byte("b"), Extra: &Extra{
			BCC: []string{"one", "", "three"}, KeyAlone: true,
		}},
		"foreign deaths": {Key: "k", Props: amqp.RawProperties{0, 0}, Extra: &Extra{ForeignDeaths: true}},
		"longest names":  {Exchange: string(make([]byte, 255)), Key: string(make([]byte, 255)), Props: amqp.RawProperties{0, 0}},
	}
}

func TestStoredMessageComesBack(t *testing.T) {
	for name, m := range storedMessages() {
		t.Run(name, func(t *testing.T) {
			data := append(m.AppendEncoded(nil), m.Content()...)
			assert.Len(t, data, m.EncodedLen()+len(m.Content()))
			size, err := CheckStored(data)
			require.NoError(t, err)
			assert.Equal(t, len(m.Body), size)
			assert.Equal(t, len(m.Body), bodySize(&store.Record{Data: data}))

			var d decoder
			require.NoError(t, d.decode(&store.Record{Seq: 3, Deadline: 5, Redelivered: true, Data: data}))
			require.Len(t, d.items, 1)
			got := d.items[0]
			assert.Equal(t, Item{Msg: got.Msg, Seq: 3, Deadline: 5, Redelivered: true, Stored: true}, got)
			if m.Body == nil {
				m.Body = []byte{}
			}
			assert.Equal(t, m, got.Msg)
		})
	}
}

func TestStoredMessageIsMalformed(t *testing.T) {
	m := &Message{Exchange: "x", Key: "key", Props: amqp.RawProperties{0, 0}, Extra: &Extra{BCC: []string{"one", "two"}}}
	data := m.AppendEncoded(nil)
	for n := range data {
		_, err := CheckStored(data[:n])
		require.Error(t, err, "cut to %d bytes", n)
	}
	data[0]++
	_, err := CheckStored(data)
	require.ErrorIs(t, err, errMessage)
	require.ErrorContains(t, err, "version 2; this program reads version 1")
	assert.Zero(t, bodySize(&store.Record{Data: data}))
	var d decoder
	require.ErrorIs(t, d.decode(&store.Record{Data: data}), store.ErrDamaged)
	assert.Empty(t, d.items, "it is left out")
}

// A flag that is unknown is of a newer program: what it means must not be ignored.
func TestStoredMessageHasUnknownFlags(t *testing.T) {
	for name, m := range storedMessages() {
		for bit := range 8 {
			data := append(m.AppendEncoded(nil), m.Content()...)
			if flag := byte(1) << bit; data[1]&flag != 0 || flag&knownFlags != 0 && m.Extra != nil || flag&(flagPersistent|flagBCC) != 0 {
				continue
			}
			data[1] |= 1 << bit
			_, err := CheckStored(data)
			require.ErrorIs(t, err, errMessage, "%s, bit %d", name, bit)
			require.ErrorContains(t, err, "which this program does not know")
			_, err = DecodeStored(&store.Record{Data: data})
			require.ErrorIs(t, err, errMessage)
			var d decoder
			require.ErrorIs(t, d.decode(&store.Record{Data: data}), store.ErrDamaged)
		}
	}
}

// FuzzStoredMessage: decoding ends whatever the bytes, and what it finds encodes
// and decodes to itself.
func FuzzStoredMessage(f *testing.F) {
	for _, m := range storedMessages() {
		f.Add(append(m.AppendEncoded(nil), m.Content()...))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var d decoder
		var m, again Message
		if d.message(&m, data) != nil {
			return
		}
		if _, err := CheckStored(data); err != nil {
			return
		}
		encoded := m.AppendEncoded(nil)
		require.Len(t, encoded, m.EncodedLen())
		encoded = append(encoded, m.Content()...)
		require.NoError(t, d.message(&again, encoded))
		assert.Equal(t, m, again)
	})
}
