// Scripts: the names of queues, what declaring one answers, and when a second
// declare is equivalent (QUEUE-1 to QUEUE-12).

package scripts

import (
	"fmt"
	"regexp"

	amqp "github.com/rabbitmq/amqp091-go"
)

var queueDeclareScripts = []Script{
	{Name: "queue/server-named", Covers: []string{"QUEUE-1"}, Run: queueServerNamed},
	{Name: "queue/reserved-prefix", Covers: []string{"QUEUE-2"}, Run: queueReservedPrefix},
	{Name: "queue/passive-without-name", Covers: []string{"QUEUE-3"}, Run: queuePassiveUnnamed},
	{Name: "queue/last-declared", Covers: []string{"QUEUE-4"}, Run: queueLastDeclared},
	{Name: "queue/none-declared", Covers: []string{"QUEUE-4"}, Run: queueNoneDeclared},
	{Name: "queue/counts", Covers: []string{"QUEUE-5"}, Run: queueCounts},
	{Name: "queue/declare-no-wait", Covers: []string{"QUEUE-5", "QUEUE-4"}, Run: queueDeclareNoWait},
	{Name: "queue/passive", Covers: []string{"QUEUE-6"}, Run: queuePassive},
	{Name: "queue/redeclare-equivalent", Covers: []string{"QUEUE-8", "QUEUE-12"}, Run: queueRedeclareEquivalent},
	{Name: "queue/redeclare-inequivalent", Covers: []string{"QUEUE-8"}, Run: queueRedeclareInequivalent},
	{Name: "queue/redeclare-arguments", Covers: []string{"QUEUE-9", "QUEUE-11"}, Run: queueRedeclareArguments},
	{Name: "queue/redeclare-integer-types", Covers: []string{"QUEUE-10"}, Run: queueRedeclareIntegers},
	{Name: "queue/redeclare-type", Covers: []string{"QUEUE-13"}, Run: queueRedeclareType},
	{Name: "queue/order-of-checks", Covers: []string{"QUEUE-7"}, Run: queueOrderOfChecks},
	{Name: "queue/names", Covers: []string{"EXCH-2", "QUEUE-5"}, Run: queueNames},
}

// declareQueue gives a declare of a durable queue.
func declareQueue(name string, args amqp.Table) func(*Channel) error {
	return func(ch *Channel) error {
		_, err := ch.QueueDeclare(name, true, false, false, false, args)
		return err
	}
}

var generatedQueueName = regexp.MustCompile(`^amq\.gen-[A-Za-z0-9_-]{22}$`)

func queueServerNamed(t *T) {
	ch := t.Channel()
	names := map[string]bool{}
	for range 3 {
		q, err := ch.QueueDeclare("", false, false, true, false, nil)
		t.OK(err, "declare")
		if !generatedQueueName.MatchString(q.Name) {
			t.Errorf("%q does not match %v", q.Name, generatedQueueName)
		}
		names[q.Name] = true
		ch.SendAll(q.Name, "m")
		ch.ExpectDrain(q.Name, "m")
	}
	t.Equal(3, len(names), "different names")
}

func queueReservedPrefix(t *T) {
	ch := t.Channel()
	own, err := ch.QueueDeclare("", false, false, true, false, nil)
	t.OK(err, "declare")
	for _, name := range []string{own.Name, "amq.", t.Name("amq.q")} {
		t.ExpectError(403, fmt.Sprintf("queue name '%s' contains reserved prefix 'amq.*'", name), func(ch *Channel) error {
			_, err := ch.QueueDeclare(name, false, false, true, false, nil)
			return err
		})
	}
	t.Equal(own.Name, ch.Inspect(own.Name).Name, "name by passive declare")
	absent := t.Name("amq.q")
	t.ExpectError(404, "no "+t.QueueText(absent), func(ch *Channel) error {
		_, err := ch.QueueDeclarePassive(absent, false, false, false, false, nil)
		return err
	})
}

func queuePassiveUnnamed(t *T) {
	t.ExpectError(404, "no "+t.QueueText(""), func(ch *Channel) error {
		_, err := ch.QueueDeclarePassive("", false, false, false, false, nil)
		return err
	})
}

func queueLastDeclared(t *T) {
	ch := t.Channel()
	first, second := ch.NewQueue(), ch.NewQueue()
	ch.SendAll(second, "a", "b", "c")
	ch.SendAll(first, "d")

	t.Equal("a", string(ch.Fetch("").Body), "get from the last declared")
	ch.Subscribe("", Subscription{NoAck: true}).Expect("b", "c")
	ch.Inspect(first)
	t.Equal("d", string(ch.Fetch("").Body), "get from the one declared passively")
	ch.SendAll(first, "e")
	n, err := ch.QueuePurge("", false)
	t.OK(err, "purge")
	t.Equal(1, n, "messages that purge removed")
	_, err = ch.QueueDelete("", false, false, false)
	t.OK(err, "delete")
	t.Equal(false, t.Conn().QueueExists(first), "the last declared exists after its delete")
	t.Equal(true, t.Conn().QueueExists(second), "the other one exists")
}

func queueNoneDeclared(t *T) {
	for what, do := range map[string]func(*Channel) error{
		"bind":    func(ch *Channel) error { return ch.QueueBind("", "k", "amq.direct", false, nil) },
		"unbind":  func(ch *Channel) error { return ch.QueueUnbind("", "k", "amq.direct", nil) },
		"get":     func(ch *Channel) error { _, _, err := ch.Get("", true); return err },
		"consume": func(ch *Channel) error { _, err := ch.Consume("", "c", true, false, false, false, nil); return err },
		"purge":   func(ch *Channel) error { _, err := ch.QueuePurge("", false); return err },
		"delete":  func(ch *Channel) error { _, err := ch.QueueDelete("", false, false, false); return err },
	} {
		t.Case(what, func() { t.ExpectError(404, "no previously declared queue", do) })
	}
}

func queueCounts(t *T) {
	ch := t.Channel().Confirming()
	name := t.QueueName()
	count := func() [2]int {
		q, err := ch.QueueDeclare(name, true, false, false, false, nil)
		t.OK(err, "declare")
		t.Equal(name, q.Name, "name")
		return [2]int{q.Messages, q.Consumers}
	}
	t.Equal([2]int{0, 0}, count(), "messages and consumers of a new queue")
	ch.Store(name, "a", "b", "c")
	t.Equal([2]int{3, 0}, count(), "after three publishes")
	held := ch.Fetch(name)
	t.Equal([2]int{2, 0}, count(), "with one unacknowledged")
	t.OK(ch.Qos(1, 0, false), "qos")
	consumer := ch.Subscribe(name, Subscription{})
	consumer.Expect("b")
	t.Equal([2]int{1, 1}, count(), "with two unacknowledged and a consumer")
	second := ch.Subscribe(name, Subscription{NoAck: true})
	second.Expect("c")
	t.Equal([2]int{0, 2}, count(), "with a second consumer")
	t.OK(held.Nack(false, true), "requeue")
	second.Expect("a")
	t.Equal([2]int{0, 2}, count(), "after a requeue that the second consumer took")
}

func queueDeclareNoWait(t *T) {
	ch := t.Channel()
	name := t.QueueName()
	_, err := ch.QueueDeclare(name, true, false, false, true, nil)
	t.OK(err, "declare with no-wait")
	ch.SendAll(name, "m")
	t.Equal("m", string(ch.Fetch("").Body), "get from the last declared")
	t.ExpectError(406, fmt.Sprintf("inequivalent arg 'durable' for %s: received 'false' but current is 'true'", t.QueueText(name)),
		func(ch *Channel) error {
			_, err := ch.QueueDeclare(name, false, false, false, true, nil)
			return err
		})
}

func queuePassive(t *T) {
	ch := t.Channel()
	q := ch.NewSharedQueueWith(amqp.Table{"x-max-length": int32(5)})
	_, err := ch.QueueDeclarePassive(q, false, true, true, false, amqp.Table{"x-max-length": "five"})
	t.OK(err, "a passive declare with other flags and arguments")
	absent := t.Name("q")
	t.ExpectError(404, "no "+t.QueueText(absent), func(ch *Channel) error {
		_, err := ch.QueueDeclarePassive(absent, true, false, false, false, nil)
		return err
	})
}

func queueRedeclareEquivalent(t *T) {
	ch := t.Channel()
	for _, autoDelete := range []bool{false, true} {
		name := t.QueueName()
		for _, args := range []amqp.Table{nil, {"unknown": "accepted"}, {"unknown": int32(1), "x-unknown": nil}, {"x-queue-type": "classic"}} {
			_, err := ch.QueueDeclare(name, true, autoDelete, false, false, args)
			t.OK(err, "declare again")
		}
	}
}

func queueRedeclareInequivalent(t *T) {
	q := t.Channel().NewSharedQueue()
	for _, tc := range []struct {
		durable, autoDelete bool
		text                string
	}{
		{false, false, "inequivalent arg 'durable' for %s: received 'false' but current is 'true'"},
		{false, true, "inequivalent arg 'durable' for %s: received 'false' but current is 'true'"},
		{true, true, "inequivalent arg 'auto_delete' for %s: received 'true' but current is 'false'"},
	} {
		t.ExpectError(406, fmt.Sprintf(tc.text, t.QueueText(q)), func(ch *Channel) error {
			_, err := ch.QueueDeclare(q, tc.durable, tc.autoDelete, false, false, nil)
			return err
		})
	}
}

// refuseRedeclare expects a redeclare of the queue to be refused because of arg.
func (t *T) refuseRedeclare(queue, arg, detail string, args amqp.Table) {
	t.Case(fmt.Sprint(args), func() {
		t.ExpectError(406, fmt.Sprintf("inequivalent arg '%s' for %s: %s", arg, t.QueueText(queue), detail), declareQueue(queue, args))
	})
}

func queueRedeclareArguments(t *T) {
	ch := t.Channel()
	q := ch.NewSharedQueueWith(amqp.Table{"x-message-ttl": int32(60000), "x-overflow": "drop-head", "unknown": "a"})
	t.OK(declareQueue(q, amqp.Table{"x-message-ttl": int32(60000), "x-overflow": "drop-head", "unknown": "b"})(ch), "redeclare the same")
	t.refuseRedeclare(q, "x-message-ttl", "received '2000' but current is '60000'",
		amqp.Table{"x-message-ttl": int32(2000), "x-overflow": "reject-publish"})
	t.refuseRedeclare(q, "x-message-ttl", "received none but current is the value '60000' of type 'signedint'",
		amqp.Table{"x-overflow": "drop-head"})
	t.refuseRedeclare(q, "x-overflow", "received none but current is the value 'drop-head' of type 'longstr'",
		amqp.Table{"x-message-ttl": int32(60000)})
	t.refuseRedeclare(q, "x-max-length", "received the value '5' of type 'long' but current is none",
		amqp.Table{"x-message-ttl": int32(60000), "x-overflow": "drop-head", "x-max-length": int64(5)})
	t.refuseRedeclare(q, "x-single-active-consumer", "received the value 'true' of type 'bool' but current is none",
		amqp.Table{"x-message-ttl": int32(60000), "x-overflow": "drop-head", "x-single-active-consumer": true})
	t.refuseRedeclare(q, "x-overflow", "received none but current is 'drop-head'",
		amqp.Table{"x-message-ttl": int32(60000), "x-overflow": nil})
	t.refuseRedeclare(q, "x-single-active-consumer", "received the value 'yes' of type 'binary' but current is none",
		amqp.Table{"x-message-ttl": int32(60000), "x-overflow": "drop-head", "x-single-active-consumer": []byte("yes")})
}

func queueRedeclareIntegers(t *T) {
	ch := t.Channel()
	q := ch.NewSharedQueueWith(amqp.Table{"x-max-length": int32(100)})
	for _, value := range []any{int8(100), uint8(100), int16(100), uint16(100), uint32(100), int64(100)} {
		t.OK(declareQueue(q, amqp.Table{"x-max-length": value})(ch), fmt.Sprintf("redeclare with a %T", value))
	}
	t.refuseRedeclare(q, "x-max-length", "received '100' but current is '100'", amqp.Table{"x-max-length": "100"})
}

func queueRedeclareType(t *T) {
	ch := t.Channel()
	plain, classic := ch.NewSharedQueue(), ch.NewSharedQueueWith(amqp.Table{"x-queue-type": "classic"})
	t.OK(declareQueue(plain, amqp.Table{"x-queue-type": "classic"})(ch), "redeclare with the type")
	t.OK(declareQueue(classic, nil)(ch), "redeclare without the type")
	difference := "received the value 'quorum' of type 'longstr' but current is none"
	if t.Version().AtLeast(4, 0, 0) { // the type is added (QUEUE-14)
		difference = "received 'quorum' but current is 'classic'"
	}
	t.refuseRedeclare(plain, "x-queue-type", difference, amqp.Table{"x-queue-type": "quorum"})
	t.refuseRedeclare(classic, "x-queue-type", "received 'stream' but current is 'classic'",
		amqp.Table{"x-queue-type": "stream"})
}

func queueOrderOfChecks(t *T) {
	ch := t.Channel()
	bad := amqp.Table{"x-max-length": int32(-1)}
	reserved := t.Name("amq.q")
	t.Case("the reserved name before the arguments", func() {
		t.ExpectError(403, fmt.Sprintf("queue name '%s' contains reserved prefix 'amq.*'", reserved), declareQueue(reserved, bad))
	})
	q, name := ch.NewQueue(), t.QueueName()
	t.Case("exclusivity before durability", func() {
		t.ExpectError(405, t.lockedText(q), declareQueue(q, nil))
	})
	t.Case("the dead letter exchange before the other arguments", func() {
		t.ExpectError(406, fmt.Sprintf("invalid type 'signedint' for arg 'x-dead-letter-exchange' in %s", t.QueueText(name)),
			declareQueue(name, amqp.Table{"x-dead-letter-exchange": int32(1), "x-max-length": int32(-1)}))
	})
}

func queueNames(t *T) {
	ch := t.Channel()
	for _, part := range []string{"", " ", "/", "#*.", "'\"", "é", "\x00", "世界"} {
		base := t.QueueName()
		name := base + part
		t.queues = append(t.queues, name)
		q, err := ch.QueueDeclare(base+"\r"+part+"\n", true, false, false, false, nil)
		t.OK(err, "declare")
		t.Equal(name, q.Name, "name in declare-ok")
		ch.SendAll(name, "m")
		ch.ExpectDrain(name, "m")
	}
}
