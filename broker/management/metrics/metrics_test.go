package metrics_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/management/metrics"
)

func newBroker(t testing.TB, queues int) (*broker.Broker, *broker.VHost) {
	b, err := broker.New(broker.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, b.Close()) })
	v, err := b.VHost("/")
	require.NoError(t, err)
	for i := range queues {
		_, err := v.DeclareQueue(broker.Queue{Name: fmt.Sprintf("q%d", i)})
		require.NoError(t, err)
	}
	return b, v
}

func scrape(t testing.TB, h http.Handler, path string) (int, string) {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.RemoteAddr = "127.0.0.1:40000"
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func TestViews(t *testing.T) {
	b, v := newBroker(t, 2)
	for range 3 {
		_, err := v.Publish("", "q0", broker.Message{Body: []byte("xy")})
		require.NoError(t, err)
	}
	_, _, err := v.Get("q0", true)
	require.NoError(t, err)
	h := metrics.Handler(b, metrics.Config{})

	code, body := scrape(t, h, "/metrics")
	require.Equal(t, http.StatusOK, code)
	for _, line := range []string{
		"# HELP rabbitmq_queue_messages_ready Messages ready to be delivered to consumers",
		"# TYPE rabbitmq_queue_messages_ready gauge",
		"rabbitmq_queue_messages_ready 2", "rabbitmq_queue_messages_bytes 4", "rabbitmq_queues 2",
		"rabbitmq_queues_created_total 2", "rabbitmq_alarms_memory_used_watermark 0",
		`rabbitmq_global_messages_delivered_get_auto_ack_total{protocol="amqp091",queue_type="rabbit_classic_queue"} 1`,
		`rabbitmq_global_messages_received_total{protocol="amqp091"} 3`, "rabbet_exchanges 7",
	} {
		assert.Contains(t, body, line+"\n")
	}
	assert.Contains(t, body, `rabbitmq_identity_info{rabbitmq_cluster="rabbet",rabbitmq_cluster_permanent_id="`)
	assert.Contains(t, body, "\ngo_goroutines ")
	assert.Contains(t, body, "\nprocess_cpu_seconds_total ")

	_, body = scrape(t, h, "/metrics/per-object")
	assert.Contains(t, body, `rabbitmq_queue_messages_ready{queue="q0",vhost="/"} 2`)
	assert.NotContains(t, body, "\nrabbitmq_queue_messages_ready 2")

	_, body = scrape(t, h, "/metrics/detailed")
	assert.Equal(t, 2, strings.Count(body, "# TYPE"), "the identity alone")
	_, body = scrape(t, h, "/metrics/detailed?family=queue_coarse_metrics&family=vhost_status&vhost=/")
	assert.Contains(t, body, `rabbitmq_detailed_queue_messages_ready{queue="q0",vhost="/"} 2`)
	assert.Contains(t, body, `rabbitmq_cluster_vhost_status{vhost="/"} 1`)
	_, body = scrape(t, h, "/metrics/detailed?family=queue_coarse_metrics&vhost=nope")
	assert.NotContains(t, body, "queue_messages_ready")
	code, _ = scrape(t, h, "/metrics/nope")
	assert.Equal(t, http.StatusNotFound, code)
}

// Counters stay when what has counted goes.
func TestCountersOfDeletedQueuesStay(t *testing.T) {
	b, v := newBroker(t, 1)
	_, _, err := v.Get("q0", true)
	require.NoError(t, err)
	_, err = v.DeleteQueue("q0")
	require.NoError(t, err)
	_, body := scrape(t, metrics.Handler(b, metrics.Config{}), "/metrics")
	assert.Contains(t, body, `rabbitmq_global_messages_get_empty_total{protocol="amqp091",queue_type="rabbit_classic_queue"} 1`)
}

func TestAuthentication(t *testing.T) {
	b, _ := newBroker(t, 0)
	h := metrics.Handler(b, metrics.Config{Authenticate: true})
	code, _ := scrape(t, h, "/metrics")
	assert.Equal(t, http.StatusUnauthorized, code)
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	r.RemoteAddr = "127.0.0.1:40000"
	r.SetBasicAuth("guest", "guest")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	assert.Equal(t, http.StatusOK, w.Code)
}

func BenchmarkScrape10000Queues(b *testing.B) {
	br, _ := newBroker(b, 10_000)
	h := metrics.Handler(br, metrics.Config{})
	b.ReportAllocs()
	for b.Loop() {
		scrape(b, h, "/metrics")
	}
}

// DLXALO-22: dead letters are counted by what is done with them, with the labels of 3.10.8.
func TestDeathsByStrategy(t *testing.T) {
	b, v := newBroker(t, 0)
	_, err := v.DeclareQueue(broker.Queue{Name: "grave", Durable: true})
	require.NoError(t, err)
	for name, args := range map[string]map[string]any{
		"safe": {
			"x-queue-type": "quorum", "x-message-ttl": int64(0), "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "grave",
			"x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish",
		},
		"stuck": {
			"x-queue-type": "quorum", "x-message-ttl": int64(0), "x-dead-letter-exchange": "nowhere",
			"x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish",
		},
		"plain": {"x-queue-type": "quorum", "x-message-ttl": int64(0), "x-dead-letter-exchange": "nowhere"},
		"none":  {"x-message-ttl": int64(0)},
	} {
		_, err := v.DeclareQueue(broker.Queue{Name: name, Durable: true, Args: args})
		require.NoError(t, err)
		_, err = v.Publish("", name, broker.Message{})
		require.NoError(t, err)
	}
	_, body := scrape(t, metrics.Handler(b, metrics.Config{}), "/metrics")
	var got []string
	for line := range strings.Lines(body) {
		if rest, ok := strings.CutPrefix(line, "rabbitmq_global_messages_dead_lettered_"); ok {
			rest = strings.NewReplacer(`_total{dead_letter_strategy="`, " ", `",queue_type="rabbit_`, " ", `_queue"}`, "").Replace(rest)
			got = append(got, strings.TrimSpace(rest))
		}
	}
	slices.Sort(got)
	assert.Equal(t, []string{
		"confirmed at_least_once quorum 1",
		"delivery_limit at_least_once quorum 0", "delivery_limit at_most_once quorum 0", "delivery_limit disabled quorum 0",
		"expired at_least_once quorum 2", "expired at_most_once classic 0", "expired at_most_once quorum 1",
		"expired disabled classic 1", "expired disabled quorum 0",
		"maxlen at_most_once classic 0", "maxlen at_most_once quorum 0", "maxlen disabled classic 0", "maxlen disabled quorum 0",
		"rejected at_least_once quorum 0", "rejected at_most_once classic 0", "rejected at_most_once quorum 0",
		"rejected disabled classic 0", "rejected disabled quorum 0",
	}, got)
}
