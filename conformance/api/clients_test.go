package api_test

import (
	"context"
	"fmt"
	"net"
	"net/http/httptest"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/management"
	"github.com/rabbetmq/rabbet/broker/shovel"
)

// startRabbet starts a broker of a profile with its API.
func startRabbet(t *testing.T, profile string) *target {
	b, err := broker.New(broker.Config{Profile: profile})
	require.NoError(t, err)
	t.Cleanup(func() { _ = b.Close() })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = b.Serve(l) }()
	shovels := shovel.Start(b, shovel.Config{})
	t.Cleanup(shovels.Close)
	var web *httptest.Server
	s, err := management.New(b, management.Config{
		Shovels: shovels,
		Listeners: func() []management.Listener {
			return []management.Listener{{Protocol: "http", Addr: web.Listener.Addr().String(), Path: "/", Description: "RabbitMQ Management"}}
		},
		Node: func() management.NodeInfo {
			return management.NodeInfo{
				DataDir: "/data", LogFiles: []string{"/log"}, ConfigFiles: []string{"/conf"}, FreeDisk: 1 << 40,
				EnabledPlugins: []string{"rabbitmq_management"},
			}
		},
	})
	require.NoError(t, err)
	web = httptest.NewServer(s)
	t.Cleanup(func() { web.Close(); _ = s.Close() })
	return &target{base: web.URL, amqp: fmt.Sprintf("amqp://guest:guest@%s/", l.Addr()), names: map[string]string{}}
}

// Clients are a connection with a channel that publishes and one that consumes.
type clients struct {
	conn *amqp.Connection
}

func (c *clients) close() { _ = c.conn.Close() }

// connect has clients do each thing that statistics count, and waits until those
// show. Of the queue walk.q one message is left and one is unacknowledged.
func (g *target) connect(t *testing.T) *clients {
	conn, err := amqp.DialConfig(g.amqp, amqp.Config{Properties: amqp.Table{"connection_name": "walk", "product": "walk"}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	publishing, err := conn.Channel()
	require.NoError(t, err)
	require.NoError(t, publishing.Confirm(false))
	returned := publishing.NotifyReturn(make(chan amqp.Return, 1))
	publish := func(exchange, key string, mandatory bool) {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		c, err := publishing.PublishWithDeferredConfirmWithContext(ctx, exchange, key, mandatory, false, amqp.Publishing{
			Body: []byte("walk"), MessageId: "m", DeliveryMode: 2, Headers: amqp.Table{"n": int64(1)},
		})
		require.NoError(t, err)
		_, err = c.WaitContext(ctx)
		require.NoError(t, err)
	}
	publish("walk.x", "nowhere", false)
	publish("walk.x", "nowhere", true)
	<-returned
	consuming, err := conn.Channel()
	require.NoError(t, err)
	_, ok, err := consuming.Get("walk.q", true)
	require.NoError(t, err)
	require.False(t, ok)
	for range 4 {
		publish("walk.x", "k", false)
	}
	_, ok, err = consuming.Get("walk.q", true)
	require.NoError(t, err)
	require.True(t, ok)
	d, _, err := consuming.Get("walk.q", false)
	require.NoError(t, err)
	require.NoError(t, d.Nack(false, true))
	require.NoError(t, consuming.Qos(2, 0, false))
	deliveries, err := consuming.Consume("walk.q", "walker", false, false, false, false, amqp.Table{"x-priority": int32(3)})
	require.NoError(t, err)
	first := <-deliveries
	require.NoError(t, first.Ack(false))
	<-deliveries
	publish("walk.x", "k", false)
	publish("walk.x", "k", false) // beyond the prefetch
	<-deliveries

	g.eventually(t, "/api/connections", func(v any) bool {
		for _, c := range v.([]any) {
			c := c.(map[string]any)
			if c["channels"] == 2.0 && c["state"] == "running" && c["recv_oct"] != nil {
				g.names["{connection}"] = c["name"].(string)
				g.names["{channel}"] = c["name"].(string) + " (2)"
				return true
			}
		}
		return false
	})
	g.eventually(t, "/api/channels/"+"{channel}", has("message_stats", "ack_details"))
	g.eventually(t, "/api/queues/%2F/walk.q", has("message_stats", "ack_details"))
	g.eventually(t, "/api/queues/%2F/walk.q", func(v any) bool {
		q := v.(map[string]any)
		return q["messages_unacknowledged"] == 2.0 && len(q["consumer_details"].([]any)) == 1
	})
	for _, other := range []string{"quorum", "stream"} {
		g.eventually(t, "/api/queues/%2F/walk."+other, func(v any) bool { return v.(map[string]any)["messages_details"] != nil })
	}
	g.eventually(t, "/api/exchanges/%2F/walk.x", has("message_stats", "publish_in_details"))
	g.eventually(t, "/api/overview", has("message_stats", "ack_details"))
	return &clients{conn}
}

// has waits for a field in a field.
func has(outer, inner string) func(any) bool {
	return func(v any) bool {
		o, _ := v.(map[string]any)[outer].(map[string]any)
		return o[inner] != nil
	}
}
