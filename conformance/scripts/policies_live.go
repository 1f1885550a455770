// Scripts: what a policy changes in what is there already, and what it cannot
// (POLICY-8, POLICY-9, QUEUE-56, QUEUE-68).

package scripts

import (
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

var policyLiveScripts = []Script{
	{Name: "policy/at-once", Covers: []string{"POLICY-9", "QUEUE-68"}, Run: policyAtOnce},
	{Name: "policy/trims-to-bytes", Covers: []string{"POLICY-9", "QUEUE-68"}, Run: policyTrimsBytes},
	{Name: "policy/trims-many", Covers: []string{"POLICY-9", "QUEUE-68"}, Run: policyTrimsMany},
	{Name: "policy/trimmed-are-dead-letters", Covers: []string{"POLICY-9", "QUEUE-63"}, Run: policyTrimmed},
	{Name: "policy/does-not-trim-what-is-rejected", Covers: []string{"POLICY-9", "QUEUE-65"}, Run: policyNoTrim},
	{Name: "policy/time-to-live-of-later-messages", Covers: []string{"QUEUE-56", "POLICY-9"}, Run: policyLaterMessages},
	{Name: "policy/time-to-live-stays-with-the-message", Covers: []string{"QUEUE-56", "POLICY-9"}, Run: policyTimeStays},
	{Name: "policy/expires-starts-anew", Covers: []string{"POLICY-9", "QUEUE-58"}, Run: policyExpires},
	{Name: "policy/expires-no-more", Covers: []string{"POLICY-9", "QUEUE-58"}, Run: policyExpiresNoMore},
	{Name: "policy/next-death", Covers: []string{"POLICY-9", "QUEUE-70"}, Run: policyNextDeath},
	{Name: "policy/perl-patterns", Covers: []string{"POLICY-1", "POLICY-9"}, Run: policyPerl},
	{Name: "policy/queues-to-come", Covers: []string{"POLICY-9"}, Run: policyComing},
}

// policyAtOnce: a policy applies to a queue that is there at once, and no longer
// once it is gone.
func policyAtOnce(t *T) {
	ch := t.Channel().Confirming()
	q := ch.NewSharedQueue()
	ch.Store(q, "1", "2", "3")
	p := t.Policy(Policy{ApplyTo: "queues", Definition: bound(2)})
	ch.await(q, 2) // a count may overtake the news of a policy
	ch.Store(q, "4")
	t.RemovePolicy(p)
	ch.Store(q, "5")
	ch.ExpectDrain(q, "3", "4", "5")
}

func policyTrimsBytes(t *T) {
	ch := t.Channel().Confirming()
	q := ch.NewSharedQueue()
	ch.Store(q, "1111", "22", "3")
	held := ch.Fetch(q) // what is out does not count and stays
	t.Policy(Policy{ApplyTo: "queues", Definition: map[string]any{"max-length-bytes": 2}})
	ch.await(q, 1)
	t.OK(held.Ack(false), "ack")
	ch.ExpectDrain(q, "3")
}

func policyTrimsMany(t *T) {
	ch := t.Channel().Confirming()
	q := ch.NewSharedQueue()
	bodies := numbered(2500)
	ch.Store(q, bodies...)
	t.Policy(Policy{ApplyTo: "queues", Definition: bound(3)})
	ch.ExpectDrain(q, bodies[len(bodies)-3:]...)
}

func policyTrimmed(t *T) {
	ch := t.Channel().Confirming()
	q, grave := ch.newMortal(nil)
	ch.Store(q, "1", "2", "3")
	consumer := ch.attend(grave)
	t.Policy(Policy{ApplyTo: "queues", Pattern: ExactNames(q), Definition: bound(1)})
	for _, body := range []string{"1", "2"} {
		t.expectDeath(consumer.Expect(body), q, "maxlen")
	}
	ch.ExpectDrain(q, "3")
}

func policyNoTrim(t *T) {
	ch := t.Channel().Confirming()
	q := ch.NewSharedQueueWith(amqp.Table{"x-overflow": "reject-publish"})
	ch.Store(q, "1", "2", "3")
	t.Policy(Policy{ApplyTo: "queues", Definition: bound(1)})
	t.Equal(3, ch.Inspect(q).Messages, "messages under a lower limit")
	ch.SendAll(q, "4")
	t.Equal(false, ch.Confirmed().Ack, "ack of a message beyond the new limit")
	ch.ExpectDrain(q, "1", "2", "3")
}

// A message that is there when the policy comes never expires.
func policyLaterMessages(t *T) {
	ch := t.Channel().Confirming()
	q := ch.NewSharedQueue()
	ch.Store(q, "before")
	t.Policy(Policy{ApplyTo: "queues", Definition: map[string]any{"message-ttl": soon}})
	ch.Store(q, "after")
	held := ch.Fetch(q)
	t.Equal("before", string(held.Body), "body")
	ch.await(q, 0)
	t.OK(held.Nack(false, true), "requeue")
	ch.ExpectDrain(q, "before")
}

// A message that came under the policy expires without it.
func policyTimeStays(t *T) {
	ch := t.Channel().Confirming()
	q := ch.NewSharedQueue()
	p := t.Policy(Policy{ApplyTo: "queues", Definition: map[string]any{"message-ttl": soon}})
	ch.Store(q, "m")
	t.Policy(Policy{Name: p, ApplyTo: "queues", Definition: map[string]any{"message-ttl": 3600 * 1000}})
	ch.await(q, 0)
}

func policyExpires(t *T) {
	ch := t.Channel()
	q := ch.NewSharedQueue()
	began := t.runner.clock.Now()
	t.Policy(Policy{ApplyTo: "queues", Definition: map[string]any{"expires": soon}})
	ch.awaitGone(q)
	if took := t.runner.clock.Now().Sub(began); took < soon*time.Millisecond {
		t.Errorf("the queue expired after %v, under a policy of %d ms", took, soon)
	}
}

func policyExpiresNoMore(t *T) {
	ch := t.Channel()
	q, other := ch.NewSharedQueue(), ch.NewSharedQueue()
	p := t.Policy(Policy{ApplyTo: "queues", Definition: map[string]any{"expires": 10 * soon}})
	t.Policy(Policy{Name: p, ApplyTo: "queues", Pattern: ExactNames(other), Definition: map[string]any{"expires": 2 * soon}})
	ch.awaitGone(other)
	t.Equal(false, ch.isGone(q), "the queue that the policy no longer matches is gone")
	t.RemovePolicy(p)
	t.Equal(1, ch.Inspect(q).Messages, "messages of the queue that stays")
}

func policyNextDeath(t *T) {
	ch := t.Channel().Confirming()
	grave, second := ch.NewQueue(), ch.NewQueue()
	q := ch.NewSharedQueue()
	ch.Store(q, "1", "2", "3", "4")
	reject := func() {
		ch.reject(q)
		ch.Inspect(q) // which the queue answers when it has dealt with the rejection
	}
	reject()
	to := func(name, queue string) string {
		return t.Policy(Policy{Name: name, ApplyTo: "queues", Pattern: ExactNames(q), Definition: map[string]any{
			"dead-letter-exchange": "", "dead-letter-routing-key": queue,
		}})
	}
	p := to("", grave)
	reject()
	to(p, second)
	reject()
	ch.attend(second).Expect("3")
	t.RemovePolicy(p)
	reject()
	ch.attend(grave).Expect("2")
	for _, queue := range []string{q, grave, second} {
		ch.ExpectDrain(queue)
	}
}

func policyComing(t *T) {
	ch := t.Channel().Confirming()
	t.Policy(Policy{Definition: map[string]any{"max-length": 1, "alternate-exchange": "amq.fanout"}})
	q := ch.NewSharedQueue()
	ch.expectHolds(q, 1, "in a queue that was declared under the policy")
	all := ch.NewQueue()
	ch.Bind(all, "amq.fanout", "")
	x := ch.NewExchange("direct")
	ch.Send(x, t.Name("k"), "m")
	ch.AllConfirmed(1)
	t.WaitFor("the message in the alternate's queue", func() bool { return ch.Inspect(all).Messages > 0 })
}

func policyPerl(t *T) {
	prefix := t.Name("perl")
	ch := t.Channel().Confirming()
	own := prefix + "-q"
	_, err := ch.QueueDeclare(own, false, false, true, false, nil)
	t.OK(err, "declare")
	for pattern, matches := range map[string]bool{
		`^(?!amq\.)` + prefix: true, `^(?=` + prefix + `)((?!dlq).)*$`: true, `(?<=` + prefix + `)-q$`: true,
		prefix + `\H++$`: true, `^(?>` + prefix + `)-(q)(?!\1)`: true, `^` + prefix + `(?!-q)`: false, prefix + `.*+q`: false,
	} {
		t.Case(pattern, func() {
			p := t.Policy(Policy{Pattern: pattern, ApplyTo: "queues", Definition: bound(1)})
			ch.Store(own, "1", "2")
			if matches {
				ch.ExpectDrain(own, "2")
			} else {
				ch.ExpectDrain(own, "1", "2")
			}
			t.RemovePolicy(p)
		})
	}
}
