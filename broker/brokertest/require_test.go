package brokertest_test

// What is required, and what a failure says.

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/brokertest"
	"github.com/rabbetmq/rabbet/delay"
)

// queues declares plain queues.
func queues(mq *brokertest.Broker, names ...string) {
	var t brokertest.Topology
	for _, name := range names {
		t.Queues = append(t.Queues, broker.Queue{Name: name})
	}
	mq.Declare(t)
}

func TestRequireLen(t *testing.T) {
	mq := brokertest.New(t)
	queues(mq, "q")
	mq.RequireLen("q", 0)
	mq.Publish("", "q", []byte("a"))
	mq.Publish("", "q", []byte("b"))
	c := mq.Consume("q", broker.ConsumeOptions{Prefetch: 1})
	d := c.Next()
	mq.RequireLen("q", 2) // ready and unacked
	mq.RequireReady("q", 1)
	require.NoError(t, d.Ack())
	mq.RequireLen("q", 1)
}

// A requirement waits for what a client does meanwhile.
func TestRequireWaits(t *testing.T) {
	mq := brokertest.New(t)
	ch := channel(t, mq)
	go func() {
		_, _ = ch.QueueDeclare("late", false, false, false, false, nil)
		_, _ = ch.Consume("late", "", false, false, false, false, nil)
		_ = ch.Publish("", "late", false, false, amqp091.Publishing{Body: []byte("x")})
	}()
	mq.WaitConsumers("late", 1)
	mq.RequireLen("late", 1)
	mq.WaitQueue(t.Context(), "late", func(c brokertest.Counts) bool { return c.Unacked == 1 })
	go func() { _ = ch.Close() }()
	mq.WaitConsumers("late", 0)
	mq.RequireNoUnacked()
	assert.Equal(t, "x", string(mq.Get("late").Body))
	mq.RequireEmpty()
	mq.RequireEmpty("late")
}

// lenFailure is what docs/testing.md shows.
const lenFailure = `queue "orders.pending": want 2 messages, have 1 message, and that did not change in 5s
  queue "orders.pending" has
    message  exchange  key             properties                                           body
    ready    ""        orders.pending  content-type=application/json delivery-mode=2 try=2  {"order": 42}
  virtual host "/" has
    queue           ready  unacked  consumers
    orders.expired  0      0        0
    orders.pending  1      0        0`

func TestFailureOfRequireLen(t *testing.T) {
	mq, f := newFake(t)
	queues(mq, "orders.expired", "orders.pending")
	mq.Publish("", "orders.pending", []byte(`{"order": 42}`), brokertest.ContentType("application/json"),
		brokertest.Persistent(), brokertest.Header("try", 2))
	assert.Equal(t, strings.TrimLeft(`
queue "orders.expired": want 1 message, have 0 messages, and that did not change in N ms
  queue "orders.expired" is empty
  virtual host "/" has
    queue           ready  unacked  consumers
    orders.expired  0      0        0
    orders.pending  1      0        0`, "\n"), f.fails(func() { mq.RequireLen("orders.expired", 1) }))
	assert.Equal(t, lenFailure, strings.ReplaceAll(f.fails(func() { mq.RequireLen("orders.pending", 2) }), " in N ms", " in 5s"))
	assert.Equal(t, strings.TrimLeft(`
queue "order.pending": want 1 message, but there is no such queue, and none came in N ms
  virtual host "/" has
    queue           ready  unacked  consumers
    orders.expired  0      0        0
    orders.pending  1      0        0`, "\n"), f.fails(func() { mq.RequireLen("order.pending", 1) }))
}

// Who holds a message is what one wants to know.
func TestFailureTellsHolders(t *testing.T) {
	mq, f := newFake(t)
	queues(mq, "q")
	for _, body := range []string{"a", "b", "c", "d"} {
		mq.Publish("", "q", []byte(body))
	}
	props := amqp091.NewConnectionProperties()
	props.SetClientConnectionName("worker")
	conn, err := amqp091.DialConfig(mq.MemoryURL(), amqp091.Config{Properties: props, Dial: mq.DialFunc})
	require.NoError(t, err)
	defer conn.Close()
	ch, err := conn.Channel()
	require.NoError(t, err)
	got, _, err := ch.Get("q", false)
	require.NoError(t, err)
	require.NoError(t, got.Nack(false, true))
	_, _, err = ch.Get("q", false)
	require.NoError(t, err)
	require.NoError(t, ch.Qos(1, 0, false))
	_, err = ch.Consume("q", "c1", false, false, false, false, nil)
	require.NoError(t, err)
	mq.WaitQueue(t.Context(), "q", func(c brokertest.Counts) bool { return c.Unacked == 2 })
	mine := mq.Consume("q", broker.ConsumeOptions{Tag: "mine", Prefetch: 1})
	mine.Next()
	assert.Equal(t, strings.TrimLeft(`
queue "q": want no unacked messages, have 3, and that did not change in N ms
  queue "q" has
    message                                                     exchange  key  properties  body
    held by "worker" (memory:1) channel 1 by basic.get, tag 2   ""        q    -           a
    held by "worker" (memory:1) channel 1 consumer "c1", tag 3  ""        q    -           b
    held by the test consumer "mine", tag 1                     ""        q    -           c
    ready                                                       ""        q    -           d
  virtual host "/" has
    queue  ready  unacked  consumers
    q      1      3        2`, "\n"), f.fails(func() { mq.RequireNoUnacked() }))
	mine.Close()
	assert.Contains(t, f.fails(func() { mq.RequireReady("q", 1) }), "    ready again ")
	assert.Equal(t, []brokertest.ConsumerInfo{{
		ConsumerInfo: broker.ConsumerInfo{Tag: "c1", Queue: "q", Prefetch: 1, Unacked: 1, Active: true, Timeout: 30 * time.Minute},
		Peer:         "memory:1", Connection: "worker", Channel: 1,
	}}, mq.Consumers("q"))
}

func TestOtherFailures(t *testing.T) {
	mq, f := newFake(t)
	queues(mq, "q")
	mq.Publish("", "q", []byte("a"))
	for _, tc := range []struct {
		name string
		do   func()
		want string
	}{
		{"RequireReady", func() { mq.RequireReady("q", 0) }, `queue "q": want 0 ready messages, have 1 ready message, and that`},
		{"RequireEmpty", func() { mq.RequireEmpty() }, `queue "q": want no messages, have 1, and that did not change in N ms`},
		{"RequireEmpty of none", func() { mq.RequireEmpty("nope") },
			`queue "nope": want no messages, but there is no such queue, and none came in N ms`},
		{"WaitConsumers", func() { mq.WaitConsumers("q", 2) }, `queue "q": want at least 2 consumers, have 0 consumers, and that`},
		{"WaitConsumers of none", func() {
			c := mq.Consume("q")
			defer c.Close()
			mq.WaitConsumers("q", 0)
		}, `queue "q": want no consumers, have 1 consumer, and that`},
		{"WaitQueue", func() {
			mq.WaitQueue(context.Background(), "q", func(brokertest.Counts) bool { return false })
		}, `queue "q": want what WaitQueue waits for, have 1 ready, 0 unacked, 0 consumers, and that did not change in N ms`},
		{"WaitQueue with a context", func() {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			mq.WaitQueue(ctx, "q", func(brokertest.Counts) bool { return false })
		}, `and that did not change before the context ended: context canceled`},
		{"Get", func() { mq.Purge("q"); mq.Get("q") }, `Get: nothing came to queue "q" in N ms`},
		{"Next", func() { mq.Consume("q", broker.ConsumeOptions{Tag: "t"}).Next() },
			`Next: nothing came to consumer "t" of queue "q" in N ms`},
		{"Advance", func() { mq.Advance(time.Second) }, "brokertest: Advance: this broker's time is real. Start it with " +
			"brokertest.New(t, brokertest.WithManualClock()); in a synctest bubble use time.Sleep"},
		{"SetTime", func() { mq.SetTime(time.Time{}) }, "brokertest: SetTime: this broker's time is real."},
		{"Publish", func() { mq.Publish("nope", "k", nil) },
			`brokertest: Publish to exchange "nope" by "k": NOT_FOUND - no exchange 'nope' in vhost '/'`},
		{"Publish a header", func() { mq.Publish("", "q", nil, brokertest.Header("h", struct{}{})) },
			`brokertest: Publish to exchange "" by "q": broker: headers: amqp: no such value in a field table: struct {}`},
		{"Consume", func() { mq.Consume("nope") }, "brokertest: Consume: NOT_FOUND - no queue 'nope' in vhost '/'"},
		{"Ready", func() { mq.Ready("nope") }, "brokertest: Ready: NOT_FOUND - no queue 'nope' in vhost '/'"},
		{"Unacked", func() { mq.Unacked("nope") }, "brokertest: Unacked: NOT_FOUND - no queue 'nope' in vhost '/'"},
		{"Declare an exchange", func() {
			mq.Declare(brokertest.Topology{Exchanges: []broker.Exchange{{Name: "x", Type: "nope"}}})
		}, `brokertest: exchange "x": PRECONDITION_FAILED - unknown exchange type 'nope'`},
		{"Declare a queue", func() {
			mq.Declare(brokertest.Topology{Queues: []broker.Queue{{Name: "amq.x"}}})
		}, `brokertest: queue "amq.x": ACCESS_REFUSED - queue name 'amq.x' contains reserved prefix 'amq.*'`},
		{"Declare a binding", func() {
			mq.Declare(brokertest.Topology{Bindings: []broker.Binding{{Source: "amq.topic", Destination: "nope", Key: "k"}}})
		}, `brokertest: binding of "amq.topic" to "nope" by "k": NOT_FOUND - no queue 'nope' in vhost '/'`},
		{"Declare a policy", func() {
			mq.Declare(brokertest.Topology{Policies: []broker.Policy{{Name: "p", Pattern: "("}}})
		}, `brokertest: policy "p": `},
	} {
		t.Run(tc.name, func(t *testing.T) {
			assert.Contains(t, f.fails(tc.do), tc.want)
		})
	}
}

// A wait takes no longer than the test has.
func TestDeadlineOfTheTest(t *testing.T) {
	f := &fakeTB{t: t}
	t.Cleanup(f.finish)
	mq := brokertest.New(&hurriedTB{f})
	assert.Contains(t, f.fails(func() { mq.RequireLen("nope", 1) }), "there is no such queue")
}

type hurriedTB struct{ *fakeTB }

func (hurriedTB) Deadline() (time.Time, bool) { return delay.Real{}.Now().Add(time.Second), true }

// Bodies, names and properties as a human reads them.
func TestTablesShowAnything(t *testing.T) {
	mq, f := newFake(t)
	queues(mq, "q", " odd")
	long := strings.Repeat("ä", 100)
	mq.Publish("", "q", []byte(long))
	mq.Publish("", "q", []byte("two\nlines\tand a tab"))
	mq.Publish("", "q", []byte{0, 1, 254, 255})
	mq.Publish("", "q", bytes.Repeat([]byte{255}, 200))
	mq.Publish("amq.fanout", "k", nil)
	mq.Publish("", "q", nil, brokertest.Properties(amqp.Properties{
		ContentEncoding: "gzip", Priority: 3, CorrelationID: "c 1", ReplyTo: "r", MessageID: "m", Timestamp: 12, Type: "t",
		UserID: "guest", AppID: "a", ClusterID: "i",
		Headers: amqp.Table{
			{Key: "h", Value: amqp.Table{{Key: "z", Value: int32(1)}, {Key: "a", Value: []byte{1}}}},
			{Key: "x-death", Value: amqp.Array{amqp.Table{
				{Key: "queue", Value: "wait"}, {Key: "reason", Value: "expired"}, {Key: "count", Value: int64(2)},
			}}},
		},
	}), brokertest.Expiration(time.Minute))
	text := f.fails(func() { mq.RequireLen("q", 0) })
	for _, want := range []string{
		" " + strings.Repeat("ä", 60) + "… (200 bytes)\n", ` two\nlines\tand a tab` + "\n", " 0x0001feff\n",
		" 0x" + strings.Repeat("ff", 60) + "… (200 bytes)\n",
		` content-encoding=gzip priority=3 correlation-id="c 1" reply-to=r expiration=60000 message-id=m timestamp=12 ` +
			`type=t user-id=guest app-id=a cluster-id=i h={a=0x01 z=1} x-death=[wait:expired×2]  ""` + "\n",
		`    " odd"  0      0        0`,
	} {
		assert.Contains(t, text, want)
	}
	for range 30 {
		mq.Publish("", "q", nil)
	}
	assert.Contains(t, f.fails(func() { mq.RequireLen("q", 0) }), "\n    and 15 more\n")
}

func TestLogIsShownOnFailure(t *testing.T) {
	mq, f := newFake(t)
	_, err := dial(t, mq).Channel()
	require.NoError(t, err)
	mq.Close()
	f.finish()
	assert.Empty(t, f.logs, "the test has passed")

	mq, f = newFake(t)
	for range 1100 {
		mq.Broker().SetAlarm(broker.MemoryAlarm, true)
		mq.Broker().SetAlarm(broker.MemoryAlarm, false)
	}
	conn := dial(t, mq)
	require.NoError(t, conn.Close())
	mq.Close()
	f.failure = "failed"
	f.finish()
	require.Len(t, f.logs, 1)
	lines := strings.Split(strings.TrimSpace(f.logs[0]), "\n")
	assert.Regexp(t, `^the broker's log, without the first \d+ lines:$`, lines[0])
	assert.Len(t, lines, 1001)
	assert.Regexp(t, `^time=\d\d:\d\d:\d\d\.\d{6} level=INFO msg="connection closed" client=memory:1$`, lines[1000])
}
