// Scripts: the arguments, sizes and keys that RabbitMQ 4 refuses, or accepts, in
// another way than 3.13.

package scripts

import (
	"errors"
	"fmt"
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"

	wire "github.com/rabbetmq/rabbet/amqp"
)

func newerQueueMode(t *T) {
	for _, value := range []any{"lazy", "eager", ""} {
		t.acceptArgument("x-queue-mode", value, nil)
	}
}

func newerLeaderLocator(t *T) {
	t.acceptArgument("x-queue-leader-locator", "client-local", nil)
	t.acceptArgument("x-queue-leader-locator", "balanced", nil)
	t.refuseArgument("x-queue-leader-locator", "nearest", nil, "invalid_queue_locator_arg")
}

func newerQueueVersion(t *T) {
	t.acceptArgument("x-queue-version", int32(2), nil)
	t.refuseArgument("x-queue-version", int32(1), nil, `"unsupported queue version '1'"`)
}

// denied is the text that refuses a deprecated feature. Replies have room for its
// beginning only.
func denied(feature string) string {
	return "Feature `" + feature + "` is deprecated.\nBy default, this feature is not permitted anymore.\nThe feature " +
		"will be removed from a future major RabbitMQ version, regardless of the configuration; actual version to be " +
		"determined.\nTo continue using this feature when it is not permitted by default, set the following parameter " +
		"in your configuration:\n    \"deprecated_features.permit." + feature + " = true\""
}

func newerMasterLocator(t *T) {
	t.ExpectError(541, denied("queue_master_locator"),
		declareQueue(t.QueueName(), amqp.Table{"x-queue-master-locator": "client-local"}))
}

// transientText is the refusal of a queue that is neither durable nor exclusive. Where
// a package permits them by default and the configuration denies them, it says so.
func (t *T) transientText(declare func(*Channel) error) string {
	const feature = "transient_nonexcl_queues"
	err := new(amqp.Error)
	if errors.As(declare(t.Dial(amqp.Config{}).Open()), &err) && strings.Contains(err.Reason, "per the configuration") {
		return "Feature `" + feature + "` is deprecated.\nIts use is not permitted per the configuration (overriding the default, which is " +
			"permitted):\n    \"deprecated_features.permit." + feature + " = false\"\nIts use will not be permitted by default in a future " +
			"minor RabbitMQ version and the feature will be removed from a future major RabbitMQ version; actual versions to be determined."
	}
	return denied(feature)
}

// Only a new queue is refused, and only one that is neither durable nor exclusive.
func newerTransient(t *T) {
	name := t.QueueName()
	transient := func(ch *Channel) error {
		_, err := ch.QueueDeclare(name, false, false, false, false, nil)
		return err
	}
	text := t.transientText(transient)
	t.ExpectError(541, text, transient)
	t.Equal(false, t.Conn().QueueExists(name), "the queue was declared")
	t.Case("bad arguments come first", func() {
		t.ExpectError(406, fmt.Sprintf("invalid arg 'x-max-length' for %s: {value_negative,-1}", t.QueueText(name)), func(ch *Channel) error {
			_, err := ch.QueueDeclare(name, false, true, false, false, amqp.Table{"x-max-length": int32(-1)})
			return err
		})
	})
	t.Case("a property that the type has not comes last", func() {
		t.ExpectError(541, text, func(ch *Channel) error {
			_, err := ch.QueueDeclare(name, false, false, false, false, amqp.Table{"x-queue-type": "quorum"})
			return err
		})
	})
	ch := t.Channel()
	_, err := ch.QueueDeclare(name, false, false, true, false, nil)
	t.OK(err, "declare an exclusive queue that is not durable")
	name = ch.NewSharedQueue()
	t.ExpectError(406, fmt.Sprintf("inequivalent arg 'durable' for %s: received 'false' but current is 'true'",
		t.QueueText(name)), transient)
}

// newerRetryArguments: the values of the retries are not looked at.
func newerRetryArguments(t *T) {
	for arg, values := range map[string][]any{
		"x-consumer-timeout": {int32(60000)}, "x-consumer-disconnected-timeout": {int32(0)},
		"x-delayed-retry-type": {"failed", "now and then", int32(1)}, "x-delayed-retry-min": {int32(10), int32(-1)},
		"x-delayed-retry-max": {int32(100), "long"},
	} {
		for _, value := range values {
			t.Case(fmt.Sprintf("%s = %v", arg, value), func() {
				t.Channel().newQuorum(amqp.Table{arg: value})
				t.refuseForType("classic", "rabbit_classic_queue", arg, value)
			})
		}
	}
	quorum := amqp.Table{"x-queue-type": "quorum"}
	for _, arg := range []string{"x-consumer-timeout", "x-consumer-disconnected-timeout"} {
		t.refuseArgument(arg, int32(-1), quorum, "{value_negative,-1}")
		t.refuseArgument(arg, "long", quorum, `"expected integer, got longstr"`)
	}
}

// newerRetryPolicies: in a policy the values are looked at, one by one and together.
func newerRetryPolicies(t *T) {
	set := func(definition map[string]any) error {
		_, err := t.TryPolicy(Policy{Pattern: nothing, ApplyTo: "queues", Definition: definition})
		return err
	}
	for what, definition := range map[string]map[string]any{
		"all that there is": {"delayed-retry-type": "all", "delayed-retry-min": 1, "delayed-retry-max": 1, "consumer-disconnected-timeout": 0},
		"disabled":          {"delayed-retry-type": "disabled"},
		"limits alone":      {"delayed-retry-min": 10, "delayed-retry-max": 20},
	} {
		t.OK(set(definition), "set a policy of "+what)
	}
	t.OK(t.tryOperatorPolicy(map[string]any{"delayed-retry-type": "returned", "delayed-retry-min": 1, "delayed-retry-max": 2}), "set an operator policy")
	t.refuses(`<<"zz">> is not a valid delayed retry type. Must be one of: all, failed, returned, disabled`,
		set(map[string]any{"delayed-retry-type": "zz", "delayed-retry-min": 1}))
	t.refuses("0 is not a valid delayed retry minimum delay. Must be a positive integer", set(map[string]any{"delayed-retry-min": 0}))
	t.refuses("-1 is not a valid delayed retry maximum delay. Must be a positive integer", set(map[string]any{"delayed-retry-max": -1}))
	t.refuses("delayed-retry-min is required when delayed-retry-type is failed", set(map[string]any{"delayed-retry-type": "failed"}))
	t.refuses("delayed-retry-max (4) must not be smaller than delayed-retry-min (5)", set(map[string]any{
		"delayed-retry-type": "disabled", "delayed-retry-min": 5, "delayed-retry-max": 4}))
	t.refuses("-1 is not a valid consumer disconnected timeout", set(map[string]any{"consumer-disconnected-timeout": -1}))
	t.refuses(`[{<<"consumer-disconnected-timeout">>,1}] are not recognised policy settings`,
		t.tryOperatorPolicy(map[string]any{"consumer-disconnected-timeout": 1}))
}

// newerConsumerTimeout: a consumer's own timeout, which those of classic queues have not.
func newerConsumerTimeout(t *T) {
	const arg = "x-consumer-timeout"
	ch := t.Channel()
	classic, quorum := ch.NewQueue(), ch.newQuorum(nil)
	ch.Subscribe(quorum, Subscription{Args: amqp.Table{arg: int32(60000)}}).ExpectNoMore()
	for value, detail := range map[any]string{int32(-1): "{value_negative,-1}", "long": `"expected integer, got longstr"`} {
		t.ExpectError(406, fmt.Sprintf("invalid arg '%s' for %s: %s", arg, t.QueueText(quorum), detail),
			consuming(quorum, "c", false, amqp.Table{arg: value}))
		t.ExpectError(406, fmt.Sprintf("invalid arg '%s' for %s of queue type rabbit_classic_queue", arg, t.QueueText(classic)),
			consuming(classic, "c", false, amqp.Table{arg: value}))
	}
}

// newerUndefinedType and newerEmptyType: the default type, under another name, which
// a redeclaration must use again.
func newerUndefinedType(t *T) { t.defaultTypeAs("undefined") }
func newerEmptyType(t *T)     { t.defaultTypeAs("") }

func (t *T) defaultTypeAs(name string) {
	ch := t.Channel()
	q := ch.NewSharedQueueWith(amqp.Table{"x-queue-type": name, "x-max-priority": int32(5)})
	t.OK(declareQueue(q, amqp.Table{"x-queue-type": name, "x-max-priority": int32(5)})(ch), "declare it again")
	t.refuseRedeclare(q, "x-queue-type", "received 'classic' but current is '"+name+"'", amqp.Table{"x-max-priority": int32(5)})
	other := t.QueueName()
	t.ExpectError(406, fmt.Sprintf("invalid arg 'x-delivery-limit' for %s of queue type rabbit_classic_queue", t.QueueText(other)),
		declareQueue(other, amqp.Table{"x-queue-type": name, "x-delivery-limit": int32(5)}))
}

// newerBodySize: more is announced than will ever be taken.
func newerBodySize(t *T) {
	const most = 512 << 20
	r := t.RawOpen()
	r.SendMethod(1, &wire.BasicPublish{RoutingKey: t.Name("q")})
	r.Send(wire.AppendHeader(nil, 1, 60, most, noProps))
	r.SendMethod(1, &wire.BasicQos{})
	r.ExpectClose(505, "expected content body, got non content body frame instead", wire.BasicPublishID)
	r = t.RawOpen()
	r.SendMethod(1, &wire.BasicPublish{RoutingKey: t.Name("q")})
	r.Send(wire.AppendHeader(nil, 1, 60, most+1, noProps))
	r.ExpectClose(501, fmt.Sprintf("content body size %d exceeds maximum allowed size %d", most+1, most), wire.BasicPublishID)
}

// newerTxLimit: a transaction takes ten thousand publishes, and may begin anew.
func newerTxLimit(t *T) {
	const most = 10000
	ch := t.Channel()
	t.OK(ch.Tx(), "tx.select")
	for range 2 {
		for range most {
			ch.Send("", t.Name("q"), "")
		}
		t.OK(ch.TxCommit(), "commit")
	}
	t.ExpectError(406, fmt.Sprintf("transaction has reached the maximum of %d uncommitted publishes", most), func(ch *Channel) error {
		t.OK(ch.Tx(), "tx.select")
		for range most + 1 {
			ch.Send("", t.Name("q"), "")
		}
		return ch.TxCommit()
	})
}

// newerHashes: a binding key has at most two words "#".
func newerHashes(t *T) {
	ch := t.Channel()
	x, q := ch.NewExchange("topic"), ch.NewQueue()
	ch.Bind(q, x, "#.a.#", "#a.##.#.*.#")
	const text = "Topic binding key '#.a.#.b.#' uses 3 '#' wildcards, at most 2 are allowed"
	t.ExpectError(406, text, func(ch *Channel) error { return ch.QueueBind(q, "#.a.#.b.#", "amq.topic", false, nil) })
	t.ExpectError(406, text, func(ch *Channel) error { return ch.ExchangeBind(x, "#.a.#.b.#", "amq.topic", false, nil) })
	t.OK(ch.QueueUnbind(q, "#.a.#.b.#", x, nil), "unbind what cannot be there")
	ch.Send(x, "b.a.c", "m")
	ch.ExpectDrain(q, "m")
}
