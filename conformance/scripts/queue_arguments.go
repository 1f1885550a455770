// Scripts: the types and values of the arguments of queue.declare (QUEUE-30 to
// QUEUE-50).

package scripts

import (
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	wire "github.com/rabbetmq/rabbet/amqp"
)

var queueArgumentScripts = []Script{
	{Name: "arguments/integers", Covers: []string{"QUEUE-30", "QUEUE-33", "TYPES-7"}, Run: argumentIntegers},
	{Name: "arguments/not-integers", Covers: []string{"QUEUE-30", "TYPES-3"}, Run: argumentNotIntegers},
	{Name: "arguments/negative", Covers: []string{"QUEUE-31"}, Run: argumentNegative},
	{Name: "arguments/times", Covers: []string{"QUEUE-32"}, Run: argumentTimes},
	{Name: "arguments/max-priority", Covers: []string{"QUEUE-34"}, Run: argumentMaxPriority},
	{Name: "arguments/overflow", Covers: []string{"QUEUE-35"}, Run: argumentOverflow},
	{Name: "arguments/dead-letter", Covers: []string{"QUEUE-36", "QUEUE-37"}, Run: argumentDeadLetter},
	{Name: "arguments/single-active-consumer", Covers: []string{"QUEUE-38"}, Run: argumentSingleActive},
	{Name: "arguments/queue-type", Covers: []string{"QUEUE-39"}, Run: argumentQueueType},
	{Name: "arguments/queue-mode", Covers: []string{"QUEUE-40"}, Before: V(4, 3, 0), Run: argumentQueueMode},
	{Name: "arguments/queue-version", Covers: []string{"QUEUE-41"}, Before: V(4, 3, 0), Run: argumentQueueVersion},
	{Name: "arguments/not-for-classic", Covers: []string{"QUEUE-43"}, Run: argumentNotForClassic},
	{Name: "arguments/not-for-quorum-and-stream", Covers: []string{"QUEUE-43"}, Run: argumentNotForReplicated},
	{Name: "arguments/order-of-checks", Covers: []string{"QUEUE-7", "QUEUE-43"}, Before: V(4, 0, 0), Run: argumentOrder},
	{Name: "arguments/quorum", Covers: []string{"QUEUE-46", "QUEUE-47"}, Run: argumentQuorum},
	{Name: "arguments/stream-max-age", Covers: []string{"QUEUE-48"}, Run: argumentStreamMaxAge},
	{Name: "arguments/properties-of-quorum-and-stream", Covers: []string{"QUEUE-49"}, Run: argumentReplicatedProperties},
	{Name: "arguments/server-named-quorum-and-stream", Covers: []string{"QUEUE-50"}, Run: argumentReplicatedUnnamed},
}

// acceptArgument declares a durable queue that has the argument and those of
// its company.
func (t *T) acceptArgument(arg string, value any, company amqp.Table) {
	args := amqp.Table{arg: value}
	for k, v := range company {
		args[k] = v
	}
	name := t.QueueName()
	ch := t.Conn().Open()
	if err := declareQueue(name, args)(ch); err != nil {
		t.Errorf("%s = %#v: %v", arg, value, err)
		return
	}
	t.OK(ch.Close(), "close a channel")
}

// refuseArgument expects a declare with these arguments to be refused because
// of arg.
func (t *T) refuseArgument(arg string, value any, company amqp.Table, detail string) {
	args := amqp.Table{arg: value}
	for k, v := range company {
		args[k] = v
	}
	name := t.QueueName()
	t.Case(fmt.Sprintf("%s = %#v", arg, value), func() {
		t.ExpectError(406, fmt.Sprintf("invalid arg '%s' for %s: %s", arg, t.QueueText(name), detail), declareQueue(name, args))
	})
}

// integerArguments are those of a classic queue.
var integerArguments = []string{"x-message-ttl", "x-expires", "x-max-length", "x-max-length-bytes", "x-max-priority"}

func argumentIntegers(t *T) {
	for _, arg := range integerArguments {
		for _, value := range []any{int8(9), uint8(9), int16(9), uint16(9), int32(9), uint32(9), int64(9)} {
			if arg == "x-expires" {
				value = int64(60000)
			}
			t.acceptArgument(arg, value, nil)
		}
	}
	for _, value := range []any{int32(0), int64(1) << 62} {
		t.acceptArgument("x-max-length", value, nil)
		t.acceptArgument("x-max-length-bytes", value, nil)
	}
}

// notIntegers are values of the other types, by their names in error texts.
var notIntegers = map[string]any{
	"longstr": "9", "double": float64(9), "float": float32(9), "bool": true, "void": nil, "binary": []byte("9"),
	"array": []any{int32(9)}, "table": amqp.Table{"n": int32(9)}, "timestamp": time.Unix(9, 0), "decimal": amqp.Decimal{Scale: 0, Value: 9},
}

func argumentNotIntegers(t *T) {
	for kind, value := range notIntegers {
		t.refuseArgument("x-max-length", value, nil, fmt.Sprintf(`"expected integer, got %s"`, kind))
	}
	for _, arg := range integerArguments {
		t.refuseArgument(arg, "9", nil, `"expected integer, got longstr"`)
	}
}

func argumentNegative(t *T) {
	for _, arg := range integerArguments {
		t.refuseArgument(arg, int32(-1), nil, "{value_negative,-1}")
	}
}

func argumentTimes(t *T) {
	const tenYears = int64(315360000000)
	for _, arg := range []string{"x-message-ttl", "x-expires"} {
		t.acceptArgument(arg, tenYears, nil)
		t.refuseArgument(arg, tenYears+1, nil, fmt.Sprintf("{value_too_large,%d}", tenYears+1))
	}
	t.acceptArgument("x-message-ttl", int32(0), nil)
	t.refuseArgument("x-expires", int32(0), nil, "{value_zero,0}")
}

func argumentMaxPriority(t *T) {
	for _, value := range []any{int32(0), uint8(255)} {
		t.acceptArgument("x-max-priority", value, nil)
	}
	t.refuseArgument("x-max-priority", int32(256), nil, "{max_value_exceeded,256}")
}

func argumentOverflow(t *T) {
	for _, value := range []string{"drop-head", "reject-publish", "reject-publish-dlx"} {
		t.acceptArgument("x-overflow", value, nil)
	}
	for _, value := range []string{"drop-tail", "", "DROP-HEAD"} {
		t.refuseArgument("x-overflow", value, nil, "invalid_overflow")
	}
	t.refuseArgument("x-overflow", int32(1), nil, "{unacceptable_type,signedint}")
}

func argumentDeadLetter(t *T) {
	const dlx, key = "x-dead-letter-exchange", "x-dead-letter-routing-key"
	t.acceptArgument(dlx, "", nil)
	t.acceptArgument(dlx, t.Name("absent"), nil)
	t.acceptArgument(key, "", amqp.Table{dlx: ""})
	name := t.QueueName()
	t.ExpectError(406, fmt.Sprintf("invalid type 'signedint' for arg '%s' in %s", dlx, t.QueueText(name)),
		declareQueue(name, amqp.Table{dlx: int32(1)}))
	t.refuseArgument(key, "k", nil, "routing_key_but_no_dlx_defined")
	t.refuseArgument(key, int32(1), amqp.Table{dlx: ""}, "{unacceptable_type,signedint}")
}

func argumentSingleActive(t *T) {
	t.acceptArgument("x-single-active-consumer", true, nil)
	t.acceptArgument("x-single-active-consumer", false, nil)
	t.refuseArgument("x-single-active-consumer", "true", nil, "{unacceptable_type,longstr}")
}

func argumentQueueType(t *T) {
	t.acceptArgument("x-queue-type", "classic", nil)
	for _, value := range []string{"lazy", "", "Classic", "QUORUM"} {
		if value == "" && t.Version().AtLeast(4, 3, 0) {
			continue
		}
		t.refuseArgument("x-queue-type", value, nil, fmt.Sprintf(`"unsupported queue type '%s'"`, value))
		t.refuseArgument("x-queue-type", value, amqp.Table{"x-expires": "before all others"}, fmt.Sprintf(`"unsupported queue type '%s'"`, value))
	}
	t.refuseArgument("x-queue-type", int32(1), nil, "{unacceptable_type,signedint}")
}

func argumentQueueMode(t *T) {
	t.acceptArgument("x-queue-mode", "default", nil)
	t.acceptArgument("x-queue-mode", "lazy", nil)
	for _, value := range []string{"eager", "", "LAZY"} {
		t.refuseArgument("x-queue-mode", value, nil, fmt.Sprintf(`"unsupported queue mode '%s'"`, value))
	}
	t.refuseArgument("x-queue-mode", true, nil, "{unacceptable_type,bool}")
}

func argumentQueueVersion(t *T) {
	t.acceptArgument("x-queue-version", int32(1), nil)
	t.acceptArgument("x-queue-version", int64(2), nil)
	for _, value := range []int32{0, 3} {
		t.refuseArgument("x-queue-version", value, nil, fmt.Sprintf(`"unsupported queue version '%d'"`, value))
	}
	t.refuseArgument("x-queue-version", int32(-1), nil, "{value_negative,-1}")
	t.refuseArgument("x-queue-version", "2", nil, `"expected integer, got longstr"`)
}

// refuseForType expects the argument to be refused for this type of queue.
func (t *T) refuseForType(queueType, module, arg string, value any) {
	name := t.QueueName()
	t.ExpectError(406, fmt.Sprintf("invalid arg '%s' for %s of queue type %s", arg, t.QueueText(name), module),
		declareQueue(name, amqp.Table{"x-queue-type": queueType, arg: value}))
}

func argumentNotForClassic(t *T) {
	for arg, value := range map[string]any{
		"x-delivery-limit": int32(1), "x-dead-letter-strategy": "a value that nobody has", "x-queue-leader-locator": "balanced", "x-max-age": "1D",
	} {
		if arg == "x-queue-leader-locator" && t.Version().AtLeast(4, 0, 0) {
			continue
		}
		t.refuseForType("classic", "rabbit_classic_queue", arg, value)
	}
}

func argumentNotForReplicated(t *T) {
	t.NeedsQueueType("quorum")
	if !t.Version().AtLeast(4, 0, 0) {
		t.refuseForType("quorum", "rabbit_quorum_queue", "x-max-priority", int32(1))
	}
	t.refuseForType("quorum", "rabbit_quorum_queue", "x-queue-mode", "lazy")
	t.refuseForType("quorum", "rabbit_quorum_queue", "x-queue-mode", "a value that nobody has")
	t.refuseForType("stream", "rabbit_stream_queue", "x-expires", "no number")
	t.refuseForType("stream", "rabbit_stream_queue", "x-max-length", int32(1))
	t.refuseForType("stream", "rabbit_stream_queue", "x-message-ttl", int32(1))
}

// The type of the queue comes first, then the values of what it knows, then what it
// does not know, whatever the value.
func argumentOrder(t *T) {
	const module = "rabbit_classic_queue"
	t.refuseForType("classic", module, "x-max-age", "forever")
	t.refuseForType("classic", module, "x-initial-cluster-size", true)
	t.refuseArgument("x-max-length", int32(-1), amqp.Table{"x-max-age": "1D"}, "{value_negative,-1}")
	t.refuseArgument("x-queue-type", int32(1), amqp.Table{"x-max-length": int32(-1), "x-max-age": int32(1)}, "{unacceptable_type,signedint}")

	r := t.RawOpen() // in the order of the arguments, which the client's are not in
	for _, first := range []string{"x-max-age", "x-delivery-limit"} {
		args := wire.Table{{Key: first, Value: true}, {Key: "x-initial-cluster-size", Value: int32(0)}, {Key: "x-max-age", Value: "1D"}}
		name := t.QueueName()
		r.SendMethod(1, &wire.QueueDeclare{Queue: name, Durable: true, Arguments: args})
		r.ExpectChannelClose(1, 406, fmt.Sprintf("invalid arg '%s' for %s of queue type %s", first, t.QueueText(name), module), wire.QueueDeclareID)
	}
}

func argumentQuorum(t *T) {
	t.NeedsQueueType("quorum")
	quorum := amqp.Table{"x-queue-type": "quorum"}
	t.refuseArgument("x-quorum-initial-group-size", int32(0), quorum, "{value_zero,0}")
	t.refuseArgument("x-queue-leader-locator", "nearest", quorum, "invalid_queue_locator_arg")
	t.refuseArgument("x-dead-letter-strategy", "at-will", quorum, "invalid_dlx_strategy")
}

func argumentStreamMaxAge(t *T) {
	stream := amqp.Table{"x-queue-type": "stream"}
	for _, value := range []string{"1", "0D", "1w", "1.5D", "1D1"} {
		t.refuseArgument("x-max-age", value, stream, "invalid_max_age")
	}
	t.refuseArgument("x-max-age", int32(1), stream, "{unacceptable_type,signedint}")
}

func argumentReplicatedProperties(t *T) {
	t.NeedsQueueType("quorum")
	for _, kind := range []string{"quorum", "stream"} {
		for _, tc := range []struct {
			durable, autoDelete, exclusive bool
			property                       string
		}{
			{false, true, true, "auto-delete"},
			{true, true, false, "auto-delete"},
			{true, false, true, "exclusive-owner"},
			{false, false, false, "non-durable"},
		} {
			if tc.property == "non-durable" && t.Version().AtLeast(4, 3, 0) {
				continue // QUEUE-29 comes before it
			}
			name := t.QueueName()
			t.ExpectError(406, fmt.Sprintf("invalid property '%s' for %s", tc.property, t.QueueText(name)), func(ch *Channel) error {
				_, err := ch.QueueDeclare(name, tc.durable, tc.autoDelete, tc.exclusive, false, amqp.Table{"x-queue-type": kind})
				return err
			})
		}
	}
}

func argumentReplicatedUnnamed(t *T) {
	t.NeedsQueueType("quorum")
	for kind, module := range map[string]string{"quorum": "rabbit_quorum_queue", "stream": "rabbit_stream_queue"} {
		t.ExpectError(406, "Cannot declare a server-named queue for type "+module,
			declareQueue("", amqp.Table{"x-queue-type": kind}))
	}
}
