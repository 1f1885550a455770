// Scripts: what survives a restart (PERSIST-1 to PERSIST-10). Each restart takes
// RabbitMQ some seconds, so a script shows much in one.

package scripts

import (
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

var restartScripts = []Script{
	{Name: "restart/topology", Covers: []string{"PERSIST-1", "PERSIST-4", "PERSIST-8", "PERSIST-10", "CONN-75"}, Alone: true, Run: restartTopology},
	{Name: "restart/messages", Covers: []string{"PERSIST-2", "PERSIST-3", "PERSIST-5", "PERSIST-9", "QUEUE-59", "QUEUE-89"}, Alone: true, Run: restartMessages},
	{Name: "restart/quorum", Covers: []string{"PERSIST-2", "PERSIST-6", "QUEUE-98"}, Alone: true, Run: restartQuorum},
	{Name: "restart/delivery-counts", Covers: []string{"PERSIST-6", "QUEUE-94"}, Alone: true, Run: restartCounts},
	{Name: "restart/quorum-order-of-return", Covers: []string{"QUEUE-93"}, Alone: true, Run: restartReturned},
	{Name: "restart/lazy", Covers: []string{"PERSIST-2", "PERSIST-8", "QUEUE-91"}, Alone: true, Run: restartLazy},
	{Name: "restart/killed", Covers: []string{"PERSIST-7", "PERSIST-10"}, Alone: true, Run: restartKilled},
	{Name: "restart/killed-quorum", Covers: []string{"PERSIST-7", "QUEUE-98"}, Alone: true, Run: restartKilledQuorum},
}

// shutdownText is what each client reads when the broker ends (CONN-75).
const shutdownText = "broker forced connection closure with reason 'shutdown'"

// persist publishes persistent messages, one for each body, on a channel in
// confirm mode.
func (ch *Channel) persist(queue string, bodies ...string) {
	for _, body := range bodies {
		ch.SendWith("", queue, amqp.Publishing{Body: []byte(body), DeliveryMode: amqp.Persistent})
	}
	ch.AllConfirmed(len(bodies))
}

func restartTopology(t *T) {
	client := t.Dial(amqp.Config{})
	ch := client.Open()
	durable, autoDelete := ch.NewSharedQueue(), ch.newAutoDeleteQueue()
	argued := ch.NewSharedQueueWith(amqp.Table{"x-max-length": int32(5), "x-unknown": "kept"})
	exclusive := ch.NewQueue()
	transient := t.QueueName()
	if !t.Version().AtLeast(4, 3, 0) { // where it may be refused (QUEUE-29)
		_, err := ch.QueueDeclare(transient, false, false, false, false, nil)
		t.OK(err, "declare a transient queue")
		ch.Bind(transient, "amq.topic", "gone."+transient)
	}
	x, second := ch.NewExchange("direct"), ch.NewExchangeWith("fanout", amqp.Table{"alternate-exchange": "amq.fanout"})
	fleeting, unbound := t.ExchangeName(), t.ExchangeName()
	t.OK(ch.ExchangeDeclare(fleeting, "fanout", false, false, false, false, nil), "declare a transient exchange")
	t.OK(ch.ExchangeDeclare(unbound, "topic", true, true, false, false, nil), "declare an auto-delete exchange")
	ch.Bind(durable, x, "kept")
	ch.Bind(durable, second, "")
	ch.BindExchange(second, x, "on")
	ch.Bind(durable, fleeting, "")
	ch.Bind(exclusive, x, "gone")
	hash := ch.NewExchange("headers")
	ch.BindWith(durable, hash, amqp.Table{"x-match": "any", "a": int32(1)})
	t.Restart()

	client.ExpectClosed(320, shutdownText)
	conn := t.Conn()
	for name, there := range map[string]bool{durable: true, autoDelete: true, argued: true, exclusive: false, transient: false} {
		t.Equal(there, conn.QueueExists(name), fmt.Sprintf("queue %s is there", name))
	}
	for name, there := range map[string]bool{x: true, second: true, unbound: true, fleeting: t.Version().AtLeast(4, 2, 0), "amq.topic": true} {
		t.Equal(there, conn.ExchangeExists(name), fmt.Sprintf("exchange %s is there", name))
	}
	ch = t.Channel().Confirming()
	if t.Version().AtLeast(4, 2, 0) {
		ch.Send(fleeting, "", "through an exchange that is not durable")
		ch.AllConfirmed(1)
		ch.ExpectDrain(durable, "through an exchange that is not durable")
	}
	for key, copies := range map[string]int{"kept": 1, "on": 1, "gone": 0, "other": 0} {
		ch.Send(x, key, key)
		ch.AllConfirmed(1)
		t.Equal(copies, len(ch.Drain(durable)), "copies of a message with the key "+key)
	}
	ch.SendWith(hash, "", amqp.Publishing{Headers: amqp.Table{"a": int64(1)}, Body: []byte("by its header")})
	ch.AllConfirmed(1)
	ch.ExpectDrain(durable, "by its header")
	t.ExpectError(406, "inequivalent arg 'x-max-length' for "+t.QueueText(argued)+": received '6' but current is '5'", func(ch *Channel) error {
		_, err := ch.QueueDeclare(argued, true, false, false, false, amqp.Table{"x-max-length": int32(6)})
		return err
	})
	t.ExpectError(406, "inequivalent arg 'alternate-exchange' for "+t.ExchangeText(second)+": received 'b' but current is 'amq.fanout'",
		func(ch *Channel) error {
			return ch.ExchangeDeclare(second, "fanout", true, false, false, false, amqp.Table{"alternate-exchange": "b"})
		})
	ch.Subscribe(autoDelete, Subscription{}).Stop()
	t.WaitFor("the auto-delete queue to go with its consumer", func() bool { return !t.Conn().QueueExists(autoDelete) })
}

func restartMessages(t *T) {
	ch := t.Channel().Confirming()
	q, graveyard := ch.NewSharedQueue(), ch.NewSharedQueue()
	ch.persist(q, "held 1", "held 2")
	ch.Store(q, "transient")
	ch.persist(q, "kept 1", "kept 2", "settled", "kept 3")
	out := ch.fetchAll(q, 6)
	for _, d := range out[2:5] {
		t.OK(d.Nack(false, true), "requeue")
	}
	ch.Acked(out[5])

	byPriority := ch.NewSharedQueueWith(amqp.Table{"x-max-priority": int32(9)})
	for i, priority := range []uint8{1, 5, 1, 9, 5} {
		ch.SendWith("", byPriority, amqp.Publishing{
			Body: fmt.Append(nil, i), Priority: priority, DeliveryMode: amqp.Persistent, MessageId: fmt.Sprint(priority),
		})
	}
	ch.AllConfirmed(5)

	mortal := ch.NewSharedQueueWith(amqp.Table{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": graveyard})
	ch.SendWith("", mortal, amqp.Publishing{
		Body: []byte("dead"), DeliveryMode: amqp.Persistent, Headers: amqp.Table{"mine": []any{int32(1), "two"}}, Expiration: "3600000",
	})
	ch.AllConfirmed(1)
	ch.reject(mortal)
	ch.await(graveyard, 1)

	timed := ch.NewSharedQueueWith(amqp.Table{"x-message-ttl": int32(2000)})
	ch.persist(timed, "expires")
	const unused = 6 * time.Second
	expiring := ch.NewSharedQueueWith(amqp.Table{"x-expires": unused.Milliseconds()})
	began := t.runner.clock.Now()
	t.Restart()

	ch = t.Channel()
	// The time begins anew somewhere within the restart.
	if gone := ch.isGone(expiring); t.runner.clock.Now().Sub(began) < unused {
		t.Equal(false, gone, "the queue that expires unused is gone at once")
	}
	redelivered := map[string]bool{"held 1": true, "held 2": true, "kept 3": false}
	for _, body := range []string{"held 1", "held 2", "kept 1", "kept 2", "kept 3"} {
		d := ch.Fetch(q)
		t.Equal(body, string(d.Body), "body")
		if want, told := redelivered[body]; told {
			t.Equal(want, d.Redelivered, "redelivered flag of "+body)
		}
		t.Equal(uint8(amqp.Persistent), d.DeliveryMode, "delivery mode")
	}
	ch.ExpectDrain(q)
	for _, want := range []string{"3 9", "1 5", "4 5", "0 1", "2 1"} {
		d := ch.Fetch(byPriority)
		t.Equal(want, fmt.Sprintf("%s %d", d.Body, d.Priority), "body and priority")
	}
	d := ch.Fetch(graveyard)
	t.expectDeath(d, mortal, "rejected")
	t.Equal([]any{int32(1), "two"}, d.Headers["mine"], "another header")
	t.Equal("3600000", t.deathOf(d)["original-expiration"], "original-expiration")
	ch.await(timed, 0)
	ch.awaitGone(expiring)
}

func restartQuorum(t *T) {
	ch := t.Channel().Confirming()
	q := ch.newQuorum(nil)
	ch.Store(q, "a", "b", "c", "d") // transient, as far as their delivery mode goes
	consumer := t.Channel().qos(2, false).Subscribe(q, Subscription{})
	consumer.Expect("a", "b")
	t.Restart()

	ch = t.Channel()
	ch.await(q, 4)
	for i, body := range []string{"a", "b", "c", "d"} {
		d := ch.Fetch(q)
		t.Equal([]any{body, i < 2}, []any{string(d.Body), d.Redelivered}, "body and redelivered flag")
		if i < 2 {
			t.Equal(int64(1), d.Headers["x-delivery-count"], "x-delivery-count of "+body)
		}
	}
	ch.ExpectDrain(q)
}

// restartCounts: how often a message came back is known after a restart, which is one
// return more for what is out.
func restartCounts(t *T) {
	ch := t.Channel().Confirming()
	q := ch.newQuorum(nil)
	ch.Store(q, "a", "b", "c")
	for range 3 { // to the front or the end, as the version has it
		t.OK(ch.Fetch(q).Reject(true), "reject")
		ch.await(q, 3)
	}
	before := map[string]int64{}
	held := t.Channel()
	for _, d := range held.fetchAll(q, 3) {
		n, _ := d.Headers["x-delivery-count"].(int64)
		before[string(d.Body)] = n
	}
	t.Restart()

	ch = t.Channel()
	ch.await(q, 3)
	for _, d := range ch.fetchAll(q, 3) {
		t.Equal(before[string(d.Body)]+1, d.Headers["x-delivery-count"], "x-delivery-count of "+string(d.Body))
	}
}

// restartReturned: where what came back stands is known after a restart.
func restartReturned(t *T) {
	ch := t.Channel().Confirming()
	limited, plain := ch.newQuorum(amqp.Table{"x-delivery-limit": int32(10)}), ch.newQuorum(nil)
	for _, q := range []string{limited, plain} {
		ch.Store(q, "a", "b", "c", "d")
		out := ch.fetchAll(q, 3)
		t.OK(out[2].Nack(false, true), "requeue c")
		ch.await(q, 2)
		ch.Acked(out[1])
		t.OK(out[0].Nack(false, true), "requeue a")
		ch.await(q, 3)
	}
	t.Restart()

	ch = t.Channel()
	ch.await(limited, 3)
	ch.ExpectDrain(limited, "c", "a", "d")
	ch.await(plain, 3)
	if t.Version().AtLeast(4, 0, 0) { // from then on there is a limit by default
		ch.ExpectDrain(plain, "c", "a", "d")
	} else {
		ch.ExpectDrain(plain, "d", "c", "a")
	}
}

func restartLazy(t *T) {
	ch := t.Channel().Confirming()
	q, byPolicy := ch.NewSharedQueueWith(amqp.Table{"x-queue-mode": "lazy"}), ch.NewSharedQueue()
	t.Policy(Policy{Pattern: ExactNames(byPolicy), ApplyTo: "queues", Definition: bound(3)})
	vhost := t.NewVHost()
	for _, queue := range []string{q, byPolicy} {
		ch.Store(queue, "transient")
		ch.persist(queue, "kept 1", "kept 2")
	}
	t.Restart()

	ch = t.Channel().Confirming()
	ch.ExpectDrain(q, "kept 1", "kept 2")
	ch.persist(byPolicy, "3", "4")
	ch.ExpectDrain(byPolicy, "kept 2", "3", "4") // the policy is still there (PERSIST-8)
	t.OK(t.Dial(amqp.Config{Vhost: vhost}).Close(), "close a connection to the virtual host that was made before")
}

// restartKilled: what was confirmed is there after the broker's sudden end. That
// it comes back as redelivered is no matter (PERSIST-5).
func restartKilled(t *T) {
	q := t.Channel().NewSharedQueue()
	t.Restart() // RabbitMQ may forget what was declared a moment before a kill
	client := t.Dial(amqp.Config{})
	ch := client.Open().Confirming()
	bodies := numbered(200)
	ch.persist(q, bodies...)
	ch.Acked(ch.Fetch(q))
	ch.Inspect(q)
	t.Kill()

	if why := Receive(t, client.closed, "the end of the connection"); why.Code == amqp.ConnectionForced {
		t.Errorf("the broker took its time to say %v", why)
	}
	ch = t.Channel()
	// That the first was acked may have been forgotten.
	if got := ch.Drain(q); len(got) != len(bodies) {
		t.Equal(bodies[1:], got, "messages of the classic queue")
	} else {
		t.Equal(bodies, got, "messages of the classic queue")
	}
}

// restartKilledQuorum: so it is for quorum queues.
func restartKilledQuorum(t *T) {
	q := t.Channel().newQuorum(nil)
	t.Restart()
	ch := t.Channel().Confirming()
	bodies := numbered(200)
	ch.Store(q, bodies...)
	t.Kill()
	ch = t.Channel()
	ch.await(q, len(bodies))
	ch.ExpectDrain(q, bodies...)
}
