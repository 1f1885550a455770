// Scripts: policies and operator policies: what they apply to, which of them,
// and how they merge with each other and with arguments (POLICY-1 to POLICY-6,
// POLICY-8 to POLICY-10, POLICY-13).

package scripts

import (
	"slices"

	amqp "github.com/rabbitmq/amqp091-go"
)

var policyScripts = slices.Concat(policyMatchScripts, policyMergeScripts, policyLiveScripts, policyRefusalScripts)

var policyMatchScripts = []Script{
	{Name: "policy/pattern", Covers: []string{"POLICY-1"}, Run: policyPattern},
	{Name: "policy/apply-to", Covers: []string{"POLICY-1"}, Run: policyApplyTo},
	{Name: "policy/apply-to-a-type-of-queues", Covers: []string{"POLICY-1"}, Since: V(3, 12, 0), Run: policyApplyToType},
	{Name: "policy/highest-priority-alone", Covers: []string{"POLICY-2"}, Run: policyPriority},
	{Name: "policy/highest-priority-of-many", Covers: []string{"POLICY-2"}, Run: policyPriorities},
	{Name: "policy/replaced-by-its-name", Covers: []string{"POLICY-2", "POLICY-9"}, Run: policyReplaced},
	{Name: "policy/unsupported-by-the-type", Covers: []string{"POLICY-10"}, Run: policyUnsupported},
	{Name: "policy/not-in-redeclare", Covers: []string{"POLICY-13", "QUEUE-15"}, Run: policyRedeclare},
	{Name: "policy/of-its-virtual-host", Covers: []string{"POLICY-1"}, Run: policyVHost},
}

// bound is a definition that keeps a queue to n messages, which a script sees at
// once.
func bound(n int) map[string]any { return map[string]any{"max-length": n} }

// holds stores five messages in a queue that is empty and gives how many stay. It
// takes them out again.
func (ch *Channel) holds(queue string) int {
	ch.SendAll(queue, numbered(5)...)
	for range 5 {
		ch.Confirmed()
	}
	return len(ch.Drain(queue))
}

// expectHolds records a difference unless the queue keeps n of five messages.
func (ch *Channel) expectHolds(queue string, n int, what string) {
	ch.t.Equal(n, ch.holds(queue), "messages of five that stay "+what)
}

func policyPattern(t *T) {
	ch := t.Channel().Confirming()
	q, other := ch.NewSharedQueue(), ch.NewSharedQueue()
	middle := q[1 : len(q)-1]
	for pattern, wants := range map[string][2]int{
		ExactNames(q): {2, 5},
		"^" + q:       {2, 5},
		q + "$":       {2, 5},
		middle + ".$": {2, 2}, // not anchored; the names differ in their last character
		"x" + middle:  {5, 5},
		middle + "$":  {5, 5},
	} {
		t.Case(pattern, func() {
			name := t.Policy(Policy{Pattern: pattern, ApplyTo: "queues", Definition: bound(2)})
			ch.expectHolds(q, wants[0], "in the one queue")
			ch.expectHolds(other, wants[1], "in the other")
			t.RemovePolicy(name)
		})
	}
}

func policyApplyTo(t *T) {
	ch := t.Channel().Confirming()
	q, x, rest := ch.NewSharedQueue(), ch.NewExchange("direct"), ch.NewQueue()
	for _, tc := range []struct {
		applyTo   string
		queue     int
		alternate bool
	}{{"queues", 2, false}, {"exchanges", 5, true}, {"all", 2, true}, {"", 2, true}} {
		t.Case("apply-to "+tc.applyTo, func() {
			fanout := ch.NewExchange("fanout")
			ch.Bind(rest, fanout, "")
			name := t.Policy(Policy{
				ApplyTo: tc.applyTo, Pattern: ExactNames(q, x),
				Definition: map[string]any{"max-length": 2, "alternate-exchange": fanout},
			})
			ch.expectHolds(q, tc.queue, "in the queue")
			ch.Send(x, "nowhere", "m")
			ch.AllConfirmed(1)
			t.Equal(tc.alternate, len(ch.Drain(rest)) == 1, "the exchange has an alternate")
			t.RemovePolicy(name)
		})
	}
}

func policyApplyToType(t *T) {
	ch := t.Channel().Confirming()
	classic, quorum := ch.NewSharedQueue(), ch.newQuorum(nil)
	for applyTo, wants := range map[string][2]int{
		"classic_queues": {2, 5}, "quorum_queues": {5, 2}, "streams": {5, 5}, "queues": {2, 2},
	} {
		t.Case("apply-to "+applyTo, func() {
			name := t.Policy(Policy{ApplyTo: applyTo, Definition: bound(2)})
			ch.expectHolds(classic, wants[0], "in a classic queue")
			ch.expectHolds(quorum, wants[1], "in a quorum queue")
			t.RemovePolicy(name)
		})
	}
}

// The policy that applies is not supplemented by the others.
func policyPriority(t *T) {
	ch := t.Channel().Confirming()
	q := ch.NewSharedQueue()
	t.Policy(Policy{ApplyTo: "queues", Priority: 1, Definition: bound(2)})
	ch.expectHolds(q, 2, "under the only policy")
	high := t.Policy(Policy{ApplyTo: "queues", Priority: 2, Definition: map[string]any{"max-length-bytes": 100}})
	ch.expectHolds(q, 5, "under a higher policy without max-length")
	t.RemovePolicy(high)
	ch.expectHolds(q, 2, "under the lower policy again")
	t.Policy(Policy{ApplyTo: "queues", Priority: -1, Definition: bound(1)})
	ch.expectHolds(q, 2, "with one of negative priority as well")
	t.Policy(Policy{ApplyTo: "exchanges", Priority: 9, Definition: map[string]any{"alternate-exchange": "amq.fanout"}})
	ch.expectHolds(q, 2, "with a higher one for exchanges")
}

func policyPriorities(t *T) {
	ch := t.Channel().Confirming()
	q := ch.NewSharedQueue()
	var names []string
	for _, priority := range []int{30, -10, 40, 0, 20} {
		names = append(names, t.Policy(Policy{ApplyTo: "queues", Priority: priority, Definition: bound((priority + 10) / 10)}))
	}
	for _, tc := range []struct{ remove, holds int }{{2, 4}, {0, 3}, {4, 1}, {3, 0}, {1, 5}} {
		t.RemovePolicy(names[tc.remove])
		ch.expectHolds(q, tc.holds, "as the highest is removed")
	}
}

func policyReplaced(t *T) {
	ch := t.Channel().Confirming()
	q := ch.NewSharedQueue()
	name := t.Policy(Policy{ApplyTo: "queues", Definition: bound(2)})
	ch.expectHolds(q, 2, "at first")
	t.Policy(Policy{Name: name, ApplyTo: "queues", Definition: bound(3)})
	ch.expectHolds(q, 3, "under the new definition")
	t.Policy(Policy{Name: name, ApplyTo: "queues", Pattern: "^$", Definition: bound(1)})
	ch.expectHolds(q, 5, "under a pattern that no longer matches")
}

func policyUnsupported(t *T) {
	ch := t.Channel().Confirming()
	classic, quorum := ch.NewSharedQueue(), ch.newQuorum(nil)
	t.Policy(Policy{ApplyTo: "queues", Definition: map[string]any{"max-length": 2, "queue-mode": "lazy"}})
	ch.expectHolds(classic, 2, "in a classic queue, which knows queue-mode")
	ch.expectHolds(quorum, 5, "in a quorum queue, which does not")
	t.Policy(Policy{ApplyTo: "queues", Priority: 1, Definition: map[string]any{"max-length": 1, "delivery-limit": 3}})
	ch.expectHolds(classic, 2, "in a classic queue, which knows no delivery-limit")
	ch.expectHolds(quorum, 1, "in a quorum queue, which does")
}

func policyRedeclare(t *T) {
	ch := t.Channel()
	q := ch.NewSharedQueueWith(amqp.Table{"x-max-length": int32(5)})
	t.Policy(Policy{ApplyTo: "queues", Definition: map[string]any{"max-length": 2, "message-ttl": 60000}})
	_, err := ch.QueueDeclare(q, true, false, false, false, amqp.Table{"x-max-length": int32(5)})
	t.OK(err, "redeclare with the arguments of the queue")
	for _, args := range []amqp.Table{{"x-max-length": int32(2)}, {"x-max-length": int32(5), "x-message-ttl": int32(60000)}} {
		refusal := "inequivalent arg 'x-max-length' for " + t.QueueText(q) + ": received '2' but current is '5'"
		if args["x-message-ttl"] != nil {
			refusal = "inequivalent arg 'x-message-ttl' for " + t.QueueText(q) +
				": received the value '60000' of type 'signedint' but current is none"
		}
		t.ExpectError(406, refusal, func(ch *Channel) error {
			_, err := ch.QueueDeclare(q, true, false, false, false, args)
			return err
		})
	}
}

// Policies belong to their virtual host.
func policyVHost(t *T) {
	elsewhere := t.Dial(amqp.Config{Vhost: t.NewVHost()}).Open().Confirming()
	q := t.Name("q")
	_, err := elsewhere.QueueDeclare(q, true, false, false, false, nil)
	t.OK(err, "declare a queue in another virtual host")
	t.Policy(Policy{ApplyTo: "queues", Definition: bound(2)})
	elsewhere.expectHolds(q, 5, "in another virtual host")
}
