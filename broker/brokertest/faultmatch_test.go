package brokertest_test

// Which calls a fault is for, how it counts, and how it fails a test.

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/brokertest"
	"github.com/rabbetmq/rabbet/broker/tap"
)

// nacked publishes bodies one after the other and tells which were nacked.
func nacked(t *testing.T, ch *amqp091.Channel, n int) (hit []int) {
	t.Helper()
	for i := range n {
		c, err := ch.PublishWithDeferredConfirm("", "q", false, false, amqp091.Publishing{
			Headers: amqp091.Table{"n": int32(i + 1)},
		})
		require.NoError(t, err)
		<-c.Done()
		if !c.Acked() {
			hit = append(hit, i+1)
		}
	}
	return hit
}

func TestFaultCounts(t *testing.T) {
	on := brokertest.On("basic.publish")
	for name, tc := range map[string]struct {
		match brokertest.Match
		want  []int
	}{
		"always":         {on, []int{1, 2, 3, 4, 5, 6, 7, 8, 9}},
		"nth":            {on.Nth(3), []int{3}},
		"several nth":    {on.Nth(3).Nth(1, 7), []int{1, 3, 7}},
		"from":           {on.From(7), []int{7, 8, 9}},
		"every":          {on.Every(4), []int{4, 8}},
		"from and every": {on.From(3).Every(3), []int{5, 8}},
		"times":          {on.From(2).Times(2), []int{2, 3}},
		"never":          {on.Chance(0, 1), nil},
		"surely":         {on.Chance(1, 1), []int{1, 2, 3, 4, 5, 6, 7, 8, 9}},
		"where": {on.Where(func(c *tap.Call) bool {
			v, _ := c.Msg.Props.Headers().Lookup("n")
			n, _ := amqp.AsInt(v)
			return n%5 == 0
		}).Where(func(c *tap.Call) bool { return c.Args.(*amqp.BasicPublish).RoutingKey == "q" }), []int{5}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mq := brokertest.New(t)
			ch := channel(t, mq)
			require.NoError(t, ch.Confirm(false))
			f := mq.Fault(tc.match, brokertest.Nack())
			assert.Equal(t, tc.want, nacked(t, ch, 9))
			assert.Equal(t, len(tc.want), f.Hits())
		})
	}
}

// A seed makes the same choices again, another makes others.
func TestFaultChance(t *testing.T) {
	choices := func(seed uint64) []int {
		mq := brokertest.New(t)
		ch := channel(t, mq)
		require.NoError(t, ch.Confirm(false))
		mq.Fault(brokertest.On("basic.publish").Chance(0.5, seed), brokertest.Nack())
		return nacked(t, ch, 64)
	}
	first := choices(1)
	assert.InDelta(t, 32, len(first), 20)
	assert.Equal(t, first, choices(1))
	assert.NotEqual(t, first, choices(2))
}

// The first fault that is due happens; the others count the call nevertheless.
func TestFaultsInTurn(t *testing.T) {
	mq := brokertest.New(t)
	ch := channel(t, mq)
	require.NoError(t, ch.Confirm(false))
	first := mq.Fault(brokertest.On("basic.publish").Nth(2, 3), brokertest.Nack())
	second := mq.Fault(brokertest.On("basic.publish").Nth(3, 4), brokertest.CloseChannel(406, "no"))
	assert.Equal(t, []int{2, 3}, nacked(t, ch, 3))
	assert.Equal(t, 2, first.Hits())
	assert.Zero(t, second.Hits())
	closed := ch.NotifyClose(make(chan *amqp091.Error, 1))
	require.NoError(t, ch.Publish("", "q", false, false, amqp091.Publishing{}))
	assert.Equal(t, "no", (<-closed).Reason)
}

// Each condition tells calls apart.
func TestFaultConditions(t *testing.T) {
	mq := brokertest.New(t)
	queues(mq, "q", "other")
	mq.Declare(brokertest.Topology{Bindings: []broker.Binding{{Source: "amq.topic", Destination: "q", Key: "a.#"}}})
	app, err := dialAs(mq.MemoryURL(), mq.DialFunc, "app")
	require.NoError(t, err)
	ch, err := app.Channel()
	require.NoError(t, err)
	deliver := func(queue string) amqp091.Delivery {
		d, err := ch.Consume(queue, queue, false, false, false, false, nil)
		require.NoError(t, err)
		return <-d
	}
	steps := []func() error{
		func() error { return ch.Publish("amq.topic", "a.b", false, false, amqp091.Publishing{}) },
		func() error { return ch.Publish("", "other", false, false, amqp091.Publishing{}) },
		func() error { d := deliver("q"); return d.Ack(false) },
		func() error { d := deliver("other"); return d.Nack(false, false) },
		func() error { return ch.Cancel("q", false) },
		func() error { return ch.QueueBind("q", "b", "amq.direct", false, nil) },
		func() error { return ch.ExchangeBind("amq.fanout", "c", "amq.headers", false, nil) },
	}
	const all = 10 // the steps, two basic.consume, and connection.close
	on := brokertest.On
	want := map[string]struct {
		match brokertest.Match
		hits  int
	}{
		"publish reaches q":     {on("basic.publish").Queue("q"), 1},
		"publish to topic":      {on("basic.publish").Exchange("amq.topic").Key("a.b"), 1},
		"publish by name":       {on("basic.publish").Exchange("").Key("other"), 1},
		"both must hold":        {on("basic.publish").Exchange("").Key("a.b"), 0},
		"ack of q":              {on("basic.ack").Queue("q"), 1},
		"ack of other":          {on("basic.ack").Queue("other"), 0},
		"nack of other":         {on("basic.nack").Queue("other"), 1},
		"delivery from q":       {on("deliver").Queue("q").Exchange("amq.topic"), 1},
		"cancel of q":           {on("basic.cancel").Queue("q"), 1},
		"consume of other":      {on("basic.consume").Queue("other"), 1},
		"queue bound":           {on("queue.bind").Queue("q").Exchange("amq.direct").Key("b"), 1},
		"exchange bound":        {on("exchange.*").Exchange("amq.headers").Key("c"), 1},
		"bindings":              {on("*.bind"), 2},
		"anything":              {on("*").Connection("app"), all},
		"anything in a vhost":   {on("*").VHost("/").User("guest"), all},
		"anything elsewhere":    {on("*").VHost("elsewhere"), 0},
		"anything of another":   {on("*").User("another"), 0},
		"another's connections": {on("*").Connection("another"), 0},
	}
	seen := map[string]*atomic.Int32{}
	for name, tc := range want {
		seen[name] = new(atomic.Int32)
		// The conditions hold before the function is called, which is no hit.
		mq.Fault(tc.match.Where(func(*tap.Call) bool { seen[name].Add(1); return false }), brokertest.Swallow())
	}
	for _, step := range steps {
		require.NoError(t, step())
	}
	require.NoError(t, app.Close())
	for name, tc := range want {
		assert.EqualValues(t, tc.hits, seen[name].Load(), name)
	}
	for _, f := range mq.Faults() {
		assert.Zero(t, f.Hits())
	}
}

// Faults may come and go while clients publish.
func TestFaultsConcurrently(t *testing.T) {
	const clients, n = 4, 200
	mq := brokertest.New(t)
	queues(mq, "q")
	third := mq.Fault(brokertest.On("basic.publish").Every(3), brokertest.Nack())
	var clientsDone, others sync.WaitGroup
	var hits atomic.Int32
	for range clients {
		ch := channel(t, mq)
		require.NoError(t, ch.Confirm(false))
		clientsDone.Go(func() { hits.Add(int32(len(nacked(t, ch, n)))) })
	}
	done := make(chan struct{})
	for range 2 {
		others.Go(func() {
			for {
				f := mq.Fault(brokertest.On("basic.*").Where(func(*tap.Call) bool { return true }).Nth(1000), brokertest.Swallow())
				_, _, _ = f.Hits(), f.String(), mq.Faults()
				f.Remove()
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	clientsDone.Wait()
	close(done)
	others.Wait()
	assert.EqualValues(t, clients*n/3, hits.Load())
	assert.Equal(t, clients*n/3, third.Hits())
	mq.RequireLen("q", clients*n-clients*n/3)
}

func TestFaultWait(t *testing.T) {
	mq := brokertest.New(t, brokertest.WithPatience(short))
	ch := channel(t, mq)
	f := mq.Fault(brokertest.On("basic.publish").Exchange("").Nth(1), brokertest.Swallow())
	require.NoError(t, f.Wait(t.Context(), 0))
	waits := make(chan error, 2)
	long, end := context.WithTimeout(t.Context(), time.Minute)
	defer end()
	for range 2 {
		go func() { waits <- f.Wait(long, 1) }()
	}
	require.NoError(t, ch.Publish("", "q", false, false, amqp091.Publishing{}))
	require.NoError(t, <-waits)
	require.NoError(t, <-waits)
	err := f.Wait(t.Context(), 2)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.EqualError(t, err, `fault swallow on basic.publish exchange="" nth=1: 1 of 2 hits: context deadline exceeded`)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, f.Wait(ctx, 2), context.Canceled)
	ctx, cancel = context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	assert.ErrorIs(t, f.Wait(ctx, 2), context.DeadlineExceeded)
}

func TestRequireHits(t *testing.T) {
	mq, f := newFake(t)
	mq.RequireHits()
	ch := channel(t, mq)
	hit := mq.Fault(brokertest.On("basic.publish").Nth(1), brokertest.Swallow())
	missed := mq.Fault(brokertest.On("basic.publish").Exchange("orders").Nth(3), brokertest.CloseChannel(404, "NOT_FOUND - it"))
	require.NoError(t, ch.Publish("", "q", false, false, amqp091.Publishing{}))
	require.NoError(t, ch.Qos(0, 0, false)) // by then the publish has come
	mq.RequireHits(hit)
	hit.Remove()
	said := f.fails(func() { mq.RequireHits() })
	assert.Equal(t, `want every fault to happen, but some did not in N ms
    fault                               on                                   calls  hits
    swallow                             basic.publish nth=1                  1      1
    close-channel 404 "NOT_FOUND - it"  basic.publish exchange=orders nth=3  0      0
  Faults see the calls of clients, not mq.Publish, mq.Get or mq.Consume.
`, said+"\n")
	missed.Remove()
}

// What makes no sense fails the test, and says why.
func TestFaultMistakes(t *testing.T) {
	mq, f := newFake(t)
	on := brokertest.On
	for want, do := range map[string]func(){
		`brokertest: Fault: "basic.deliver" is no method of a client's, nor one of connect, login, deliver, confirm`: func() {
			mq.Fault(on("basic.deliver"), brokertest.Swallow())
		},
		"brokertest: Fault: nack makes no sense for queue.declare": func() { mq.Fault(on("queue.*"), brokertest.Nack()) },
		"brokertest: Fault: close-channel makes no sense for login": func() {
			mq.Fault(on("login"), brokertest.CloseChannel(404, "no"))
		},
		"brokertest: Fault: basic.publish nth=0: calls are counted from 1": func() {
			mq.Fault(on("basic.publish").Nth(0), brokertest.Nack())
		},
		"brokertest: Fault: basic.publish every=-1: negative numbers make no sense": func() {
			mq.Fault(on("basic.publish").Every(-1), brokertest.Nack())
		},
		"brokertest: Fault: basic.publish chance=1.5: a probability is from 0 to 1": func() {
			mq.Fault(on("basic.publish").Chance(1.5, 0), brokertest.Nack())
		},
		"brokertest: Fault: delay: -1s is no delay":                       func() { mq.Fault(on("basic.publish"), brokertest.Delay(-time.Second)) },
		"brokertest: Fault: the zero Action: use a function such as Nack": func() { mq.Fault(on("basic.publish"), brokertest.Action{}) },
		"brokertest: Fault: close-connection: a text has at most 255 bytes, not 256": func() {
			mq.Fault(on("*"), brokertest.CloseConnection(404, string(make([]byte, 256))))
		},
	} {
		assert.Equal(t, want, f.fails(do))
	}
	assert.Empty(t, mq.Faults())
	assert.Equal(t, "nack after 2s on confirm vhost=v where=func from=2", brokertest.Nack().After(2*time.Second).String()+" on "+
		on("confirm").VHost("v").From(2).Where(func(*tap.Call) bool { return true }).String())
}
