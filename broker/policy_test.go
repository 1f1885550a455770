package broker_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/store"
)

// fill publishes n messages from Go, with the bodies 0 to n-1.
func fill(t *testing.T, v *broker.VHost, queue string, n int) {
	t.Helper()
	for i := range n {
		_, err := v.Publish("", queue, broker.Message{Body: fmt.Append(nil, i)})
		require.NoError(t, err)
	}
}

func peeked(t *testing.T, v *broker.VHost, queue string) string {
	t.Helper()
	list, err := v.Peek(queue, 100)
	require.NoError(t, err)
	var b []string
	for _, m := range list {
		b = append(b, string(m.Body))
	}
	return strings.Join(b, " ")
}

// Policies work on what is there and on what comes, and stop when they are
// gone (POLICY-9).
func TestPolicyAppliesAtOnce(t *testing.T) {
	v := vhost(t, start(t, broker.Config{}))
	declare(t, v, "orders")
	declare(t, v, "others")
	fill(t, v, "orders", 5)
	require.NoError(t, v.SetPolicy(broker.Policy{Name: "short", Pattern: "^ord", Definition: map[string]any{"max-length": 3}}))
	assert.Equal(t, "2 3 4", peeked(t, v, "orders"), "trimmed at once")
	declare(t, v, "orders.new")
	fill(t, v, "orders.new", 5)
	assert.Equal(t, "2 3 4", peeked(t, v, "orders.new"))
	fill(t, v, "others", 5)
	assert.Equal(t, "0 1 2 3 4", peeked(t, v, "others"), "its name does not match")
	assert.True(t, v.DeletePolicy("short"))
	assert.False(t, v.DeletePolicy("short"))
	fill(t, v, "orders", 2)
	assert.Equal(t, "2 3 4 0 1", peeked(t, v, "orders"))
}

// Of several policies one applies (POLICY-2); with an operator's, and with the
// arguments, the smaller limit counts (POLICY-3, POLICY-4).
func TestPolicyMerging(t *testing.T) {
	for _, tc := range []struct {
		name           string
		argument       any
		user, operator map[string]any
		want           string
	}{
		{"higher priority", nil, map[string]any{"max-length": 4}, nil, "1 2 3 4"},
		{"smaller of operator", nil, map[string]any{"max-length": 4}, map[string]any{"max-length": 2}, "3 4"},
		{"smaller of user", nil, map[string]any{"max-length": 1}, map[string]any{"max-length": 2}, "4"},
		{"operator alone", nil, nil, map[string]any{"max-length": 2}, "3 4"},
		{"argument undercuts", 1, nil, map[string]any{"max-length": 2}, "4"},
		{"argument cannot exceed", 9, nil, map[string]any{"max-length": 2}, "3 4"},
		{"keys of both", nil, map[string]any{"max-length": 4, "overflow": "reject-publish"}, map[string]any{"message-ttl": 3600000}, "0 1 2 3"},
		{"operator's word on overflow", nil, map[string]any{"max-length": 4, "overflow": "reject-publish"}, map[string]any{"overflow": "drop-head"}, "1 2 3 4"},
		{"key of another type", nil, map[string]any{"max-length": 4, "delivery-limit": 4}, nil, "4"}, // POLICY-10: a key of another type: no match
	} {
		t.Run(tc.name, func(t *testing.T) {
			v := vhost(t, start(t, broker.Config{}))
			if tc.user != nil {
				require.NoError(t, v.SetPolicy(broker.Policy{Name: "low", Definition: map[string]any{"max-length": 1}}))
				require.NoError(t, v.SetPolicy(broker.Policy{Name: "high", Priority: 7, Definition: tc.user}))
			}
			if tc.operator != nil {
				require.NoError(t, v.SetOperatorPolicy(broker.Policy{Name: "limit", ApplyTo: "queues", Definition: tc.operator}))
			}
			q := broker.Queue{Name: "q"}
			if tc.argument != nil {
				q.Args = map[string]any{"x-max-length": tc.argument}
			}
			_, err := v.DeclareQueue(q)
			require.NoError(t, err)
			fill(t, v, "q", 5)
			assert.Equal(t, tc.want, peeked(t, v, "q"))
		})
	}
}

// An alternate exchange by policy; the argument wins (POLICY-5).
func TestPolicyAlternateExchange(t *testing.T) {
	v := vhost(t, start(t, broker.Config{}))
	declare(t, v, "caught")
	require.NoError(t, v.DeclareExchange(broker.Exchange{Name: "net", Type: "fanout"}))
	require.NoError(t, v.Bind(broker.Binding{Source: "net", Destination: "caught"}))
	require.NoError(t, v.DeclareExchange(broker.Exchange{Name: "x"}))
	require.NoError(t, v.DeclareExchange(broker.Exchange{Name: "x.own", Args: map[string]any{"alternate-exchange": "nowhere"}}))
	require.NoError(t, v.SetPolicy(broker.Policy{Name: "ae", Pattern: "^x", ApplyTo: "exchanges", Definition: map[string]any{"alternate-exchange": "net"}}))
	for exchange, want := range map[string]int{"x": 1, "x.own": 0} {
		n, err := v.Publish(exchange, "k", broker.Message{})
		require.NoError(t, err)
		assert.Equal(t, want, n, exchange)
	}
}

// What is no policy is refused in RabbitMQ's words (POLICY-11, POLICY-12).
func TestPolicyValidation(t *testing.T) {
	v := vhost(t, start(t, broker.Config{}))
	for want, p := range map[string]broker.Policy{
		"no policy provided": {Name: "p"},
		"pattern should be regular expression but is invalid": {Name: "p", Pattern: "(", Definition: map[string]any{"expires": 1}},
		"apply-to 'zz' unrecognised; should be":               {Name: "p", ApplyTo: "zz", Definition: map[string]any{"expires": 1}},
		`[{<<"foo">>,2}] are not recognised policy settings`:  {Name: "p", Definition: map[string]any{"foo": 2}},
		`<<"x">> is not a valid maximum length`:               {Name: "p", Definition: map[string]any{"max-length": "x"}},
		"0 is not a valid queue expiry":                       {Name: "p", Definition: map[string]any{"expires": 0}},
	} {
		assert.ErrorContains(t, v.SetPolicy(p), want)
	}
	err := v.SetOperatorPolicy(broker.Policy{Name: "p", Definition: map[string]any{"dead-letter-exchange": "x"}})
	assert.ErrorContains(t, err, `[{<<"dead-letter-exchange">>,<<"x">>}] are not recognised policy settings`, "POLICY-7")
}

// Redeclaring compares arguments alone (POLICY-13), and an expiry by policy
// counts from when it was set.
func TestPolicyAndRedeclaration(t *testing.T) {
	clock := delay.NewManual(time.Unix(1_000_000_000, 0))
	b := start(t, broker.Config{Clock: clock})
	v := vhost(t, b)
	declare(t, v, "q")
	clock.Advance(time.Hour)
	require.NoError(t, v.SetPolicy(broker.Policy{Name: "p", Definition: map[string]any{"expires": 60000, "message-ttl": 1000}}))
	declare(t, v, "q")
	clock.Advance(59 * time.Second)
	assert.Len(t, b.Snapshot().VHosts[0].Queues, 1)
	clock.Advance(time.Minute)
	assert.Empty(t, b.Snapshot().VHosts[0].Queues)
}

// Policies survive a restart (PERSIST-8), queue-mode is among what they set.
func TestPoliciesSurvive(t *testing.T) {
	dir := t.TempDir()
	open := func() *broker.Broker {
		st, err := store.Open(dir, store.Options{Sync: store.SyncNone})
		require.NoError(t, err)
		b, err := broker.New(broker.Config{Store: st})
		require.NoError(t, err)
		return b
	}
	b := open()
	v := vhost(t, b)
	_, err := v.DeclareQueue(broker.Queue{Name: "q", Durable: true})
	require.NoError(t, err)
	require.NoError(t, v.SetPolicy(broker.Policy{Name: "p", Definition: map[string]any{"max-length": 2, "queue-mode": "lazy"}}))
	require.NoError(t, v.SetOperatorPolicy(broker.Policy{Name: "o", Definition: map[string]any{"max-length": 3}}))
	require.NoError(t, v.SetPolicy(broker.Policy{Name: "gone", Priority: 9, Definition: map[string]any{"max-length": 1}}))
	assert.True(t, v.DeletePolicy("gone"))
	require.NoError(t, b.Close())

	b = open()
	v = vhost(t, b)
	fill(t, v, "q", 5)
	assert.Equal(t, "3 4", peeked(t, v, "q"))
	require.NoError(t, b.Close())
}

// Policies bound times from below only (POLICY-12): the longest are as good as for
// ever, and do not wrap around.
func TestPolicyTimesWithoutEnd(t *testing.T) {
	clock := delay.NewManual(newYear)
	b := start(t, broker.Config{Clock: clock, PeerClock: delay.Real{}})
	v := vhost(t, b)
	for _, forever := range []int64{math.MaxInt64, math.MaxInt64 / 1000, math.MaxInt64/1000 + 1, 1 << 62, 18446744073710} {
		require.NoError(t, v.SetPolicy(broker.Policy{Name: "p", Definition: map[string]any{
			"expires": forever, "message-ttl": forever, "consumer-timeout": forever,
		}}))
		declare(t, v, "q")
		fill(t, v, "q", 2)
		ch := channel(t, b)
		_, ok, err := ch.Get("q", false)
		require.NoError(t, err)
		require.True(t, ok)
		clock.Advance(20 * time.Minute) // less than the broker's own limit for acknowledgements
		_, err = ch.QueueDeclarePassive("q", false, false, false, false, nil)
		require.NoError(t, err, forever)
		n, err := v.Counts("q")
		require.NoError(t, err, forever)
		assert.Equal(t, 1, n.Ready, forever)
		assert.Equal(t, 1, n.Unacked, forever)
		_, err = v.DeleteQueue("q")
		require.NoError(t, err)
	}
}

// A dead-letter exchange by policy, with the argument's key (QUEUE-84).
func TestPolicyDeadLetters(t *testing.T) {
	b := start(t, broker.Config{})
	v := vhost(t, b)
	declare(t, v, "dead")
	require.NoError(t, v.SetPolicy(broker.Policy{Name: "p", Pattern: "^q$",
		Definition: map[string]any{"dead-letter-exchange": "", "dead-letter-routing-key": "dead"}}))
	declare(t, v, "q")
	ch := channel(t, b)
	deliveries, err := ch.Consume("q", "", false, false, false, false, nil)
	require.NoError(t, err)
	require.NoError(t, ch.PublishWithContext(context.Background(), "", "q", false, false, amqp091.Publishing{}))
	d := receive(t, deliveries)
	require.NoError(t, d.Reject(false))
	eventually(t, "dead-lettered", func() bool {
		n, err := v.Counts("dead")
		return err == nil && n.Ready == 1
	})
}
