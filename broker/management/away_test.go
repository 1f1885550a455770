package management_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/management"
	"github.com/rabbetmq/rabbet/delay"
)

// newAPIOf is newAPI of a broker of that configuration.
func newAPIOf(t *testing.T, cfg broker.Config) *api {
	b, err := broker.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, b.Close()) })
	s, err := management.New(b, management.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	return &api{t: t, broker: b, server: s, user: "guest"}
}

// DLXALO-7: dead letters that wait are in all sums, and ready nowhere.
func TestLettersThatWaitAreCounted(t *testing.T) {
	a := newAPI(t)
	v, err := a.broker.VHost("/")
	require.NoError(t, err)
	_, err = v.DeclareQueue(broker.Queue{Name: "q", Durable: true, Args: map[string]any{
		"x-queue-type": "quorum", "x-dead-letter-exchange": "nowhere", "x-dead-letter-strategy": "at-least-once",
		"x-overflow": "reject-publish", "x-message-ttl": int64(0),
	}})
	require.NoError(t, err)
	_, err = v.Publish("", "q", broker.Message{Body: []byte("12345")})
	require.NoError(t, err)
	a.check("GET", "/api/queues/%2F/q?columns=messages,messages_ready,messages_dlx,message_bytes,message_bytes_dlx,delayed_retry", "", 200,
		`{"messages":1,"messages_ready":0,"message_bytes":5,"message_bytes_dlx":5,"messages_dlx":1}`)
	a.check("GET", "/api/vhosts/%2F?columns=messages,messages_ready", "", 200, `{"messages":1,"messages_ready":0}`)
	a.check("GET", "/api/overview?columns=queue_totals.messages,queue_totals.messages_ready", "", 200,
		`{"queue_totals":{"messages":1,"messages_ready":0}}`)
}

// RETRY-8: the fields are those of 4.3.6, and there are none before 4.3.
func TestDelayedRetriesAreShown(t *testing.T) {
	clock := delay.NewManual(time.UnixMilli(1_700_000_000_000))
	a := newAPIOf(t, broker.Config{Clock: clock, PeerClock: delay.Real{}, Profile: "4.3"})
	v, err := a.broker.VHost("/")
	require.NoError(t, err)
	for name, args := range map[string]map[string]any{
		"plain": {"x-queue-type": "quorum"}, "classic": nil, "retry": {"x-queue-type": "quorum", "x-delayed-retry-type": "failed",
			"x-delayed-retry-min": int64(60_000), "x-delayed-retry-max": int64(120_000)},
	} {
		_, err := v.DeclareQueue(broker.Queue{Name: name, Durable: true, Args: args})
		require.NoError(t, err)
	}
	_, err = v.Publish("", "retry", broker.Message{Body: []byte("12345")})
	require.NoError(t, err)
	a.check("POST", "/api/queues/%2F/retry/get", `{"count":1,"ackmode":"reject_requeue_true","encoding":"auto"}`, 200, "")
	const columns = "?columns=messages,messages_ready,messages_delayed,next_delayed_at,last_delayed_at,delayed_retry"
	a.check("GET", "/api/queues/%2F/retry"+columns, "", 200, `{"messages":1,"messages_ready":0,`+
		`"delayed_retry":"failed (min: 60000ms, max: 120000ms)","messages_delayed":1,`+
		`"next_delayed_at":1700000060000,"last_delayed_at":1700000060000}`)
	a.check("GET", "/api/queues/%2F/plain"+columns, "", 200,
		`{"messages":0,"messages_ready":0,"delayed_retry":"disabled","messages_delayed":0}`)
	a.check("GET", "/api/queues/%2F/classic"+columns, "", 200, `{"messages":0,"messages_ready":0}`)
	clock.Advance(time.Minute)
	a.check("GET", "/api/queues/%2F/retry?columns=messages_ready,messages_delayed", "", 200, `{"messages_ready":1,"messages_delayed":0}`)
}

// DEDUP-8: what the cache of an exchange holds.
func TestCachesAreShown(t *testing.T) {
	a := newAPI(t)
	v, err := a.broker.VHost("/")
	require.NoError(t, err)
	require.NoError(t, v.DeclareExchange(broker.Exchange{
		Name: "once", Type: "x-message-deduplication", Args: map[string]any{"x-cache-size": int64(7)},
	}))
	for range 2 {
		_, err = v.Publish("once", "", broker.Message{Properties: amqp.Properties{
			Flags: amqp.HasHeaders, Headers: amqp.Table{{Key: "x-deduplication-header", Value: "a"}},
		}})
		require.NoError(t, err)
	}
	node := a.do("GET", "/api/overview?columns=node", "").json(t).(map[string]any)["node"].(string)
	a.check("GET", "/api/exchanges/%2F/once?columns=cache_info", "", 200,
		`{"cache_info":{"bytes":130,"entries":1,"nodes":["`+node+`"],"size":7}}`)
	a.check("GET", "/api/exchanges/%2F/amq.direct?columns=cache_info", "", 200, `[]`)
}
