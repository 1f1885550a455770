// Scripts: queues that expire unused (QUEUE-58). To ask for a queue by name is
// to use it; that it is gone is seen by a publish that comes back, which is no
// use of it.

package scripts

import (
	"errors"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

var ttlExpiresScripts = []Script{
	{Name: "expires/unused", Covers: []string{"QUEUE-58"}, Run: expiresUnused},
	{Name: "expires/takes-bindings-along", Covers: []string{"QUEUE-58", "QUEUE-28"}, Run: expiresBindings},
	{Name: "expires/is-no-dead-letter", Covers: []string{"QUEUE-58", "QUEUE-27"}, Run: expiresMessages},
	{Name: "expires/not-with-a-consumer", Covers: []string{"QUEUE-58"}, Run: expiresConsumer},
	{Name: "expires/counts-from-the-last-consumer", Covers: []string{"QUEUE-58"}, Run: expiresLastConsumer},
	{Name: "expires/use-puts-it-off", Covers: []string{"QUEUE-58"}, Run: expiresUse},
	{Name: "expires/unacked-are-no-use", Covers: []string{"QUEUE-58", "QUEUE-26"}, Run: expiresUnacked},
}

// unusedFor is for how long queues of these scripts may be unused.
const unusedFor = soon * time.Millisecond

// newExpiring declares a queue that expires unused, with further arguments. It does
// not wait for an answer, so that what the script does next is on its heels.
func (ch *Channel) newExpiring(args amqp.Table) string {
	all := amqp.Table{"x-expires": int32(soon)}
	for name, value := range args {
		all[name] = value
	}
	name := ch.t.QueueName()
	_, err := ch.QueueDeclare(name, true, false, false, true, all)
	ch.t.OK(err, "declare a queue")
	return name
}

// isGone tells, by a publish, whether there is no such queue. Its message
// stays in the queue if there is.
func (ch *Channel) isGone(queue string) bool {
	ch.SendMandatory("", queue, "are you there")
	ch.ExpectOpen()
	_, returned := ch.TakeReturn()
	return returned
}

func (ch *Channel) awaitGone(queue string) {
	ch.t.WaitFor("the queue to expire", func() bool { return ch.isGone(queue) })
}

func expiresUnused(t *T) {
	ch := t.Channel()
	began := t.runner.clock.Now()
	q := ch.newExpiring(nil)
	ch.awaitGone(q)
	if took := t.runner.clock.Now().Sub(began); took < unusedFor {
		t.Errorf("expired after %v instead of %v", took, unusedFor)
	}
	t.ExpectError(404, "no "+t.QueueText(q), func(ch *Channel) error {
		_, err := ch.QueueDeclarePassive(q, false, false, false, false, nil)
		return err
	})
}

func expiresBindings(t *T) {
	ch := t.Channel()
	x := t.ExchangeName()
	t.OK(ch.ExchangeDeclare(x, "fanout", true, true, false, false, nil), "declare an auto-delete exchange")
	ch.Bind(ch.newExpiring(nil), x, "")
	t.WaitFor("the exchange to go with its last binding", func() bool { return !t.Conn().ExchangeExists(x) })
}

func expiresMessages(t *T) {
	ch := t.Channel()
	grave := ch.NewQueue()
	args := amqp.Table{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": grave}
	q := ch.newExpiring(args)
	ch.SendAll(q, "goes with its queue")
	ch.awaitGone(q)
	ch.sendFor(ch.newMortalTo(grave, nil), 0, "dead letter")
	consumer := ch.attend(grave)
	consumer.Expect("dead letter")
	consumer.ExpectNoMore()
}

func expiresConsumer(t *T) {
	ch := t.Channel()
	q := ch.newExpiring(nil)
	consumer := ch.attend(q)
	ch.pass(2 * soon)
	ch.SendAll(q, "m")
	consumer.Expect("m")
}

func expiresLastConsumer(t *T) {
	for what, end := range map[string]func(*Channel, *Consumer){
		"cancel":        func(_ *Channel, c *Consumer) { c.Stop() },
		"channel close": func(ch *Channel, _ *Consumer) { t.OK(ch.Close(), "close the channel") },
	} {
		t.Case(what, func() {
			ch, consuming := t.Channel(), t.Channel()
			q := consuming.newExpiring(nil)
			first, last := consuming.attend(q), consuming.attend(q)
			ch.pass(2 * soon)
			first.Stop()
			began := t.runner.clock.Now()
			end(consuming, last)
			ch.awaitGone(q)
			if took := t.runner.clock.Now().Sub(began); took < unusedFor {
				t.Errorf("expired %v instead of %v after its last consumer", took, unusedFor)
			}
		})
	}
}

// Three queues that are used again and again outlive one that is not.
func expiresUse(t *T) {
	period := time.Second
	for !t.putsOff(period) {
		period *= 2 // a machine that is too busy to use a queue in time shows nothing
	}
}

// putsOff uses queues until one that is not used expires, and records a difference
// if any of the others has. It is false if it was not in time with that.
func (t *T) putsOff(period time.Duration) bool {
	ch := t.Channel()
	args := amqp.Table{"x-expires": period.Milliseconds()}
	var queues []string
	for range 4 {
		queues = append(queues, ch.NewSharedQueueWith(args))
	}
	got, declared, looked, unused := queues[0], queues[1], queues[2], queues[3]
	began := t.runner.clock.Now() // of the last round
	late := func() bool { return t.runner.clock.Now().Sub(began) > period/2 }
	use := func() error {
		_, _, err1 := ch.Get(got, true)
		_, err2 := ch.QueueDeclare(declared, true, false, false, false, args)
		_, err3 := ch.QueueDeclarePassive(looked, false, false, false, false, nil)
		return errors.Join(err1, err2, err3)
	}
	inTime := true
	t.WaitFor("the unused queue to expire", func() bool {
		if inTime = !late(); !inTime {
			return true
		}
		began = t.runner.clock.Now()
		err := use()
		if inTime = !late(); !inTime { // whatever came of it
			return true
		}
		t.OK(err, "get, declare and look at")
		return ch.isGone(unused)
	})
	if !inTime {
		return false
	}
	gone := map[string]bool{}
	for what, q := range map[string]string{"got from": got, "declared": declared, "looked at": looked} {
		gone[what] = ch.isGone(q)
	}
	if late() {
		return false
	}
	for what, is := range gone {
		t.Equal(false, is, "the queue that is "+what+" is gone")
	}
	return true
}

func expiresUnacked(t *T) {
	ch := t.Channel()
	q := ch.newExpiring(nil)
	ch.SendAll(q, "m")
	d := ch.Fetch(q)
	ch.awaitGone(q)
	ch.Acked(d)
	ch.ExpectOpen()
}
