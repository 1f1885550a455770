package brokertest_test

// The examples of docs/testing.md: each Go block there is a function here.

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/brokertest"
	"github.com/rabbetmq/rabbet/broker/brokertest/amqp091test"
)

// orders stands for the package under test.
var orders ordersPackage

type ordersPackage struct{}

// An orderService places orders, which somebody has half an hour to pick up.
type orderService struct {
	conn *amqp091.Connection
	ch   *amqp091.Channel
}

func (ordersPackage) New(url string) *orderService {
	conn, err := amqp091.Dial(url)
	if err != nil {
		panic(err)
	}
	ch, err := conn.Channel()
	if err != nil {
		panic(err)
	}
	for name, args := range map[string]amqp091.Table{
		"orders.expired": nil,
		"orders.pending": {
			"x-message-ttl": 30 * 60 * 1000, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "orders.expired",
		},
	} {
		if _, err := ch.QueueDeclare(name, true, false, false, false, args); err != nil {
			panic(err)
		}
	}
	return &orderService{conn, ch}
}

func (s *orderService) Place(order string) {
	err := s.ch.Publish("", "orders.pending", false, false, amqp091.Publishing{ContentType: "application/json", Body: []byte(order)})
	if err != nil {
		panic(err)
	}
}

func (s *orderService) Close() { _ = s.conn.Close() }

func TestOrderExpires(t *testing.T) {
	mq := brokertest.New(t, brokertest.WithManualClock())
	svc := orders.New(mq.URL()) // any client, any library
	defer svc.Close()

	svc.Place(`{"order": 42}`)
	mq.RequireLen("orders.pending", 1)
	mq.Advance(30 * time.Minute)
	mq.RequireLen("orders.expired", 1)
}

func TestWithoutNetwork(t *testing.T) {
	mq := brokertest.New(t)
	conn, err := amqp091.DialConfig(mq.MemoryURL(), amqp091.Config{Dial: mq.DialFunc})
	require.NoError(t, err)
	defer conn.Close()

	ch, err := conn.Channel()
	require.NoError(t, err)
	_, err = ch.QueueDeclare("greetings", false, false, false, false, nil)
	require.NoError(t, err)
	require.NoError(t, ch.Publish("", "greetings", false, false, amqp091.Publishing{Body: []byte("hello")}))
	assert.Equal(t, "hello", string(mq.Get("greetings").Body))
}

func TestSynctestHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mq := brokertest.New(t)
		mq.Declare(brokertest.Topology{Queues: []broker.Queue{
			{Name: "late"},
			{Name: "wait", Args: map[string]any{
				"x-message-ttl": time.Hour.Milliseconds(), "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "late",
			}},
		}})
		conn, err := amqp091.DialConfig(mq.MemoryURL(), amqp091.Config{Dial: mq.DialFunc})
		require.NoError(t, err)
		defer conn.Close()
		ch, err := conn.Channel()
		require.NoError(t, err)
		late, err := ch.Consume("late", "", true, false, false, false, nil)
		require.NoError(t, err)

		begin := mq.Now()
		mq.Publish("", "wait", []byte("wake up"))
		assert.Equal(t, "wake up", string((<-late).Body)) // an hour of heartbeats goes by
		assert.Equal(t, time.Hour, mq.Now().Sub(begin))
	})
}

func TestSynctestComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mq := brokertest.New(t)
		mq.Declare(brokertest.Topology{Queues: []broker.Queue{{Name: "jobs"}}})
		ctx, stop := context.WithCancel(t.Context())
		got, ended := make(chan string), make(chan struct{})
		go func() {
			defer close(ended)
			consumeForever(ctx, mq, "jobs", got) // connects again when it must, a little later each time
		}()

		mq.WaitConsumers("jobs", 1)
		for range 10 {
			mq.KillConnections(nil)
			mq.Publish("", "jobs", []byte("job"))
			assert.Equal(t, "job", <-got) // after 100 ms, 200 ms, 400 ms ... of a time that costs nothing
		}
		stop()
		<-ended
	})
}

func TestWorkerHoldsOneJob(t *testing.T) {
	mq := brokertest.New(t)
	mq.Declare(brokertest.Topology{Queues: []broker.Queue{{Name: "jobs"}}})
	for _, job := range []string{"sweep", "mop", "dust"} {
		mq.Publish("", "jobs", []byte(job))
	}
	worker := startWorker(t, mq) // consumes with a prefetch of 1 and does not finish by itself

	mq.WaitConsumers("jobs", 1)
	mq.RequireReady("jobs", 2)
	held := mq.Unacked("jobs")
	assert.Equal(t, "sweep", string(held[0].Body))
	assert.Equal(t, "worker", held[0].Connection)

	worker.finish(3)
	mq.RequireEmpty("jobs")
}

// A worker consumes jobs, one at a time.
type worker struct {
	t          testing.TB
	deliveries <-chan amqp091.Delivery
}

func startWorker(t testing.TB, mq *brokertest.Broker) *worker {
	conn, err := dialAs(mq.URL(), nil, "worker")
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	ch, err := conn.Channel()
	require.NoError(t, err)
	require.NoError(t, ch.Qos(1, 0, false))
	deliveries, err := ch.Consume("jobs", "", false, false, false, false, nil)
	require.NoError(t, err)
	return &worker{t, deliveries}
}

func (w *worker) finish(n int) {
	for range n {
		require.NoError(w.t, (<-w.deliveries).Ack(false))
	}
}

func TestTopologyOfTheService(t *testing.T) {
	mq := brokertest.New(t)
	svc := orders.New(mq.URL())
	defer svc.Close()

	assert.Equal(t, brokertest.Topology{Queues: []broker.Queue{
		{Name: "orders.expired", Durable: true},
		{Name: "orders.pending", Durable: true, Args: map[string]any{
			"x-message-ttl": 1800000, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "orders.expired",
		}},
	}}, mq.Topology())
}

func TestFixtures(t *testing.T) {
	mq := brokertest.New(t)
	mq.Declare(brokertest.Topology{
		Exchanges: []broker.Exchange{{Name: "events", Type: "topic", Durable: true}},
		Queues:    []broker.Queue{{Name: "audit", Durable: true}, {Name: "mail", Args: map[string]any{"x-max-length": 100}}},
		Bindings: []broker.Binding{
			{Source: "events", Destination: "audit", Key: "#"},
			{Source: "events", Destination: "mail", Key: "user.*"},
		},
	})

	reached := mq.Publish("events", "user.created", []byte(`{"id": 7}`),
		brokertest.ContentType("application/json"), brokertest.Header("trace", "abc"), brokertest.Persistent())
	assert.Equal(t, 2, reached)

	m := mq.Get("mail") // takes it out of the queue
	assert.Equal(t, "user.created", m.Key)

	consumer := mq.Consume("audit")
	d := consumer.Next() // held by the test until Ack or Nack
	require.NoError(t, d.Nack(true))
	assert.True(t, consumer.Next().Redelivered)
}

func TestLostConnection(t *testing.T) {
	mq := brokertest.New(t)
	mq.Declare(brokertest.Topology{Queues: []broker.Queue{{Name: "jobs"}}})
	mq.Publish("", "jobs", []byte("sweep"))
	startWorker(t, mq)
	mq.RequireReady("jobs", 0)

	killed := mq.KillConnections(func(c broker.ConnectionInfo) bool { return c.Name == "worker" })
	assert.Equal(t, 1, killed)
	assert.True(t, mq.Ready("jobs")[0].Redelivered) // it is back already
}

func TestSilentNetwork(t *testing.T) {
	mq := brokertest.New(t)
	conn, err := amqp091.Dial(mq.URL())
	require.NoError(t, err)
	defer conn.Close()
	opened := make(chan error)

	mq.Pause()
	go func() {
		_, err := conn.Channel()
		opened <- err
	}()
	select {
	case <-opened:
		t.Error("nobody can have answered")
	case <-soon(t):
	}
	mq.Resume()
	require.NoError(t, <-opened)
}

// soon is over in a few milliseconds.
func soon(t testing.TB) <-chan struct{} {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	t.Cleanup(cancel)
	return ctx.Done()
}

func TestBrokerIsShortOfMemory(t *testing.T) {
	mq := brokertest.New(t)
	conn, err := amqp091.Dial(mq.URL())
	require.NoError(t, err)
	defer conn.Close()
	blocked := conn.NotifyBlocked(make(chan amqp091.Blocking, 1))
	ch, err := conn.Channel()
	require.NoError(t, err)

	mq.SetAlarm(broker.MemoryAlarm, true)
	require.NoError(t, ch.Publish("", "jobs", false, false, amqp091.Publishing{}))
	assert.Equal(t, "low on memory", (<-blocked).Reason)
	mq.SetAlarm(broker.MemoryAlarm, false)
	assert.False(t, (<-blocked).Active)
}

func TestSurvivesRestart(t *testing.T) {
	mq := brokertest.New(t, brokertest.Durable())
	svc := orders.New(mq.URL())
	defer svc.Close()
	mq.Publish("", "orders.pending", []byte("kept"), brokertest.Persistent())
	mq.Publish("", "orders.pending", []byte("lost"))

	mq.Restart() // in order: clients are told 320, at the same address it is there again
	assert.Equal(t, "kept", string(mq.Get("orders.pending").Body))
	mq.RequireEmpty("orders.pending")
}

func TestNothingConfirmedIsLost(t *testing.T) {
	mq := brokertest.New(t, brokertest.Durable())
	mq.Declare(brokertest.Topology{Queues: []broker.Queue{{Name: "jobs", Durable: true}}})
	conn, err := amqp091.Dial(mq.URL())
	require.NoError(t, err)
	defer conn.Close()
	ch, err := conn.Channel()
	require.NoError(t, err)
	require.NoError(t, ch.Confirm(false))
	publish := func(body string) (acked bool) {
		confirm, err := ch.PublishWithDeferredConfirm("", "jobs", false, false,
			amqp091.Publishing{DeliveryMode: amqp091.Persistent, Body: []byte(body)})
		require.NoError(t, err)
		return confirm.Wait()
	}

	assert.True(t, publish("one"))
	mq.FailNextSync(-1) // the disk fails from now on
	assert.False(t, publish("two"))
	mq.FailNextSync(0)
	assert.True(t, publish("three"))

	mq.Crash() // as if its process had been killed
	mq.RequireReady("jobs", 3)
}

func TestOtherHost(t *testing.T) {
	mq := brokertest.New(t, brokertest.WithUser("app", "secret"), brokertest.WithVHost("shop"))
	audit := mq.In("audit")
	audit.Declare(brokertest.Topology{Queues: []broker.Queue{{Name: "log"}}})
	audit.Publish("", "log", []byte("something has happened"))
	audit.RequireLen("log", 1)
	assert.Regexp(t, `^amqp://app:secret@127\.0\.0\.1:\d+/shop$`, mq.URL())
}

func TestWithTheOfficialClient(t *testing.T) {
	mq := brokertest.New(t)
	mq.Declare(brokertest.Topology{Queues: []broker.Queue{{Name: "orders"}}})
	ch := amqp091test.Channel(t, mq)
	orders := amqp091test.Consume(t, ch, "orders")

	amqp091test.Publish(t, ch, "", "orders", amqp091.Publishing{Body: []byte("42")})
	d := amqp091test.Receive(t, orders)
	assert.Equal(t, "42", string(d.Body))
	require.NoError(t, d.Ack(false))
	mq.RequireEmpty("orders")
}

func TestRejectedOrderIsRetried(t *testing.T) {
	mq := brokertest.New(t)
	mq.Declare(brokertest.Topology{Queues: []broker.Queue{
		{Name: "retry"},
		{Name: "orders", Args: map[string]any{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "retry"}},
	}})
	mq.Publish("", "orders", []byte("42"))
	require.NoError(t, mq.Consume("orders").Next().Nack(false))

	order := mq.Get("retry")
	assert.Equal(t, "orders", order.Deaths()[0].Queue)
	assert.Equal(t, "rejected", order.Deaths()[0].Reason)
}

// The page shows what is compiled and run here, and what a failure prints.
func TestPageShowsTheExamples(t *testing.T) {
	page, err := os.ReadFile("../../docs/testing.md")
	require.NoError(t, err)
	var sources strings.Builder
	files, err := filepath.Glob("*_test.go")
	require.NoError(t, err)
	shared, err := filepath.Glob("amqp091test/*_test.go")
	require.NoError(t, err)
	for _, file := range append(files, shared...) {
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		sources.Write(source)
	}
	blocks := strings.Split(string(page), "```go\n")[1:]
	require.NotEmpty(t, blocks)
	for _, block := range blocks {
		code, _, _ := strings.Cut(block, "```")
		if strings.HasPrefix(code, "import ") {
			continue
		}
		assert.Contains(t, sources.String(), "\n"+code)
	}
	assert.Contains(t, string(page), "```text\n"+lenFailure+"\n```")

	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	first, _, _ := strings.Cut(blocks[0], "```")
	assert.Contains(t, string(readme), "```go\n"+first+"```")
}
