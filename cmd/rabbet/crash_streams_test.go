package main

// The part of the crash test that reads what no ack takes away: streams, and a
// deduplicating exchange. After each crash
//
//   - a stream has every message that was confirmed, each producer's in order and
//     once, at offsets without a gap; retention takes from the front alone;
//   - an offset holds what a reader has seen there before the crash (STREAM-14);
//   - a message that was confirmed is not routed again, and one that was not is when
//     its publisher tries again: of each value the queue gets one message (DEDUP-6).

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/delay"
)

// crashStreams are the streams, with their arguments: one keeps everything, one little.
// Both change segments all the time.
var crashStreams = map[string]amqp.Table{
	"log":   {"x-queue-type": "stream", "x-stream-max-segment-size-bytes": 100_000},
	"short": {"x-queue-type": "stream", "x-stream-max-segment-size-bytes": 50_000, "x-max-length-bytes": 200_000},
}

// A streamLedger is what clients know of streams and of what they published once.
type streamLedger struct {
	mu    sync.Mutex
	next  map[string]int             // the next number of each producer
	safe  map[string]map[string]bool // by stream, what is confirmed
	at    map[string]map[int64]string
	first map[string]int64
	once  map[string]bool // whether it is confirmed, of what was published through the exchange
	taken map[string]bool // it has been in the queue
}

func newStreamLedger() *streamLedger {
	b := &streamLedger{
		next: make(map[string]int), safe: make(map[string]map[string]bool), at: make(map[string]map[int64]string),
		first: make(map[string]int64), once: make(map[string]bool), taken: make(map[string]bool),
	}
	for name := range crashStreams {
		b.safe[name], b.at[name] = make(map[string]bool), make(map[int64]string)
	}
	return b
}

func (b *streamLedger) number(producer string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.next[producer]++
	return b.next[producer]
}

// A crashStreamLoad is the clients of one life of the broker.
type crashStreamLoad struct {
	*load
	book *streamLedger
}

func (l *crashStreamLoad) start(address string) {
	worker := func(run func(ch *amqp.Channel, r *rand.Rand)) {
		ch := l.channel(address)
		l.seed++
		r := rand.New(rand.NewPCG(l.seed, 1))
		l.workers.Go(func() { run(ch, r) })
	}
	for stream := range crashStreams {
		for _, window := range []int{1, 300} {
			worker(func(ch *amqp.Channel, r *rand.Rand) { l.append(ch, r, stream, window) })
		}
		worker(func(ch *amqp.Channel, r *rand.Rand) { l.read(ch, r, stream) })
	}
	for _, window := range []int{1, 300} {
		worker(func(ch *amqp.Channel, r *rand.Rand) { l.publishOnce(ch, r, window) })
	}
}

// confirmed publishes what next makes, with at most window publishes unconfirmed, until
// the broker is gone, and tells done of each that is confirmed.
func confirmed(ch *amqp.Channel, window int, exchange, key string, next func() amqp.Publishing, done func(id string)) {
	confirms := ch.NotifyPublish(make(chan amqp.Confirmation, window))
	if ch.Confirm(false) != nil {
		return
	}
	ids := make(map[uint64]string)
	take := func(c amqp.Confirmation) {
		if c.Ack {
			done(ids[c.DeliveryTag])
		}
		delete(ids, c.DeliveryTag)
	}
	for tag := uint64(1); ; tag++ {
		msg := next()
		ids[tag] = msg.MessageId
		if ch.Publish(exchange, key, false, false, msg) != nil {
			break
		}
		for len(ids) >= window {
			c, ok := <-confirms
			if !ok {
				return
			}
			take(c)
		}
	}
	for c := range confirms { // those that came before the end
		take(c)
	}
}

// append publishes to a stream.
func (l *crashStreamLoad) append(ch *amqp.Channel, r *rand.Rand, stream string, window int) {
	producer := fmt.Sprintf("%s-%d", stream, window)
	confirmed(ch, window, "", stream, func() amqp.Publishing {
		id := fmt.Sprintf("%s/%d", producer, l.book.number(producer))
		size := r.IntN(300)
		if r.IntN(30) == 0 {
			size = r.IntN(maxSize)
		}
		return amqp.Publishing{MessageId: id, Body: bodyOf(id, size)}
	}, func(id string) {
		l.book.mu.Lock()
		defer l.book.mu.Unlock()
		l.book.safe[stream][id] = true
	})
}

// streamID is the producer of a message, and its number there.
func streamID(id string) (producer string, n int) {
	for i := range id {
		if id[i] == '/' {
			_, _ = fmt.Sscan(id[i+1:], &n) // 0 is none of ours
			return id[:i], n
		}
	}
	return id, 0
}

// read reads a stream from somewhere and notes what is where.
func (l *crashStreamLoad) read(ch *amqp.Channel, r *rand.Rand, stream string) {
	if ch.Qos(100, 0, false) != nil {
		return
	}
	from := []any{"first", "last", "next", int64(r.IntN(2000))}[r.IntN(4)]
	deliveries, err := ch.Consume(stream, "", false, false, false, false, amqp.Table{"x-stream-offset": from})
	if err != nil {
		return
	}
	for d := range deliveries {
		l.book.mu.Lock()
		l.book.at[stream][d.Headers["x-stream-offset"].(int64)] = d.MessageId
		l.book.mu.Unlock()
		if d.Ack(false) != nil {
			return
		}
	}
}

// publishOnce publishes through the deduplicating exchange, some of it twice.
func (l *crashStreamLoad) publishOnce(ch *amqp.Channel, r *rand.Rand, window int) {
	producer := fmt.Sprintf("once-%d", window)
	again := ""
	confirmed(ch, window, "once", "", func() amqp.Publishing {
		id := again
		if again == "" {
			id = fmt.Sprintf("%s/%d", producer, l.book.number(producer))
			l.book.mu.Lock()
			l.book.once[id] = false
			l.book.mu.Unlock()
		}
		if again = ""; r.IntN(4) == 0 {
			again = id
		}
		return onceMessage(id)
	}, func(id string) {
		l.book.mu.Lock()
		defer l.book.mu.Unlock()
		l.book.once[id] = true
	})
}

func onceMessage(id string) amqp.Publishing {
	return amqp.Publishing{
		DeliveryMode: amqp.Persistent, MessageId: id, Headers: amqp.Table{"x-deduplication-header": id}, Body: bodyOf(id, 50),
	}
}

// declareCrashStreams makes the streams, the exchange and its queue, or finds them.
func declareCrashStreams(t testing.TB, ch *amqp.Channel) {
	for name, args := range crashStreams {
		_, err := ch.QueueDeclare(name, true, false, false, false, args)
		require.NoError(t, err)
	}
	require.NoError(t, ch.ExchangeDeclare("once", "x-message-deduplication", true, false, false, false,
		amqp.Table{"x-cache-size": 10_000_000, "x-cache-persistence": "disk"}))
	_, err := ch.QueueDeclare("once", true, false, false, false, nil)
	require.NoError(t, err)
	require.NoError(t, ch.QueueBind("once", "", "once", false, nil))
}

// checkStreams reads the streams whole and compares.
func (b *streamLedger) checkStreams(t testing.TB, ch *amqp.Channel) {
	require.NoError(t, ch.Qos(1000, 0, false))
	for name := range crashStreams {
		state, err := ch.QueueDeclarePassive(name, true, false, false, false, nil)
		require.NoError(t, err)
		deliveries, err := ch.Consume(name, name, false, false, false, false, amqp.Table{"x-stream-offset": "first"})
		require.NoError(t, err)
		list := takeN(t, deliveries, state.Messages)
		require.NoError(t, ch.Cancel(name, false))
		b.checkStream(t, name, list)
	}
}

// A taken is what was read of a queue.
type taken []amqp.Delivery

func (l taken) ack() error { return l[len(l)-1].Ack(true) }

// takeN takes n deliveries and acks them, along the way what a prefetch count needs.
func takeN(t testing.TB, deliveries <-chan amqp.Delivery, n int) (list taken) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for len(list) < n {
		select {
		case d, ok := <-deliveries:
			require.True(t, ok, "the channel lives")
			if list = append(list, d); len(list)%500 == 0 || len(list) == n {
				require.NoError(t, list.ack())
			}
		case <-ctx.Done():
			require.Fail(t, "messages are missing", "%d of %d came", len(list), n)
		}
	}
	return list
}

func (b *streamLedger) checkStream(t testing.TB, name string, list taken) {
	found, last, begin := make(map[string]bool), make(map[string]int), make(map[string]int)
	offset := b.first[name]
	for i := range list {
		d := &list[i]
		at := d.Headers["x-stream-offset"].(int64)
		if i == 0 {
			require.GreaterOrEqual(t, at, offset, "%s: its first offset goes up", name)
			offset, b.first[name] = at, at
		}
		require.Equal(t, offset, at, "%s: offsets have no gap", name)
		offset++
		if known, ok := b.at[name][at]; ok {
			require.Equal(t, known, d.MessageId, "%s: what was read at offset %d stays there", name, at)
		}
		b.at[name][at] = d.MessageId
		require.Equal(t, bodyOf(d.MessageId, len(d.Body)), d.Body, d.MessageId)
		producer, n := streamID(d.MessageId)
		require.Greater(t, n, last[producer], "%s: messages of %s are in order, each once", name, producer)
		if _, any := begin[producer]; !any {
			begin[producer] = n
		}
		found[d.MessageId], last[producer] = true, n
	}
	for id := range b.safe[name] {
		producer, n := streamID(id)
		if first, any := begin[producer]; crashStreams[name]["x-max-length-bytes"] != nil && (!any || n < first) {
			continue // retention has taken it
		}
		require.True(t, found[id], "%s: %s was confirmed, and is not there", name, id)
	}
	for at := range b.at[name] {
		require.Less(t, at, offset, "%s: what was read is there", name)
	}
}

// checkOnce has each publisher try again what it does not know to be safe, and some of
// what it does, and sees that of each there is one.
func (b *streamLedger) checkOnce(t testing.TB, r *rand.Rand, ch *amqp.Channel) {
	require.NoError(t, ch.Confirm(false))
	var confirms []*amqp.DeferredConfirmation
	for id, safe := range b.once {
		if safe && r.IntN(10) > 0 {
			continue
		}
		confirm, err := ch.PublishWithDeferredConfirm("once", "", false, false, onceMessage(id))
		require.NoError(t, err)
		confirms = append(confirms, confirm)
	}
	for _, confirm := range confirms {
		ok, err := confirm.WaitContext(t.Context())
		require.True(t, ok && err == nil)
	}
	state, err := ch.QueueDeclarePassive("once", true, false, false, false, nil)
	require.NoError(t, err)
	deliveries, err := ch.Consume("once", "once", false, false, false, false, nil)
	require.NoError(t, err)
	list := takeN(t, deliveries, state.Messages)
	for i := range list {
		id := list[i].MessageId
		require.Contains(t, b.once, id)
		require.False(t, b.taken[id], "%s was confirmed, and is routed again", id)
		b.taken[id] = true
	}
	for id := range b.once {
		require.True(t, b.taken[id], "%s was confirmed, and is not there", id)
		b.once[id] = true
	}
	require.NoError(t, ch.Cancel("once", false))
	confirm, err := ch.PublishWithDeferredConfirm("", "nowhere", false, false, amqp.Publishing{})
	require.NoError(t, err)
	require.True(t, confirm.Wait(), "acks have been read")
}

func TestCrashOfStreams(t *testing.T) {
	seed, r := crashRandom(t, 2)
	dir := t.TempDir()
	book := newStreamLedger()
	cycles := (*crashCycles + 1) / 2 // each reads all that came before
	if testing.Short() {
		cycles = min(cycles, 3)
	}
	for cycle := range cycles + 1 {
		s := start(t, nil, "serve", "--data-dir", dir, "--log-level", "error")
		verify := &load{t: t}
		ch := verify.channel(s.address)
		declareCrashStreams(t, ch)
		book.checkStreams(t, ch)
		book.checkOnce(t, r, ch)
		verify.wait()
		t.Logf("crash %d: %d in log, from %d in short, %d once", cycle, len(book.at["log"]), book.first["short"], len(book.once))
		if cycle == cycles {
			break
		}

		l := &crashStreamLoad{&load{t: t, seed: r.Uint64()}, book}
		l.start(s.address)
		life := time.Duration(r.Int64N(int64(longestLife)))
		require.NoError(t, delay.Wait(context.Background(), delay.Real{}, life))
		require.NoError(t, s.cmd.Process.Kill())
		_ = s.cmd.Wait() // killed
		l.wait()
		code, stdout, stderr := run(t, nil, "store", "check", dir)
		require.Zero(t, code, "crash %d of seed %d: %s%s", cycle+1, seed, stdout, stderr)
	}
}
