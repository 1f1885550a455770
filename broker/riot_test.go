package broker_test

// Several clients say whatever comes to their minds, right and wrong, at once, each also
// with a channel on which it behaves. Whatever the others do:
//
//   - nothing panics, and each refusal has its code and its text;
//   - of what was published on the good channels, all that was confirmed is in its queue,
//     once, or was settled; what was settled for certain is not in it;
//   - each queue keeps the order of each publisher, for its consumers and in the end;
//   - a client that does nothing wrong is answered;
//   - the broker ends in time, leaves no goroutine, and starts again with the same messages.
//
// A longer riot: go test ./broker -run TestRiot -riot.for 10m. One seed again: -riot.seed N.

import (
	"context"
	"flag"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/store"
)

var (
	riotFor  = flag.Duration("riot.for", 0, "how long TestRiot goes on; 0 is a few riots")
	riotSeed = flag.Uint64("riot.seed", 0, "the one seed of TestRiot; 0 takes new ones")
)

// countedQueues are the queues of the good channels.
var countedQueues = []string{"counted-0", "counted-1"}

// A riot is one broker, and what its clients know.
type riot struct {
	*testing.T
	b   *broker.Broker
	dir string // of its store; empty without
	cfg broker.Config
	log logBuffer

	sm        sync.Mutex
	queueOf   map[string]string // by body: what was published
	confirmed map[string]bool
	settled   map[string]bool // by an acknowledgement that may not have arrived
	gone      map[string]bool // by one that has
}

func TestRiot(t *testing.T) {
	if *riotSeed != 0 {
		newRiot(t, *riotSeed).run()
		return
	}
	clock := delay.Real{}
	until := clock.Now().Add(*riotFor)
	for i := 0; i < 4 || clock.Now().Before(until); i++ {
		seed := rand.Uint64() | 1
		if !t.Run("", func(t *testing.T) {
			t.Logf("-riot.seed %d", seed)
			newRiot(t, seed).run()
		}) {
			t.Fatalf("-riot.seed %d", seed)
		}
	}
}

func newRiot(t *testing.T, seed uint64) *riot {
	r := &riot{T: t, queueOf: map[string]string{}, confirmed: map[string]bool{}, settled: map[string]bool{}, gone: map[string]bool{}}
	profiles := broker.Profiles()
	r.cfg = broker.Config{
		Profile: profiles[seed%uint64(len(profiles))], MuteTimeout: 50 * time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(&r.log, &slog.HandlerOptions{Level: slog.LevelError})),
	}
	if seed/8%2 == 0 {
		r.dir = t.TempDir()
	}
	r.start()
	v := vhost(t, r.b)
	for _, name := range countedQueues {
		declareDurable(t, v, name, nil)
	}
	declareDurable(t, v, "bystander", nil)
	r.provoke(seed)
	return r
}

// start starts the broker, again with what is in its store.
func (t *riot) start() {
	t.Helper()
	if t.dir != "" {
		var err error
		t.cfg.Store, err = store.Open(t.dir, store.Options{Sync: store.SyncNone})
		require.NoError(t, err)
	}
	t.b = start(t.T, t.cfg)
}

// provoke has four clients riot, connection after connection, beside one that does not.
func (t *riot) provoke(seed uint64) {
	var rioters, others sync.WaitGroup
	over := make(chan struct{})
	others.Go(func() { t.bystand(over) })
	for i := range uint64(4) {
		rioters.Go(func() {
			r := rand.New(rand.NewPCG(seed, i))
			for range 10 {
				t.newRioter(r.Uint64()).run(1 + r.IntN(120))
			}
		})
	}
	rioters.Wait()
	close(over)
	others.Wait()
}

// bystand publishes and gets until the riot is over.
func (t *riot) bystand(over <-chan struct{}) {
	conn := connect(t.T, t.b)
	defer conn.Close()
	ch, err := conn.Channel()
	if !assert.NoError(t, err) || !assert.NoError(t, ch.Confirm(false)) {
		return
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for rounds := 0; ; rounds++ {
		select {
		case <-over:
			assert.Positive(t, rounds)
			assert.NoError(t, ch.Close())
			return
		default:
		}
		timer := delay.Real{}.AfterFunc(patience, cancel)
		c, err := ch.PublishWithDeferredConfirm("", "bystander", true, false, amqp091.Publishing{Body: []byte("mine")})
		if !assert.NoError(t, err) {
			return
		}
		acked, err := c.WaitContext(ctx)
		timer.Stop()
		if !assert.NoError(t, err, "the confirm of a client that does nothing wrong") || !assert.True(t, acked) {
			return
		}
		d, ok, err := ch.Get("bystander", true)
		if !assert.NoError(t, err) || !assert.True(t, ok) || !assert.Equal(t, "mine", string(d.Body)) {
			return
		}
	}
}

// run looks at what the riot has left, and ends the broker.
func (t *riot) run() {
	left := t.left()
	mute := rawOpen(t.T, t.b, 0)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	timer := delay.Real{}.AfterFunc(patience, cancel)
	defer timer.Stop()
	require.NoError(t, t.b.Shutdown(ctx), "with a client that does not answer")
	_ = mute.nc.Close()
	assert.NotContains(t, t.log.String(), "panic=")
	if t.dir != "" {
		t.start()
		assert.Equal(t, left, t.left(), "after a restart")
		require.NoError(t, t.b.Close())
	}
	t.Logf("%s, store %v: %d published, %d confirmed, %d settled for certain", t.cfg.Profile, t.dir != "", len(t.queueOf), len(t.confirmed), len(t.gone))
}

// left checks what is left in the counted queues, and returns it.
func (t *riot) left() map[string][]string {
	left, found := map[string][]string{}, map[string]bool{}
	eventually(t, "the clients have gone", func() bool { return len(t.b.Snapshot().Connections) == 0 })
	v := vhost(t, t.b)
	for _, name := range countedQueues {
		n, err := v.Counts(name)
		require.NoError(t, err)
		assert.Equal(t, queue.Counts{Ready: n.Ready, ReadyBytes: n.ReadyBytes}, n)
		messages, err := v.Peek(name, n.Ready+10)
		require.NoError(t, err)
		assert.Len(t, messages, n.Ready)
		last := map[string]int{}
		for _, m := range messages {
			body := string(m.Body)
			assert.Equal(t, name, t.queueOf[body], "%s was not published here", body)
			assert.False(t, found[body], "%s is there twice", body)
			assert.False(t, t.gone[body], "%s was settled", body)
			found[body] = true
			left[name] = append(left[name], body)
			source, number := riotNumber(body)
			assert.Greater(t, number, last[source], "%s: order", name)
			last[source] = number
		}
	}
	for body := range t.confirmed {
		assert.True(t, found[body] || t.settled[body], "%s was confirmed and is not there", body)
	}
	return left
}

func (t *riot) note(queue, body string) {
	t.sm.Lock()
	defer t.sm.Unlock()
	t.queueOf[body] = queue
}

func (t *riot) noteConfirmed(body string) {
	t.sm.Lock()
	defer t.sm.Unlock()
	t.confirmed[body] = true
}

func (t *riot) noteSettled(body string) {
	t.sm.Lock()
	defer t.sm.Unlock()
	t.settled[body] = true
}

func (t *riot) noteGone(list []string) {
	t.sm.Lock()
	defer t.sm.Unlock()
	for _, body := range list {
		t.gone[body] = true
	}
}

// checkDelivered looks whether a delivery is of something that was published there.
func (t *riot) checkDelivered(queue, body string) {
	t.sm.Lock()
	defer t.sm.Unlock()
	assert.Equal(t, queue, t.queueOf[body], "%s was delivered", body)
}

// checkReply looks at the code and the text of a refusal (ERR-1, ERR-4).
func (t *riot) checkReply(code uint16, text string) {
	name := amqp.ReplyCode(code).String()
	assert.True(t, text == "INTERNAL_ERROR" && code == 541 || strings.HasPrefix(text, name+" - ") && len(text) > len(name)+3, "%d %s", code, text)
	assert.NotContains(t, name, strconv.Itoa(int(code)), "an unknown code")
}
