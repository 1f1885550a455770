// Scripts: limits on unacknowledged messages (BASIC-43 to BASIC-47).

package scripts

import (
	"fmt"
)

var basicQosScripts = []Script{
	{Name: "qos/prefetch-size", Covers: []string{"BASIC-43"}, Run: qosSize},
	{Name: "qos/zero-is-unlimited", Covers: []string{"BASIC-43"}, Run: qosZero},
	{Name: "qos/per-consumer", Covers: []string{"BASIC-44"}, Run: qosPerConsumer},
	{Name: "qos/window-moves-with-acks", Covers: []string{"BASIC-44", "BASIC-56"}, Run: qosWindow},
	{Name: "qos/shared", Covers: []string{"BASIC-45"}, Before: V(4, 3, 0), Run: qosShared},
	{Name: "qos/shared-can-be-removed", Covers: []string{"BASIC-45"}, Before: V(4, 3, 0), Run: qosSharedRemoved},
	{Name: "qos/both-limits", Covers: []string{"BASIC-46"}, Before: V(4, 3, 0), Run: qosBoth},
	{Name: "qos/later-per-consumer-removes-shared", Covers: []string{"BASIC-46"}, Before: V(4, 3, 0), Run: qosLaterPerConsumer},
	{Name: "qos/no-ack-and-get-are-free", Covers: []string{"BASIC-47"}, Run: qosFree},
	{Name: "qos/shared-and-no-ack", Covers: []string{"BASIC-47"}, Before: V(4, 3, 0), Run: qosSharedNoAck},
	{Name: "qos/shared-and-get", Covers: []string{"BASIC-47"}, Before: V(4, 3, 0), Run: qosSharedAndGet},
}

// ExpectReady records a difference unless the queue has n ready messages. What
// was published must have been confirmed, else the count may lag (BASIC-68).
func (ch *Channel) ExpectReady(queue string, n int) {
	ch.t.Equal(n, ch.Inspect(queue).Messages, "ready messages")
}

// qos sets a limit and gives the channel back.
func (ch *Channel) qos(count int, shared bool) *Channel {
	ch.t.OK(ch.Qos(count, 0, shared), "qos")
	return ch
}

func qosSize(t *T) {
	t.ExpectError(540, "prefetch_size!=0 (10)", func(ch *Channel) error { return ch.Qos(1, 10, false) })
}

func qosZero(t *T) {
	ch := t.Channel().Confirming()
	q := ch.NewQueue()
	limited := ch.qos(1, false).Subscribe(q, Subscription{})
	unlimited := ch.qos(0, false).Subscribe(q, Subscription{})
	bodies := numbered(20)
	ch.Store(q, bodies...)
	limited.Expect(bodies[0])
	unlimited.Expect(bodies[1:]...)
}

func qosPerConsumer(t *T) {
	ch := t.Channel().Confirming()
	q := ch.NewQueue()
	three := ch.qos(3, false).Subscribe(q, Subscription{})
	two := ch.qos(2, false).Subscribe(q, Subscription{})
	ch.Store(q, numbered(10)...)
	ch.ExpectReady(q, 5)
	ch.qos(9, false)
	t.Equal(3, len(three.Stop()), "messages of the consumer that started with 3")
	t.Equal(2, len(two.Stop()), "messages of the consumer that started with 2")
}

func qosWindow(t *T) {
	ch := t.Channel().Confirming().qos(2, false)
	q := ch.NewQueue()
	consumer := ch.Subscribe(q, Subscription{})
	ch.Store(q, "a", "b", "c", "d", "e", "f")
	first := consumer.Expect("a")
	second := consumer.Expect("b")
	t.OK(second.Ack(false), "ack")
	third := consumer.Expect("c")
	t.OK(first.Reject(false), "reject")
	consumer.Expect("d")
	t.OK(third.Ack(false), "ack")
	last := consumer.Expect("e")
	t.OK(last.Ack(true), "ack all")
	consumer.Expect("f")
	consumer.ExpectNoMore()
	ch.ExpectReady(q, 0)
}

func qosShared(t *T) {
	ch := t.Channel().Confirming()
	q := ch.NewQueue()
	first := ch.Subscribe(q, Subscription{})
	second := ch.qos(3, true).Subscribe(q, Subscription{})
	ch.Store(q, numbered(8)...)
	ch.ExpectReady(q, 5)
	d := first.Next()
	t.OK(d.Ack(false), "ack")
	ch.await(q, 4)
	t.Equal(3, len(first.Stop())+len(second.Stop()), "further messages of both consumers")
	ch.ExpectReady(q, 4)
}

func qosSharedRemoved(t *T) {
	ch := t.Channel().Confirming()
	q := ch.NewQueue()
	consumer := ch.qos(2, true).Subscribe(q, Subscription{})
	bodies := numbered(6)
	ch.Store(q, bodies...)
	ch.ExpectReady(q, 4)
	consumer.Expect(bodies[:2]...)
	ch.qos(3, true)
	consumer.Expect(bodies[2])
	ch.ExpectReady(q, 3)
	ch.qos(0, true)
	consumer.Expect(bodies[3:]...)
}

// subscribeThrice starts three consumers, publishes ten messages, and gives
// how many of them went out.
func subscribeThrice(ch *Channel) int {
	q := ch.NewQueue()
	var consumers []*Consumer
	for range 3 {
		consumers = append(consumers, ch.Subscribe(q, Subscription{}))
	}
	ch.Store(q, numbered(10)...)
	n := 0
	for _, c := range consumers {
		n += len(c.Stop())
	}
	return n
}

func qosBoth(t *T) {
	for _, tc := range []struct{ each, shared, want int }{{2, 4, 4}, {1, 4, 3}, {0, 4, 4}, {2, 0, 6}} {
		ch := t.Channel().Confirming().qos(tc.each, false).qos(tc.shared, true)
		t.Equal(tc.want, subscribeThrice(ch), fmt.Sprintf("messages out with %d for each and %d for all", tc.each, tc.shared))
	}
}

func qosLaterPerConsumer(t *T) {
	ch := t.Channel().Confirming().qos(4, true).qos(2, false)
	t.Equal(6, subscribeThrice(ch), "messages out with 4 for all, then 2 for each")
}

func qosFree(t *T) {
	ch := t.Channel().Confirming().qos(1, false)
	q := ch.NewQueue()
	bodies := numbered(10)
	consumer := ch.Subscribe(q, Subscription{NoAck: true})
	ch.Store(q, bodies...)
	consumer.Expect(bodies...)
	consumer.ExpectNoMore()

	ch.Store(q, bodies...)
	for _, body := range bodies[:5] {
		t.Equal(body, string(ch.Fetch(q).Body), "body")
	}
	limited := ch.Subscribe(q, Subscription{})
	limited.Expect(bodies[5])
	limited.ExpectNoMore()
	limited.ExpectNoMore()
}

// No-ack deliveries do not count against the shared limit, but wait while it
// is reached.
func qosSharedNoAck(t *T) {
	ch := t.Channel().Confirming().qos(1, true)
	q := ch.NewQueue()
	bodies := numbered(5)
	alone := ch.Subscribe(q, Subscription{NoAck: true})
	ch.Store(q, bodies...)
	alone.Expect(bodies...)
	alone.ExpectNoMore()

	limited := ch.Subscribe(q, Subscription{})
	ch.Store(q, bodies...)
	d := limited.Expect(bodies[0])
	t.Equal(0, len(ch.Subscribe(q, Subscription{NoAck: true}).Stop()), "messages to a no-ack consumer while the limit is reached")
	limited.ExpectNoMore()
	free := ch.Subscribe(q, Subscription{NoAck: true})
	ch.Acked(d)
	free.Expect(bodies[1:]...)
}

// What get took counts against the shared limit if it was there when the limit
// was set, not if it came later.
func qosSharedAndGet(t *T) {
	ch := t.Channel().Confirming()
	q := ch.NewQueue()
	ch.Store(q, numbered(10)...)
	before := t.Channel().qos(1, true)
	before.Fetch(q)
	t.Equal(1, len(before.Subscribe(q, Subscription{}).Stop()), "messages out if get came after qos")
	after := t.Channel()
	after.Fetch(q)
	after.qos(1, true)
	t.Equal(0, len(after.Subscribe(q, Subscription{}).Stop()), "messages out if get came before qos")
	after.qos(3, true)
	t.Equal(2, len(after.Subscribe(q, Subscription{}).Stop()), "messages out after a wider qos")
}
