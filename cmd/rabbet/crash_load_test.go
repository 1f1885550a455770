package main

// The load of the crash test: clients at full speed, until the broker is gone
// under them. Each writes down what it is about to do, does it, and writes down
// what it then knows.

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"
)

// crashNext says where a queue's messages may go: by dead-lettering, or by
// being moved in a transaction.
var crashNext = map[string]string{"risky": "grave", "expiring": "grave", "limited": "grave", "raft": "grave", "orders": "shipped"}

// crashQueues are all queues, by the fate of their messages.
var crashQueues = []string{
	"singly",   // acked one by one
	"jointly",  // acked many at once, some requeued
	"never",    // delivered and never acked
	"idle",     // without a consumer
	"ranked",   // of two priorities, acked one by one
	"risky",    // acked or rejected, which moves them to grave
	"expiring", // expired after a moment, likewise
	"limited",  // dropped for younger ones, likewise
	"raft",     // a quorum queue; acked or rejected, likewise
	"slim",     // lazy, by priority; acked many at once, some requeued
	"grave",
	"orders", // from transactions; moved to shipped in transactions
	"shipped",
	"later", // out of a delayed exchange
	"marks", // of round trips
}

// crashOrdered tells in which queues messages stay in order: a message that was
// moved but is in its first queue yet, which a crash allows, moves again later.
func crashOrdered(queue string) bool {
	return queue != "grave" && queue != "shipped" && queue != "later"
}

// crashDelay is the longest delay of messages in the delayed exchange, in
// milliseconds.
const crashDelay = 400

// crashArguments are the arguments of the queues.
var crashArguments = map[string]amqp.Table{
	"ranked":   {"x-max-priority": 3},
	"risky":    {"x-dead-letter-exchange": "dlx"},
	"expiring": {"x-dead-letter-exchange": "dlx", "x-message-ttl": 200},
	"limited":  {"x-dead-letter-exchange": "dlx", "x-max-length": 50},
	"raft":     {"x-dead-letter-exchange": "dlx", "x-queue-type": "quorum", "x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish"},
	"slim":     {"x-queue-mode": "lazy", "x-max-priority": 5, "x-single-active-consumer": true},
}

// A load is the clients of one life of the broker.
type load struct {
	*ledger
	t       testing.TB
	conns   []*amqp.Connection
	workers sync.WaitGroup
	seed    uint64
}

// channel opens a channel on a connection of its own.
func (l *load) channel(address string) *amqp.Channel {
	conn, err := amqp.Dial("amqp://guest:guest@" + address + "/")
	require.NoError(l.t, err)
	l.conns = append(l.conns, conn)
	ch, err := conn.Channel()
	require.NoError(l.t, err)
	return ch
}

// start starts all clients.
func (l *load) start(address string) {
	worker := func(run func(ch *amqp.Channel, r *rand.Rand)) {
		ch := l.channel(address)
		l.seed++
		r := rand.New(rand.NewPCG(l.seed, 0))
		l.workers.Go(func() { run(ch, r) })
	}
	for _, queue := range []string{"singly", "jointly", "never", "idle", "ranked", "risky", "expiring", "limited", "raft", "slim", "later"} {
		worker(func(ch *amqp.Channel, r *rand.Rand) { l.produce(ch, r, queue+"-1", queue, 1) })
		worker(func(ch *amqp.Channel, r *rand.Rand) { l.produce(ch, r, queue+"-500", queue, 500) })
	}
	worker(l.churn)
	worker(func(ch *amqp.Channel, r *rand.Rand) { l.transact(ch, r, "tx", "orders") })
	worker(func(ch *amqp.Channel, r *rand.Rand) { l.move(ch, "orders", "shipped") })
	worker(func(ch *amqp.Channel, r *rand.Rand) { l.consume(ch, r, "singly", l.ackSingly) })
	worker(func(ch *amqp.Channel, r *rand.Rand) { l.consume(ch, r, "ranked", l.ackSingly) })
	worker(func(ch *amqp.Channel, r *rand.Rand) { l.consume(ch, r, "jointly", l.ackJointly) })
	worker(func(ch *amqp.Channel, r *rand.Rand) { l.consume(ch, r, "slim", l.ackJointly) })
	worker(func(ch *amqp.Channel, r *rand.Rand) { l.consume(ch, r, "risky", l.rejectSome) })
	worker(func(ch *amqp.Channel, r *rand.Rand) { l.consume(ch, r, "raft", l.rejectSome) })
	worker(func(ch *amqp.Channel, r *rand.Rand) {
		l.consume(ch, r, "never", func(*amqp.Channel, *rand.Rand, []amqp.Delivery) ([]string, error) { return nil, nil })
	})
}

// wait waits until all clients have noticed that the broker is gone.
func (l *load) wait() {
	l.workers.Wait()
	for _, conn := range l.conns {
		_ = conn.Close() // gone with the broker
	}
}

// produce publishes with at most window publishes unconfirmed. What a window of
// one publishes has a priority.
func (l *load) produce(ch *amqp.Channel, r *rand.Rand, producer, queue string, window int) {
	confirms := ch.NotifyPublish(make(chan amqp.Confirmation, window))
	if ch.Confirm(false) != nil {
		return
	}
	ids := make(map[uint64]string)
	confirmed := func(c amqp.Confirmation, ok bool) bool {
		if ok && c.Ack {
			l.mark(isSafe, ids[c.DeliveryTag])
		}
		delete(ids, c.DeliveryTag)
		return ok
	}
	for tag := uint64(1); ; tag++ {
		id, msg := l.message(r, producer, queue)
		ids[tag] = id
		if window == 1 {
			msg.Priority = 2
		}
		if queue == "expiring" || queue == "limited" {
			l.mark(isMoving, id)
		}
		exchange := ""
		if queue == "later" {
			exchange, msg.Headers = "later", amqp.Table{"x-delay": r.IntN(crashDelay)}
		}
		if ch.Publish(exchange, queue, false, false, msg) != nil {
			break
		}
		for full := len(ids) >= window; full; full = len(ids) >= window {
			if c, ok := <-confirms; !confirmed(c, ok) {
				return
			}
		}
	}
	for c := range confirms { // those that came before the end
		confirmed(c, true)
	}
}

// consume takes deliveries and lets settle do what it wants with those that
// have come. What it says to be settled is so once a publish that follows is
// confirmed.
func (l *load) consume(ch *amqp.Channel, r *rand.Rand, queue string,
	settle func(*amqp.Channel, *rand.Rand, []amqp.Delivery) ([]string, error)) {
	if ch.Confirm(false) != nil || ch.Qos(300, 0, false) != nil {
		return
	}
	deliveries, err := ch.Consume(queue, "", false, false, false, false, nil)
	if err != nil {
		return
	}
	var batch []amqp.Delivery
	var unsure []string
	for d := range deliveries {
		l.delivered(queue, &d)
		if batch = append(batch, d); len(batch) < 1+r.IntN(100) {
			continue
		}
		done, err := settle(ch, r, batch)
		if err != nil {
			return
		}
		batch = batch[:0]
		if unsure = append(unsure, done...); len(unsure) > 500 {
			if !l.roundTrip(ch, r, queue) {
				return
			}
			l.mark(isSettled, unsure...)
			unsure = unsure[:0]
		}
	}
}

// roundTrip waits for the confirm of a publish.
func (l *load) roundTrip(ch *amqp.Channel, r *rand.Rand, who string) bool {
	id, msg := l.message(r, "mark-"+who, "marks")
	confirm, err := ch.PublishWithDeferredConfirm("", "marks", false, false, msg)
	if err != nil || !confirm.Wait() {
		return false
	}
	l.mark(isSafe, id)
	return true
}

func idsOf(deliveries []amqp.Delivery) (ids []string) {
	for i := range deliveries {
		ids = append(ids, deliveries[i].MessageId)
	}
	return ids
}

func (l *load) ackSingly(_ *amqp.Channel, _ *rand.Rand, batch []amqp.Delivery) ([]string, error) {
	for i := range batch {
		l.mark(isInDoubt, batch[i].MessageId)
		if err := batch[i].Ack(false); err != nil {
			return nil, err
		}
	}
	return idsOf(batch), nil
}

// ackJointly acks all at once, but for some that it requeues before.
func (l *load) ackJointly(_ *amqp.Channel, r *rand.Rand, batch []amqp.Delivery) ([]string, error) {
	back := 0
	if r.IntN(4) == 0 {
		back = r.IntN(len(batch))
	}
	for i := range back {
		if err := batch[i].Nack(false, true); err != nil {
			return nil, err
		}
	}
	ids := idsOf(batch[back:])
	l.mark(isInDoubt, ids...)
	return ids, batch[len(batch)-1].Ack(true)
}

// rejectSome rejects one in three, and acks the others.
func (l *load) rejectSome(_ *amqp.Channel, r *rand.Rand, batch []amqp.Delivery) (ids []string, err error) {
	for i := range batch {
		if r.IntN(3) == 0 {
			l.mark(isMoving, batch[i].MessageId)
			err = batch[i].Reject(false)
		} else {
			l.mark(isInDoubt, batch[i].MessageId)
			ids = append(ids, batch[i].MessageId)
			err = batch[i].Ack(false)
		}
		if err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// transact publishes in transactions, some of which it rolls back.
func (l *load) transact(ch *amqp.Channel, r *rand.Rand, producer, queue string) {
	if ch.Tx() != nil {
		return
	}
	for {
		var ids []string
		for range 1 + r.IntN(20) {
			id, msg := l.message(r, producer, queue)
			ids = append(ids, id)
			if ch.Publish("", queue, false, false, msg) != nil {
				l.mark(isUnwanted, ids...) // there was no commit
				return
			}
		}
		if r.IntN(5) == 0 {
			l.mark(isUnwanted, ids...)
			if ch.TxRollback() != nil {
				return
			}
			continue
		}
		if ch.TxCommit() != nil {
			return
		}
		l.mark(isSafe, ids...)
	}
}

// move takes messages out of one queue and publishes them to another, in
// transactions: they are in one of the two, or for a moment in both.
func (l *load) move(ch *amqp.Channel, from, to string) {
	if ch.Tx() != nil || ch.Qos(20, 0, false) != nil {
		return
	}
	deliveries, err := ch.Consume(from, "", false, false, false, false, nil)
	if err != nil {
		return
	}
	n := 0
	for d := range deliveries {
		l.delivered(from, &d)
		l.mark(isMoving, d.MessageId)
		msg := amqp.Publishing{DeliveryMode: amqp.Persistent, MessageId: d.MessageId, Body: d.Body}
		if ch.Publish("", to, false, false, msg) != nil || d.Ack(false) != nil {
			return
		}
		if n++; n%10 == 0 && ch.TxCommit() != nil {
			return
		}
	}
}

// declareCrashQueues makes the queues of the test, or finds them as they were.
func declareCrashQueues(t testing.TB, ch *amqp.Channel) {
	require.NoError(t, ch.ExchangeDeclare("dlx", "fanout", true, false, false, false, nil))
	for _, queue := range crashQueues {
		_, err := ch.QueueDeclare(queue, true, false, false, false, crashArguments[queue])
		require.NoError(t, err, fmt.Sprint(queue, " is declared the same again"))
	}
	require.NoError(t, ch.QueueBind("grave", "", "dlx", false, nil))
	delayed := amqp.Table{"x-delayed-type": "direct"}
	require.NoError(t, ch.ExchangeDeclare("later", "x-delayed-message", true, false, false, false, delayed))
	require.NoError(t, ch.QueueBind("later", "later", "later", false, nil))
}

// churn makes queues, each bound and with a message in it, and deletes every
// other one.
func (l *load) churn(ch *amqp.Channel, r *rand.Rand) {
	if ch.Confirm(false) != nil {
		return
	}
	for {
		name := l.newName()
		_, err := ch.QueueDeclare(name, true, false, false, false, nil)
		if err != nil || ch.QueueBind(name, name, "amq.direct", false, nil) != nil {
			return
		}
		confirm, err := ch.PublishWithDeferredConfirm("amq.direct", name, true, false, amqp.Publishing{DeliveryMode: amqp.Persistent})
		if err != nil || !confirm.Wait() {
			return
		}
		l.setName(name, true)
		if r.IntN(2) == 0 {
			continue
		}
		l.forgetName(name)
		if _, err := ch.QueueDelete(name, false, false, false); err != nil || !l.roundTrip(ch, r, "churn") {
			return
		}
		l.setName(name, false)
	}
}

// checkNames sees that the queues that must be there are, and the others not,
// and deletes them.
func checkNames(t testing.TB, address string, book *ledger) {
	conn, err := amqp.Dial("amqp://guest:guest@" + address + "/")
	require.NoError(t, err)
	defer conn.Close()
	for name, there := range book.names {
		ch, err := conn.Channel()
		require.NoError(t, err)
		state, err := ch.QueueDeclarePassive(name, true, false, false, false, nil)
		if !there {
			require.ErrorContains(t, err, "no queue", "it was deleted, and a round trip followed")
			continue
		}
		require.NoError(t, err, "a confirmed publish followed the declaration")
		require.Equal(t, 1, state.Messages, name)
		confirms := ch.NotifyPublish(make(chan amqp.Confirmation, 1))
		require.NoError(t, ch.Confirm(false))
		require.NoError(t, ch.Publish("amq.direct", name, true, false, amqp.Publishing{}))
		require.True(t, (<-confirms).Ack)
		deleted, err := ch.QueueDelete(name, false, false, false)
		require.NoError(t, err)
		require.Equal(t, 2, deleted, "%s is bound as before", name)
		require.NoError(t, ch.Close())
	}
	clear(book.names)
}
