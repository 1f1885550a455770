// Scripts: how a policy, an operator policy and the arguments of a queue or an
// exchange come together (POLICY-3 to POLICY-5, QUEUE-84, QUEUE-92, QUEUE-99).

package scripts

import (
	"fmt"

	amqp "github.com/rabbitmq/amqp091-go"
)

var policyMergeScripts = []Script{
	{Name: "policy/with-an-operators", Covers: []string{"POLICY-3"}, Run: policyOperator},
	{Name: "policy/operators-overflow", Covers: []string{"POLICY-3"}, Since: V(3, 13, 0), Run: policyOperatorOverflow},
	{Name: "policy/operators-times", Covers: []string{"POLICY-3", "QUEUE-52", "QUEUE-58"}, Run: policyOperatorTimes},
	{Name: "policy/limits-and-arguments", Covers: []string{"POLICY-4"}, Run: policyArguments},
	{Name: "policy/times-and-arguments", Covers: []string{"POLICY-4", "QUEUE-52"}, Run: policyArgumentTimes},
	{Name: "policy/overflow-and-argument", Covers: []string{"POLICY-4"}, Run: policyArgumentOverflow},
	{Name: "policy/dead-letters-and-arguments", Covers: []string{"POLICY-4", "QUEUE-84"}, Run: policyArgumentDeadLetters},
	{Name: "policy/alternate-exchange", Covers: []string{"POLICY-5", "POLICY-9", "EXCH-42"}, Run: policyAlternate},
	{Name: "policy/quorum-limits", Covers: []string{"QUEUE-99", "POLICY-3"}, Run: policyQuorumLimits},
	{Name: "policy/quorum-overflow", Covers: []string{"QUEUE-99"}, Run: policyQuorumOverflow},
	{Name: "policy/quorum-dead-letters", Covers: []string{"QUEUE-99"}, Run: policyQuorumDeadLetters},
	{Name: "policy/quorum-delivery-limit", Covers: []string{"QUEUE-92", "QUEUE-99"}, Run: policyDeliveryLimit},
}

func policyOperator(t *T) {
	for _, tc := range []struct {
		user, operator map[string]any
		holds          int
	}{
		{nil, bound(2), 2},
		{bound(4), bound(2), 2},
		{bound(2), bound(4), 2},
		{bound(0), bound(4), 0},
		{map[string]any{"max-length-bytes": 100}, bound(3), 3}, // both apply
		{map[string]any{"max-length-bytes": 10}, bound(3), 2},  // of 5 bytes each
		{map[string]any{"max-length-bytes": 100}, map[string]any{"max-length-bytes": 10}, 2},
		{map[string]any{"max-length-bytes": 10}, map[string]any{"max-length-bytes": 100}, 2},
	} {
		t.Case(fmt.Sprint(tc.user, " and ", tc.operator), func() {
			ch := t.Channel().Confirming()
			q := ch.NewSharedQueue()
			operator := t.OperatorPolicy(Policy{ApplyTo: "queues", Definition: tc.operator})
			if tc.user != nil {
				defer t.RemovePolicy(t.Policy(Policy{ApplyTo: "queues", Definition: tc.user}))
			}
			ch.expectHolds(q, tc.holds, "under both")
			t.RemoveOperatorPolicy(operator)
		})
	}
}

// An operator's overflow counts, whatever the policy's is.
func policyOperatorOverflow(t *T) {
	ch := t.Channel().Confirming()
	q := ch.NewSharedQueue()
	t.Policy(Policy{ApplyTo: "queues", Definition: map[string]any{"max-length": 1, "overflow": "drop-head"}})
	operator := t.OperatorPolicy(Policy{ApplyTo: "queues", Definition: map[string]any{"overflow": "reject-publish"}})
	ch.SendAll(q, "first", "second")
	t.Equal([]bool{true, false}, []bool{ch.Confirmed().Ack, ch.Confirmed().Ack}, "acks where the operator says reject-publish")
	ch.ExpectDrain(q, "first")
	t.RemoveOperatorPolicy(operator)
	ch.Store(q, "first", "second")
	ch.ExpectDrain(q, "second")
}

func policyOperatorTimes(t *T) {
	ch := t.Channel().Confirming()
	const short, long = 50, 3600 * 1000
	for _, tc := range [][2]int{{short, long}, {long, short}} {
		for _, key := range []string{"message-ttl", "expires"} {
			t.Case(fmt.Sprint(key, " ", tc), func() {
				q := ch.NewSharedQueue()
				user := t.Policy(Policy{ApplyTo: "queues", Pattern: ExactNames(q), Definition: map[string]any{key: tc[0]}})
				operator := t.OperatorPolicy(Policy{ApplyTo: "queues", Pattern: ExactNames(q), Definition: map[string]any{key: tc[1]}})
				if key == "expires" {
					ch.awaitGone(q)
				} else {
					ch.Store(q, "m")
					ch.await(q, 0)
				}
				t.RemovePolicy(user)
				t.RemoveOperatorPolicy(operator)
			})
		}
	}
}

func policyArguments(t *T) {
	ch := t.Channel().Confirming()
	for _, tc := range []struct {
		args   amqp.Table
		policy map[string]any
		holds  int
	}{
		{amqp.Table{"x-max-length": int32(2)}, bound(4), 2},
		{amqp.Table{"x-max-length": int32(4)}, bound(2), 2},
		{amqp.Table{"x-max-length": int32(4)}, map[string]any{"max-length-bytes": 10}, 2},
		{amqp.Table{"x-max-length-bytes": int32(10)}, map[string]any{"max-length-bytes": 15}, 2},
		{amqp.Table{"x-max-length-bytes": int32(15)}, map[string]any{"max-length-bytes": 10}, 2},
	} {
		for _, set := range []struct {
			who    string
			put    func(Policy) string
			remove func(string)
		}{{"user", t.Policy, t.RemovePolicy}, {"operator", t.OperatorPolicy, t.RemoveOperatorPolicy}} {
			t.Case(fmt.Sprint(tc.args, " and the ", set.who, "'s ", tc.policy), func() {
				q := ch.NewSharedQueueWith(tc.args)
				name := set.put(Policy{ApplyTo: "queues", Pattern: ExactNames(q), Definition: tc.policy})
				ch.expectHolds(q, tc.holds, "under both")
				set.remove(name)
			})
		}
	}
}

func policyArgumentTimes(t *T) {
	ch := t.Channel().Confirming()
	const short, long = 50, 3600 * 1000
	for _, tc := range [][2]int{{short, long}, {long, short}} {
		t.Case(fmt.Sprint(tc), func() {
			q := ch.NewSharedQueueWith(amqp.Table{"x-message-ttl": int32(tc[0])})
			dying := ch.NewSharedQueueWith(amqp.Table{"x-expires": int32(tc[0])})
			name := t.Policy(Policy{
				ApplyTo: "queues", Pattern: ExactNames(q, dying),
				Definition: map[string]any{"message-ttl": tc[1]},
			})
			ch.Store(q, "m")
			ch.await(q, 0)
			t.Policy(Policy{
				Name: name, ApplyTo: "queues", Pattern: ExactNames(q, dying),
				Definition: map[string]any{"expires": tc[1]},
			})
			ch.awaitGone(dying)
			t.RemovePolicy(name)
		})
	}
}

func policyArgumentOverflow(t *T) {
	ch := t.Channel().Confirming()
	for argument, policy := range map[string]string{"drop-head": "reject-publish", "reject-publish": "drop-head"} {
		t.Case(argument, func() {
			q := ch.NewSharedQueueWith(amqp.Table{"x-overflow": argument, "x-max-length": int32(1)})
			t.Policy(Policy{ApplyTo: "queues", Pattern: ExactNames(q), Definition: map[string]any{"overflow": policy}})
			ch.SendAll(q, "first", "second")
			ch.Confirmed()
			t.Equal(argument == "drop-head", ch.Confirmed().Ack, "ack of the second")
		})
	}
}

// newDeadLetterExchanges makes two exchanges to dead-letter to, and a consumer of what comes to
// either of them by any key.
func (ch *Channel) newDeadLetterExchanges() (x, other string, consumer *Consumer) {
	x, other = ch.NewExchange("topic"), ch.NewExchange("topic")
	grave := ch.NewQueue()
	ch.Bind(grave, x, "#")
	ch.Bind(grave, other, "#")
	return x, other, ch.attend(grave)
}

// Each of the two keys by itself: the argument, else the policy's.
func policyArgumentDeadLetters(t *T) {
	ch := t.Channel().Confirming()
	x, other, consumer := ch.newDeadLetterExchanges()
	for _, tc := range []struct {
		args amqp.Table
		want [2]string
	}{
		{nil, [2]string{other, "policy"}},
		{amqp.Table{"x-dead-letter-exchange": x}, [2]string{x, "policy"}},
		{amqp.Table{"x-dead-letter-exchange": x, "x-dead-letter-routing-key": "argument"}, [2]string{x, "argument"}},
	} {
		t.Case(fmt.Sprint(tc.args), func() {
			q := ch.NewSharedQueueWith(tc.args)
			name := t.Policy(Policy{ApplyTo: "queues", Pattern: ExactNames(q), Definition: map[string]any{
				"dead-letter-exchange": other, "dead-letter-routing-key": "policy",
			}})
			ch.Store(q, "m")
			ch.reject(q)
			d := consumer.Expect("m")
			t.Equal(tc.want, [2]string{d.Exchange, d.RoutingKey}, "exchange and key of the dead letter")
			t.RemovePolicy(name)
		})
	}
}

func policyAlternate(t *T) {
	ch := t.Channel().Confirming()
	byPolicy, byArgument := ch.NewExchange("fanout"), ch.NewExchange("fanout")
	q, other := ch.NewQueue(), ch.NewQueue()
	ch.Bind(q, byPolicy, "")
	ch.Bind(other, byArgument, "")
	plain := ch.NewExchange("direct")
	argued := ch.NewExchangeWith("direct", amqp.Table{"alternate-exchange": byArgument})
	send := func(body string) {
		for _, x := range []string{plain, argued} {
			ch.Send(x, "nowhere", body)
			ch.AllConfirmed(1)
		}
	}
	send("before")
	name := t.Policy(Policy{
		ApplyTo: "exchanges", Pattern: ExactNames(plain, argued), Definition: map[string]any{"alternate-exchange": byPolicy},
	})
	send("with the policy")
	t.RemovePolicy(name)
	send("after")
	ch.ExpectDrain(q, "with the policy")
	ch.ExpectDrain(other, "before", "with the policy", "after")
}

func policyQuorumLimits(t *T) {
	ch := t.Channel().Confirming()
	for _, tc := range []struct{ argument, policy, operator int }{{2, 4, 5}, {4, 2, 5}, {4, 5, 2}} {
		t.Case(fmt.Sprint(tc), func() {
			q := ch.newQuorum(amqp.Table{"x-max-length": int32(tc.argument)})
			user := t.Policy(Policy{ApplyTo: "queues", Pattern: ExactNames(q), Definition: bound(tc.policy)})
			operator := t.OperatorPolicy(Policy{ApplyTo: "queues", Pattern: ExactNames(q), Definition: bound(tc.operator)})
			ch.expectHolds(q, 2, "under all three")
			t.RemovePolicy(user)
			t.RemoveOperatorPolicy(operator)
		})
	}
}

// The policy's overflow wins over a quorum queue's argument.
func policyQuorumOverflow(t *T) {
	ch := t.Channel().Confirming()
	q := ch.newQuorum(amqp.Table{"x-max-length": int32(1), "x-overflow": "reject-publish"})
	t.Policy(Policy{ApplyTo: "queues", Definition: map[string]any{"overflow": "drop-head"}})
	ch.Store(q, "a", "b", "c", "d", "e")
	ch.ExpectDrain(q, "e")
}

func policyQuorumDeadLetters(t *T) {
	ch := t.Channel().Confirming()
	x, other, consumer := ch.newDeadLetterExchanges()
	q := ch.newQuorum(amqp.Table{"x-dead-letter-exchange": x, "x-dead-letter-routing-key": "argument"})
	t.Policy(Policy{ApplyTo: "queues", Pattern: ExactNames(q), Definition: map[string]any{
		"dead-letter-exchange": other, "dead-letter-routing-key": "policy",
	}})
	ch.Store(q, "m")
	ch.reject(q)
	d := consumer.Expect("m")
	t.Equal([2]string{x, "argument"}, [2]string{d.Exchange, d.RoutingKey}, "exchange and key of the dead letter")
}

func policyDeliveryLimit(t *T) {
	ch := t.Channel().Confirming()
	for _, tc := range [][2]int{{1, 3}, {3, 1}, {-1, 1}} {
		t.Case(fmt.Sprintf("argument %d, policy %d", tc[0], tc[1]), func() {
			args := amqp.Table{"x-delivery-limit": int32(tc[0])}
			if tc[0] < 0 {
				args = nil
			}
			q := ch.newQuorum(args)
			name := t.Policy(Policy{ApplyTo: "queues", Pattern: ExactNames(q), Definition: map[string]any{"delivery-limit": tc[1]}})
			ch.Store(q, "m")
			for range 2 {
				t.OK(ch.Fetch(q).Reject(true), "requeue")
			}
			ch.ExpectDrain(q)
			t.RemovePolicy(name)
		})
	}
}
