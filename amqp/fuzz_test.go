// Fuzzing: whatever the input, no decoder panics or allocates out of proportion, and
// what it accepts comes out the same after another turn.

package amqp

import (
	"math"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func FuzzMethod(f *testing.F) {
	for _, g := range golden {
		f.Add(uint32(g.method.ID()), unhex(f, g.args))
	}
	f.Fuzz(func(t *testing.T, id uint32, args []byte) {
		m, ok := NewMethod(MethodID(id))
		if !ok || m.Decode(args) != nil {
			return
		}
		// Reserved fields, idle bits and booleans above 1 are not kept, so it is the
		// second turn that has to be exact.
		written := m.Append(nil)
		assert.LessOrEqual(t, len(written), len(args))
		again, _ := NewMethod(MethodID(id))
		require.NoError(t, again.Decode(written))
		assert.Equal(t, m, again)
		assert.Equal(t, written, again.Append(nil))
	})
}

func FuzzTable(f *testing.F) {
	f.Add(unhex(f, everythingHex))
	f.Add([]byte(nested(64, false, true)))
	f.Add([]byte(nested(64, true, false)))
	f.Fuzz(func(t *testing.T, body []byte) {
		raw := RawTable(body)
		table, err := raw.Decode()
		require.Equal(t, err, raw.Validate())
		if err != nil {
			return
		}
		written := AppendTable(nil, table)
		assert.Len(t, written, 4+len(body))
		again, rest, err := DecodeTable(written)
		require.NoError(t, err)
		assert.Empty(t, rest)
		assert.Equal(t, table, again)
		assert.NoError(t, table.Validate())
		for _, field := range table {
			want, _ := table.Get(field.Key)
			got, ok := raw.Lookup(field.Key)
			assert.True(t, ok)
			assert.Equal(t, want, got)
			assert.NotEmpty(t, FormatTerm(got))
		}
		back, err := TableOf(table.Map())
		require.NoError(t, err)
		assert.LessOrEqual(t, len(back), len(table))
	})
}

func FuzzProperties(f *testing.F) {
	f.Add(unhex(f, completeHex))
	f.Add([]byte{0x10, 0x00, 0x02})
	f.Fuzz(func(t *testing.T, raw []byte) {
		var p, again Properties
		err := p.Decode(raw)
		require.Equal(t, err, RawProperties(raw).Validate())
		if err != nil {
			return
		}
		written := p.Append(nil)
		assert.Len(t, written, len(raw))
		require.NoError(t, again.Decode(written))
		assert.Equal(t, p, again)
	})
}

// FuzzRawProperties reads single values out of what nobody has validated.
func FuzzRawProperties(f *testing.F) {
	f.Add(unhex(f, completeHex), "k")
	f.Fuzz(func(t *testing.T, raw []byte, key string) {
		r := RawProperties(raw)
		var p Properties
		sound := p.Decode(raw) == nil
		expiration, ok := r.Expiration()
		userID, _ := r.UserID()
		replyTo, _ := r.ReplyTo()
		messageID, _ := r.MessageID()
		correlationID, _ := r.CorrelationID()
		timestamp, _ := r.Timestamp()
		header, _ := r.Headers().Lookup(key)
		if !sound {
			return
		}
		assert.Equal(t, p.Flags&HasExpiration != 0, ok)
		assert.Equal(t, p.Expiration, string(expiration))
		assert.Equal(t, p.UserID, string(userID))
		assert.Equal(t, p.ReplyTo, string(replyTo))
		assert.Equal(t, p.MessageID, string(messageID))
		assert.Equal(t, p.CorrelationID, string(correlationID))
		assert.Equal(t, p.Timestamp, timestamp)
		assert.Equal(t, p.DeliveryMode, r.DeliveryMode())
		assert.Equal(t, p.Priority, r.Priority())
		want, _ := p.Headers.Get(key)
		assert.Equal(t, want, header)
	})
}

// FuzzMemory holds decoders to a multiple of their input's size.
func FuzzMemory(f *testing.F) {
	f.Add(unhex(f, everythingHex))
	f.Add([]byte(nested(4096, false, true)))
	f.Add([]byte("\x01aA\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, body []byte) {
		const slack = 4096 // what the runtime and the fuzzer itself allocate meanwhile
		least := uint64(math.MaxUint64)
		for range 3 {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, _ = RawTable(body).Decode()
			runtime.ReadMemStats(&after)
			least = min(least, after.TotalAlloc-before.TotalAlloc)
		}
		assert.Less(t, least, uint64(100*len(body)+slack))
	})
}
