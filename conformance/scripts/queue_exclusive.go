// Scripts: queues that belong to one connection (QUEUE-16 to QUEUE-20).

package scripts

import (
	amqp "github.com/rabbitmq/amqp091-go"
)

var queueExclusiveScripts = []Script{
	{Name: "queue/exclusive-lives-with-its-connection", Covers: []string{"QUEUE-16"}, Run: exclusiveLifetime},
	{Name: "queue/exclusive-ends-with-a-cut", Covers: []string{"QUEUE-16"}, Run: exclusiveCut},
	{Name: "queue/exclusive-is-never-durable", Covers: []string{"QUEUE-17"}, Run: exclusiveDurable},
	{Name: "queue/exclusive-to-others", Covers: []string{"QUEUE-18"}, Run: exclusiveLocked},
	{Name: "queue/exclusive-flag-differs", Covers: []string{"QUEUE-19"}, Run: exclusiveFlagDiffers},
	{Name: "queue/exclusive-takes-messages-from-others", Covers: []string{"QUEUE-20"}, Run: exclusivePublish},
}

func exclusiveLifetime(t *T) {
	conn := t.Dial(amqp.Config{})
	ch := conn.Open()
	q := ch.NewQueue()
	ch.SendAll(q, "m")
	t.OK(ch.Close(), "close the channel")
	ch = conn.Open()
	ch.ExpectDrain(q, "m")
	t.OK(conn.Close(), "close the connection")
	t.WaitFor("the queue to go", func() bool { return !t.Conn().QueueExists(q) })
}

func exclusiveCut(t *T) {
	conn := t.Dial(amqp.Config{})
	q := conn.Open().NewQueue()
	conn.Cut()
	t.WaitFor("the queue to go", func() bool { return !t.Conn().QueueExists(q) })
}

func exclusiveDurable(t *T) {
	ch := t.Channel()
	for _, first := range []bool{true, false} {
		name := t.Name("q")
		for _, durable := range []bool{first, true, false} {
			_, err := ch.QueueDeclare(name, durable, false, true, false, nil)
			t.OK(err, "declare")
		}
	}
}

func exclusiveLocked(t *T) {
	q := t.Dial(amqp.Config{}).Open().NewQueue()
	for what, do := range map[string]func(*Channel) error{
		"declare":           declareQueue(q, nil),
		"exclusive declare": func(ch *Channel) error { _, err := ch.QueueDeclare(q, false, false, true, false, nil); return err },
		"passive declare": func(ch *Channel) error {
			_, err := ch.QueueDeclarePassive(q, false, false, true, false, nil)
			return err
		},
		"bind":    func(ch *Channel) error { return ch.QueueBind(q, "k", "amq.direct", false, nil) },
		"consume": func(ch *Channel) error { _, err := ch.Consume(q, "c", true, false, false, false, nil); return err },
		"get":     func(ch *Channel) error { _, _, err := ch.Get(q, true); return err },
		"purge":   func(ch *Channel) error { _, err := ch.QueuePurge(q, false); return err },
		"delete":  func(ch *Channel) error { _, err := ch.QueueDelete(q, false, false, false); return err },
	} {
		t.Case(what, func() { t.ExpectError(405, t.lockedText(q), do) })
	}
}

func exclusiveFlagDiffers(t *T) {
	ch := t.Channel()
	own, shared := ch.NewQueue(), ch.NewSharedQueue()
	t.ExpectError(405, t.lockedText(own), func(ch *Channel) error {
		_, err := ch.QueueDeclare(own, false, false, false, false, nil)
		return err
	})
	t.ExpectError(405, t.lockedText(shared), func(ch *Channel) error {
		_, err := ch.QueueDeclare(shared, true, false, true, false, nil)
		return err
	})
}

func exclusivePublish(t *T) {
	ch := t.Channel()
	q := ch.NewQueue()
	other := t.Dial(amqp.Config{}).Open().Confirming()
	other.SendMandatory("", q, "from another connection")
	other.AllConfirmed(1)
	ch.ExpectDrain(q, "from another connection")
}
