// Scripts: deleting and purging queues, and auto-delete (QUEUE-21 to
// QUEUE-28).

package scripts

import (
	amqp "github.com/rabbitmq/amqp091-go"
)

var queueDeleteScripts = []Script{
	{Name: "queue/auto-delete-on-cancel", Covers: []string{"QUEUE-21"}, Run: autoDeleteOnCancel},
	{Name: "queue/auto-delete-on-channel-close", Covers: []string{"QUEUE-21"}, Run: autoDeleteOnChannelClose},
	{Name: "queue/auto-delete-on-connection-end", Covers: []string{"QUEUE-21"}, Run: autoDeleteOnConnectionEnd},
	{Name: "queue/auto-delete-needs-a-consumer", Covers: []string{"QUEUE-21"}, Run: autoDeleteUnused},
	{Name: "queue/delete-missing", Covers: []string{"QUEUE-22"}, Run: queueDeleteMissing},
	{Name: "queue/delete-conditions", Covers: []string{"QUEUE-23"}, Run: queueDeleteConditions},
	{Name: "queue/delete-count", Covers: []string{"QUEUE-24"}, Run: queueDeleteCount},
	{Name: "queue/purge-count", Covers: []string{"QUEUE-24"}, Run: queuePurgeCount},
	{Name: "queue/purge-missing", Covers: []string{"QUEUE-25"}, Run: queuePurgeMissing},
	{Name: "queue/ack-after-delete", Covers: []string{"QUEUE-26", "BASIC-64"}, Run: queueAckAfterDelete},
	{Name: "queue/delete-is-no-dead-letter", Covers: []string{"QUEUE-27"}, Run: queueDeleteNoDeadLetter},
	{Name: "queue/delete-removes-bindings", Covers: []string{"QUEUE-28"}, Run: queueDeleteBindings},
	{Name: "queue/delete-and-purge-no-wait", Covers: []string{"QUEUE-22", "QUEUE-24"}, Run: queueDeleteNoWait},
}

// newAutoDeleteQueue declares a durable auto-delete queue.
func (ch *Channel) newAutoDeleteQueue() string {
	name := ch.t.QueueName()
	_, err := ch.QueueDeclare(name, true, true, false, false, nil)
	ch.t.OK(err, "declare an auto-delete queue")
	return name
}

func autoDeleteOnCancel(t *T) {
	ch := t.Channel()
	q := ch.newAutoDeleteQueue()
	first, second := ch.Subscribe(q, Subscription{}), t.Channel().Subscribe(q, Subscription{})
	first.Stop()
	t.Equal(true, t.Conn().QueueExists(q), "it exists while one consumer is left")
	second.Stop()
	t.WaitFor("the queue to go", func() bool { return !t.Conn().QueueExists(q) })
}

func autoDeleteOnChannelClose(t *T) {
	ch := t.Channel()
	q := ch.newAutoDeleteQueue()
	ch.Subscribe(q, Subscription{})
	t.OK(ch.Close(), "close the channel")
	t.WaitFor("the queue to go", func() bool { return !t.Conn().QueueExists(q) })
}

func autoDeleteOnConnectionEnd(t *T) {
	conn := t.Dial(amqp.Config{})
	ch := conn.Open()
	q := ch.newAutoDeleteQueue()
	ch.Subscribe(q, Subscription{})
	conn.Cut()
	t.WaitFor("the queue to go", func() bool { return !t.Conn().QueueExists(q) })
}

func autoDeleteUnused(t *T) {
	conn := t.Dial(amqp.Config{})
	ch := conn.Open()
	q := ch.newAutoDeleteQueue()
	ch.SendAll(q, "m")
	ch.ExpectDrain(q, "m")
	t.OK(conn.Close(), "close the connection")
	t.Equal(true, t.Conn().QueueExists(q), "it exists after a get and the end of its connection")
}

func queueDeleteMissing(t *T) {
	ch := t.Channel()
	for _, condition := range []bool{false, true} {
		n, err := ch.QueueDelete(t.Name("q"), condition, condition, false)
		t.OK(err, "delete what is not there")
		t.Equal(0, n, "messages deleted")
	}
}

func queueDeleteConditions(t *T) {
	ch := t.Channel().Confirming()
	q := ch.NewQueue()
	remove := func(ifUnused, ifEmpty bool) func(*Channel) error {
		return func(ch *Channel) error {
			_, err := ch.QueueDelete(q, ifUnused, ifEmpty, false)
			return err
		}
	}
	t.OK(ch.Qos(1, 0, false), "qos")
	consumer := ch.Subscribe(q, Subscription{})
	t.ExpectError(406, t.QueueText(q)+" in use", remove(true, false))
	ch.Store(q, "a", "b")
	d := consumer.Expect("a")
	t.ExpectError(406, t.QueueText(q)+" not empty", remove(false, true))
	t.ExpectError(406, t.QueueText(q)+" not empty", remove(true, true))
	consumer.ExpectNoMore()
	t.OK(d.Nack(false, false), "drop the first")
	t.OK(remove(true, false)(ch), "delete if unused, with a message")

	q = ch.NewQueue()
	ch.SendAll(q, "m")
	ch.Fetch(q)
	t.OK(remove(true, true)(ch), "delete if empty, with an unacknowledged message")
}

func queueDeleteCount(t *T) {
	ch := t.Channel()
	q := ch.NewQueue()
	ch.SendAll(q, "a", "b", "c")
	ch.Fetch(q)
	n, err := ch.QueueDelete(q, false, false, false)
	t.OK(err, "delete")
	t.Equal(2, n, "ready messages deleted")
}

func queuePurgeCount(t *T) {
	ch := t.Channel()
	q := ch.NewQueue()
	ch.SendAll(q, "a", "b", "c")
	held := ch.Fetch(q)
	for _, want := range []int{2, 0} {
		n, err := ch.QueuePurge(q, false)
		t.OK(err, "purge")
		t.Equal(want, n, "ready messages purged")
	}
	t.OK(held.Nack(false, true), "requeue the one that was unacknowledged")
	ch.ExpectDrain(q, "a")
}

func queuePurgeMissing(t *T) {
	absent := t.Name("q")
	t.ExpectError(404, "no "+t.QueueText(absent), func(ch *Channel) error {
		_, err := ch.QueuePurge(absent, false)
		return err
	})
}

func queueAckAfterDelete(t *T) {
	ch := t.Channel()
	for _, settle := range []func(amqp.Delivery) error{
		func(d amqp.Delivery) error { return d.Ack(false) },
		func(d amqp.Delivery) error { return d.Nack(false, true) },
		func(d amqp.Delivery) error { return d.Reject(false) },
	} {
		q := ch.NewQueue()
		ch.SendAll(q, "m")
		d := ch.Fetch(q)
		_, err := ch.QueueDelete(q, false, false, false)
		t.OK(err, "delete")
		t.OK(settle(d), "settle")
		ch.ExpectOpen()
	}
}

func queueDeleteNoDeadLetter(t *T) {
	ch := t.Channel()
	dead := ch.NewQueue()
	q := ch.NewQueueWith(amqp.Table{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead})
	ch.SendAll(q, "a")
	_, err := ch.QueuePurge(q, false)
	t.OK(err, "purge")
	ch.SendAll(q, "b", "c")
	ch.Fetch(q)
	_, err = ch.QueueDelete(q, false, false, false)
	t.OK(err, "delete")
	ch.SendAll(dead, "fence")
	ch.ExpectDrain(dead, "fence")
}

func queueDeleteBindings(t *T) {
	ch := t.Channel()
	q, x := ch.NewQueue(), ch.NewExchange("fanout")
	ch.Bind(q, x, "a", "b", "c")
	t.OK(ch.QueueUnbind(q, "a", x, nil), "unbind one of three")
	_, err := ch.QueueDelete(q, false, false, false)
	t.OK(err, "delete")
	_, err = ch.QueueDeclare(q, false, false, true, false, nil)
	t.OK(err, "declare anew")
	ch.Send(x, "", "no longer bound")
	ch.ExpectDrain(q)
	t.OK(ch.ExchangeDelete(x, true, false), "delete the exchange if unused")
}

func queueDeleteNoWait(t *T) {
	ch := t.Channel()
	q := ch.NewQueue()
	ch.SendAll(q, "m")
	_, err := ch.QueuePurge(q, true)
	t.OK(err, "purge with no-wait")
	t.Equal(0, ch.Inspect(q).Messages, "messages after the purge")
	_, err = ch.QueueDelete(q, false, false, true)
	t.OK(err, "delete with no-wait")
	ch.ExpectOpen()
	t.Equal(false, t.Conn().QueueExists(q), "the queue exists after the delete")
}
