package message

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/queue"
)

func TestReadTTL(t *testing.T) { // BASIC-6: checked, and delivered as a plain number
	read := func(expiration string) (m queue.Message, err error) {
		p := amqp.Properties{Flags: amqp.HasExpiration, Expiration: expiration}
		m.Props = p.Append(nil)
		return m, ReadTTL(&m)
	}
	for sent, want := range map[string]struct {
		ms    int64
		plain string
	}{
		"0":            {0, "0"},
		"60000":        {60000, "60000"},
		"+60":          {60, "60"},
		"007":          {7, "7"},
		"-0":           {0, "0"},
		"315360000000": {MaxMillis, "315360000000"},
	} {
		m, err := read(sent)
		require.NoError(t, err, sent)
		assert.Equal(t, queue.Millis(want.ms), m.TTL, sent)
		plain, _ := m.Props.Expiration()
		assert.Equal(t, want.plain, string(plain), sent)
	}
	for sent, detail := range map[string]string{
		"":                     "no_integer",
		"-":                    "no_integer",
		"soon":                 "no_integer",
		"60s":                  `{leftover_string,"s"}`,
		"-010":                 "{value_negative,-10}",
		"315360000001":         "{value_too_large,315360000001}",
		"99999999999999999999": "{value_too_large,99999999999999999999}",
	} {
		_, err := read(sent)
		assert.EqualError(t, err, amqp.Errorf(amqp.PreconditionFailed, "invalid expiration '%s': %s", sent, detail).Error())
	}
	assert.NoError(t, ReadTTL(new(queue.Message)), "no properties")
}

func TestDelayOf(t *testing.T) { // EXCH-49, EXCH-50: which values of x-delay delay, and for how long
	for _, tc := range []struct {
		value any
		ms    int64
		fault DelayFault
	}{
		{int32(1500), 1500, ""},
		{int64(1500), 1500, ""},
		{int16(15), 15, ""},
		{int64(-1500), 0, ""},
		{"1500", 1500, ""},
		{"+15", 15, ""},
		{"-15", 0, ""},
		{[]byte("15"), 15, ""},
		{"99999999999999999999", math.MaxInt64, ""},
		{float64(15.9), 15, ""},
		{float32(-1), 0, ""},
		{1e30, math.MaxInt64, ""},
		{"", 0, NotANumber},
		{"15 ", 0, NotANumber},
		{"1.5", 0, NotANumber},
		{"+", 0, NotANumber},
		{amqp.Decimal{Scale: 1, Value: 15}, 0, NotANumber},
		{int8(15), 0, unusableType},
		{true, 0, unusableType},
		{nil, 0, unusableType},
		{amqp.Table{}, 0, unusableType},
	} {
		raw := withHeaders(amqp.Table{{Key: "a", Value: "b"}, {Key: DelayHeader, Value: tc.value}})
		ms, fault := DelayOf(raw.Headers())
		assert.Equal(t, tc.ms, ms, "%T %v", tc.value, tc.value)
		assert.Equal(t, tc.fault, fault, "%T %v", tc.value, tc.value)
	}
	ms, fault := DelayOf(nil)
	assert.Zero(t, ms)
	assert.Empty(t, fault)
	ms, fault = DelayOf(withHeaders(amqp.Table{{Key: "x-other", Value: "1"}}).Headers())
	assert.Zero(t, ms)
	assert.Empty(t, fault)
}

func TestPastDelay(t *testing.T) { // EXCH-51: x-delay is negated, as a signed 64-bit integer
	for _, sent := range []any{int64(1500), int32(1500), "1500", 1500.0} {
		props := withHeaders(amqp.Table{{Key: "a", Value: "b"}, {Key: DelayHeader, Value: sent}})
		before := string(props)
		past := PastDelay(props, 1500)
		assert.Equal(t, amqp.Table{{Key: "a", Value: "b"}, {Key: DelayHeader, Value: int64(-1500)}}, headersOf(t, past), "%T", sent)
		assert.Equal(t, before, string(props), "the message that came in is shared and stays as it was")
	}
}

func TestRewriteHeaders(t *testing.T) {
	list := func(keys ...any) amqp.Array { return keys }
	m := &queue.Message{Props: withHeaders(amqp.Table{
		{Key: "z", Value: int32(1)}, {Key: "BCC", Value: list("hidden", int32(2))}, {Key: "CC", Value: list("copy")},
	})}
	keys, routed, err := RewriteHeaders(m, true)
	require.NoError(t, err)
	assert.Equal(t, []string{"copy", "hidden"}, keys, "EXCH-45: CC and BCC route; what is no string is passed over")
	assert.Equal(t, []string{"hidden"}, m.Extra.BCC)
	assert.Equal(t, []string{"CC", "z"}, keysOf(headersOf(t, m.Props)), "without BCC, and sorted (BASIC-11)")
	decoded, err := routed.Decode()
	require.NoError(t, err)
	assert.Equal(t, []string{"z", "CC"}, keysOf(decoded), "TYPES-5: the exchange sees them as they came")

	_, _, err = RewriteHeaders(&queue.Message{Props: withHeaders(amqp.Table{{Key: "CC", Value: "copy"}})}, true)
	assert.EqualError(t, err, amqp.Errorf(amqp.PreconditionFailed, `invalid message: {unacceptable_type_in_header,"CC",longstr}`).Error(), "EXCH-46")

	m = &queue.Message{Props: withHeaders(amqp.Table{{Key: "x-death", Value: list()}})}
	_, _, err = RewriteHeaders(m, false)
	require.NoError(t, err)
	assert.True(t, m.Extra.ForeignDeaths, "QUEUE-82: a client's x-death is not believed")
}
