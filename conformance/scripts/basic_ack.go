// Scripts: basic.get, and settling by ack, nack and reject (BASIC-51 to
// BASIC-57, BASIC-60, BASIC-64).

package scripts

import (
	"fmt"

	amqp "github.com/rabbitmq/amqp091-go"
)

var basicAckScripts = []Script{
	{Name: "get/count", Covers: []string{"BASIC-51"}, Run: getCount},
	{Name: "get/empty", Covers: []string{"BASIC-51"}, Run: getEmpty},
	{Name: "get/missing-queue", Covers: []string{"BASIC-52"}, Run: getMissing},
	{Name: "get/needs-an-ack", Covers: []string{"BASIC-53"}, Run: getAck},
	{Name: "ack/unknown-tag", Covers: []string{"BASIC-54"}, Run: ackUnknown},
	{Name: "ack/settled-tag", Covers: []string{"BASIC-54"}, Run: ackTwice},
	{Name: "ack/no-ack-delivery", Covers: []string{"BASIC-54"}, Run: ackNoAck},
	{Name: "ack/multiple-with-zero", Covers: []string{"BASIC-55"}, Run: ackMultipleZero},
	{Name: "ack/multiple", Covers: []string{"BASIC-56"}, Run: ackMultiple},
	{Name: "ack/multiple-needs-its-tag", Covers: []string{"BASIC-56"}, Run: ackMultipleUnknown},
	{Name: "ack/other-channel", Covers: []string{"BASIC-57"}, Run: ackOtherChannel},
	{Name: "ack/nack-and-reject-drop", Covers: []string{"BASIC-60"}, Run: nackDrops},
	{Name: "ack/nack-multiple-drops", Covers: []string{"BASIC-60", "BASIC-56"}, Run: nackMultipleDrops},
	{Name: "ack/after-cancel", Covers: []string{"BASIC-64"}, Run: ackAfterCancel},
	{Name: "ack/error-requeues", Covers: []string{"BASIC-54", "BASIC-58"}, Run: ackErrorRequeues},
}

func getCount(t *T) {
	ch := t.Channel()
	q := ch.NewQueue()
	ch.SendAll(q, "a", "b", "c")
	for i, body := range []string{"a", "b", "c"} {
		d := ch.Fetch(q)
		t.Equal(body, string(d.Body), "body")
		t.Equal(uint32(2-i), d.MessageCount, "messages left")
	}
}

func getEmpty(t *T) {
	ch := t.Channel()
	_, ok, err := ch.Get(ch.NewQueue(), false)
	t.OK(err, "get")
	t.Equal(false, ok, "got a message from an empty queue")
}

func getMissing(t *T) {
	absent := t.Name("q")
	get := func(q string) func(*Channel) error {
		return func(ch *Channel) error { _, _, err := ch.Get(q, false); return err }
	}
	t.ExpectError(404, "no "+t.QueueText(absent), get(absent))
	foreign := t.Dial(amqp.Config{}).Open().NewQueue()
	t.ExpectError(405, t.lockedText(foreign), get(foreign))
}

func getAck(t *T) {
	ch, other := t.Channel(), t.Channel()
	q := ch.NewQueue()
	ch.SendAll(q, "a", "b")
	ch.Acked(ch.Fetch(q))
	ch.Fetch(q)
	ch.ExpectDrain(q)
	t.OK(ch.Close(), "close the channel")
	other.await(q, 1)
	other.ExpectDrain(q, "b")
}

// settlings are the three ways to settle one tag.
var settlings = map[string]func(ch *Channel, tag uint64) error{
	"ack":    func(ch *Channel, tag uint64) error { return ch.Ack(tag, false) },
	"nack":   func(ch *Channel, tag uint64) error { return ch.Nack(tag, false, false) },
	"reject": func(ch *Channel, tag uint64) error { return ch.Reject(tag, false) },
}

func ackUnknown(t *T) {
	for what, settle := range settlings {
		for _, tag := range []uint64{0, 1, 1 << 40} {
			t.Case(fmt.Sprint(what, " ", tag), func() {
				t.ExpectError(406, fmt.Sprintf("unknown delivery tag %d", tag), func(ch *Channel) error { return settle(ch, tag) })
			})
		}
	}
}

func ackTwice(t *T) {
	for what, settle := range settlings {
		t.Case(what, func() {
			t.ExpectError(406, "unknown delivery tag 2", func(ch *Channel) error {
				q := ch.NewQueue()
				ch.SendAll(q, "a", "b", "c")
				ch.Fetch(q)
				second := ch.Fetch(q)
				ch.Fetch(q)
				ch.Acked(second)
				return settle(ch, second.DeliveryTag)
			})
		})
	}
}

func ackNoAck(t *T) {
	t.ExpectError(406, "unknown delivery tag 1", func(ch *Channel) error {
		q := ch.NewQueue()
		consumer := ch.Subscribe(q, Subscription{NoAck: true})
		ch.SendAll(q, "m")
		return consumer.Expect("m").Ack(false)
	})
}

func ackMultipleZero(t *T) {
	ch, other := t.Channel(), t.Channel()
	q := ch.NewQueue()
	t.OK(ch.Ack(0, true), "ack all of none")
	t.OK(ch.Nack(0, true, true), "nack all of none")
	ch.SendAll(q, "a", "b", "c")
	for range 3 {
		ch.Fetch(q)
	}
	t.OK(ch.Ack(0, true), "ack all")
	t.OK(ch.Close(), "close the channel")
	other.ExpectDrain(q)
}

func ackMultiple(t *T) {
	ch, other := t.Channel(), t.Channel()
	q, second := ch.NewQueue(), ch.NewQueue()
	ch.SendAll(q, "a", "b", "e")
	ch.SendAll(second, "c", "d")
	ch.Fetch(q)
	ch.Fetch(q)
	ch.Fetch(second)
	d := ch.Fetch(second)
	ch.Fetch(q)
	t.OK(ch.Ack(d.DeliveryTag-1, true), "ack the first three")
	t.OK(ch.Close(), "close the channel")
	other.await(q, 1)
	other.await(second, 1)
	other.ExpectDrain(q, "e")
	other.ExpectDrain(second, "d")
}

func ackMultipleUnknown(t *T) {
	q := t.Channel().NewQueue()
	for tag, text := range map[uint64]string{2: "unknown delivery tag 2", 9: "unknown delivery tag 9"} {
		t.ExpectError(406, text, func(ch *Channel) error {
			ch.SendAll(q, "a", "b", "c")
			ch.Fetch(q)
			ch.Acked(ch.Fetch(q))
			ch.Fetch(q)
			return ch.Ack(tag, true)
		})
	}
}

func ackOtherChannel(t *T) {
	ch := t.Channel()
	q := ch.NewQueue()
	ch.SendAll(q, "m")
	d := ch.Fetch(q)
	t.ExpectError(406, "unknown delivery tag 1", func(ch *Channel) error { return ch.Ack(d.DeliveryTag, false) })
	ch.Acked(d)
	ch.ExpectOpen()
}

func nackDrops(t *T) {
	ch := t.Channel()
	q := ch.NewQueue()
	ch.SendAll(q, "a", "b", "c")
	t.OK(ch.Fetch(q).Nack(false, false), "nack")
	t.OK(ch.Fetch(q).Reject(false), "reject")
	t.OK(ch.recoverAll(true), "recover")
	ch.ExpectDrain(q, "c")
}

func nackMultipleDrops(t *T) {
	ch := t.Channel()
	q := ch.NewQueue()
	ch.SendAll(q, "a", "b", "c", "d")
	ch.Fetch(q)
	second := ch.Fetch(q)
	ch.Fetch(q)
	t.OK(second.Nack(true, false), "nack the first two")
	t.OK(ch.Nack(0, true, true), "requeue all that are left")
	ch.ExpectDrain(q, "c", "d")
}

func ackAfterCancel(t *T) {
	ch, other := t.Channel(), t.Channel()
	q := ch.NewQueue()
	ch.SendAll(q, "a", "b")
	consumer := ch.Subscribe(q, Subscription{})
	first := consumer.Expect("a")
	second := consumer.Expect("b")
	consumer.ExpectNoMore()
	t.OK(first.Ack(false), "ack after the cancel")
	t.OK(second.Nack(false, true), "requeue after the cancel")
	ch.ExpectOpen()
	other.ExpectDrain(q, "b")
}

func ackErrorRequeues(t *T) {
	q := t.Channel().NewQueue()
	t.ExpectError(406, "unknown delivery tag 7", func(ch *Channel) error {
		ch.SendAll(q, "a", "b")
		ch.Acked(ch.Fetch(q))
		ch.Fetch(q)
		return ch.Ack(7, false)
	})
	ch := t.Channel()
	ch.await(q, 1)
	d := ch.Fetch(q)
	t.Equal([]any{"b", true}, []any{string(d.Body), d.Redelivered}, "body and redelivered flag")
}
