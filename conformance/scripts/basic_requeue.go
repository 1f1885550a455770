// Scripts: where messages go that come back, and how one can tell (BASIC-58,
// BASIC-59, BASIC-61 to BASIC-63).

package scripts

import (
	"fmt"

	amqp "github.com/rabbitmq/amqp091-go"
)

var basicRequeueScripts = []Script{
	{Name: "requeue/original-position", Covers: []string{"BASIC-58"}, Run: requeuePosition},
	{Name: "requeue/all-out", Covers: []string{"BASIC-58"}, Run: requeueAllOut},
	{Name: "requeue/multiple", Covers: []string{"BASIC-58", "BASIC-56"}, Run: requeueMultiple},
	{Name: "requeue/in-any-order", Covers: []string{"BASIC-58"}, Run: requeueAnyOrder},
	{Name: "requeue/to-many-queues", Covers: []string{"BASIC-55", "BASIC-58"}, Run: requeueManyQueues},
	{Name: "requeue/by-consumer", Covers: []string{"BASIC-58", "BASIC-62"}, Run: requeueByConsumer},
	{Name: "requeue/rejected-by-consumer", Covers: []string{"BASIC-60", "QUEUE-70"}, Run: rejectByConsumer},
	{Name: "requeue/many", Covers: []string{"BASIC-58", "BASIC-56"}, Run: requeueMany},
	{Name: "requeue/channel-close", Covers: []string{"BASIC-58", "BASIC-59"}, Run: requeueChannelClose},
	{Name: "requeue/connection-end", Covers: []string{"BASIC-58", "BASIC-59"}, Run: requeueConnectionEnd},
	{Name: "requeue/prefetched-counts-as-delivered", Covers: []string{"BASIC-59"}, Run: requeuePrefetched},
	{Name: "requeue/only-consumer-gets-it-again", Covers: []string{"BASIC-61"}, Run: requeueOnlyConsumer},
	{Name: "requeue/goes-to-another-consumer", Covers: []string{"BASIC-58"}, Run: requeueOtherConsumer},
	{Name: "requeue/who-returns-is-in-turn", Covers: []string{"BASIC-36", "BASIC-58", "BASIC-62"}, Run: requeueTurns},
	{Name: "recover/fetched-before-consumed", Covers: []string{"BASIC-62"}, Run: recoverFetched},
	{Name: "recover/requeues", Covers: []string{"BASIC-62", "BASIC-63"}, Run: recoverRequeues},
	{Name: "recover/redelivers-to-consumer", Covers: []string{"BASIC-62", "BASIC-63"}, Run: recoverConsumer},
	{Name: "recover/without-requeue", Covers: []string{"BASIC-62"}, Run: recoverWithoutRequeue},
}

// ExpectFlags gets all messages and records a difference unless their bodies,
// with a star behind those that are redelivered, are these.
func (ch *Channel) ExpectFlags(queue string, want ...string) {
	got := []string{}
	for {
		d, ok, err := ch.Get(queue, true)
		ch.t.OK(err, "get")
		if !ok {
			break
		}
		body := string(d.Body)
		if d.Redelivered {
			body += "*"
		}
		got = append(got, body)
	}
	ch.t.Equal(append([]string{}, want...), got, "messages, redelivered ones with a star")
}

// fetchAll gets n messages.
func (ch *Channel) fetchAll(queue string, n int) []amqp.Delivery {
	var all []amqp.Delivery
	for range n {
		all = append(all, ch.Fetch(queue))
	}
	return all
}

// recoverAll is basic.recover, which the client calls deprecated.
func (ch *Channel) recoverAll(requeue bool) error {
	return ch.Recover(requeue) //lint:ignore SA1019 the method is what BASIC-62 is about
}

func requeuePosition(t *T) {
	ch := t.Channel()
	q := ch.NewQueue()
	ch.SendAll(q, "a", "b", "c", "d", "e")
	out := ch.fetchAll(q, 4)
	t.OK(out[1].Nack(false, true), "requeue b")
	again := ch.Fetch(q)
	t.Equal("b", string(again.Body), "the first message after the requeue of b")
	for _, d := range []amqp.Delivery{out[3], out[0], again, out[2]} {
		t.OK(d.Reject(true), "requeue")
	}
	ch.SendAll(q, "f")
	ch.ExpectFlags(q, "a*", "b*", "c*", "d*", "e", "f")
}

func requeueAllOut(t *T) {
	ch := t.Channel()
	q := ch.NewQueue()
	bodies := numbered(30)
	ch.SendAll(q, bodies...)
	out := ch.fetchAll(q, len(bodies))
	// 7 has no factor in common with 30, so that this is each of them once.
	for i := range out {
		t.OK(out[i*7%len(out)].Nack(false, true), "requeue")
	}
	ch.ExpectDrain(q, bodies...)
}

func requeueMultiple(t *T) {
	ch := t.Channel()
	q := ch.NewQueue()
	ch.SendAll(q, "a", "b", "c", "d")
	out := ch.fetchAll(q, 3)
	t.OK(out[1].Nack(true, true), "requeue a and b")
	ch.ExpectFlags(q, "a*", "b*", "d")
	ch.Acked(out[2])
	ch.ExpectOpen()
}

func requeueMany(t *T) {
	ch, other := t.Channel().Confirming(), t.Channel()
	q := ch.NewQueue()
	bodies := numbered(3000)
	ch.SendAll(q, bodies...)
	ch.AllConfirmed(len(bodies))
	consumer := other.Subscribe(q, Subscription{})
	last := consumer.Expect(bodies...)
	consumer.ExpectNoMore()
	t.OK(other.Nack(last.DeliveryTag-1, true, true), "requeue all but the last")
	consumer = other.Subscribe(q, Subscription{})
	consumer.Expect(bodies[:len(bodies)-1]...)
	consumer.ExpectNoMore()
	t.OK(other.recoverAll(true), "recover")
	consumer = ch.Subscribe(q, Subscription{NoAck: true})
	consumer.Expect(bodies...)
	consumer.ExpectNoMore()
}

// A consumer that gives messages back has room again, and takes its turn after those
// that had it before.
func requeueTurns(t *T) {
	for what, back := range map[string]func(*Channel) error{
		"nack":    func(ch *Channel) error { return ch.Nack(0, true, true) },
		"recover": func(ch *Channel) error { return ch.recoverAll(true) },
	} {
		t.Case(what, func() {
			ch, full := t.Channel().Confirming(), t.Channel().qos(2, false)
			q := ch.NewQueue()
			returning := full.Subscribe(q, Subscription{})
			ch.Store(q, "a", "b", "c")
			returning.Expect("a", "b")
			other := ch.Subscribe(q, Subscription{})
			other.Expect("c")
			t.OK(back(full), what)
			other.Expect("a")
			returning.Expect("b")
		})
	}
}

// What was fetched is back before the consumer has room.
func recoverFetched(t *T) {
	ch := t.Channel().Confirming().qos(1, false)
	q := ch.NewQueue()
	ch.Store(q, "a", "b")
	consumer := ch.Subscribe(q, Subscription{})
	consumer.Expect("a")
	t.Equal("b", string(ch.Fetch(q).Body), "body")
	t.OK(ch.recoverAll(true), "recover")
	consumer.Expect("a")
}

func requeueChannelClose(t *T) {
	ch, other := t.Channel(), t.Channel()
	q := ch.NewQueue()
	ch.SendAll(q, "a", "b", "c", "d")
	out := ch.fetchAll(q, 3)
	ch.Acked(out[1])
	t.OK(ch.Close(), "close the channel")
	other.await(q, 3)
	other.ExpectFlags(q, "a*", "c*", "d")
}

func requeueConnectionEnd(t *T) {
	ch := t.Channel()
	q := ch.NewSharedQueue()
	ch.Confirming().Store(q, "a", "b", "c", "d")
	for _, end := range []func(*Conn){(*Conn).Cut, func(c *Conn) { t.OK(c.Close(), "close the connection") }} {
		conn := t.Dial(amqp.Config{})
		conn.Open().fetchAll(q, 3)
		end(conn)
		ch.await(q, 4)
	}
	ch.ExpectFlags(q, "a*", "b*", "c*", "d")
}

func requeuePrefetched(t *T) {
	ch := t.Channel().Confirming()
	q := ch.NewQueue()
	ch.Store(q, "a", "b", "c", "d")
	consuming := t.Channel().qos(3, false)
	consuming.Subscribe(q, Subscription{}).Expect("a")
	t.OK(consuming.Close(), "close the channel")
	ch.ExpectFlags(q, "a*", "b*", "c*", "d")
}

func requeueOnlyConsumer(t *T) {
	ch := t.Channel().qos(1, false)
	q := ch.NewQueue()
	consumer := ch.Subscribe(q, Subscription{})
	ch.SendAll(q, "a", "b")
	d := consumer.Expect("a")
	t.Equal(false, d.Redelivered, "redelivered at first")
	for i := range 5 {
		t.OK(d.Nack(false, true), "requeue")
		d = consumer.Expect("a")
		t.Equal(true, d.Redelivered, "redelivered")
		t.Equal(uint64(i+2), d.DeliveryTag, "delivery tag")
	}
	ch.Acked(d)
	consumer.Expect("b")
}

func requeueOtherConsumer(t *T) {
	first, second := t.Channel(), t.Channel()
	q := first.NewQueue()
	one := first.Subscribe(q, Subscription{})
	first.SendAll(q, "a", "b")
	d := one.Expect("a")
	one.Expect("b")
	two := second.Subscribe(q, Subscription{})
	one.ExpectNoMore()
	t.OK(d.Nack(true, true), "requeue")
	t.Equal(true, two.Expect("a").Redelivered, "redelivered")
	two.ExpectNoMore()
}

func recoverRequeues(t *T) {
	ch := t.Channel()
	q := ch.NewQueue()
	t.OK(ch.recoverAll(true), "recover without anything to recover")
	ch.SendAll(q, "a", "b", "c", "d")
	out := ch.fetchAll(q, 3)
	ch.Acked(out[0])
	t.OK(ch.recoverAll(true), "recover")
	ch.ExpectFlags(q, "b*", "c*", "d")
	t.ExpectError(406, "unknown delivery tag 1", func(ch *Channel) error {
		ch.SendAll(q, "m")
		d := ch.Fetch(q)
		t.OK(ch.recoverAll(true), "recover")
		return d.Ack(false)
	})
}

func recoverConsumer(t *T) {
	ch := t.Channel()
	q := ch.NewQueue()
	ch.SendAll(q, "a", "b", "c")
	consumer := ch.Subscribe(q, Subscription{})
	consumer.Expect("a", "b", "c")
	t.OK(ch.recoverAll(true), "recover")
	for i, body := range []string{"a", "b", "c"} {
		d := consumer.Expect(body)
		t.Equal(true, d.Redelivered, fmt.Sprintf("%s is redelivered", body))
		t.Equal(uint64(4+i), d.DeliveryTag, "delivery tag")
	}
}

func recoverWithoutRequeue(t *T) {
	t.ExpectError(540, "requeue=false", func(ch *Channel) error { return ch.recoverAll(false) })
}

// Each finds its place among those that are back already and those that never
// were away.
func requeueAnyOrder(t *T) {
	const n = 101
	ch := t.Channel()
	q := ch.NewQueue()
	bodies := numbered(n)
	ch.SendAll(q, append(bodies, "new")...)
	out := ch.fetchAll(q, n)
	for i := range n {
		t.OK(out[i*37%n].Nack(false, true), "requeue")
		if i == n/2 {
			again := ch.Fetch(q)
			t.Equal(bodies[0], string(again.Body), "the first of those that are back")
			t.OK(again.Nack(false, true), "requeue")
		}
	}
	want := []string{}
	for _, body := range bodies {
		want = append(want, body+"*")
	}
	ch.ExpectFlags(q, append(want, "new")...)
}

func requeueManyQueues(t *T) {
	ch, other := t.Channel(), t.Channel()
	var queues []string
	for range 20 {
		queues = append(queues, ch.NewQueue())
	}
	for round := range 2 {
		for _, q := range queues {
			ch.SendAll(q, fmt.Sprint(round, "a"), fmt.Sprint(round, "b"))
		}
		for _, q := range queues {
			ch.fetchAll(q, 2)
		}
		if round == 0 {
			t.OK(ch.Ack(0, true), "ack all")
		} else {
			t.OK(ch.Nack(0, true, true), "requeue all")
		}
	}
	ch.ExpectOpen()
	for _, q := range queues {
		other.ExpectFlags(q, "1a*", "1b*")
	}
}

// What goes back at once goes back a consumer at a time, in the order of their tags.
func requeueByConsumer(t *T) {
	ch := t.Channel().Confirming()
	q := ch.NewQueue()
	z, a := ch.Subscribe(q, Subscription{Tag: "z"}), ch.Subscribe(q, Subscription{Tag: "a"})
	ch.Store(q, "1", "2", "3")
	z.Expect("1", "3")
	a.Expect("2")
	t.OK(ch.recoverAll(true), "recover")
	a.Expect("2", "3") // it is the turn of a, then of z for those that z had
	z.Expect("1")
}

// So do those that are dead-lettered; what basic.get has fetched is the first.
func rejectByConsumer(t *T) {
	ch := t.Channel().Confirming()
	grave := ch.NewQueue()
	q := ch.NewQueueWith(amqp.Table{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": grave})
	z, a := ch.Subscribe(q, Subscription{Tag: "z"}), ch.Subscribe(q, Subscription{Tag: "a"})
	ch.Store(q, "1", "2", "3")
	z.Expect("1", "3")
	a.Expect("2")
	t.OK(ch.Cancel("z", false), "cancel")
	t.OK(ch.Cancel("a", false), "cancel")
	ch.Store(q, "4")
	fetched, _, err := ch.Get(q, false)
	t.OK(err, "get")
	t.OK(fetched.Nack(true, false), "nack all")
	ch.await(grave, 4)
	ch.ExpectDrain(grave, "4", "2", "1", "3")
}
