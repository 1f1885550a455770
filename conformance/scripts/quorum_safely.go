// Scripts: a quorum queue that dead-letters at least once keeps what has died until its
// targets have confirmed it (DLXALO-1 to DLXALO-22). RabbitMQ tries again after three
// minutes, which no script waits for: a restart tries at once.

package scripts

import (
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"
)

var quorumSafelyScripts = []Script{
	{Name: "safely/arguments", Covers: []string{"DLXALO-1", "DLXALO-2", "DLXALO-3", "DLXALO-4"}, Run: safelyArguments},
	{Name: "safely/reasons", Covers: []string{"DLXALO-5", "DLXALO-18"}, Run: safelyReasons},
	{Name: "safely/order-of-many", Covers: []string{"DLXALO-12"}, Run: safelyMany},
	{Name: "safely/waits-neither-ready-nor-out", Covers: []string{"DLXALO-6", "DLXALO-9", "DLXALO-10"}, Run: safelyWaits},
	{Name: "safely/counts-for-the-limit", Covers: []string{"DLXALO-8"}, Run: safelyLimit},
	{Name: "safely/several-targets", Covers: []string{"DLXALO-13", "DLXALO-14"}, Run: safelyTargets},
	{Name: "safely/cycle", Covers: []string{"DLXALO-17"}, Run: safelyCycle},
	{Name: "safely/policy-deletes", Covers: []string{"DLXALO-20"}, Run: safelyPolicy},
	{Name: "safely/restart", Covers: []string{"DLXALO-16", "DLXALO-19"}, Alone: true, Run: safelyRestart},
}

// newSafe declares a quorum queue that dead-letters at least once.
func (ch *Channel) newSafe(exchange, key string, args amqp.Table) string {
	all := amqp.Table{"x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish", "x-dead-letter-exchange": exchange}
	if key != "" {
		all["x-dead-letter-routing-key"] = key
	}
	for name, v := range args {
		all[name] = v
	}
	return ch.newQuorum(all)
}

// kill stores messages in a queue and rejects them.
func (ch *Channel) kill(queue string, bodies ...string) {
	ch.Store(queue, bodies...)
	for _, body := range bodies {
		d := ch.Fetch(queue)
		ch.t.Equal(body, string(d.Body), "body")
		ch.t.OK(d.Reject(false), "reject")
	}
}

func safelyArguments(t *T) {
	t.NeedsQueueType("quorum")
	const arg = "x-dead-letter-strategy"
	quorum := amqp.Table{"x-queue-type": "quorum", "x-dead-letter-exchange": "amq.fanout"}
	for _, word := range []string{"at-most-once", "at-least-once"} { // whatever the overflow
		t.acceptArgument(arg, word, quorum)
	}
	t.acceptArgument(arg, "at-least-once", amqp.Table{"x-queue-type": "quorum"})
	t.refuseArgument(arg, "maybe", quorum, "invalid_dlx_strategy")
	t.refuseArgument(arg, int32(1), quorum, "{unacceptable_type,signedint}")
	t.refuseForType("classic", "rabbit_classic_queue", arg, "at-least-once")
	ch := t.Channel()
	q := ch.newSafe("amq.fanout", "", nil)
	t.refuseRedeclare(q, arg, "received 'at-most-once' but current is 'at-least-once'", amqp.Table{
		"x-queue-type": "quorum", arg: "at-most-once", "x-overflow": "reject-publish", "x-dead-letter-exchange": "amq.fanout",
	})
}

func safelyReasons(t *T) {
	ch := t.Channel().Confirming()
	grave := ch.NewSharedQueue()
	x := ch.NewExchange("direct")
	q := ch.newSafe(x, "", amqp.Table{"x-delivery-limit": int32(1)})
	ch.Bind(grave, x, q)
	end := ch.Subscribe(grave, Subscription{NoAck: true})
	ch.SendWith("", q, amqp.Publishing{Body: []byte("rejected"), MessageId: "an ID", Headers: amqp.Table{"mine": "kept"}})
	ch.AllConfirmed(1)
	t.OK(ch.Fetch(q).Reject(false), "reject")
	d := end.Expect("rejected")
	t.expectDeath(d, q, "rejected")
	t.Equal([]any{x, q, "an ID", "kept"}, []any{d.Exchange, d.RoutingKey, d.MessageId, d.Headers["mine"]}, "exchange, key, ID, header")

	ch.sendFor(q, 30, "expired")
	d = end.Expect("expired")
	t.expectDeath(d, q, "expired")
	t.Equal([]any{"", "30"}, []any{d.Expiration, t.deathOf(d)["original-expiration"]}, "expiration, and what it was")

	ch.Store(q, "often")
	for range 2 {
		ch.await(q, 1)
		t.OK(ch.Fetch(q).Reject(true), "reject")
	}
	t.expectDeath(end.Expect("often"), q, "delivery_limit")
	ch.ExpectReady(q, 0)
}

func safelyMany(t *T) {
	ch := t.Channel().Confirming()
	grave := ch.newQuorum(nil)
	q := ch.newSafe("", grave, nil)
	bodies := numbered(100)
	ch.kill(q, bodies...)
	ch.await(grave, len(bodies))
	ch.ExpectDrain(grave, bodies...)
}

func safelyWaits(t *T) {
	ch := t.Channel().Confirming()
	q := ch.newSafe(t.ExchangeName(), "", nil) // which does not exist
	ch.kill(q, "1", "2")
	ch.Store(q, "ready")
	ch.ExpectReady(q, 1)
	n, err := ch.QueuePurge(q, false)
	t.OK(err, "purge")
	want := 1
	if t.Version().AtLeast(4, 3, 0) { // which counts what waits, too
		want = 3
	}
	t.Equal(want, n, "messages purged")
	n, err = ch.QueueDelete(q, false, false, false)
	t.OK(err, "delete")
	t.Equal(0, n, "messages deleted")
}

func safelyLimit(t *T) {
	ch := t.Channel().Confirming()
	q := ch.newSafe(t.ExchangeName(), "", amqp.Table{"x-max-length": int32(3)})
	ch.kill(q, "1", "2", "3")
	ch.ExpectReady(q, 0)
	for _, ack := range []bool{true, false, false} { // one by one: RabbitMQ tells publishers that it is full
		ch.SendAll(q, "m")
		ch.expectConfirms(ack)
	}
	ch.ExpectReady(q, 1)
}

// A target that is full gets nothing for now, the other one has it at once.
func safelyTargets(t *T) {
	ch := t.Channel().Confirming()
	full := ch.NewSharedQueueWith(amqp.Table{"x-max-length": int32(1), "x-overflow": "reject-publish"})
	free := ch.NewSharedQueue()
	x := ch.NewExchange("fanout")
	ch.Bind(full, x, "")
	ch.Bind(free, x, "")
	q := ch.newSafe(x, "", nil)
	ch.Store(full, "there")
	ch.kill(q, "1", "2")
	ch.await(free, 2)
	ch.ExpectDrain(free, "1", "2")
	ch.ExpectDrain(full, "there")
	ch.ExpectReady(q, 0)
}

// What has expired is not sent back into its own queue; what was rejected may be.
func safelyCycle(t *T) {
	ch := t.Channel().Confirming()
	x := ch.NewExchange("fanout")
	q := ch.newSafe(x, "", nil)
	ch.Bind(q, x, "")
	ch.kill(q, "rejected")
	ch.await(q, 1)
	t.OK(ch.Fetch(q).Ack(false), "ack")
	ch.sendFor(q, 1, "expired")
	ch.AllConfirmed(1)
	ch.pass(100)
	ch.ExpectReady(q, 0)
	ch.SendAll(q, "next")
	ch.await(q, 1)
}

func safelyPolicy(t *T) {
	ch := t.Channel().Confirming()
	grave := ch.NewSharedQueue()
	x := ch.NewExchange("fanout")
	q := ch.newQuorum(nil)
	p := t.Policy(Policy{Pattern: ExactNames(q), ApplyTo: "queues", Definition: map[string]any{
		"dead-letter-exchange": x, "dead-letter-strategy": "at-least-once", "overflow": "reject-publish", "max-length": 1,
	}})
	t.WaitFor("the policy to be there", func() bool { // a limit shows it
		ch.SendAll(q, strings.Repeat("m", 3))
		return !ch.Confirmed().Ack
	})
	_, err := ch.QueuePurge(q, false)
	t.OK(err, "purge")
	ch.kill(q, "waits")
	t.RemovePolicy(p)
	t.WaitFor("the policy to be gone", func() bool {
		ch.Store(q, "a")
		return ch.Inspect(q).Messages > 3
	})
	ch.Bind(grave, x, "")
	ch.ExpectReady(grave, 0)
}

func safelyRestart(t *T) {
	ch := t.Channel().Confirming()
	x := ch.NewExchangeWith("fanout", nil)
	grave := ch.NewSharedQueue()
	q := ch.newSafe(x, "", nil)
	bodies := numbered(40)
	ch.kill(q, bodies...)
	ch.Store(q, "ready")
	ch.Bind(grave, x, "")
	t.Restart()
	ch = t.Channel().Confirming()
	ch.await(grave, len(bodies))
	for _, d := range ch.fetchAll(grave, len(bodies)) {
		t.Equal(bodies[0], string(d.Body), "body")
		bodies = bodies[1:]
		t.expectDeath(d, q, "rejected")
	}
	ch.await(q, 1)
	ch.ExpectDrain(q, "ready")
}
