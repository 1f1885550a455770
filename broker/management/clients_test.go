package management_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/management"
	"github.com/rabbetmq/rabbet/delay"
)

// A clientAPI is an API of a broker that has a client, in virtual time.
type clientAPI struct {
	*api
	clock *delay.Manual
	conn  *amqp091.Connection
	ch    *amqp091.Channel
}

func newClientAPI(t *testing.T, cfg management.Config) *clientAPI {
	clock := delay.NewManual(time.Unix(2_000_000_000, 0))
	b, err := broker.New(broker.Config{Clock: clock})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, b.Close()) })
	cfg.Clock = clock
	s, err := management.New(b, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	conn, err := amqp091.DialConfig("amqp://guest:guest@memory/", amqp091.Config{Dial: b.DialFunc})
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	ch, err := conn.Channel()
	require.NoError(t, err)
	return &clientAPI{&api{t: t, broker: b, server: s, user: "guest"}, clock, conn, ch}
}

// the is the one object that a path answers with, or the only one of a list.
func (a *clientAPI) the(path string) map[string]any {
	a.t.Helper()
	got := a.do(http.MethodGet, path, "")
	require.Equal(a.t, http.StatusOK, got.StatusCode, got.body)
	v := got.json(a.t)
	if list, ok := v.([]any); ok {
		require.Len(a.t, list, 1, got.body)
		v = list[0]
	}
	return v.(map[string]any)
}

// eventually waits until a path's object has these fields.
func (a *clientAPI) eventually(path string, want map[string]string) {
	a.t.Helper()
	var got map[string]any
	assert.Eventually(a.t, func() bool {
		got = a.the(path)
		for name, value := range want {
			if n, ok := got[name].(interface{ String() string }); !ok || n.String() != value {
				return false
			}
		}
		return true
	}, 10*time.Second, time.Millisecond, "%v of %v", want, &got)
}

func (a *clientAPI) publish(key string, n int) {
	a.t.Helper()
	for range n {
		require.NoError(a.t, a.ch.PublishWithContext(a.t.Context(), "", key, false, false, amqp091.Publishing{Body: []byte("x")}))
	}
}

// C34, and what only a client has.
func TestFieldsOfClients(t *testing.T) {
	a := newClientAPI(t, management.Config{})
	_, err := a.ch.QueueDeclare("q", false, false, false, false, amqp091.Table{"x-single-active-consumer": true, "x-consumer-timeout": 300_000})
	require.NoError(t, err)
	deliveries, err := a.ch.Consume("q", "first", false, false, false, false, nil)
	require.NoError(t, err)
	_, err = a.ch.Consume("q", "second", false, false, false, false, nil)
	require.NoError(t, err)
	q := a.the("/api/queues/%2F/q")
	assert.Equal(t, "first", q["single_active_consumer_tag"])
	assert.Nil(t, q["exclusive_consumer_tag"])
	for i, status := range []string{"single_active", "waiting"} {
		c := q["consumer_details"].([]any)[i].(map[string]any)
		assert.Equal(t, status, c["activity_status"])
		assert.EqualValues(t, "300000", c["consumer_timeout"])
	}
	a.publish("q", 1)
	<-deliveries
	a.clock.Advance(10 * time.Second) // a message that is held, and one that is new
	a.publish("q", 1)
	<-deliveries
	unacked := a.the("/api/rabbet/queues/%2F/q/unacked")["unacked"].([]any)
	require.Len(t, unacked, 2)
	old, fresh := unacked[0].(map[string]any), unacked[1].(map[string]any)
	assert.EqualValues(t, "9000", old["held_ms"], "at most a second too late")
	assert.EqualValues(t, "2000000001000", old["delivered_at"])
	assert.EqualValues(t, "0", fresh["held_ms"])
	assert.EqualValues(t, "300000", fresh["timeout_ms"])

	c := a.the("/api/connections")
	for _, name := range []string{"recv_cnt", "send_cnt"} {
		assert.NotEqual(t, "0", c[name].(interface{ String() string }).String(), name)
	}
}

func TestFieldsOfChannels(t *testing.T) {
	a := newClientAPI(t, management.Config{})
	_, err := a.ch.QueueDeclare("q", false, false, false, false, nil)
	require.NoError(t, err)
	require.NoError(t, a.ch.Confirm(false))
	a.publish("q", 3)
	a.publish("nowhere", 1)
	a.eventually("/api/channels", map[string]string{"messages_unconfirmed": "0"})

	tx, err := a.conn.Channel()
	require.NoError(t, err)
	require.NoError(t, tx.Tx())
	require.NoError(t, a.ch.Close())
	a.ch = tx
	a.publish("q", 2)
	d, ok, err := tx.Get("q", false)
	require.NoError(t, err)
	require.True(t, ok)
	require.NoError(t, d.Ack(false))
	a.eventually("/api/channels", map[string]string{"messages_uncommitted": "2", "acks_uncommitted": "1"})
	require.NoError(t, tx.TxCommit())
	a.eventually("/api/channels", map[string]string{"messages_uncommitted": "0", "acks_uncommitted": "0"})
}

// Who may close a connection may end its consumers; what they hold stays out.
func TestCancelConsumer(t *testing.T) {
	a := newClientAPI(t, management.Config{})
	_, err := a.ch.QueueDeclare("q", false, false, false, false, nil)
	require.NoError(t, err)
	deliveries, err := a.ch.Consume("q", "tag", false, false, false, false, nil)
	require.NoError(t, err)
	cancelled := a.ch.NotifyCancel(make(chan string, 1))
	a.publish("q", 1)
	d := <-deliveries
	channel := a.the("/api/channels")["name"].(string)
	for _, path := range []string{"%2F/q/other", "%2F/other/tag", "nope/q/tag", "%2F/q/tag?channel=other"} {
		assert.Equal(t, http.StatusNotFound, a.do(http.MethodDelete, "/api/rabbet/consumers/"+path, "").StatusCode, path)
	}
	path := "/api/rabbet/consumers/%2F/q/tag?channel=" + url.QueryEscape(channel)
	a.check(http.MethodPut, "/api/users/other", `{"password":"other","tags":"management"}`, http.StatusCreated, "")
	a.check(http.MethodPut, "/api/permissions/%2F/other", `{"configure":".*","write":".*","read":".*"}`, http.StatusCreated, "")
	a.user = "other"
	assert.Equal(t, http.StatusUnauthorized, a.do(http.MethodDelete, path, "").StatusCode, "it is somebody else's")
	a.user = "guest"
	assert.Equal(t, http.StatusNoContent, a.do(http.MethodDelete, path, "").StatusCode)
	assert.Equal(t, "tag", <-cancelled)
	_, more := <-deliveries
	assert.False(t, more)
	a.eventually("/api/queues/%2F/q", map[string]string{"consumers": "0", "messages_unacknowledged": "1"})
	require.NoError(t, d.Ack(false))
	a.eventually("/api/queues/%2F/q", map[string]string{"messages": "0"})
	assert.Equal(t, http.StatusNotFound, a.do(http.MethodDelete, path, "").StatusCode)
}

// CONN-73: who closes a connection may say why, and its client reads it.
func TestAClosedConnectionIsToldWhy(t *testing.T) {
	for _, reason := range []string{"", "maintenance at noon"} {
		a := newClientAPI(t, management.Config{})
		closed := a.conn.NotifyClose(make(chan *amqp091.Error, 1))
		text := "Closed via management plugin"
		var headers []string
		if reason != "" {
			text, headers = reason, []string{"X-Reason", reason}
		}
		path := "/api/connections/" + url.PathEscape(a.the("/api/connections")["name"].(string))
		assert.Equal(t, http.StatusNoContent, a.do(http.MethodDelete, path, "", headers...).StatusCode)
		got := <-closed
		require.NotNil(t, got)
		assert.Equal(t, amqp091.Error{Code: 320, Reason: "CONNECTION_FORCED - " + text, Server: true}, *got)
	}
}

// Events can be asked for, where a proxy keeps back a stream of them.
func TestPolledEvents(t *testing.T) {
	a := newAPI(t)
	ask := func(since string) map[string]any {
		got := a.do(http.MethodGet, "/api/rabbet/events?poll=true&type=queue.created&since="+since, "")
		assert.Equal(t, "application/json", got.Header.Get("Content-Type"))
		return got.json(t).(map[string]any)
	}
	since := ask("")["since"].(interface{ String() string }).String()
	a.check(http.MethodPut, "/api/queues/%2F/q", `{}`, http.StatusCreated, "")
	a.check(http.MethodPut, "/api/exchanges/%2F/x", `{}`, http.StatusCreated, "")
	var events []any
	require.Eventually(t, func() bool { events, _ = ask(since)["events"].([]any); return len(events) == 1 }, 10*time.Second, 10*time.Millisecond)
	e := events[0].(map[string]any)
	assert.Equal(t, "queue.created", e["type"])
	assert.Equal(t, "q", e["name"])
	assert.Equal(t, "/", e["vhost"])
	last := ask(since)
	assert.Empty(t, ask(last["since"].(interface{ String() string }).String())["events"])
}
