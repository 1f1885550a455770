// Scripts: publisher confirms (BASIC-13 to BASIC-22).

package scripts

import (
	"fmt"

	amqp "github.com/rabbitmq/amqp091-go"
)

var basicConfirmScripts = []Script{
	{Name: "confirm/select", Covers: []string{"BASIC-13"}, Run: confirmSelect},
	{Name: "confirm/numbers-start-at-one", Covers: []string{"BASIC-14"}, Run: confirmNumbers},
	{Name: "confirm/unroutable", Covers: []string{"BASIC-15"}, Run: confirmUnroutable},
	{Name: "confirm/return-precedes-ack", Covers: []string{"BASIC-15"}, Run: confirmReturnFirst},
	{Name: "confirm/every-publish-once", Covers: []string{"BASIC-16", "BASIC-17"}, Run: confirmEach},
	{Name: "confirm/persistent-and-transient", Covers: []string{"BASIC-17"}, Run: confirmModes},
	{Name: "confirm/nack-on-reject-publish", Covers: []string{"BASIC-18"}, Run: confirmNack},
	{Name: "confirm/queue-deleted", Covers: []string{"BASIC-19"}, Run: confirmQueueDeleted},
	{Name: "confirm/dropped-at-once", Covers: []string{"BASIC-21"}, Run: confirmDropped},
	{Name: "confirm/none-for-an-error", Covers: []string{"BASIC-22"}, Run: confirmError},
}

func confirmSelect(t *T) {
	ch := t.Channel()
	for range 2 {
		t.OK(ch.Confirm(false), "confirm.select")
	}
	t.ExpectError(406, "cannot switch from tx to confirm mode", func(ch *Channel) error {
		t.OK(ch.Tx(), "tx.select")
		return ch.Confirm(false)
	})
}

func confirmNumbers(t *T) {
	ch := t.Channel()
	q := ch.NewQueue()
	ch.SendAll(q, "before", "before")
	ch.Confirming()
	other := t.Channel().Confirming()
	for i := range 3 {
		ch.SendAll(q, "m")
		t.Equal(amqp.Confirmation{DeliveryTag: uint64(i + 1), Ack: true}, ch.Confirmed(), "confirm")
	}
	ch.ExpectNoConfirm()
	other.SendAll(q, "m")
	t.Equal(amqp.Confirmation{DeliveryTag: 1, Ack: true}, other.Confirmed(), "confirm of the other channel")
	t.OK(ch.Confirm(false), "confirm.select again")
	ch.SendAll(q, "m")
	t.Equal(amqp.Confirmation{DeliveryTag: 4, Ack: true}, ch.Confirmed(), "confirm after a second select")
	ch.ExpectNoConfirm()
}

func confirmUnroutable(t *T) {
	ch := t.Channel().Confirming()
	x := ch.NewExchange("direct")
	for _, key := range []string{"", "k"} {
		ch.Send(x, key, "to no one")
		ch.AllConfirmed(1)
	}
}

func confirmReturnFirst(t *T) {
	ch := t.Channel().Confirming()
	q := ch.NewQueue()
	for range 20 {
		ch.SendAll(q, "routed")
		ch.SendMandatory("", t.Name("q"), "returned")
		ch.AllConfirmed(2)
		if _, ok := ch.TakeReturn(); !ok {
			t.Fatalf("the ack came before the return")
		}
	}
}

func confirmEach(t *T) {
	ch := t.Channel().Confirming()
	q, durable, x := ch.NewQueue(), ch.NewSharedQueue(), ch.NewExchange("fanout")
	ch.Bind(q, x, "")
	ch.Bind(durable, x, "")
	const n = 150
	for i := range n {
		exchange, key := []string{"", "", x}[i%3], []string{q, durable, ""}[i%3]
		ch.SendWith(exchange, key, amqp.Publishing{DeliveryMode: uint8(1 + i/3%2), Body: []byte("m")})
	}
	// The client puts the confirms in order; one that is missing would hold up the rest.
	for i := range n {
		t.Equal(amqp.Confirmation{DeliveryTag: uint64(i + 1), Ack: true}, ch.Confirmed(), "confirm")
	}
	ch.ExpectNoConfirm()
	t.Equal(2*n/3, len(ch.Drain(q)), "messages of the exclusive queue")
	t.Equal(2*n/3, len(ch.Drain(durable)), "messages of the durable queue")
}

func confirmModes(t *T) {
	ch := t.Channel().Confirming()
	consumed := ch.NewSharedQueue()
	consumer := ch.Subscribe(consumed, Subscription{NoAck: true})
	for what, q := range map[string]string{"exclusive": ch.NewQueue(), "durable": ch.NewSharedQueue(), "consumed": consumed} {
		for _, mode := range []uint8{0, 1, 2} {
			t.Case(fmt.Sprintf("%s, mode %d", what, mode), func() {
				ch.SendWith("", q, amqp.Publishing{DeliveryMode: mode})
				ch.AllConfirmed(1)
			})
		}
	}
	consumer.Expect("", "", "")
}

func confirmNack(t *T) {
	ch := t.Channel().Confirming()
	full := ch.NewQueueWith(amqp.Table{"x-max-length": int32(1), "x-overflow": "reject-publish"})
	free, x := ch.NewQueue(), ch.NewExchange("fanout")
	ch.Bind(full, x, "")
	ch.Bind(free, x, "")
	for i, want := range []bool{true, false, false} {
		ch.Send(x, "", fmt.Sprint(i))
		t.Equal(amqp.Confirmation{DeliveryTag: uint64(i + 1), Ack: want}, ch.Confirmed(), "confirm")
	}
	ch.ExpectDrain(full, "0")
	ch.ExpectDrain(free, "0", "1", "2")
	ch.Send(x, "", "3")
	t.Equal(true, ch.Confirmed().Ack, "acknowledged when there is room again")
}

func confirmQueueDeleted(t *T) {
	ch := t.Channel().Confirming()
	q := ch.NewSharedQueue()
	const n = 50
	for range n {
		ch.SendWith("", q, amqp.Publishing{DeliveryMode: 2})
	}
	_, err := ch.QueueDelete(q, false, false, false)
	t.OK(err, "delete")
	ch.AllConfirmed(n)
}

func confirmDropped(t *T) {
	ch := t.Channel().Confirming()
	q := ch.NewQueue()
	ch.SendWith("", q, amqp.Publishing{Expiration: "0"})
	ch.AllConfirmed(1)
	ch.Store(ch.NewQueueWith(amqp.Table{"x-message-ttl": int32(0)}), "expires")
	ch.Store(ch.NewQueueWith(amqp.Table{"x-max-length": int32(0)}), "dropped")
	ch.ExpectDrain(q)
}

func confirmError(t *T) {
	ch := t.Channel().Confirming()
	q := ch.NewQueue()
	ch.Store(q, "m")
	absent := t.Name("x")
	ch.Send(absent, "k", "to a missing exchange")
	ch.ExpectClosed(404, "no "+t.ExchangeText(absent))
	for c := range ch.acks { // the client closes it with the channel
		t.Errorf("unexpected confirm %v", c)
	}
}
