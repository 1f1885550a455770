// The scripts on policies and operator policies.

package conformance

var policyScripts = []Script{
	{Name: "policy/at-once", Covers: []string{"POLICY-9"}, Run: policyAtOnce},
}

// policyAtOnce: a policy applies to a queue that is there at once, and no longer
// once it is gone.
func policyAtOnce(t *T) {
	ch := t.Channel().Confirming()
	q := ch.NewSharedQueue()
	ch.Store(q, "1", "2", "3")
	p := t.Policy(Policy{ApplyTo: "queues", Definition: map[string]any{"max-length": 2}})
	t.Equal(2, ch.Inspect(q).Messages, "messages of the queue that the policy bounds")
	ch.Store(q, "4")
	t.RemovePolicy(p)
	ch.Store(q, "5")
	ch.ExpectDrain(q, "3", "4", "5")
}
