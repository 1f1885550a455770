package broker_test

// The broker seen from Go: the same refusals as a client's, and the same
// topology that clients see.

import (
	"strings"
	"testing"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
)

// headers are properties with nothing but headers.
func headers(fields ...amqp.Field) amqp.Properties {
	return amqp.Properties{Flags: amqp.HasHeaders, Headers: fields}
}

// bodies is what is ready in a queue.
func bodies(t testing.TB, v *broker.VHost, queue string) []string {
	t.Helper()
	messages, err := v.Peek(queue, 1000)
	require.NoError(t, err)
	list := []string{}
	for _, m := range messages {
		list = append(list, string(m.Body))
	}
	return list
}

func TestRefusalsFromGo(t *testing.T) {
	b := start(t, broker.Config{})
	v := vhost(t, b)
	declare(t, v, "q")
	for _, tc := range []struct {
		name string
		do   func() error
		code amqp.ReplyCode
		text string
	}{
		{"unknown virtual host", func() error { _, err := b.VHost("nope"); return err },
			530, "NOT_ALLOWED - vhost nope not found"}, // CONN-28: there is no such virtual host
		{"inequivalent exchange", func() error { return v.DeclareExchange(broker.Exchange{Name: "amq.topic", Type: "fanout"}) },
			406, "PRECONDITION_FAILED - inequivalent arg 'type' for exchange 'amq.topic' in vhost '/': " +
				"received 'fanout' but current is 'topic'"},
		{"exchange of no type", func() error { return v.DeclareExchange(broker.Exchange{Name: "x", Type: "nope"}) },
			406, "PRECONDITION_FAILED - unknown exchange type 'nope'"}, // EXCH-7: 406 for an unknown type
		{"system exchange", func() error { return v.DeleteExchange("amq.topic") },
			403, "ACCESS_REFUSED - deletion of system exchange 'amq.topic' in vhost '/' not allowed"}, // EXCH-5: 403 for amq.
		{"inequivalent queue", func() error { _, err := v.DeclareQueue(broker.Queue{Name: "q", Durable: true}); return err },
			406, "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'q' in vhost '/': " +
				"received 'true' but current is 'false'"},
		{"reserved queue name", func() error { _, err := v.DeclareQueue(broker.Queue{Name: "amq.q"}); return err },
			403, "ACCESS_REFUSED - queue name 'amq.q' contains reserved prefix 'amq.*'"}, // QUEUE-2: 403 for amq.
		{"bind what is not there", func() error { return v.Bind(broker.Binding{Source: "amq.topic", Destination: "nope"}) },
			404, "NOT_FOUND - no queue 'nope' in vhost '/'"}, // EXCH-23: 404 for a missing end
		{"publish to no exchange", func() error { _, err := v.Publish("nope", "k", broker.Message{}); return err },
			404, "NOT_FOUND - no exchange 'nope' in vhost '/'"}, // EXCH-21: a missing exchange
		{"peek nowhere", func() error { _, err := v.Peek("nope", 1); return err },
			404, "NOT_FOUND - no queue 'nope' in vhost '/'"},
		{"purge nowhere", func() error { _, err := v.Purge("nope"); return err },
			404, "NOT_FOUND - no queue 'nope' in vhost '/'"},
		{"count nowhere", func() error { _, err := v.Counts("nope"); return err },
			404, "NOT_FOUND - no queue 'nope' in vhost '/'"},
		{"expiration that is none", func() error {
			_, err := v.Publish("", "q", broker.Message{Properties: amqp.Properties{Flags: amqp.HasExpiration, Expiration: "soon"}})
			return err
		}, 406, "PRECONDITION_FAILED - invalid expiration 'soon': no_integer"}, // BASIC-6: 406 for what is no number
	} {
		t.Run(tc.name, func(t *testing.T) {
			var e *broker.Error
			require.ErrorAs(t, tc.do(), &e)
			assert.Equal(t, tc.code, e.Code)
			assert.Equal(t, tc.text, e.Error())
		})
	}
}

// Values that the wire does not have are refused where they are given, not lost
// on the way.
func TestWhatTheWireCannotCarry(t *testing.T) {
	v := vhost(t, start(t, broker.Config{}))
	declare(t, v, "q")
	_, err := v.Publish("", "q", broker.Message{
		Properties: amqp.Properties{Flags: amqp.HasMessageID, MessageID: strings.Repeat("x", 256)},
	})
	assert.ErrorContains(t, err, "longer than 255 bytes")
	_, err = v.Publish("", "q", broker.Message{Properties: headers(amqp.Field{Key: "n", Value: 1})})
	assert.ErrorIs(t, err, amqp.ErrValue, "int has no size of its own")
	_, err = v.DeclareQueue(broker.Queue{Name: "q2", Args: map[string]any{"x": func() {}}})
	assert.ErrorIs(t, err, amqp.ErrValue)
	assert.Empty(t, bodies(t, v, "q"))
}

func TestTopologyFromGo(t *testing.T) {
	b := start(t, broker.Config{})
	v := vhost(t, b)
	generated := declare(t, v, "")
	assert.Regexp(t, `^amq\.gen-[A-Za-z0-9_-]{22}$`, generated) // QUEUE-1: a name of the server
	declare(t, v, "q")
	require.NoError(t, v.DeclareExchange(broker.Exchange{Name: "in", Type: "topic", Internal: true}))
	require.NoError(t, v.DeclareExchange(broker.Exchange{Name: "out"}))
	toExchange := broker.Binding{Source: "in", Destination: "out", Key: "#", ToExchange: true}
	toQueue := broker.Binding{Source: "out", Destination: "q", Key: "a.b"}
	require.NoError(t, v.Bind(toExchange))
	require.NoError(t, v.Bind(toQueue))

	publish := func(key string) int {
		n, err := v.Publish("in", key, broker.Message{Body: []byte(key)}) // EXCH-20 is for clients
		require.NoError(t, err)
		return n
	}
	assert.Equal(t, 1, publish("a.b"))
	assert.Equal(t, 0, publish("a.c"), "unroutable")
	require.NoError(t, v.Unbind(toExchange))
	assert.Equal(t, 0, publish("a.b"))
	assert.Equal(t, []string{"a.b"}, bodies(t, v, "q"))

	ch := channel(t, b) // a client sees it all
	q, err := ch.QueueDeclarePassive("q", false, false, false, false, nil)
	require.NoError(t, err)
	assert.Equal(t, amqp091.Queue{Name: "q", Messages: 1}, q)
	n, err := v.Purge("q")
	require.NoError(t, err)
	assert.Equal(t, 1, n)
	require.NoError(t, ch.ExchangeDeclarePassive("out", "direct", false, false, false, false, nil))
	require.NoError(t, v.DeleteExchange("out"))
	require.NoError(t, v.DeleteExchange("out"), "EXCH-16: nothing to delete")
	assert.Error(t, ch.ExchangeDeclarePassive("out", "direct", false, false, false, false, nil))
	n, err = v.DeleteQueue("nope")
	assert.NoError(t, err, "QUEUE-22")
	assert.Zero(t, n)
}

// EXCH-45: CC and BCC add routing keys, in headers exchanges too, where the
// headers decide; BCC is not delivered.
func TestHeadersCCAndBCC(t *testing.T) {
	v := vhost(t, start(t, broker.Config{}))
	for _, q := range []string{"red", "cc", "bcc", "direct"} {
		declare(t, v, q)
	}
	require.NoError(t, v.Bind(broker.Binding{
		Source: "amq.headers", Destination: "red", Args: map[string]any{"x-match": "all", "colour": "red"},
	}))
	red := headers(
		amqp.Field{Key: "colour", Value: "red"},
		amqp.Field{Key: "CC", Value: amqp.Array{"cc"}}, amqp.Field{Key: "BCC", Value: amqp.Array{"bcc", "cc"}})
	n, err := v.Publish("amq.headers", "", broker.Message{Properties: red})
	require.NoError(t, err)
	assert.Equal(t, 1, n, "once, however many keys there are")
	n, err = v.Publish("", "direct", broker.Message{Properties: red})
	require.NoError(t, err)
	assert.Equal(t, 3, n)

	want := headers(amqp.Field{Key: "CC", Value: amqp.Array{"cc"}}, amqp.Field{Key: "colour", Value: "red"})
	for _, q := range []string{"red", "cc", "bcc", "direct"} {
		messages, err := v.Peek(q, 10)
		require.NoError(t, err)
		require.Len(t, messages, 1, q)
		assert.Equal(t, want, messages[0].Properties, q)
	}
	_, err = v.Publish("", "q", broker.Message{Properties: headers(amqp.Field{Key: "CC", Value: "cc"})})
	assert.EqualError(t, err, `PRECONDITION_FAILED - invalid message: {unacceptable_type_in_header,"CC",longstr}`) // EXCH-46: 406 for what is no array
}

// Looking changes nothing that a client could notice.
func TestPeekAndCountsChangeNothing(t *testing.T) {
	b := start(t, broker.Config{})
	v := vhost(t, b)
	declare(t, v, "q")
	p := amqp.Properties{Flags: amqp.HasMessageID | amqp.HasDeliveryMode, MessageID: "m1", DeliveryMode: 2}
	_, err := v.Publish("amq.direct", "q", broker.Message{Body: []byte("lost")})
	require.NoError(t, err)
	_, err = v.Publish("", "q", broker.Message{Properties: p, Body: []byte("kept")})
	require.NoError(t, err)
	want := []broker.Message{{Key: "q", Properties: p, Body: []byte("kept")}}
	for range 3 {
		got, err := v.Peek("q", 10)
		require.NoError(t, err)
		assert.Equal(t, want, got)
		n, err := v.Counts("q")
		require.NoError(t, err)
		assert.Equal(t, 1, n.Ready)
		b.Snapshot()
	}
	ch := channel(t, b)
	d, ok, err := ch.Get("q", false)
	require.NoError(t, err)
	require.True(t, ok)
	assert.False(t, d.Redelivered)
	assert.Equal(t, "m1", d.MessageId)
	assert.EqualValues(t, 2, d.DeliveryMode)
	require.NoError(t, d.Nack(false, true))
	eventually(t, "the message is back", func() bool { return len(bodies(t, v, "q")) == 1 })
	got, err := v.Peek("q", 10)
	require.NoError(t, err)
	assert.True(t, got[0].Redelivered)
}

// What Go does reaches clients that wait.
func TestGoWakesClients(t *testing.T) {
	b := start(t, broker.Config{})
	v := vhost(t, b)
	declare(t, v, "q")
	ch := channel(t, b)
	cancelled := ch.NotifyCancel(make(chan string, 1))
	deliveries, err := ch.Consume("q", "c", true, false, false, false, nil)
	require.NoError(t, err)
	n, err := v.Publish("", "q", broker.Message{Body: []byte("hello")})
	require.NoError(t, err)
	assert.Equal(t, 1, n)
	assert.Equal(t, "hello", string(receive(t, deliveries).Body))
	_, err = v.DeleteQueue("q")
	require.NoError(t, err)
	assert.Equal(t, "c", receive(t, cancelled)) // BASIC-34: told if able to hear it
}

// Virtual hosts share nothing but the broker.
func TestVirtualHosts(t *testing.T) {
	b := start(t, broker.Config{})
	one := vhost(t, b)
	two := b.AddVHost("two/too")
	declare(t, one, "q")
	declare(t, two, "q")
	require.NoError(t, one.DeclareExchange(broker.Exchange{Name: "x"}))
	assert.Error(t, two.DeleteExchange("amq.topic"), "it has its own predeclared exchanges") // EXCH-1: seven that begin with amq.
	assert.Error(t, two.Bind(broker.Binding{Source: "x", Destination: "q"}))

	conn := connectTo(t, b, "two/too")
	ch, err := conn.Channel()
	require.NoError(t, err)
	require.NoError(t, ch.Publish("", "q", true, false, amqp091.Publishing{Body: []byte("two")}))
	eventually(t, "the message is there", func() bool { return len(bodies(t, two, "q")) == 1 })
	assert.Empty(t, bodies(t, one, "q"))

	again := b.AddVHost("two/too")
	assert.Equal(t, []string{"two"}, bodies(t, again, "q"), "an existing one is left as it is")
	same, err := b.VHost("two/too")
	require.NoError(t, err)
	assert.Len(t, bodies(t, same, "q"), 1)

	_, err = amqp091.DialConfig(b.URL(), amqp091.Config{Vhost: "three", Dial: b.DialFunc})
	var refused *amqp091.Error
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, 530, refused.Code)
	assert.Equal(t, "NOT_ALLOWED - vhost three not found", refused.Reason) // CONN-28: there is no such virtual host
}
