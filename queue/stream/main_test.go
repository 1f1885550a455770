package stream

// What the tests of this package share.

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// A bench is a stream with what it needs, and with what it has complained of.
type bench struct {
	*Stream
	t     testing.TB
	dir   string // empty in memory
	clock *delay.Manual
	opts  store.Options
	set   queue.Settings
	limit int64
	fx    queue.Effects

	mu     sync.Mutex
	faults []error
}

// onDisk makes a stream in a store that does not sync, inMemory one without.
func onDisk(t testing.TB, set queue.Settings) *bench {
	b := &bench{t: t, dir: t.TempDir(), clock: delay.NewManual(start), set: set, opts: store.Options{Sync: store.SyncNone}}
	b.open()
	t.Cleanup(b.close)
	return b
}

func inMemory(t testing.TB, set queue.Settings) *bench {
	b := &bench{t: t, clock: delay.NewManual(start), set: set}
	b.open()
	t.Cleanup(b.close)
	return b
}

// both runs a test on disk and in memory.
func both(t *testing.T, set queue.Settings, test func(t *testing.T, b *bench)) {
	t.Run("disk", func(t *testing.T) { test(t, onDisk(t, set)) })
	t.Run("memory", func(t *testing.T) { test(t, inMemory(t, set)) })
}

func (b *bench) open() {
	b.t.Helper()
	env := &queue.Env{
		Clock: b.clock, Perform: func(fx *queue.Effects) { fx.Flush() },
		Fault: func(_ string, err error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.faults = append(b.faults, err)
		},
	}
	if b.dir != "" {
		st, err := store.Open(b.dir, b.opts)
		require.NoError(b.t, err)
		env.Store = st
	}
	b.Stream = New(Config{Name: "s", Env: env, ID: 7, Settings: &b.set, MemoryLimit: b.limit})
	require.NoError(b.t, b.Recover())
	b.Resume()
}

func (b *bench) close() {
	if b.Stream == nil {
		return
	}
	b.Stop()
	if st := b.env.Store; st != nil {
		if err := st.Close(); !errors.Is(err, store.ErrClosed) {
			require.NoError(b.t, err)
		}
	}
	assert.Empty(b.t, b.segments, "all files are closed")
	b.Stream = nil
}

func (b *bench) reopen() {
	b.t.Helper()
	b.close()
	b.open()
}

func (b *bench) folderPath() string { return filepath.Join(b.dir, FolderName, strconv.Itoa(7)) }

func (b *bench) told() []error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.faults
}

type committed chan error

func (c committed) Committed(err error) { c <- err }

// commit waits until all that was published is safe.
func (b *bench) commit() error {
	if b.env.Store == nil {
		return nil
	}
	c := make(committed, 1)
	b.env.Store.Notify(c)
	return <-c
}

func message(body string, headers ...amqp.Field) *queue.Message {
	p := amqp.Properties{Flags: amqp.HasDeliveryMode, DeliveryMode: 2}
	if headers != nil {
		p.Flags |= amqp.HasHeaders
		p.Headers = headers
	}
	return &queue.Message{Exchange: "x", Key: "k", Props: p.Append(nil), Body: []byte(body)}
}

// publish publishes texts, all at once.
func (b *bench) publish(texts ...string) {
	b.t.Helper()
	msgs := make([]*queue.Message, len(texts))
	for i, text := range texts {
		msgs[i] = message(text)
	}
	require.True(b.t, b.Publish(msgs, &b.fx))
	require.NoError(b.t, b.commit())
}

// publishEach publishes n messages "m0" …, each in a commit of its own.
func (b *bench) publishEach(n int) {
	b.t.Helper()
	for i := range n {
		b.publish(fmt.Sprint("m", i))
	}
}

// A client is a consumer with a limited credit.
type client struct {
	sub    queue.Subscription
	lock   sync.Mutex
	credit int
	got    []string
	items  []queue.Item
	more   sync.Cond
}

// Offer takes a message for credit. All of it is copied: a reader may not keep it.
func (c *client) Offer(it *queue.Item, _ *queue.Effects) bool {
	if c.credit == 0 {
		return false
	}
	c.credit--
	m := *it.Msg
	c.items = append(c.items, queue.Item{Msg: &m, Seq: it.Seq})
	c.got = append(c.got, string(m.Body))
	c.more.Broadcast()
	return true
}

func (c *client) QueueDeleted(*queue.Effects) {}

// consume subscribes a client with some credit, from first, last, next, an offset or a
// time, and with a filter unless that is nothing.
func (b *bench) consume(from any, credit int, want ...string) *client {
	b.t.Helper()
	args := amqp.Table{{Key: OffsetArgument, Value: from}}
	if want != nil {
		list := amqp.Array{}
		for _, value := range want {
			list = append(list, value)
		}
		args = append(args, amqp.Field{Key: FilterArgument, Value: list})
	}
	return b.consumeWith(credit, args)
}

func (b *bench) consumeWith(credit int, args amqp.Table) *client {
	b.t.Helper()
	c := &client{credit: credit}
	c.more.L = &c.lock
	c.sub.Receiver, c.sub.Lock, c.sub.Args = c, &c.lock, args
	require.NoError(b.t, b.Subscribe(&c.sub))
	b.Unpark(&c.sub, &b.fx)
	return c
}

func (b *bench) configure(set queue.Settings) { b.Configure(&set, &b.fx) }

func (b *bench) give(c *client, credit int) {
	c.lock.Lock()
	c.credit += credit
	c.lock.Unlock()
	b.Unpark(&c.sub, &b.fx)
}

// wait waits until the client has n messages and returns what it has by then.
func (c *client) wait(n int) []string {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		c.lock.Lock()
		defer c.lock.Unlock()
		c.more.Broadcast()
	})
	defer stop()
	c.lock.Lock()
	defer c.lock.Unlock()
	for len(c.got) < n && ctx.Err() == nil {
		c.more.Wait()
	}
	return append([]string(nil), c.got...)
}

// seen is what the client has at this moment.
func (c *client) seen() []string {
	c.lock.Lock()
	defer c.lock.Unlock()
	return append([]string{}, c.got...)
}

func texts(from, to int) []string {
	list := []string{}
	for i := from; i < to; i++ {
		list = append(list, fmt.Sprint("m", i))
	}
	return list
}

func headersOf(t testing.TB, m *queue.Message) amqp.Table {
	t.Helper()
	require.NoError(t, m.Props.Validate())
	h, err := m.Props.Headers().Decode()
	require.NoError(t, err)
	return h
}

func offsetsOf(t testing.TB, items []queue.Item) (list []int64) {
	for _, it := range items {
		v, _ := headersOf(t, it.Msg).Get("x-stream-offset")
		n, _ := v.(int64)
		assert.EqualValues(t, it.Seq, n)
		list = append(list, n)
	}
	return list
}
