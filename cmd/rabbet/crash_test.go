package main

// The crash test: kill -9 under full load, again and again, on one data folder.
// After each restart the queues hold what the clients were promised (PERSIST-5,
// PERSIST-7):
//
//   - every message that was confirmed and not acked is there, unharmed, in its
//     producer's order, and what was delivered before is marked as redelivered;
//   - an acked message whose ack a confirmed round trip has followed is gone;
//   - a message that was rejected, expired or went for a limit is in its queue or
//     in the dead-letter queue;
//   - what a transaction published is there after commit-ok and never after a
//     rollback, and what it moved is in one queue or the other;
//   - a queue that a confirmed publish followed is there, bound as it was; one
//     whose deletion a confirmed publish followed is not;
//   - rabbet store check finds no fault.
//
//	go test ./cmd/rabbet -run TestCrash -crash.cycles 50 -crash.seed 7

import (
	"context"
	"flag"
	"math/rand/v2"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/delay"
)

var (
	crashCycles = flag.Int("crash.cycles", 12, "how often TestCrash kills the broker")
	crashSeed   = flag.Uint64("crash.seed", 0, "the seed of TestCrash; 0 takes a new one")
)

// longestLife is the time between the start of a load and the kill.
const longestLife = 800 * time.Millisecond

// crashRandom is what a crash test draws from, and its seed, which it logs. Each test has a
// stream of its own.
func crashRandom(t *testing.T, stream uint64) (seed uint64, r *rand.Rand) {
	if seed = *crashSeed; seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-crash.seed %d", seed)
	return seed, rand.New(rand.NewPCG(seed, stream))
}

func TestCrash(t *testing.T) {
	seed, r := crashRandom(t, 1)
	dir := t.TempDir()
	book := newLedger()
	cycles := *crashCycles
	if testing.Short() {
		cycles = min(cycles, 3)
	}
	for cycle := range cycles + 1 {
		s := start(t, nil, "serve", "--data-dir", dir, "--log-level", "error")
		verify := &load{ledger: book, t: t}
		ch := verify.channel(s.address)
		declareCrashQueues(t, ch)
		checkNames(t, s.address, book)
		expired(t, ch)
		overdue(t, ch)
		found := takeAll(t, ch)
		problems := book.check(found, crashNext, crashOrdered)
		require.Empty(t, problems, "after crash %d of seed %d", cycle, seed)
		ackSome(t, r, ch, book, found)
		verify.wait()
		total := 0
		for _, deliveries := range found {
			total += len(deliveries)
		}
		t.Logf("crash %d: %d messages found", cycle, total)
		if cycle == cycles {
			break
		}

		l := &load{ledger: book, t: t, seed: r.Uint64()}
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

// expired waits until all that was to expire is where it goes.
func expired(t testing.TB, ch *amqp.Channel) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	require.NoError(t, delay.Poll(ctx, delay.Real{}, 10*time.Millisecond, func() bool {
		state, err := ch.QueueDeclarePassive("expiring", true, false, false, false, nil)
		require.NoError(t, err)
		return state.Messages == 0
	}), "messages expire without being asked for")
}

// overdue waits until all that was delayed is where it goes: a message that is
// due after it has come.
func overdue(t testing.TB, ch *amqp.Channel) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	q, err := ch.QueueDeclare("", false, true, true, false, nil)
	require.NoError(t, err)
	require.NoError(t, ch.QueueBind(q.Name, q.Name, "later", false, nil))
	require.NoError(t, ch.Publish("later", q.Name, false, false, amqp.Publishing{Headers: amqp.Table{"x-delay": crashDelay + 1}}))
	require.NoError(t, delay.Poll(ctx, delay.Real{}, 10*time.Millisecond, func() bool {
		_, ok, err := ch.Get(q.Name, true)
		require.NoError(t, err)
		return ok
	}), "delayed messages come without being asked for")
}

// takeAll reads all queues to their ends and leaves the messages unacked.
func takeAll(t testing.TB, ch *amqp.Channel) map[string][]amqp.Delivery {
	found := make(map[string][]amqp.Delivery)
	for _, queue := range crashQueues {
		state, err := ch.QueueDeclarePassive(queue, true, false, false, false, nil)
		require.NoError(t, err)
		deliveries, err := ch.Consume(queue, queue, false, false, false, false, nil)
		require.NoError(t, err)
		for len(found[queue]) < state.Messages {
			d := next(t, deliveries, queue)
			found[queue] = append(found[queue], d)
		}
		require.NoError(t, ch.Cancel(queue, false))
		after, err := ch.QueueDeclarePassive(queue, true, false, false, false, nil)
		require.NoError(t, err)
		require.Zero(t, after.Messages, "%s had %d messages", queue, state.Messages)
	}
	return found
}

// next is the next delivery. It is missing if nothing comes for a while, however long all
// of them take.
func next(t testing.TB, deliveries <-chan amqp.Delivery, queue string) (d amqp.Delivery) {
	select {
	case d = <-deliveries:
	default:
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		select {
		case d = <-deliveries:
		case <-ctx.Done():
			require.Fail(t, "messages are missing", "in %s", queue)
		}
	}
	require.NotNil(t, d.Acknowledger, "the channel lives")
	return d
}

// ackSome acks the first part of what was found, so that queues stay of a
// bearable length, and sees to it that this is on the disk.
func ackSome(t testing.TB, r *rand.Rand, ch *amqp.Channel, book *ledger, found map[string][]amqp.Delivery) {
	left := make(map[string]int) // copies that are not acked: after a crash a message may be there twice
	for _, deliveries := range found {
		for i := range deliveries {
			left[deliveries[i].MessageId]++
		}
	}
	acked := make(map[string][]string)
	for _, queue := range crashQueues {
		n := r.IntN(len(found[queue]) + 1)
		for _, d := range found[queue][:n] {
			require.NoError(t, d.Ack(false))
			left[d.MessageId]--
		}
		acked[queue] = idsOf(found[queue][:n])
	}
	require.NoError(t, ch.Confirm(false))
	verify := &load{ledger: book, t: t}
	require.True(t, verify.roundTrip(ch, r, "verify"))
	for queue, ids := range acked {
		for _, id := range ids {
			book.mark(func(e *entry) {
				if left[id] == 0 {
					e.fate, e.gone = settled, true
				} else if e.home == queue && crashOrdered(queue) {
					e.fate = settled // what is left has moved
				}
			}, id)
		}
	}
}
