// Content properties against the bytes that RabbitMQ's own codec makes of them, and
// reading single ones in place.

package amqp

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// complete has all properties, and completeHex is how RabbitMQ 3.10 encodes them.
var complete = Properties{
	Flags: knownFlags, ContentType: "text/plain", ContentEncoding: "utf-8", Headers: arguments, DeliveryMode: 2,
	Priority: 9, CorrelationID: "corr", ReplyTo: "reply", Expiration: "60000", MessageID: "id",
	Timestamp: 1700000000, Type: "type", UserID: "guest", AppID: "app", ClusterID: "cl",
}

const completeHex = "fffc0a746578742f706c61696e057574662d3800000008016b530000000176020904636f7272057265706c79" +
	"053630303030026964000000006553f10004747970650567756573740361707002636c"

func TestPropertiesAreWhatRabbitMQSpeaks(t *testing.T) {
	assert.Equal(t, completeHex, hex.EncodeToString(complete.Append(nil)))
	var p Properties
	require.NoError(t, p.Decode(unhex(t, completeHex)))
	assert.Equal(t, complete, p)

	assert.Equal(t, "100002", hex.EncodeToString((&Properties{Flags: HasDeliveryMode, DeliveryMode: 2}).Append(nil)))
}

// BASIC-89: the order of the flags, highest first.
func TestPropertyFlags(t *testing.T) {
	for i, flag := range []PropertyFlags{
		HasContentType, HasContentEncoding, HasHeaders, HasDeliveryMode, HasPriority, HasCorrelationID, HasReplyTo,
		HasExpiration, HasMessageID, HasTimestamp, HasType, HasUserID, HasAppID, HasClusterID,
	} {
		assert.Equal(t, PropertyFlags(1)<<(15-i), flag)
	}
}

// Whatever combination of properties there is, the accessors find what Decode finds
// (BASIC-90), and the shortest prefix that is sound is all of it (CONN-55).
func TestEveryCombinationOfProperties(t *testing.T) {
	for flags := PropertyFlags(0); flags != 0x10000-4; flags += 4 {
		p := complete
		p.Flags = flags
		raw := RawProperties(p.Append(nil))
		var d Properties
		if d.Decode(raw) != nil || raw.Validate() != nil || raw.Flags() != flags {
			t.Fatalf("%#x does not decode", flags)
		}
		same := raw.DeliveryMode() == d.DeliveryMode && raw.Priority() == d.Priority &&
			equal(raw.Expiration)(d.Expiration, flags&HasExpiration) &&
			equal(raw.UserID)(d.UserID, flags&HasUserID) &&
			equal(raw.ReplyTo)(d.ReplyTo, flags&HasReplyTo) &&
			(raw.Headers() != nil) == (flags&HasHeaders != 0)
		if !same {
			t.Fatalf("%#x: the accessors differ from %+v", flags, d)
		}
		for n := range len(raw) {
			if d.Decode(raw[:n]) == nil || raw[:n].Validate() == nil {
				t.Fatalf("%#x: the first %d of %d bytes are enough", flags, n, len(raw))
			}
		}
	}
}

func equal(get func() ([]byte, bool)) func(string, PropertyFlags) bool {
	return func(want string, flag PropertyFlags) bool {
		got, ok := get()
		return ok == (flag != 0) && string(got) == want
	}
}

func TestBrokenProperties(t *testing.T) {
	for _, c := range []struct {
		what, raw string
		want      error
	}{
		{"nothing at all", "", ErrSyntax},
		{"half the flags", "\x10", ErrSyntax},
		{"a byte after the last value", "\x10\x00\x02\x00", ErrSyntax},
		{"a byte after no value", "\x00\x00\x00", ErrSyntax},
		{"another word of flags", "\x00\x01\x00\x00", ErrSyntax},
		{"a bad tag in the headers", "\x20\x00\x00\x00\x00\x03\x01aU", ErrTable},
		{"a bad tag in the headers, and a byte after them", "\x20\x00\x00\x00\x00\x03\x01aU\x00", ErrSyntax},
		{"headers longer than the properties", "\x20\x00\x00\x00\x00\x04\x01aV", ErrSyntax},
		{"four gigabytes of headers", "\x20\x00\xff\xff\xff\xff\x01aV", ErrSyntax},
	} {
		var p Properties
		assert.ErrorIs(t, p.Decode([]byte(c.raw)), c.want, c.what)
		assert.ErrorIs(t, RawProperties(c.raw).Validate(), c.want, c.what)
	}
	var p Properties
	assert.NoError(t, p.Decode([]byte("\x80\x00\x01\xff")), "properties need not be UTF-8")
	assert.Equal(t, "\xff", p.ContentType)
}

// The accessors say no to what is cut off, and do not panic.
func TestAccessorsOfBrokenProperties(t *testing.T) {
	whole := unhex(t, completeHex)
	for n := range len(whole) + 1 {
		raw := RawProperties(whole[:n])
		raw.DeliveryMode()
		raw.Priority()
		raw.Headers()
		raw.Expiration()
		raw.ReplyTo()
		raw.MessageID()
		raw.CorrelationID()
		raw.Timestamp()
		_, ok := raw.UserID()
		assert.Equal(t, n >= len(whole)-len("\x03app\x02cl"), ok, n)
	}
	assert.Zero(t, RawProperties(nil).Flags())
	assert.Nil(t, RawProperties("\x20\x00\xff\xff\xff\xff").Headers())
}

func TestEmptyHeadersArePresent(t *testing.T) {
	raw := RawProperties((&Properties{Flags: HasHeaders}).Append(nil))
	assert.NotNil(t, raw.Headers())
	assert.Empty(t, raw.Headers())
}

func TestRawPropertiesAllocateNothing(t *testing.T) {
	p := complete
	p.Headers = everything
	raw := RawProperties(p.Append(nil))
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		_ = raw.Validate()
		raw.DeliveryMode()
		raw.Priority()
		raw.Expiration()
		raw.UserID()
		raw.ReplyTo()
		raw.MessageID()
		raw.CorrelationID()
		raw.Timestamp()
		raw.Headers().Lookup("t")
	}))
}
