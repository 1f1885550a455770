// Scripts: which of several bad arguments is blamed, and how it is quoted (QUEUE-9,
// QUEUE-12, QUEUE-41 to QUEUE-43).

package scripts

import (
	"fmt"
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"

	wire "github.com/rabbetmq/rabbet/amqp"
)

var argumentOrderScripts = []Script{
	{Name: "arguments/first-by-name-is-blamed", Covers: []string{"QUEUE-43"}, Since: V(4, 0, 0), Run: orderByName},
	{Name: "arguments/stream-filter-size", Covers: []string{"QUEUE-12", "QUEUE-43"}, Before: V(4, 2, 0), Run: orderFilterSize},
	{Name: "arguments/master-locator-of-43", Covers: []string{"QUEUE-42"}, Since: V(4, 3, 0), Run: orderLocator43},
	{Name: "arguments/master-locator-of-42", Covers: []string{"QUEUE-42"}, Since: V(4, 0, 0), Before: V(4, 3, 0), Run: orderLocator42},
	{Name: "arguments/master-locator-last", Covers: []string{"QUEUE-42", "QUEUE-43"}, Run: orderLocator},
	{Name: "arguments/version-before-single-active", Covers: []string{"QUEUE-41"}, Run: orderVersion},
	{Name: "arguments/quoted-with-control-characters", Covers: []string{"QUEUE-9", "QUEUE-39"}, Run: orderControl},
}

// refuseDeclare expects a declare with arguments in this order to be refused, with
// this text behind the name of the queue.
func (t *T) refuseDeclare(arg, detail string, args ...wire.Field) {
	t.Case(fmt.Sprint(args), func() {
		r, q := t.RawOpen(), t.QueueName()
		r.SendMethod(1, &wire.QueueDeclare{Queue: q, Durable: true, Arguments: args})
		r.ExpectChannelClose(1, 406, fmt.Sprintf("invalid arg '%s' for %s%s", arg, t.QueueText(q), detail), wire.QueueDeclareID)
	})
}

func field(key string, value any) wire.Field { return wire.Field{Key: key, Value: value} }

func orderByName(t *T) {
	const other = " of queue type rabbit_classic_queue"
	bytes, strategy := field("x-max-in-memory-bytes", int32(200)), field("x-dead-letter-strategy", "at-most-once")
	t.refuseDeclare("x-dead-letter-strategy", other, bytes, strategy)
	t.refuseDeclare("x-max-in-memory-bytes", other, field("x-queue-type", "classic"), bytes, strategy)
	t.refuseDeclare("x-max-age", other, field("x-max-in-memory-length", int32(1)), field("x-max-age", "1D"))
}

func orderFilterSize(t *T) {
	t.acceptArgument("x-stream-filter-size-bytes", int32(16), nil)
	t.acceptArgument("x-stream-filter-size-bytes", "any value", nil)
	t.NeedsQueueType("quorum")
	t.acceptArgument("x-stream-filter-size-bytes", int32(16), amqp.Table{"x-queue-type": "quorum"})
}

func orderLocator43(t *T) {
	t.ExpectError(541, denied("queue_master_locator"), declareQueue(t.QueueName(), amqp.Table{"x-queue-master-locator": int32(3)}))
}

// Any value is taken.
func orderLocator42(t *T) {
	for _, value := range []any{int32(3), true, "nowhere"} {
		t.acceptArgument("x-queue-master-locator", value, nil)
	}
}

func orderLocator(t *T) {
	t.refuseDeclare("x-max-age", " of queue type rabbit_classic_queue", field("x-queue-master-locator", int32(3)), field("x-max-age", "1D"))
}

func orderVersion(t *T) {
	t.refuseDeclare("x-queue-version", ": {value_negative,-1}", field("x-queue-version", int32(-1)), field("x-single-active-consumer", "bogus"))
}

// A text that Erlang cannot print is quoted as the list of its characters.
func orderControl(t *T) {
	const odd = "un\x00s"
	quoted := fmt.Sprint([]byte("unsupported queue type '" + odd + "'"))
	t.refuseDeclare("x-queue-type", ": "+strings.ReplaceAll(quoted, " ", ","), field("x-queue-type", odd))
}
