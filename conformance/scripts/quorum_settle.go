// Scripts: how messages of a quorum queue come back, leave and are counted, where it
// is not as in a classic queue (QUEUE-60, QUEUE-69, QUEUE-73, QUEUE-90 to QUEUE-94).

package scripts

import (
	"fmt"

	amqp "github.com/rabbitmq/amqp091-go"
)

var quorumSettleScripts = []Script{
	{Name: "quorum/nack-is-no-failure-at-all", Covers: []string{"QUEUE-94"}, Since: V(4, 3, 0), Run: quorumNackCounts},
	{Name: "quorum/dead-letters-begin-anew", Covers: []string{"QUEUE-73", "QUEUE-92", "QUEUE-94"}, Run: quorumDeadBegins},
	{Name: "quorum/reject-publish-takes-one-more", Covers: []string{"QUEUE-69"}, Run: quorumOneMore},
	{Name: "quorum/first-stays-active", Covers: []string{"BASIC-40"}, Before: V(4, 0, 0), Run: quorumActiveStays},
	{Name: "quorum/full-takes-dead-letters", Covers: []string{"QUEUE-69", "QUEUE-70"}, Run: quorumFullOfDead},
	{Name: "quorum/higher-priority-takes-over", Covers: []string{"BASIC-40", "BASIC-37"}, Since: V(4, 0, 0), Run: quorumTakesOver},
	{Name: "quorum/returns-are-no-turn", Covers: []string{"QUEUE-90"}, Since: V(4, 0, 0), Before: V(4, 3, 0), Run: quorumReturnsNoTurn},
	{Name: "quorum/get-counts-what-is-due-behind", Covers: []string{"BASIC-51", "QUEUE-60"}, Run: quorumGetLeft},
	{Name: "quorum/expires-the-urgent-first", Covers: []string{"QUEUE-60", "QUEUE-90"}, Since: V(4, 3, 0), Run: quorumUrgentExpires},
	{Name: "quorum/channel-ends-in-order-of-tags", Covers: []string{"QUEUE-93"}, Before: V(4, 0, 0), Run: quorumEndByTag},
	{Name: "quorum/channel-ends-in-order-of-consumers", Covers: []string{"QUEUE-93"}, Since: V(4, 0, 0), Run: quorumEndByConsumer},
	{Name: "quorum/channel-ends-gets-last", Covers: []string{"QUEUE-93"}, Since: V(4, 0, 0), Run: quorumEndGetsLast},
}

// counts shows how often a delivery says that its message was delivered and failed.
func counts(d amqp.Delivery) string {
	return fmt.Sprintf("redelivered %v, x-acquired-count %v, x-delivery-count %v", d.Redelivered,
		d.Headers["x-acquired-count"], d.Headers["x-delivery-count"])
}

func quorumNackCounts(t *T) {
	ch := t.Channel().Confirming()
	q := ch.newQuorum(nil)
	ch.Store(q, "m")
	t.OK(ch.Fetch(q).Nack(false, true), "nack")
	ch.await(q, 1)
	d := ch.Fetch(q)
	t.Equal("redelivered true, x-acquired-count 1, x-delivery-count <nil>", counts(d), "after a nack")
	t.OK(d.Reject(true), "reject")
	ch.await(q, 1)
	t.Equal("redelivered true, x-acquired-count 2, x-delivery-count 1", counts(ch.Fetch(q)), "after a reject")
}

// What a classic queue has back by basic.nack counts for nothing in the quorum queue where it
// ends: neither as redelivered nor towards its limit.
func quorumDeadBegins(t *T) {
	ch := t.Channel().Confirming()
	grave := ch.newQuorum(amqp.Table{"x-delivery-limit": int32(1)})
	q := ch.NewQueueWith(amqp.Table{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": grave})
	ch.Store(q, "m")
	t.OK(ch.Fetch(q).Nack(false, true), "nack")
	t.OK(ch.Fetch(q).Nack(false, false), "nack without requeue")
	ch.await(grave, 1)
	dead := ch.Fetch(grave)
	t.Equal(false, dead.Redelivered, "redelivered as a dead letter")
	t.OK(dead.Reject(true), "reject")
	ch.await(grave, 1)
	dead = ch.Fetch(grave)
	t.Equal(int64(1), dead.Headers["x-delivery-count"], "x-delivery-count")
	t.OK(dead.Reject(true), "reject")
	ch.ExpectDrain(grave)
}

// The limit is looked at after a message has come in.
func quorumOneMore(t *T) {
	one, two := t.Channel().Confirming(), t.Channel().Confirming()
	q := one.newQuorum(amqp.Table{"x-max-length": int32(3), "x-overflow": "reject-publish"})
	for i, tc := range []struct {
		ch  *Channel
		ack bool
	}{{one, true}, {one, true}, {one, true}, {two, true}, {one, false}, {two, false}} {
		tc.ch.SendAll(q, fmt.Sprint(i))
		t.Equal(tc.ack, tc.ch.Confirmed().Ack, fmt.Sprintf("ack of publish %d", i+1))
	}
	t.Equal([]string{"0", "1", "2", "3"}, one.Drain(q), "messages")
}

// Case F7-dead-letters-into-full-quorum: a limit with reject-publish rejects publishes of
// clients, and no dead letter.
func quorumFullOfDead(t *T) {
	ch := t.Channel().Confirming()
	dead := ch.newQuorum(amqp.Table{"x-max-length": int32(2), "x-overflow": "reject-publish"})
	q := ch.NewQueueWith(amqp.Table{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead})
	ch.Store(q, "0", "1", "2", "3", "4", "5")
	for range 6 {
		t.OK(ch.Fetch(q).Reject(false), "reject")
	}
	ch.await(dead, 6)
	t.Equal([]string{"0", "1", "2", "3", "4", "5"}, ch.Drain(dead), "dead letters")
}

// activePriority has a consumer of low, one of normal and one of high priority beside
// a single active one.
func (t *T) activePriority() (ch *Channel, q string, low, normal, high *Consumer) {
	ch = t.Channel().Confirming()
	q = ch.newQuorum(amqp.Table{"x-single-active-consumer": true})
	priority := func(n int32) Subscription { return Subscription{Args: amqp.Table{"x-priority": n}} }
	low = t.Channel().Subscribe(q, priority(-1))
	normal = t.Channel().Subscribe(q, Subscription{})
	return ch, q, low, normal, t.Channel().Subscribe(q, priority(5))
}

func quorumActiveStays(t *T) {
	ch, q, low, _, _ := t.activePriority()
	ch.Store(q, "a", "b")
	low.Expect("a", "b")
}

// A higher consumer takes over at once from one that holds nothing, otherwise when all has
// been settled; the one before gets nothing meanwhile, and goes on after it.
func quorumTakesOver(t *T) {
	ch := t.Channel().Confirming()
	q := ch.newQuorum(amqp.Table{"x-single-active-consumer": true})
	low := t.Channel().Subscribe(q, Subscription{Args: amqp.Table{"x-priority": int32(-1)}})
	normal := t.Channel().Subscribe(q, Subscription{})
	ch.Store(q, "a")
	a := normal.Next()
	high := t.Channel().Subscribe(q, Subscription{Args: amqp.Table{"x-priority": int32(5)}})
	ch.Store(q, "b")
	ch.await(q, 1)
	t.OK(a.Ack(false), "ack")
	b := high.Next()
	ch.Store(q, "c")
	c := high.Next()
	t.Equal("b c", string(b.Body)+" "+string(c.Body), "what the highest gets")
	t.OK(c.Ack(true), "ack")
	ch.Store(q, "d")
	high.Expect("d")
	low.ExpectNoMore()
	normal.ExpectNoMore()
}

func quorumReturnsNoTurn(t *T) {
	ch := t.Channel().Confirming()
	q := ch.newUrgent(6, 6, 2)
	first := ch.Fetch(q)
	t.OK(first.Nack(false, true), "nack")
	ch.await(q, 3)
	t.Equal([]string{"6:0", "6:1", "2:2"}, ch.Drain(q), "messages")
}

func quorumGetLeft(t *T) {
	ch := t.Channel().Confirming()
	q := ch.newQuorum(nil)
	ch.SendAll(q, "head")
	ch.SendWith("", q, amqp.Publishing{Expiration: "0", Body: []byte("due")})
	ch.AllConfirmed(2)
	t.Equal(uint32(1), ch.Fetch(q).MessageCount, "messages left")
	ch.ExpectDrain(q)
}

func quorumUrgentExpires(t *T) {
	ch := t.Channel().Confirming()
	grave := ch.NewSharedQueue()
	q := ch.newQuorum(amqp.Table{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": grave, "x-message-ttl": int32(200)})
	ch.SendWith("", q, amqp.Publishing{Priority: 5, Body: []byte("urgent")})
	ch.SendWith("", q, amqp.Publishing{Body: []byte("plain")})
	ch.AllConfirmed(2)
	ch.await(grave, 2)
	ch.ExpectDrain(grave, "urgent", "plain")
}

// ending gives messages to two consumers of a channel, the later one's tag first in
// order, and closes the channel.
func (t *T) ending() (ch *Channel, q string) {
	ch = t.Channel().Confirming()
	q = ch.newQuorum(nil)
	ch.Store(q, "z's", "a's")
	other := t.Channel().qos(1, false)
	other.Subscribe(q, Subscription{Tag: "z"}).Expect("z's")
	other.Subscribe(q, Subscription{Tag: "a"}).Expect("a's")
	t.OK(other.Close(), "close the channel")
	ch.await(q, 2)
	return ch, q
}

func quorumEndByTag(t *T) {
	ch, q := t.ending()
	ch.ExpectDrain(q, "a's", "z's")
}

func quorumEndByConsumer(t *T) {
	ch, q := t.ending()
	ch.ExpectDrain(q, "z's", "a's")
}

func quorumEndGetsLast(t *T) {
	ch := t.Channel().Confirming()
	q := ch.newQuorum(nil)
	ch.Store(q, "got")
	other := t.Channel()
	other.Fetch(q)
	c := other.Subscribe(q, Subscription{})
	ch.Store(q, "consumed")
	c.Expect("consumed")
	t.OK(other.Close(), "close the channel")
	ch.await(q, 2)
	ch.ExpectDrain(q, "consumed", "got")
}
