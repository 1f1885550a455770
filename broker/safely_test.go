package broker_test

// Dead letters that wait for their targets, and what waits to come back, on the test's clock.

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
)

// safeArgs are those of a queue that dead-letters at least once.
func safeArgs(exchange string) map[string]any {
	return map[string]any{
		"x-queue-type": "quorum", "x-dead-letter-exchange": exchange, "x-dead-letter-strategy": "at-least-once",
		"x-overflow": "reject-publish", "x-message-ttl": int64(0),
	}
}

// DLXALO-10, DLXALO-11, DLXALO-15 and DLXALO-21: what cannot go is tried again after three minutes, by what
// the queue and the bindings are then.
func TestDeadLettersWaitForTargets(t *testing.T) {
	var log bytes.Buffer
	clock := delay.NewManual(time.Unix(1_700_000_000, 0))
	b := start(t, broker.Config{Clock: clock, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	v := vhost(t, b)
	require.NoError(t, v.DeclareExchange(broker.Exchange{Name: "x", Type: "fanout", Durable: true}))
	for name, args := range map[string]map[string]any{
		"q": safeArgs("x"), "lost": safeArgs("nowhere"), "grave": nil,
		"full": {"x-max-length": int64(0), "x-overflow": "reject-publish"},
	} {
		_, err := v.DeclareQueue(broker.Queue{Name: name, Durable: true, Args: args})
		require.NoError(t, err)
	}
	letters := func(name string) int {
		info, ok := v.Queue(name)
		require.True(t, ok)
		assert.Zero(t, info.Ready)
		return info.Letters
	}
	fill(t, v, "q", 2)
	fill(t, v, "lost", 2)
	assert.Equal(t, []int{2, 2}, []int{letters("q"), letters("lost")})
	assert.Equal(t, 1, strings.Count(log.String(), "exchange 'nowhere' in vhost '/' does not exist"), log.String())

	require.NoError(t, v.Bind(broker.Binding{Source: "x", Destination: "grave"}))
	require.NoError(t, v.Bind(broker.Binding{Source: "x", Destination: "full"}))
	clock.Advance(3*time.Minute - time.Second)
	assert.Equal(t, 2, letters("q"))
	clock.Advance(time.Second)
	assert.Equal(t, 2, letters("q"), "one of the two targets refuses them")
	assert.Equal(t, "0 1", peeked(t, v, "grave"))
	_, err := v.DeleteQueue("full")
	require.NoError(t, err)
	clock.Advance(3 * time.Minute)
	assert.Zero(t, letters("q"), "nothing is left to send")
	assert.Equal(t, "0 1", peeked(t, v, "grave"), "who has it does not get it again")

	require.NoError(t, v.DeclareExchange(broker.Exchange{Name: "nowhere", Type: "fanout", Durable: true}))
	require.NoError(t, v.Bind(broker.Binding{Source: "nowhere", Destination: "grave"}))
	clock.Advance(3 * time.Minute)
	assert.Zero(t, letters("lost"))
	assert.Equal(t, "0 1 0 1", peeked(t, v, "grave"))
}

// RETRY-16: of two policies the operator's type, the larger minimum and the smaller maximum
// count.
func TestRetryOfTwoPolicies(t *testing.T) {
	clock := delay.NewManual(time.Unix(1_700_000_000, 0))
	b := start(t, broker.Config{Clock: clock, Profile: "4.3"})
	ch := channel(t, b)
	v := vhost(t, b)
	_, err := v.DeclareQueue(broker.Queue{Name: "q", Durable: true, Args: map[string]any{"x-queue-type": "quorum"}})
	require.NoError(t, err)
	set := func(kind string, least, most int64) broker.Policy {
		return broker.Policy{Name: "p", Pattern: "^q$", ApplyTo: "queues", Definition: map[string]any{
			"delayed-retry-type": kind, "delayed-retry-min": least, "delayed-retry-max": most,
		}}
	}
	require.NoError(t, v.SetPolicy(set("disabled", 1000, 9000)))
	require.NoError(t, v.SetOperatorPolicy(set("all", 2000, 3000)))
	fill(t, v, "q", 1)
	for i, want := range []time.Duration{2 * time.Second, 3 * time.Second, 3 * time.Second} {
		d, ok, err := ch.Get("q", false)
		require.NoError(t, err)
		require.True(t, ok, "delivery %d", i)
		require.NoError(t, d.Reject(true))
		eventually(t, "the message is back", func() bool {
			info, _ := v.Queue("q")
			return info.Unacked == 0
		})
		info, _ := v.Queue("q")
		assert.Equal(t, []int{0, 1}, []int{info.Ready, info.Delayed})
		assert.Equal(t, want, info.NextDelayed.Sub(clock.Now()))
		clock.Advance(want)
	}
}
