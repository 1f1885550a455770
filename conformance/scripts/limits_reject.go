// Scripts: full queues that reject what is published (QUEUE-65, QUEUE-66), and
// what publishers learn of it (BASIC-17, BASIC-18, BASIC-20, BASIC-86).

package scripts

import (
	"fmt"

	amqp "github.com/rabbitmq/amqp091-go"
)

var limitRejectScripts = []Script{
	{Name: "reject/length", Covers: []string{"QUEUE-65", "BASIC-18"}, Run: rejectLength},
	{Name: "reject/bytes", Covers: []string{"QUEUE-65"}, Run: rejectBytes},
	{Name: "reject/is-silent-without-confirms", Covers: []string{"QUEUE-65"}, Run: rejectSilently},
	{Name: "reject/is-no-return", Covers: []string{"QUEUE-65", "BASIC-4"}, Run: rejectMandatory},
	{Name: "reject/is-no-dead-letter", Covers: []string{"QUEUE-65"}, Run: rejectNotDead},
	{Name: "reject/and-dead-letter", Covers: []string{"QUEUE-66", "QUEUE-70"}, Run: rejectDead},
	{Name: "reject/and-dead-letter-without-an-exchange", Covers: []string{"QUEUE-66", "QUEUE-71"}, Run: rejectDeadNowhere},
	{Name: "reject/even-for-a-waiting-consumer", Covers: []string{"QUEUE-65"}, Run: rejectConsumer},
	{Name: "reject/nothing-is-dropped-for-a-requeue", Covers: []string{"QUEUE-65", "QUEUE-67"}, Run: rejectRequeue},
	{Name: "reject/unacked-make-room", Covers: []string{"QUEUE-61", "QUEUE-65"}, Run: rejectUnacked},
	{Name: "reject/one-queue-of-several", Covers: []string{"QUEUE-65", "BASIC-18"}, Run: rejectOne},
	{Name: "reject/all-queues", Covers: []string{"BASIC-18"}, Run: rejectAll},
	{Name: "reject/each-publish-is-told", Covers: []string{"BASIC-16", "BASIC-18", "BASIC-20"}, Run: rejectMixed},
	{Name: "reject/persistent", Covers: []string{"BASIC-17", "BASIC-18"}, Run: rejectPersistent},
	{Name: "reject/at-commit", Covers: []string{"QUEUE-66", "BASIC-86"}, Run: rejectCommit},
	{Name: "reject/highest-priority-too", Covers: []string{"QUEUE-65"}, Run: rejectPriority},
}

// rejecting is the arguments of a queue that takes n messages.
func rejecting(n int32, how string) amqp.Table {
	return amqp.Table{"x-max-length": n, "x-overflow": how}
}

// expectConfirms waits for as many confirms and records a difference unless
// these are acks and nacks as told.
func (ch *Channel) expectConfirms(acks ...bool) {
	for _, ack := range acks {
		c := ch.Confirmed()
		ch.t.Equal(ack, c.Ack, fmt.Sprintf("ack of publish %d", c.DeliveryTag))
	}
}

func rejectLength(t *T) {
	ch := t.Channel().Confirming()
	q := ch.NewQueueWith(rejecting(2, "reject-publish"))
	ch.SendAll(q, "a", "b", "c", "d")
	ch.expectConfirms(true, true, false, false)
	ch.Acked(ch.Fetch(q))
	ch.SendAll(q, "e", "f")
	ch.expectConfirms(true, false)
	ch.ExpectDrain(q, "b", "e")
}

func rejectBytes(t *T) {
	ch := t.Channel().Confirming()
	q := ch.NewQueueWith(amqp.Table{"x-max-length-bytes": int32(10), "x-overflow": "reject-publish"})
	ch.SendAll(q, "55555", "666666", "4444", "22", "1", "", "1")
	ch.expectConfirms(true, false, true, false, true, true, false)
	ch.ExpectDrain(q, "55555", "4444", "1", "")
}

func rejectSilently(t *T) {
	ch := t.Channel()
	q := ch.NewQueueWith(rejecting(1, "reject-publish"))
	ch.SendAll(q, "a", "b", "c")
	ch.ExpectDrain(q, "a")
	ch.ExpectOpen()
}

func rejectMandatory(t *T) {
	ch := t.Channel().Confirming()
	q := ch.NewQueueWith(rejecting(0, "reject-publish"))
	ch.SendMandatory("", q, "m")
	ch.expectConfirms(false)
	if r, ok := ch.TakeReturn(); ok {
		t.Errorf("return of %q", r.Body)
	}
}

func rejectNotDead(t *T) {
	ch := t.Channel().Confirming()
	q, grave := ch.newMortal(rejecting(1, "reject-publish"))
	ch.SendAll(q, "kept", "rejected")
	ch.expectConfirms(true, false)
	ch.reject(q)
	consumer := ch.attend(grave)
	t.expectDeath(consumer.Expect("kept"), q, "rejected")
	consumer.ExpectNoMore()
}

func rejectDead(t *T) {
	ch := t.Channel().Confirming()
	q, grave := ch.newMortal(rejecting(1, "reject-publish-dlx"))
	ch.SendAll(q, "kept", "b", "c")
	ch.expectConfirms(true, false, false)
	consumer := ch.attend(grave)
	t.expectDeath(consumer.Expect("b", "c"), q, "maxlen")
	ch.ExpectDrain(q, "kept")
	consumer.ExpectNoMore()
}

func rejectDeadNowhere(t *T) {
	ch := t.Channel().Confirming()
	without := ch.NewQueueWith(rejecting(0, "reject-publish-dlx"))
	absent := ch.NewQueueWith(amqp.Table{
		"x-max-length": int32(0), "x-overflow": "reject-publish-dlx", "x-dead-letter-exchange": t.Name("x"),
	})
	ch.SendAll(without, "m")
	ch.SendAll(absent, "m")
	ch.expectConfirms(false, false)
}

// The limit is looked at before anybody is asked to take the message.
func rejectConsumer(t *T) {
	ch := t.Channel().Confirming()
	q := ch.NewQueueWith(rejecting(0, "reject-publish"))
	consumer := ch.attend(q)
	ch.SendAll(q, "m")
	ch.expectConfirms(false)
	consumer.ExpectNoMore()
}

func rejectRequeue(t *T) {
	ch := t.Channel().Confirming()
	for _, how := range []string{"reject-publish", "reject-publish-dlx"} {
		t.Case(how, func() {
			q, grave := ch.newMortal(rejecting(1, how))
			ch.SendAll(q, "a")
			ch.expectConfirms(true)
			d := ch.Fetch(q)
			ch.SendAll(q, "b")
			ch.expectConfirms(true)
			t.OK(d.Nack(false, true), "requeue")
			ch.await(q, 2)
			ch.SendAll(q, "c")
			ch.expectConfirms(false)
			ch.ExpectFlags(q, "a*", "b")
			if how == "reject-publish" {
				ch.ExpectReady(grave, 0)
			}
		})
	}
}

func rejectUnacked(t *T) {
	ch := t.Channel().Confirming()
	q := ch.NewQueueWith(rejecting(1, "reject-publish"))
	consumer := ch.qos(1, false).Subscribe(q, Subscription{})
	ch.SendAll(q, "a")
	d := consumer.Expect("a")
	ch.SendAll(q, "b", "c")
	ch.expectConfirms(true, true, false)
	ch.Acked(d)
	consumer.Expect("b")
}

func rejectOne(t *T) {
	ch := t.Channel().Confirming()
	x, free := ch.NewExchange("fanout"), ch.NewQueue()
	full, grave := ch.newMortal(rejecting(1, "reject-publish-dlx"))
	ch.Bind(free, x, "")
	ch.Bind(full, x, "")
	for range 2 {
		ch.Send(x, "", "m")
	}
	ch.expectConfirms(true, false)
	ch.ExpectDrain(free, "m", "m")
	ch.ExpectDrain(full, "m")
	ch.attend(grave).Expect("m")
}

func rejectAll(t *T) {
	ch := t.Channel().Confirming()
	x := ch.NewExchange("fanout")
	for range 3 {
		ch.Bind(ch.NewQueueWith(rejecting(0, "reject-publish")), x, "")
	}
	ch.Send(x, "", "m")
	ch.expectConfirms(false)
	ch.ExpectNoConfirm()
}

// Every publish has one answer, and the right one, however they are put
// together on their way. An answer that covers many does not cover those that
// have had theirs, which the client's stream of confirms does not respect.
func rejectMixed(t *T) {
	ch := t.Channel().Confirming()
	full, free := ch.NewQueueWith(rejecting(0, "reject-publish")), ch.NewQueue()
	var pending []*amqp.DeferredConfirmation
	rejected := func(i int) bool { return i%7 < 3 }
	for i := range 300 {
		q := free
		if rejected(i) {
			q = full
		}
		c, err := ch.PublishWithDeferredConfirmWithContext(t.Context(), "", q, false, false, amqp.Publishing{})
		t.OK(err, "publish")
		pending = append(pending, c)
	}
	ctx, cancel := t.patient()
	defer cancel()
	for i, c := range pending {
		acked, err := c.WaitContext(ctx)
		t.OK(err, "wait for a confirm")
		t.Equal(!rejected(i), acked, fmt.Sprintf("ack of publish %d", c.DeliveryTag))
	}
	ch.ExpectReady(free, 171)
}

func rejectPersistent(t *T) {
	ch := t.Channel().Confirming()
	q := ch.NewSharedQueueWith(rejecting(2, "reject-publish"))
	for range 4 {
		ch.SendWith("", q, amqp.Publishing{DeliveryMode: 2})
	}
	ch.expectConfirms(true, true, false, false)
	ch.ExpectReady(q, 2)
}

func rejectCommit(t *T) {
	setup := t.Channel()
	q, grave := setup.newMortal(rejecting(1, "reject-publish-dlx"))
	other := setup.NewQueue()
	t.ExpectError(406, "partial tx completion", func(ch *Channel) error {
		ch.transacting().SendAll(q, "fits", "rejected")
		ch.SendAll(other, "fits")
		return ch.TxCommit()
	})
	setup.ExpectDrain(q, "fits")
	setup.ExpectDrain(other, "fits")
	t.expectDeath(setup.attend(grave).Expect("rejected"), q, "maxlen")
}

func rejectPriority(t *T) {
	ch := t.Channel().Confirming()
	q := ch.NewQueueWith(amqp.Table{"x-max-priority": int32(5), "x-max-length": int32(1), "x-overflow": "reject-publish"})
	ch.sendUrgent(q, 1, "a")
	ch.sendUrgent(q, 5, "b")
	ch.expectConfirms(true, false)
	ch.ExpectDrain(q, "a")
}
