// Scripts: which keys and values policies and operator policies take, and how
// others are refused (POLICY-6 to POLICY-8, POLICY-11, POLICY-12).

package scripts

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

var policyRefusalScripts = []Script{
	{Name: "policy/keys", Covers: []string{"POLICY-6", "POLICY-12"}, Run: policyKeys},
	{Name: "policy/keys-of-operators", Covers: []string{"POLICY-7"}, Run: policyOperatorKeys},
	{Name: "policy/not-settable", Covers: []string{"POLICY-8", "POLICY-11"}, Run: policyNotSettable},
	{Name: "policy/values", Covers: []string{"POLICY-11", "POLICY-12"}, Run: policyValues},
	{Name: "policy/malformed", Covers: []string{"POLICY-11"}, Run: policyMalformed},
	{Name: "policy/refused-changes-nothing", Covers: []string{"POLICY-11", "POLICY-9"}, Run: policyRefusedChange},
}

// policySettings are keys with values that are right. Of each, operators tells
// whether it is for operator policies too, and since from which version on.
type policySetting struct {
	value     any
	operators bool
	since     Version
	before    Version
}

var policySettings = map[string]policySetting{
	"alternate-exchange":      {value: "amq.fanout"},
	"dead-letter-exchange":    {value: "amq.fanout"},
	"dead-letter-routing-key": {value: "key"},
	"dead-letter-strategy":    {value: "at-least-once"},
	"consumer-timeout":        {value: 60000, since: V(3, 12, 0)},
	"message-ttl":             {value: 0, operators: true},
	"expires":                 {value: 60000, operators: true},
	"max-length":              {value: 0, operators: true},
	"max-length-bytes":        {value: 0, operators: true},
	"max-in-memory-length":    {value: 0, operators: true},
	"max-in-memory-bytes":     {value: 0, operators: true},
	"overflow":                {value: "drop-head", operators: true, since: V(3, 13, 0)},
	"delivery-limit":          {value: 0, operators: true},
	"queue-mode":              {value: "lazy"},
	"queue-version":           {value: 2},
	"queue-master-locator":    {value: "client-local", before: V(4, 3, 0)},
	"queue-leader-locator":    {value: "balanced"},
	"max-age":                 {value: "1h"},
}

// applicablePolicySettings are the names of those that the broker's version has.
func (t *T) applicablePolicySettings() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(policySettings)), func(key string) bool {
		return !Script{Since: policySettings[key].since, Before: policySettings[key].before}.AppliesTo(t.Version())
	})
}

// refuses records a difference unless a policy is refused with this reason, or
// one that has it as its beginning if it ends with an ellipsis.
func (t *T) refuses(reason string, err error) {
	refusal := (*AdminError)(nil)
	if !errors.As(err, &refusal) {
		t.Errorf("expected the refusal %q, got %v", reason, err)
		return
	}
	t.Equal(http.StatusBadRequest, refusal.Status, "status of the refusal")
	want, open := strings.CutSuffix("Validation failed\n\n"+reason, "...")
	if got := strings.TrimRight(refusal.Reason, "\n"); got != want && !(open && strings.HasPrefix(got, want)) {
		t.Errorf("expected the refusal %q, got %q", want, got)
	}
}

// nothing is a pattern that matches no name.
const nothing = "^$"

func (t *T) tryPolicy(definition map[string]any) error {
	_, err := t.TryPolicy(Policy{Pattern: nothing, Definition: definition})
	return err
}

func (t *T) tryOperatorPolicy(definition map[string]any) error {
	_, err := t.TryOperatorPolicy(Policy{Pattern: nothing, ApplyTo: "queues", Definition: definition})
	return err
}

func policyKeys(t *T) {
	all := map[string]any{}
	for _, key := range t.applicablePolicySettings() {
		all[key] = policySettings[key].value
		t.OK(t.tryPolicy(map[string]any{key: all[key]}), "set a policy of "+key)
	}
	t.OK(t.tryPolicy(all), "set a policy of all keys")
}

func policyOperatorKeys(t *T) {
	for _, key := range t.applicablePolicySettings() {
		setting := policySettings[key]
		if key == "queue-version" {
			continue // came late to operator policies
		}
		t.Case(key, func() {
			err := t.tryOperatorPolicy(map[string]any{key: setting.value})
			if setting.operators || key == "queue-master-locator" && t.Version().AtLeast(4, 0, 0) {
				t.OK(err, "set an operator policy")
				return
			}
			t.refuses(fmt.Sprintf("[{<<%q>>,%s}] are not recognised policy settings", key, erlangTerm(setting.value)), err)
		})
	}
}

// erlangTerm is how refusals print a string or a number.
func erlangTerm(v any) string {
	if s, ok := v.(string); ok {
		return fmt.Sprintf("<<%q>>", s)
	}
	return fmt.Sprint(v)
}

func policyNotSettable(t *T) {
	for key, value := range map[string]any{
		"max-priority": 5, "single-active-consumer": 1, "queue-type": "quorum", "exclusive": 1, "durable": 1, "foo": 2, "x-max-length": 3,
	} {
		t.Case(key, func() {
			t.refuses(fmt.Sprintf("[{<<%q>>,%s}] are not recognised policy settings", key, erlangTerm(value)),
				t.tryPolicy(map[string]any{key: value}))
		})
	}
}

func policyValues(t *T) {
	for _, tc := range []struct {
		key    string
		value  any
		reason string
	}{
		{"max-length", "x", `<<"x">> is not a valid maximum length`},
		{"max-length", -1, "-1 is not a valid maximum length"},
		{"max-length-bytes", -1, "-1 is not a valid maximum length in bytes"},
		{"message-ttl", -1, "-1 is not a valid message TTL"},
		{"message-ttl", "1", `<<"1">> is not a valid message TTL`},
		{"expires", 0, "0 is not a valid queue expiry"},
		{"dead-letter-exchange", 1, "1 is not a valid dead letter exchange name"},
		{"dead-letter-routing-key", 1, "1 is not a valid dead letter routing key"},
		{"alternate-exchange", 1, "1 is not a valid alternate exchange name"},
		{"overflow", "x", `<<"x">> is not a valid overflow value`},
		{"dead-letter-strategy", "x", `<<"x">> is not a valid dead letter strategy`},
		{"queue-version", 3, "3 is not a valid queue-version value"},
	} {
		t.Case(fmt.Sprint(tc.key, " ", tc.value), func() {
			t.refuses(tc.reason, t.tryPolicy(map[string]any{tc.key: tc.value}))
		})
	}
	if !t.Version().AtLeast(4, 0, 0) {
		t.refuses("-1 is not a valid delivery limit", t.tryPolicy(map[string]any{"delivery-limit": -1}))
		t.refuses(`<<"x">> is not a valid queue-mode value`, t.tryPolicy(map[string]any{"queue-mode": "x"}))
	}
}

func policyMalformed(t *T) {
	for pattern, why := range map[string]string{ // short ones: RabbitMQ breaks lines
		"(": `{"missing )",1}`, "^(?!a)b(": `{"missing )",8}`, "a|*": `{"nothing to repeat",2}`,
	} {
		_, err := t.TryPolicy(Policy{Pattern: pattern, Definition: bound(1)})
		t.refuses("pattern should be regular expression but is invalid: "+why, err)
	}
	_, err := t.TryPolicy(Policy{Pattern: nothing, Definition: map[string]any{}})
	t.refuses("no policy provided", err)
	_, err = t.TryPolicy(Policy{Pattern: nothing, ApplyTo: "zz", Definition: bound(1)})
	t.refuses("apply-to 'zz' unrecognised; should be ...", err)
}

// A policy that is refused leaves the one of that name in force.
func policyRefusedChange(t *T) {
	ch := t.Channel().Confirming()
	q := ch.NewSharedQueue()
	name := t.Policy(Policy{ApplyTo: "queues", Definition: bound(2)})
	if _, err := t.TryPolicy(Policy{Name: name, ApplyTo: "queues", Definition: bound(-1)}); err == nil {
		t.Errorf("a maximum length of -1 is taken")
	}
	ch.expectHolds(q, 2, "under the policy that stays")
}
