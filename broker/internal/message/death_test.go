package message

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/queue"
)

// die lets a message die in a queue, and returns its dead letter.
func die(t *testing.T, m *queue.Message, in string, why queue.Reason, now int64) (*queue.Message, []Death) {
	t.Helper()
	d := &queue.DeadLetter{Queue: in, Reason: why, Settings: &queue.Settings{}, Item: queue.Item{Msg: m}}
	dead, deaths, err := NewDeadLetter(d, "dlx", now)
	require.NoError(t, err)
	return dead, deaths
}

func TestDeathsAreCounted(t *testing.T) {
	p := amqp.Properties{Flags: amqp.HasExpiration, Expiration: "60"}
	m := &queue.Message{Exchange: "x", Key: "k", Props: p.Append(nil), Body: []byte("body"), Persistent: true}
	dead, _ := die(t, m, "q", queue.Expired, 100)
	assert.Equal(t, "dlx", dead.Exchange)
	assert.Equal(t, "k", dead.Key)
	assert.True(t, dead.Persistent)
	_, expires := dead.Props.Expiration()
	assert.False(t, expires, "QUEUE-74: it must not expire again")
	h := headersOf(t, dead.Props)
	for key, want := range map[string]any{
		"x-first-death-exchange": "x", "x-first-death-queue": "q", "x-first-death-reason": "expired",
		"x-last-death-exchange": "x", "x-last-death-queue": "q", "x-last-death-reason": "expired",
	} {
		got, _ := h.Get(key)
		assert.Equal(t, want, got, key)
	}
	v, _ := h.Get("x-death")
	assert.Equal(t, amqp.Array{amqp.Table{
		{Key: "original-expiration", Value: "60"}, {Key: "count", Value: int64(1)}, {Key: "reason", Value: "expired"},
		{Key: "queue", Value: "q"}, {Key: "time", Value: amqp.Timestamp(100)}, {Key: "exchange", Value: "x"},
		{Key: "routing-keys", Value: amqp.Array{"k"}},
	}}, v, "QUEUE-77, QUEUE-80: fields in 3.13's order")

	dead, deaths := die(t, dead, "other", queue.Rejected, 200)
	require.Len(t, deaths, 2)
	assert.Equal(t, "other", deaths[0].queue, "QUEUE-76: the most recent first")
	dead, deaths = die(t, dead, "q", queue.Expired, 300)
	require.Len(t, deaths, 2)
	assert.Equal(t, Death{
		queue: "q", reason: "expired", exchange: "x", keys: amqp.Array{"k"}, count: 2, time: 100, expiration: "60",
	}, deaths[0], "QUEUE-78: counted on, with what it was like the first time")
	first, _ := headersOf(t, dead.Props).Get("x-first-death-queue")
	assert.Equal(t, "q", first, "QUEUE-79: written once")
}

func TestCycles(t *testing.T) { // QUEUE-81: a rejection breaks a cycle
	expired := func(q string) Death { return Death{queue: q, reason: string(queue.Expired)} }
	rejected := func(q string) Death { return Death{queue: q, reason: string(queue.Rejected)} }
	for _, tc := range []struct {
		deaths []Death
		cycle  bool
	}{
		{nil, false},
		{[]Death{expired("p")}, false},
		{[]Death{expired("p"), expired("q")}, true},
		{[]Death{rejected("p"), expired("q")}, false},
		{[]Death{expired("q"), rejected("p")}, true},
		{[]Death{rejected("q")}, false},
	} {
		assert.Equal(t, tc.cycle, IsCycle("q", tc.deaths), "%v", tc.deaths)
	}
}

func TestMalformedDeathsAreDropped(t *testing.T) { // QUEUE-83: what a client sent counts as far as it is well-formed
	good := amqp.Table{
		{Key: "count", Value: int64(3)}, {Key: "reason", Value: "expired"}, {Key: "queue", Value: "q"},
		{Key: "time", Value: amqp.Timestamp(1)}, {Key: "exchange", Value: ""}, {Key: "routing-keys", Value: amqp.Array{"k"}},
	}
	with := func(key string, v any) amqp.Table {
		p := amqp.Properties{Headers: append(amqp.Table(nil), good...)}
		SetHeader(&p, key, v)
		return p.Headers
	}
	for name, bad := range map[string]any{
		"no table":     "text",
		"empty":        amqp.Table{},
		"no number":    with("count", "3"),
		"no string":    with("queue", int32(1)),
		"no timestamp": with("time", int64(1)),
		"no keys":      with("routing-keys", amqp.Array{int32(1)}),
		"expiration":   with("original-expiration", int32(1)),
	} {
		got := history(amqp.Table{{Key: "x-death", Value: amqp.Array{bad, good}}})
		require.Len(t, got, 1, name)
		assert.EqualValues(t, 3, got[0].count, name)
	}
	assert.Empty(t, history(amqp.Table{{Key: "x-death", Value: "text"}}))
}

func TestBlindCopiesAreNotTold(t *testing.T) { // QUEUE-77: keys without those of BCC
	m := &queue.Message{Key: "k", Props: withHeaders(amqp.Table{{Key: "CC", Value: amqp.Array{"cc"}}}), Extra: &queue.Extra{BCC: []string{"bcc"}}}
	assert.Equal(t, []string{"k", "cc", "bcc"}, AppendKeys(nil, m))
	assert.Equal(t, []string{"k", "cc"}, toldKeys(m))
	m.Extra = &queue.Extra{KeyAlone: true}
	assert.Equal(t, []string{"k"}, AppendKeys(nil, m), "QUEUE-75: a dead-letter key takes the place of all")
}
