// Scripts: what RabbitMQ 4 refuses, and what it does in another way than 3.13.
// What only ended with it is in the scripts of each subject, bounded by Before.

package scripts

import (
	"fmt"
	"slices"
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"

	wire "github.com/rabbetmq/rabbet/amqp"
)

var newerScripts = []Script{
	{Name: "newer/protocol-headers", Covers: []string{"CONN-3", "CONN-4", "CONN-5"}, Since: V(4, 0, 0), Run: newerHeaders},
	{Name: "newer/anonymous-login", Covers: []string{"CONN-8"}, Since: V(4, 0, 0), Run: newerAnonymous},
	{Name: "newer/queue-mode-is-not-checked", Covers: []string{"QUEUE-40"}, Since: V(4, 3, 0), Run: newerQueueMode},
	{Name: "newer/leader-locator-of-classic-queues", Covers: []string{"QUEUE-42"}, Since: V(4, 0, 0), Run: newerLeaderLocator},
	{Name: "newer/queue-version-2-alone", Covers: []string{"QUEUE-41"}, Since: V(4, 3, 0), Run: newerQueueVersion},
	{Name: "newer/master-locator-denied", Covers: []string{"QUEUE-42"}, Since: V(4, 3, 0), Run: newerMasterLocator},
	{Name: "newer/transient-queues-denied", Covers: []string{"QUEUE-29"}, Since: V(4, 3, 0), Run: newerTransient},
	{Name: "newer/retry-arguments", Covers: []string{"QUEUE-51"}, Since: V(4, 3, 0), Run: newerRetryArguments},
	{Name: "newer/retry-policies", Covers: []string{"POLICY-6", "POLICY-11"}, Since: V(4, 3, 0), Run: newerRetryPolicies},
	{Name: "newer/timeout-of-a-consumer", Covers: []string{"BASIC-32"}, Since: V(4, 3, 0), Run: newerConsumerTimeout},
	{Name: "newer/queue-type-undefined", Covers: []string{"QUEUE-39"}, Since: V(4, 0, 0), Run: newerUndefinedType},
	{Name: "newer/queue-type-empty", Covers: []string{"QUEUE-39"}, Since: V(4, 3, 0), Run: newerEmptyType},
	{Name: "newer/largest-body", Covers: []string{"CONN-53"}, Since: V(4, 3, 0), Run: newerBodySize},
	{Name: "newer/publishes-of-a-transaction", Covers: []string{"BASIC-83"}, Since: V(4, 3, 0), Run: newerTxLimit},
	{Name: "newer/topic-hashes", Covers: []string{"EXCH-35"}, Since: V(4, 3, 0), Run: newerHashes},
	{Name: "newer/ha-failover-is-no-argument", Covers: []string{"BASIC-32"}, Since: V(4, 0, 0), Run: newerFailover},
	{Name: "newer/client-sends-cancel-ok", Covers: []string{"BASIC-34"}, Since: V(4, 2, 0), Run: newerCancelOk},
	{Name: "newer/shared-limit-is-per-consumer", Covers: []string{"BASIC-48"}, Since: V(4, 3, 0), Run: newerGlobalQos},
	{Name: "newer/history-of-a-client", Covers: []string{"QUEUE-82"}, Since: V(4, 0, 0), Run: newerDeaths},
	{Name: "newer/reply-counts-as-routed", Covers: []string{"BASIC-75"}, Since: V(4, 2, 0), Run: newerReply},
	{Name: "newer/reply-takes-a-tag", Covers: []string{"BASIC-74"}, Since: V(4, 2, 0), Run: newerReplyTag},
	{Name: "newer/delivery-limit-of-20", Covers: []string{"QUEUE-92"}, Since: V(4, 0, 0), Run: newerDefaultLimit},
	{Name: "newer/no-delivery-limit", Covers: []string{"QUEUE-45", "QUEUE-92"}, Since: V(4, 0, 0), Run: newerNoLimit},
	{Name: "newer/nack-is-no-failure", Covers: []string{"QUEUE-94"}, Since: V(4, 3, 0), Run: newerFailures},
	{Name: "newer/quorum-ignores-priority", Covers: []string{"QUEUE-90"}, Before: V(4, 0, 0), Run: newerNoPriority},
	{Name: "newer/quorum-shares-by-priority", Covers: []string{"QUEUE-90"}, Since: V(4, 0, 0), Before: V(4, 3, 0), Run: newerFairPriority},
	{Name: "newer/quorum-priority", Covers: []string{"QUEUE-90"}, Since: V(4, 3, 0), Run: newerStrictPriority},
	{Name: "newer/quorum-returns-before-priority", Covers: []string{"QUEUE-90", "QUEUE-93"}, Since: V(4, 3, 0), Run: newerReturnedPriority},
	{Name: "newer/quorum-expires-at-each-priority", Covers: []string{"QUEUE-60"}, Since: V(4, 3, 0), Run: newerPriorityExpires},
	{Name: "newer/mirroring-policies-before", Covers: []string{"POLICY-6", "POLICY-7", "POLICY-11"}, Before: V(4, 0, 0), Run: newerMirroringBefore},
	{Name: "newer/mirroring-policies", Covers: []string{"POLICY-6"}, Since: V(4, 0, 0), Run: newerMirroring},
	{Name: "newer/negative-delivery-limit", Covers: []string{"POLICY-3", "POLICY-12", "QUEUE-92"}, Since: V(4, 0, 0), Run: newerNegative},
}

// header10 is what asks for AMQP 1.0 with SASL.
const header10 = "AMQP\x03\x01\x00\x00"

// The answer names AMQP 1.0, save to what asks for something newer than 0-9-1.
func newerHeaders(t *T) {
	for header, answer := range map[string]string{
		"AMQP\x01\x01\x08\x00": header10, "AMQP\x01\x01\x09\x01": header10, // 0-8
		"AMQP\x01\x01\x00\x0a": header10, "AMQP\xff\xff\xff\xff": header10, "AMQP\x00\x00\x08\x00": header10,
		"GET / HT": header10, "\x16\x03\x01\x02\x00\x01\x00\x01": header10, "amqp\x00\x00\x09\x01": header10,
		"AMQP\x00\x00\x09\x02": wire.ProtocolHeader, "AMQP\x00\x00\x0a\x00": wire.ProtocolHeader,
	} {
		t.Case(fmt.Sprintf("%q", header), func() {
			r := t.Raw()
			r.Send([]byte(header))
			t.Equal(answer, string(r.Next().Payload), "answer")
			r.ExpectDrop()
		})
	}
}

func newerAnonymous(t *T) {
	offered := t.Raw().Start().Mechanisms
	if !slices.Contains(strings.Fields(offered), "ANONYMOUS") {
		t.NotOffered("the mechanism ANONYMOUS")
	}
	for _, response := range []string{"", "anybody"} {
		Await[*wire.ConnectionTune](t.answer("ANONYMOUS", response, nil), 0)
	}
}

func newerFailover(t *T) {
	ch := t.Channel()
	_, err := ch.Consume(ch.NewQueue(), "", true, false, false, false, amqp.Table{"x-cancel-on-ha-failover": "no boolean"})
	t.OK(err, "consume")
}

func newerCancelOk(t *T) {
	r := t.RawOpen()
	q := r.RawQueue(1)
	r.SendMethod(1, &wire.BasicConsume{Queue: q, ConsumerTag: "c"})
	r.Expect(1, &wire.BasicConsumeOk{ConsumerTag: "c"})
	r.SendMethod(1, &wire.BasicCancelOk{ConsumerTag: "c"})
	r.SendMethod(1, &wire.QueueDeclare{Queue: q, Passive: true})
	r.Expect(1, &wire.QueueDeclareOk{Queue: q})
	r.SendMethod(1, &wire.BasicCancelOk{ConsumerTag: "c"})
	r.ExpectClose(541, "", 0)
}

// A limit for the channel becomes the limit of each consumer to come, and takes
// none away from a quorum queue.
func newerGlobalQos(t *T) {
	ch := t.Channel().Confirming()
	q := ch.newQuorum(nil)
	before := ch.qos(2, false).Subscribe(q, Subscription{})
	after := ch.qos(3, true).Subscribe(q, Subscription{})
	ch.Store(q, numbered(9)...)
	ch.ExpectReady(q, 4)
	t.Equal(2, len(before.Stop()), "messages of the consumer that was there")
	t.Equal(3, len(after.Stop()), "messages of the consumer that came")
}

// What a client sends as x-death stays as it is until the message dies, and then
// gives way.
func newerDeaths(t *T) {
	ch := t.Channel()
	q, grave := ch.newMortal(nil)
	consumer := ch.attend(grave)
	for what, value := range map[string]any{
		"its own": []any{oldDeath(q, "rejected", 5)}, "another's": []any{oldDeath("elsewhere", "expired", 3)}, "no history": "old",
	} {
		t.Case(what, func() {
			ch.sendDead(q, what, amqp.Table{"x-death": value, "x-first-death-queue": "elsewhere"})
			alive := ch.Fetch(q)
			t.Equal(value, alive.Headers["x-death"], "x-death of the living")
			ch.sendDead(q, what, amqp.Table{"x-death": value, "x-first-death-queue": "elsewhere"})
			ch.reject(q)
			d := consumer.Expect(what)
			t.Equal(1, len(t.deaths(d)), "deaths")
			t.expectDeath(d, q, "rejected")
			t.Equal(q, d.Headers["x-first-death-queue"], "x-first-death-queue")
		})
	}
	t.Case("from death to death", func() {
		one, two := ch.loop()
		ch.sendDead(one, "m", amqp.Table{"x-death": []any{oldDeath(one, "rejected", 7)}})
		ch.rejectAt(one)
		ch.rejectAt(two)
		ch.rejectAt(one)
		ch.await(two, 1)
		deaths := t.deaths(ch.Fetch(two))
		t.Equal(2, len(deaths), "deaths")
		t.Equal([]any{one, "rejected", int64(2)}, summary(deaths[0]), "the latest death")
	})
}

func newerReply(t *T) {
	requester, responder := t.Channel(), t.Channel().Confirming()
	replies, name := requester.request()
	responder.SendMandatory("", name, "reply")
	responder.AllConfirmed(1)
	replies.Expect("reply")
	if _, returned := responder.TakeReturn(); returned {
		t.Errorf("a reply to a requester that is there was returned")
	}
	t.OK(requester.Close(), "close the channel")
	t.WaitFor("the requester to be gone", func() bool { return !t.Conn().QueueExists(name) })
	responder.SendMandatory("", name, "too late")
	responder.SendMandatory("", "amq.rabbitmq.reply-to.nobody", "to a name that nobody was given")
	t.Equal("to a name that nobody was given", string(responder.Returned().Body), "body of the only return")
}

func newerReplyTag(t *T) {
	ch, responder := t.Channel(), t.Channel()
	replies, name := ch.request()
	last := uint64(0)
	for _, body := range []string{"one", "two", "three"} {
		responder.Send("", name, body)
		d := replies.Expect(body)
		if d.DeliveryTag <= last {
			t.Errorf("tag of reply %q: expected more than %d, got %d", body, last, d.DeliveryTag)
		}
		last = d.DeliveryTag
	}
}

// returnTimes takes the message n times and rejects it each time, to come back.
func (c *Consumer) returnTimes(body string, n int) {
	for range n {
		c.t.OK(c.Expect(body).Reject(true), "reject")
	}
}

func newerDefaultLimit(t *T) {
	ch := t.Channel().Confirming()
	grave := ch.NewSharedQueue()
	q := ch.newQuorum(amqp.Table{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": grave})
	c := ch.Subscribe(q, Subscription{})
	ch.Store(q, "poison")
	c.returnTimes("poison", 21)
	t.expectDeath(ch.Subscribe(grave, Subscription{NoAck: true}).Expect("poison"), q, "delivery_limit")
}

func newerNoLimit(t *T) {
	ch := t.Channel().Confirming()
	for what, limit := range map[string]any{"-1": int32(-1), "-5": int64(-5)} {
		t.Case(what, func() {
			q := ch.newQuorum(amqp.Table{"x-delivery-limit": limit})
			c := ch.Subscribe(q, Subscription{})
			ch.Store(q, "poison")
			c.returnTimes("poison", 30)
			c.Expect("poison")
		})
	}
}

// What is nacked counts as acquired, but not as a failed delivery, which alone the
// limit is for; recovered ones are no failures either, those of lost channels are.
func newerFailures(t *T) {
	ch := t.Channel().Confirming()
	q, grave := ch.newDoomed()
	ch.Store(q, "m")
	holder := t.Channel()
	c := holder.Subscribe(q, Subscription{})
	counts := func(acquired, failed any) amqp.Delivery {
		d := c.Expect("m")
		t.Equal([]any{acquired, failed}, []any{d.Headers["x-acquired-count"], d.Headers["x-delivery-count"]},
			"x-acquired-count and x-delivery-count")
		return d
	}
	t.OK(counts(nil, nil).Nack(false, true), "nack")
	t.OK(c.Expect("m").Nack(false, true), "nack")
	t.OK(c.Expect("m").Nack(true, true), "nack")
	c.Expect("m")
	t.OK(holder.recoverAll(true), "recover")
	t.Equal(int64(4), c.Expect("m").Headers["x-acquired-count"], "x-acquired-count")
	t.OK(holder.Close(), "close the channel")

	holder = t.Channel()
	c = holder.Subscribe(q, Subscription{})
	t.OK(counts(int64(5), int64(1)).Reject(true), "reject")
	t.expectDeath(ch.Subscribe(grave, Subscription{NoAck: true}).Expect("m"), q, "delivery_limit")
}

// newUrgent declares a quorum queue with one message of each of these priorities,
// named by it; 0 is none at all.
func (ch *Channel) newUrgent(priorities ...uint8) string {
	q := ch.newQuorum(nil)
	for i, p := range priorities {
		ch.sendUrgent(q, p, fmt.Sprintf("%d:%d", p, i))
	}
	ch.AllConfirmed(len(priorities))
	return q
}

func newerNoPriority(t *T) {
	ch := t.Channel().Confirming()
	ch.ExpectDrain(ch.newUrgent(1, 9, 0, 255, 5), "1:0", "9:1", "0:2", "255:3", "5:4")
}

// Two of a priority above 4 go for each other one.
func newerFairPriority(t *T) {
	ch := t.Channel().Confirming()
	q := ch.newUrgent(1, 0, 4, 2, 5, 9, 255, 10, 6, 7, 8, 31)
	first := ch.Drain(q)[:9]
	high := slices.DeleteFunc(slices.Clone(first), func(body string) bool { return body[:2] <= "4:" && body[1] == ':' })
	t.Equal([]string{"5:4", "9:5", "255:6", "10:7", "6:8", "7:9"}, high, "those above 4, of the first nine")
	low := slices.DeleteFunc(slices.Clone(first), func(body string) bool { return slices.Contains(high, body) })
	t.Equal([]string{"1:0", "0:1", "4:2"}, low, "the others, of the first nine")
}

// Absent is 4, and what is above 31 counts as 31.
func newerStrictPriority(t *T) {
	ch := t.Channel().Confirming()
	q := ch.newUrgent(1, 0, 5, 4, 3, 31, 255, 32, 30, 0)
	ch.ExpectDrain(q, "31:5", "255:6", "32:7", "30:8", "5:2", "0:1", "4:3", "0:9", "3:4", "1:0")
}

func newerReturnedPriority(t *T) {
	ch := t.Channel().Confirming()
	q := ch.newUrgent(1, 2, 9)
	c := ch.qos(3, false).Subscribe(q, Subscription{})
	nine, two, one := c.Next(), c.Next(), c.Next()
	ch.sendUrgent(q, 31, "new")
	for _, d := range []amqp.Delivery{one, nine, two} {
		t.OK(ch.Nack(d.DeliveryTag, false, true), "nack")
	}
	for _, want := range []string{"1:0", "9:2", "2:1", "new"} {
		t.OK(c.Expect(want).Ack(false), "ack")
	}
}

func newerPriorityExpires(t *T) {
	ch := t.Channel().Confirming()
	grave := ch.NewSharedQueue()
	q := ch.newQuorum(amqp.Table{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": grave})
	ch.sendUrgent(q, 9, "stays")
	for _, p := range []uint8{1, 5, 31} {
		ch.SendWith("", q, amqp.Publishing{Priority: p, Expiration: "1", Body: []byte("goes")})
	}
	end := ch.Subscribe(grave, Subscription{NoAck: true})
	end.Expect("goes", "goes", "goes")
	ch.ExpectDrain(q, "stays")
}

func newerMirroringBefore(t *T) {
	t.Policy(Policy{Definition: map[string]any{"ha-mode": "all", "ha-sync-mode": "automatic", "ha-sync-batch-size": 5,
		"ha-promote-on-shutdown": "always", "ha-promote-on-failure": "when-synced"}})
	t.Policy(Policy{Definition: map[string]any{"ha-mode": "exactly", "ha-params": 2}})
	t.refuses(`<<"zz">> is not a valid ha-mode value`, t.tryPolicy(map[string]any{"ha-mode": "zz"}))
	t.refuses(`ha-mode="all" does not take parameters`, t.tryPolicy(map[string]any{"ha-mode": "all", "ha-params": 2}))
	t.refuses(`ha-mode="exactly" takes an integer, none given`, t.tryPolicy(map[string]any{"ha-mode": "exactly"}))
	t.refuses(`ha-mode="nodes" takes a list, 2 given`, t.tryPolicy(map[string]any{"ha-mode": "nodes", "ha-params": 2}))
	t.refuses("ha-mode must be specified to specify ha-params, ha-sync-mode or ha-promote-on-shutdown",
		t.tryPolicy(map[string]any{"ha-sync-mode": "automatic"}))
	t.refuses(`ha-sync-mode must be "manual" or "automatic", got <<"zz">>`, t.tryPolicy(map[string]any{"ha-mode": "all", "ha-sync-mode": "zz"}))
	t.refuses("ha-sync-batch-size takes an integer greater than 0, 0 given", t.tryPolicy(map[string]any{"ha-mode": "all", "ha-sync-batch-size": 0}))
	_, err := t.TryOperatorPolicy(Policy{Definition: map[string]any{"ha-mode": "all"}})
	t.refuses(`[{<<"ha-mode">>,<<"all">>}] are not recognised policy settings`, err)
	_, err = t.TryOperatorPolicy(Policy{Definition: map[string]any{"ha-mode": "exactly", "ha-params": 2}})
	t.refuses(`[{<<"ha-mode">>,<<"exactly">>},{<<"ha-params">>,2}] are not recognised policy settings`, err)
}

func newerMirroring(t *T) {
	t.refuses(`[{<<"ha-mode">>,<<"all">>}] are not recognised policy settings`, t.tryPolicy(map[string]any{"ha-mode": "all"}))
	t.refuses(`[{<<"ha-sync-mode">>,<<"automatic">>}] are not recognised policy settings`, t.tryPolicy(map[string]any{"ha-sync-mode": "automatic"}))
}

// No limit yields to any limit, of the queue as of the policies.
func newerNegative(t *T) {
	ch := t.Channel().Confirming()
	unlimited, limited := ch.newQuorum(nil), ch.newQuorum(amqp.Table{"x-delivery-limit": int32(1)})
	t.Policy(Policy{Definition: map[string]any{"delivery-limit": -1}})
	for q, returns := range map[string]int{unlimited: 25, limited: 1} {
		c := ch.Subscribe(q, Subscription{})
		ch.Store(q, "m")
		c.returnTimes("m", returns)
		d := c.Expect("m")
		if q == limited {
			t.OK(d.Reject(true), "reject")
			c.ExpectNoMore()
		}
	}
	t.OperatorPolicy(Policy{Definition: map[string]any{"delivery-limit": 2}})
	q := ch.newQuorum(nil)
	c := ch.Subscribe(q, Subscription{})
	ch.Store(q, "m")
	c.returnTimes("m", 3)
	c.ExpectNoMore()
}
