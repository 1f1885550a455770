// Scripts: transactions (BASIC-81 to BASIC-87).

package scripts

import (
	amqp "github.com/rabbitmq/amqp091-go"
)

var basicTxScripts = []Script{
	{Name: "tx/select", Covers: []string{"BASIC-81"}, Run: txSelect},
	{Name: "tx/not-selected", Covers: []string{"BASIC-82"}, Run: txNotSelected},
	{Name: "tx/publishes-wait-for-commit", Covers: []string{"BASIC-83"}, Run: txPublish},
	{Name: "tx/publish-errors-are-immediate", Covers: []string{"BASIC-83"}, Run: txPublishError},
	{Name: "tx/routes-at-publish", Covers: []string{"BASIC-83"}, Run: txRouting},
	{Name: "tx/returns-at-commit", Covers: []string{"BASIC-83"}, Run: txReturn},
	{Name: "tx/acks-wait-for-commit", Covers: []string{"BASIC-84"}, Run: txAck},
	{Name: "tx/ack-errors-are-immediate", Covers: []string{"BASIC-84"}, Run: txAckError},
	{Name: "tx/requeue-at-commit", Covers: []string{"BASIC-84"}, Run: txRequeue},
	{Name: "tx/rollback-discards-publishes", Covers: []string{"BASIC-85"}, Run: txRollbackPublish},
	{Name: "tx/rollback-undoes-acks", Covers: []string{"BASIC-85"}, Run: txRollbackAck},
	{Name: "tx/partial-completion", Covers: []string{"BASIC-86"}, Run: txPartial},
	{Name: "tx/starts-anew", Covers: []string{"BASIC-87"}, Run: txStartsAnew},
	{Name: "tx/close-is-rollback", Covers: []string{"BASIC-87"}, Run: txClose},
	{Name: "tx/prefetch-moves-at-commit", Covers: []string{"BASIC-84", "BASIC-44"}, Run: txPrefetch},
	{Name: "tx/deliveries-are-not-transactional", Covers: []string{"BASIC-87"}, Run: txDeliveries},
}

// transacting puts the channel in transaction mode.
func (ch *Channel) transacting() *Channel {
	ch.t.OK(ch.Tx(), "tx.select")
	return ch
}

func (ch *Channel) commit()   { ch.t.OK(ch.TxCommit(), "tx.commit") }
func (ch *Channel) rollback() { ch.t.OK(ch.TxRollback(), "tx.rollback") }

func txSelect(t *T) {
	t.Channel().transacting().transacting().commit()
	t.ExpectError(406, "cannot switch from confirm to tx mode", func(ch *Channel) error { return ch.Confirming().Tx() })
}

func txNotSelected(t *T) {
	for _, do := range []func(*Channel) error{
		func(ch *Channel) error { return ch.TxCommit() },
		func(ch *Channel) error { return ch.TxRollback() },
		func(ch *Channel) error { return ch.Confirming().TxCommit() },
	} {
		t.ExpectError(406, "channel is not transactional", do)
	}
}

func txPublish(t *T) {
	ch, other := t.Channel().transacting(), t.Channel()
	q := ch.NewQueue()
	ch.SendAll(q, "a", "b")
	ch.ExpectDrain(q)
	other.ExpectDrain(q)
	ch.commit()
	other.ExpectDrain(q, "a", "b")
}

func txPublishError(t *T) {
	ch := t.Channel()
	q, absent := ch.NewQueue(), t.Name("x")
	t.ExpectError(404, "no "+t.ExchangeText(absent), func(ch *Channel) error {
		ch.transacting().SendAll(q, "lost with its transaction")
		return publishing(absent, "k", false, amqp.Publishing{})(ch)
	})
	ch.ExpectDrain(q)
}

func txRouting(t *T) {
	ch := t.Channel().transacting()
	q, late, x := ch.NewQueue(), ch.NewQueue(), ch.NewExchange("fanout")
	ch.Bind(q, x, "")
	ch.Send(x, "", "m")
	t.OK(ch.QueueUnbind(q, "", x, nil), "unbind")
	ch.Bind(late, x, "")
	ch.commit()
	ch.ExpectDrain(q, "m")
	ch.ExpectDrain(late)
}

func txReturn(t *T) {
	ch := t.Channel().transacting()
	q := ch.NewQueue()
	ch.SendMandatory("", t.Name("q"), "unroutable")
	ch.SendMandatory("", q, "routed")
	ch.ExpectOpen()
	if r, ok := ch.TakeReturn(); ok {
		t.Errorf("return of %q before the commit", r.Body)
	}
	ch.commit()
	if r, ok := ch.TakeReturn(); !ok || string(r.Body) != "unroutable" {
		t.Errorf("no return before commit-ok")
	}
	ch.ExpectDrain(q, "routed")
}

func txAck(t *T) {
	ch, other := t.Channel().transacting(), t.Channel()
	q := ch.NewQueue()
	other.Confirming().Store(q, "a", "b", "c")
	ch.Acked(ch.Fetch(q))
	t.OK(ch.Close(), "close the channel before the commit")
	other.await(q, 3)
	other.ExpectFlags(q, "a*", "b", "c")

	other.Store(q, "d", "e")
	ch = t.Channel().transacting()
	ch.Acked(ch.Fetch(q))
	t.OK(ch.Fetch(q).Nack(false, false), "nack")
	ch.commit()
	t.OK(ch.Close(), "close the channel after the commit")
	other.ExpectFlags(q)
}

func txAckError(t *T) {
	q := t.Channel().NewQueue()
	for what, settle := range settlings {
		t.Case(what, func() {
			t.ExpectError(406, "unknown delivery tag 1", func(ch *Channel) error { return settle(ch.transacting(), 1) })
			t.ExpectError(406, "unknown delivery tag 1", func(ch *Channel) error {
				ch.SendAll(q, "m")
				d := ch.transacting().Fetch(q)
				ch.Acked(d)
				return settle(ch, d.DeliveryTag)
			})
		})
	}
}

func txRequeue(t *T) {
	ch := t.Channel()
	q := ch.NewQueue()
	ch.SendAll(q, "a", "b")
	ch.transacting()
	t.OK(ch.Fetch(q).Nack(false, true), "requeue")
	t.Equal("b", string(ch.Fetch(q).Body), "the next message before the commit")
	ch.ExpectDrain(q)
	ch.commit()
	ch.ExpectFlags(q, "a*")
}

func txRollbackPublish(t *T) {
	ch := t.Channel().transacting()
	q := ch.NewQueue()
	ch.SendAll(q, "a", "b")
	ch.SendMandatory("", t.Name("q"), "unroutable")
	ch.rollback()
	ch.commit()
	ch.ExpectDrain(q)
	if r, ok := ch.TakeReturn(); ok {
		t.Errorf("return of %q, which was rolled back", r.Body)
	}
}

func txRollbackAck(t *T) {
	ch, other := t.Channel(), t.Channel()
	q := ch.NewQueue()
	ch.SendAll(q, "a", "b", "c")
	out := ch.transacting().fetchAll(q, 3)
	t.OK(out[2].Nack(false, true), "requeue")
	ch.Acked(out[0])
	t.OK(out[1].Reject(false), "reject")
	ch.rollback()
	ch.ExpectDrain(q)
	t.OK(out[1].Ack(true), "ack the first two")
	ch.commit()
	t.OK(ch.Close(), "close the channel")
	other.await(q, 1)
	other.ExpectFlags(q, "c*")
}

func txPartial(t *T) {
	q := t.Channel().NewQueueWith(amqp.Table{"x-max-length": int32(1), "x-overflow": "reject-publish"})
	t.ExpectError(406, "partial tx completion", func(ch *Channel) error {
		ch.transacting().SendAll(q, "fits", "rejected")
		return ch.TxCommit()
	})
	t.Channel().ExpectDrain(q, "fits")
}

func txStartsAnew(t *T) {
	ch := t.Channel().transacting()
	q := ch.NewQueue()
	for _, body := range []string{"a", "b"} {
		ch.SendAll(q, body)
		ch.commit()
		ch.SendAll(q, "rolled back")
		ch.rollback()
		ch.ExpectDrain(q, body)
	}
	ch.SendAll(q, "c")
	ch.commit()
	ch.commit()
	ch.ExpectDrain(q, "c")
}

func txClose(t *T) {
	ch, other := t.Channel(), t.Channel()
	q := ch.NewQueue()
	ch.SendAll(q, "a")
	ch.transacting().Acked(ch.Fetch(q))
	ch.SendAll(q, "b")
	t.OK(ch.Close(), "close the channel")
	other.await(q, 1)
	other.ExpectFlags(q, "a*")
}

func txDeliveries(t *T) {
	ch, other := t.Channel().transacting(), t.Channel()
	q := ch.NewQueue()
	consumer := ch.Subscribe(q, Subscription{NoAck: true})
	other.SendAll(q, "a")
	consumer.Expect("a")
	ch.SendAll(q, "b")
	ch.ExpectOpen()
	ch.commit()
	consumer.Expect("b")
	ch.rollback()
	ch.ExpectDrain(q)
}

func txPrefetch(t *T) {
	ch, other := t.Channel().transacting().qos(1, false), t.Channel().Confirming()
	q := ch.NewQueue()
	consumer := ch.Subscribe(q, Subscription{})
	other.Store(q, "a", "b")
	ch.Acked(consumer.Expect("a"))
	ch.ExpectOpen()
	other.ExpectReady(q, 1)
	ch.commit()
	consumer.Expect("b")
}
