package broker_test

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/store"
)

// take waits for a message of a queue.
func take(t *testing.T, v *broker.VHost, queue string) broker.Delivery {
	t.Helper()
	var d broker.Delivery
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, delay.Poll(ctx, delay.Real{}, time.Millisecond, func() bool {
		got, ok, err := v.Get(queue, true)
		require.NoError(t, err)
		if ok {
			d = *got
		}
		return ok
	}))
	return d
}

func host(t *testing.T, b *broker.Broker) *broker.VHost {
	t.Helper()
	v, err := b.VHost("/")
	require.NoError(t, err)
	return v
}

// EVENT-1: the exchange is there when it is switched on, with its bindings after a
// restart, and not else.
func TestEventExchangeIsSwitched(t *testing.T) {
	dir := t.TempDir()
	start := func(on bool) *broker.Broker {
		st, err := store.Open(dir, store.Options{Sync: store.SyncNone})
		require.NoError(t, err)
		b, err := broker.New(broker.Config{Store: st, EventExchange: on})
		require.NoError(t, err)
		return b
	}
	b := start(false)
	v := host(t, b)
	_, err := v.DeclareQueue(broker.Queue{Name: "events", Durable: true})
	require.NoError(t, err)
	bind := broker.Binding{Source: "amq.rabbitmq.event", Destination: "events", Key: "#"}
	assert.ErrorContains(t, v.Bind(bind), "NOT_FOUND - no exchange 'amq.rabbitmq.event' in vhost '/'")
	b.SetEventExchange(true)
	require.NoError(t, v.Bind(bind))
	assert.Equal(t, "binding.created", take(t, v, "events").Key)
	require.NoError(t, b.Close())

	b = start(true)
	v = host(t, b)
	_, err = v.DeclareQueue(broker.Queue{Name: "q"})
	require.NoError(t, err)
	d := take(t, v, "events")
	assert.Equal(t, "queue.created", d.Key)
	name, _ := d.Properties.Headers.Get("name")
	assert.Equal(t, "q", name)
	b.SetEventExchange(false)
	assert.ErrorContains(t, v.Bind(bind), "NOT_FOUND")
	require.NoError(t, b.Close())

	b = start(true)
	require.NoError(t, host(t, b).Bind(bind))
	require.NoError(t, b.Close())
	b = start(false) // switched off while the broker was down
	assert.ErrorContains(t, host(t, b).Bind(bind), "NOT_FOUND")
	require.NoError(t, b.Close())
}

// LOGX-3 to LOGX-5, LOGX-6: lines of a level, as the handler writes them.
func TestLogExchange(t *testing.T) {
	b, err := broker.New(broker.Config{LogExchange: &broker.LogExchange{
		Level: slog.LevelWarn, ContentType: "application/json",
		NewHandler: func(w *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(w, nil) },
	}})
	require.NoError(t, err)
	defer b.Close()
	v := host(t, b)
	_, err = v.DeclareQueue(broker.Queue{Name: "log"})
	require.NoError(t, err)
	require.NoError(t, v.Bind(broker.Binding{Source: "amq.rabbitmq.log", Destination: "log", Key: "#"}))
	b.SetAlarm(broker.MemoryAlarm, true)
	d := take(t, v, "log")
	assert.Equal(t, "warning", d.Key)
	assert.Contains(t, string(d.Body), `"msg":"resource alarm: publishers are blocked","alarm":"low on memory","on":true}`+"\n")
	assert.Equal(t, "application/json", d.Properties.ContentType)
}
