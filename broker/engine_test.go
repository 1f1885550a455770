package broker_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/store"
	"github.com/rabbetmq/rabbet/store/memory"

	amqp091 "github.com/rabbitmq/amqp091-go"
)

// A broker over an engine of another kind has after a restart what is durable
// (PERSIST-2), and after a crash the same, as redelivered (PERSIST-5). A stream without a
// folder is there, and empty.
func TestRestartWithoutADisk(t *testing.T) {
	for _, how := range []struct {
		name        string
		redelivered bool
		end         func(*broker.Broker, *store.Store) error
	}{
		{"closed", false, func(b *broker.Broker, _ *store.Store) error { return b.Close() }},
		{"crashed", true, func(b *broker.Broker, st *store.Store) error {
			if err := st.Abandon(); err != nil {
				return err
			}
			_ = b.Close() // its store is gone
			return nil
		}},
	} {
		t.Run(how.name, func(t *testing.T) {
			engine := new(memory.Engine)
			st := store.New(engine, store.Options{})
			b, err := broker.New(broker.Config{Store: st})
			require.NoError(t, err)
			ch := engineChannel(t, b)
			declare := func(name string, durable bool, args amqp091.Table) {
				_, err := ch.QueueDeclare(name, durable, false, false, false, args)
				require.NoError(t, err)
			}
			declare("kept", true, nil)
			declare("transient", false, nil)
			declare("stream", true, amqp091.Table{"x-queue-type": "stream"})
			require.NoError(t, ch.QueueBind("kept", "key", "amq.direct", false, nil))
			require.NoError(t, ch.Confirm(false))
			for queue, mode := range map[string]uint8{"kept": amqp091.Persistent, "transient": amqp091.Transient, "stream": amqp091.Persistent} {
				c, err := ch.PublishWithDeferredConfirm("", queue, false, false,
					amqp091.Publishing{DeliveryMode: mode, Body: make([]byte, 10_000), Headers: amqp091.Table{"queue": queue}})
				require.NoError(t, err)
				require.True(t, c.Wait())
			}
			require.NoError(t, how.end(b, st))

			b, err = broker.New(broker.Config{Store: store.New(engine, store.Options{})})
			require.NoError(t, err)
			defer b.Close()
			ch = engineChannel(t, b)
			_, err = ch.QueueDeclarePassive("stream", true, false, false, false, nil)
			require.NoError(t, err)
			d, ok, err := ch.Get("kept", true)
			require.NoError(t, err)
			require.True(t, ok)
			assert.Len(t, d.Body, 10_000)
			assert.Equal(t, amqp091.Table{"queue": "kept"}, d.Headers)
			assert.Equal(t, how.redelivered, d.Redelivered)
			require.NoError(t, ch.Publish("amq.direct", "key", true, false, amqp091.Publishing{Body: []byte("bound")}))
			d, ok, err = ch.Get("kept", true)
			require.NoError(t, err)
			require.True(t, ok)
			assert.Equal(t, "bound", string(d.Body))
			_, err = ch.QueueDeclarePassive("transient", false, false, false, false, nil)
			assert.ErrorContains(t, err, "404")
		})
	}
}

// engineChannel is a channel of a connection that ends with the broker.
func engineChannel(t *testing.T, b *broker.Broker) *amqp091.Channel {
	conn, err := amqp091.DialConfig(b.URL(), amqp091.Config{Dial: b.DialFunc})
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	ch, err := conn.Channel()
	require.NoError(t, err)
	return ch
}
