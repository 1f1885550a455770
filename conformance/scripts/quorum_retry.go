// Scripts: what comes back to a quorum queue of RabbitMQ 4.3 may have to wait (RETRY-1 to
// RETRY-18).

package scripts

import (
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/rabbetmq/rabbet/delay"
)

var quorumRetryScripts = []Script{
	{Name: "retry/arguments", Covers: []string{"RETRY-1", "RETRY-2", "RETRY-3", "RETRY-17"}, Since: V(4, 3, 0), Run: retryArguments},
	{Name: "retry/which-returns", Covers: []string{"RETRY-5", "RETRY-6", "RETRY-7"}, Since: V(4, 3, 0), Run: retryWhich},
	{Name: "retry/grows", Covers: []string{"RETRY-5", "RETRY-6"}, Since: V(4, 3, 0), Run: retryGrows},
	{Name: "retry/is-in-no-count", Covers: []string{"RETRY-8", "RETRY-14"}, Since: V(4, 3, 0), Run: retryCounts},
	{Name: "retry/comes-back-first", Covers: []string{"RETRY-9"}, Since: V(4, 3, 0), Run: retryFirst},
	{Name: "retry/counts-for-the-limit", Covers: []string{"RETRY-10"}, Since: V(4, 3, 0), Run: retryLimit},
	{Name: "retry/expires-when-it-is-back", Covers: []string{"RETRY-11"}, Since: V(4, 3, 0), Run: retryExpires},
	{Name: "retry/delivery-limit-first", Covers: []string{"RETRY-12"}, Since: V(4, 3, 0), Run: retryDeliveryLimit},
	{Name: "retry/policies", Covers: []string{"RETRY-4", "RETRY-15"}, Since: V(4, 3, 0), Run: retryPolicies},
	{Name: "retry/restart", Covers: []string{"RETRY-13"}, Since: V(4, 3, 0), Alone: true, Run: retryRestart},
}

// newRetry declares a quorum queue with a delayed retry; most is 0 for none.
func (ch *Channel) newRetry(kind string, least, most int32, more amqp.Table) string {
	args := amqp.Table{"x-delayed-retry-type": kind, "x-delayed-retry-min": least}
	if most > 0 {
		args["x-delayed-retry-max"] = most
	}
	for name, v := range more {
		args[name] = v
	}
	return ch.newQuorum(args)
}

func retryArguments(t *T) {
	t.NeedsQueueType("quorum")
	quorum := amqp.Table{"x-queue-type": "quorum"}
	for _, v := range []any{"all", "failed", "returned", "disabled", "bogus", int32(7)} {
		t.acceptArgument("x-delayed-retry-type", v, quorum)
	}
	for _, v := range []any{int32(0), int32(-1), "soon", int32(5)} {
		t.acceptArgument("x-delayed-retry-min", v, quorum)
	}
	t.refuseForType("classic", "rabbit_classic_queue", "x-delayed-retry-type", "all")
	t.refuseArgument("x-consumer-disconnected-timeout", int32(-1), quorum, "{value_negative,-1}")
	q := t.Channel().newRetry("all", 10, 0, nil)
	t.refuseRedeclare(q, "x-delayed-retry-min", "received '11' but current is '10'", amqp.Table{
		"x-queue-type": "quorum", "x-delayed-retry-type": "all", "x-delayed-retry-min": int32(11),
	})
}

// retryAway is long beside what a script does, and short beside its patience.
const retryAway = 600

func retryWhich(t *T) {
	for kind, waits := range map[string][3]bool{ // a reject, a nack, a channel that is closed
		"all": {true, true, true}, "failed": {true, false, true}, "returned": {false, true, false},
		"disabled": {}, "bogus": {},
	} {
		t.Case(kind, func() {
			for i, back := range []func(*Channel, amqp.Delivery) error{
				func(_ *Channel, d amqp.Delivery) error { return d.Reject(true) },
				func(_ *Channel, d amqp.Delivery) error { return d.Nack(false, true) },
				func(ch *Channel, _ amqp.Delivery) error { return ch.Close() },
			} {
				ch := t.Channel().Confirming()
				q := ch.newRetry(kind, 60_000, 0, nil)
				ch.Store(q, "m")
				getter := t.Channel()
				t.OK(back(getter, getter.Fetch(q)), "give back")
				if waits[i] {
					ch.pass(100)
					ch.ExpectReady(q, 0)
				} else {
					ch.await(q, 1)
				}
			}
		})
	}
}

// gap is the time from a reject until the message is back.
func (c *Consumer) gap(t *T, body string) time.Duration {
	t.OK(c.Expect(body).Reject(true), "reject")
	began := delay.Real{}.Now()
	d := c.Expect(body)
	t.OK(d.Nack(false, true), "nack, which is no failure")
	return delay.Real{}.Now().Sub(began)
}

func retryGrows(t *T) {
	ch := t.Channel().Confirming()
	q := ch.newRetry("failed", 200, 500, nil)
	ch.Store(q, "m")
	c := ch.Subscribe(q, Subscription{})
	for i, least := range []time.Duration{200, 400, 500, 500} {
		least *= time.Millisecond
		if got := c.gap(t, "m"); got < least-20*time.Millisecond {
			t.Errorf("after reject %d the message was away for %v, not for %v", i+1, got, least)
		}
	}
}

func retryCounts(t *T) {
	ch := t.Channel().Confirming()
	q := ch.newRetry("all", 60_000, 0, nil)
	ch.Store(q, "away", "ready")
	t.OK(ch.Fetch(q).Reject(true), "reject")
	ch.ExpectReady(q, 1)
	n, err := ch.QueuePurge(q, false)
	t.OK(err, "purge")
	t.Equal(2, n, "messages purged")
	n, err = ch.QueueDelete(q, false, false, false)
	t.OK(err, "delete")
	t.Equal(0, n, "messages deleted")
}

func retryFirst(t *T) {
	ch := t.Channel().Confirming()
	q := ch.newRetry("all", retryAway, 0, nil)
	ch.Store(q, "back")
	t.OK(ch.Fetch(q).Reject(true), "reject")
	ch.sendUrgent(q, 31, "fresh")
	ch.sendUrgent(q, 0, "last")
	ch.await(q, 3)
	d := ch.Fetch(q)
	t.Equal("redelivered true, x-acquired-count 1, x-delivery-count 1", counts(d), "counts")
	t.Equal("back", string(d.Body), "body")
	ch.ExpectDrain(q, "fresh", "last")
}

func retryLimit(t *T) {
	ch := t.Channel().Confirming()
	q := ch.newRetry("all", 60_000, 0, amqp.Table{"x-max-length": int32(1), "x-overflow": "reject-publish"})
	ch.Store(q, "m")
	t.OK(ch.Fetch(q).Reject(true), "reject")
	for _, ack := range []bool{true, false, false} {
		ch.SendAll(q, "more")
		ch.expectConfirms(ack)
	}
	q = ch.newRetry("all", 60_000, 0, amqp.Table{"x-max-length": int32(1)})
	ch.SendAll(q, "m")
	ch.AllConfirmed(1)
	t.OK(ch.Fetch(q).Reject(true), "reject")
	ch.SendAll(q, "dropped")
	ch.AllConfirmed(1)
	ch.ExpectReady(q, 0)
}

func retryExpires(t *T) {
	ch := t.Channel().Confirming()
	grave := ch.NewSharedQueue()
	q := ch.newRetry("all", 10*soon, 0, amqp.Table{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": grave})
	ch.sendFor(q, 2*soon, "m") // a slow machine has to get it in this time
	ch.AllConfirmed(1)
	t.OK(ch.Fetch(q).Reject(true), "reject")
	ch.pass(2*soon + 100)
	ch.ExpectReady(grave, 0)
	t.expectDeath(ch.attend(grave).Expect("m"), q, "expired")
}

func retryDeliveryLimit(t *T) {
	ch := t.Channel().Confirming()
	grave := ch.NewSharedQueue()
	q := ch.newRetry("all", 60_000, 0, amqp.Table{
		"x-delivery-limit": int32(0), "x-dead-letter-exchange": "", "x-dead-letter-routing-key": grave,
	})
	ch.Store(q, "m")
	t.OK(ch.Fetch(q).Reject(true), "reject")
	t.expectDeath(ch.attend(grave).Expect("m"), q, "delivery_limit")
}

func retryPolicies(t *T) {
	ch := t.Channel().Confirming()
	off, shorter := ch.newRetry("all", 60_000, 0, nil), ch.newRetry("all", 60_000, 0, nil)
	t.Policy(Policy{Pattern: ExactNames(off), ApplyTo: "queues", Definition: map[string]any{"delayed-retry-type": "disabled"}})
	t.Policy(Policy{Pattern: ExactNames(shorter), ApplyTo: "queues", Definition: map[string]any{
		"delayed-retry-type": "all", "delayed-retry-min": 300, "delayed-retry-max": 300,
	}})
	ch.pass(500) // until the policies are there
	for _, q := range []string{off, shorter} {
		ch.Store(q, "m")
		ch.await(q, 1)
		t.OK(ch.Fetch(q).Reject(true), "reject")
		ch.await(q, 1)
	}
	t.refuses("<<\"bogus\">> is not a valid delayed retry type. Must be one of: all, failed, returned, disabled",
		t.tryPolicy(map[string]any{"delayed-retry-type": "bogus", "delayed-retry-min": 1}))
}

func retryRestart(t *T) {
	ch := t.Channel().Confirming()
	q := ch.newRetry("all", 8_000, 0, nil)
	ch.Store(q, "m")
	t.OK(ch.Fetch(q).Reject(true), "reject")
	ch.ExpectReady(q, 0)
	t.Restart()
	ch = t.Channel()
	ch.await(q, 1)
	t.Equal("redelivered true, x-acquired-count 1, x-delivery-count 1", counts(ch.Fetch(q)), "counts")
}
