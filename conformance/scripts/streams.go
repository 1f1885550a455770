// Scripts: declaring and deleting streams, and what they refuse (STREAM-1 to STREAM-12,
// STREAM-22 to STREAM-25, STREAM-29).

package scripts

import (
	"maps"
	"slices"

	amqp "github.com/rabbitmq/amqp091-go"
)

var streamScripts = slices.Concat([]Script{
	{Name: "stream/refusals", Covers: []string{"QUEUE-100", "STREAM-12", "STREAM-22", "STREAM-23", "STREAM-41"}, Run: streamRefusals},
	{Name: "stream/global-prefetch", Covers: []string{"STREAM-24"}, Since: V(3, 13, 0), Before: V(4, 3, 0), Run: streamGlobalPrefetch},
	{Name: "stream/consumer-arguments", Covers: []string{"STREAM-25", "STREAM-37"}, Run: streamConsumerArguments},
	{Name: "stream/bad-offsets", Covers: []string{"STREAM-29", "STREAM-41"}, Run: streamBadOffsets},
	{Name: "stream/declare-properties", Covers: []string{"STREAM-1", "STREAM-2"}, Run: streamProperties},
	{Name: "stream/declare-foreign-arguments", Covers: []string{"STREAM-3", "STREAM-37"}, Run: streamForeignArguments},
	{Name: "stream/declare-arguments", Covers: []string{"STREAM-4", "STREAM-5", "STREAM-6", "STREAM-8"}, Run: streamArguments},
	{Name: "stream/declare-filter-size", Covers: []string{"STREAM-7"}, Since: V(3, 13, 0), Run: streamFilterSize},
	{Name: "stream/redeclare", Covers: []string{"STREAM-9", "STREAM-10", "STREAM-40"}, Run: streamRedeclare},
	{Name: "stream/delete", Covers: []string{"STREAM-11"}, Run: streamDelete},
}, streamReadScripts, streamMessageScripts)

// streamArgs are arguments for a stream.
func streamArgs(args amqp.Table) amqp.Table {
	all := amqp.Table{"x-queue-type": "stream"}
	maps.Copy(all, args)
	return all
}

// newStream declares a stream.
func (ch *Channel) newStream(args amqp.Table) string {
	ch.t.NeedsQueueType("stream")
	return ch.NewSharedQueueWith(streamArgs(args))
}

func streamRefusals(t *T) {
	q := t.Channel().newStream(nil)
	t.ExpectError(540, "basic.get not supported by stream queues "+t.QueueText(q), func(ch *Channel) error {
		_, _, err := ch.Get(q, true)
		return err
	})
	t.ExpectError(540, "queue.purge not supported by stream queues "+t.QueueText(q), func(ch *Channel) error {
		_, err := ch.QueuePurge(q, false)
		return err
	})
	stream, unset := "stream queues "+t.QueueText(q), "'"+t.QueueText(q)+"'"
	if t.Version().AtLeast(4, 0, 0) {
		stream = "stream " + t.QueueText(q)
		unset = stream
	}
	t.ExpectError(540, "automatic acknowledgement not supported by "+stream, func(ch *Channel) error {
		_, err := ch.qos(1, false).Consume(q, "c", true, false, false, false, nil)
		return err
	})
	t.ExpectError(406, "consumer prefetch count is not set for "+unset, consuming(q, "c", false, nil))
	t.ExpectError(406, "consumer prefetch count is not set for "+unset, func(ch *Channel) error { // which is looked at first
		_, err := ch.Consume(q, "c", true, false, false, false, nil)
		return err
	})
	t.ExpectError(406, "consumer prefetch count is not set for "+unset, consuming(q, "c", false, amqp.Table{"x-stream-offset": "first"}))
}

func streamGlobalPrefetch(t *T) {
	q := t.Channel().newStream(nil)
	t.ExpectError(540, t.QueueText(q)+" does not support global qos", func(ch *Channel) error {
		return consuming(q, "c", false, nil)(ch.qos(5, false).qos(5, true))
	})
}

func streamConsumerArguments(t *T) {
	ch := t.Channel()
	stream, classic := ch.newStream(nil), ch.NewSharedQueue()
	refuse := func(q, module, arg string, value any) {
		t.ExpectError(406, "invalid arg '"+arg+"' for "+t.QueueText(q)+" of queue type "+module, func(ch *Channel) error {
			return consuming(q, "c", false, amqp.Table{arg: value})(ch.qos(1, false))
		})
	}
	refuse(stream, "rabbit_stream_queue", "x-priority", int32(1))
	if !t.Version().AtLeast(4, 0, 0) {
		refuse(stream, "rabbit_stream_queue", "x-cancel-on-ha-failover", true)
	}
	refuse(classic, "rabbit_classic_queue", "x-stream-offset", "first")
	t.OK(consuming(stream, "c", false, amqp.Table{"x-unknown": "a", "other": int32(1)})(ch.qos(1, false)), "consume with unknown arguments")
}

func streamBadOffsets(t *T) {
	q := t.Channel().newStream(nil)
	for _, offset := range []string{"5x", "0s", "3", "1"} {
		t.Case(offset, func() {
			text := "invalid arg 'x-stream-offset' for " + t.QueueText(q) + `: {invalid_stream_offset_arg,{longstr,<<"` + offset + `">>}}`
			t.ExpectError(406, text, func(ch *Channel) error {
				return consuming(q, "c", false, amqp.Table{"x-stream-offset": offset})(ch.qos(1, false))
			})
		})
	}
	refused, text := 541, ""
	if t.Version().AtLeast(4, 3, 0) {
		refused, text = 406, "invalid arg 'x-stream-offset' for "+t.QueueText(q)+`: {invalid_stream_offset_arg,{longstr,<<"abc">>}}`
	}
	t.ExpectError(refused, text, func(ch *Channel) error {
		return consuming(q, "c", false, amqp.Table{"x-stream-offset": "abc"})(ch.qos(1, false))
	})
	for _, offset := range []any{1.5, true, amqp.Table{}} {
		t.ExpectError(541, "", func(ch *Channel) error {
			return consuming(q, "c", false, amqp.Table{"x-stream-offset": offset})(ch.qos(1, false))
		})
	}
}

func streamProperties(t *T) {
	t.NeedsQueueType("stream")
	for _, tc := range []struct {
		property                       string
		durable, autoDelete, exclusive bool
	}{
		{"auto-delete", false, true, true}, {"auto-delete", true, true, false},
		{"exclusive-owner", false, false, true}, {"exclusive-owner", true, false, true},
	} {
		name := t.QueueName()
		t.ExpectError(406, "invalid property '"+tc.property+"' for "+t.QueueText(name), func(ch *Channel) error {
			_, err := ch.QueueDeclare(name, tc.durable, tc.autoDelete, tc.exclusive, false, streamArgs(nil))
			return err
		})
	}
	if !t.Version().AtLeast(4, 3, 0) { // which refuses transient queues first
		name := t.QueueName()
		t.ExpectError(406, "invalid property 'non-durable' for "+t.QueueText(name), func(ch *Channel) error {
			_, err := ch.QueueDeclare(name, false, false, false, false, streamArgs(amqp.Table{"x-stream-max-segment-size-bytes": int64(3_000_000_001)}))
			return err
		})
	}
	t.ExpectError(406, "Cannot declare a server-named queue for type rabbit_stream_queue", declareQueue("", streamArgs(nil)))
}

func streamForeignArguments(t *T) {
	t.NeedsQueueType("stream")
	for arg, value := range map[string]any{
		"x-message-ttl": int32(1000), "x-expires": int32(1000), "x-max-length": int32(1), "x-max-priority": int32(1),
		"x-overflow": "drop-head", "x-dead-letter-exchange": "x", "x-dead-letter-strategy": "at-most-once",
		"x-single-active-consumer": true, "x-queue-mode": "default", "x-queue-version": int32(2), "x-delivery-limit": int32(1),
		"x-max-in-memory-length": int32(1), "x-max-in-memory-bytes": int32(1),
	} {
		t.Case(arg, func() { t.refuseForType("stream", "rabbit_stream_queue", arg, value) })
	}
	name := t.QueueName()
	t.ExpectError(406, "invalid arg 'x-max-length' for "+t.QueueText(name)+" of queue type rabbit_stream_queue",
		func(ch *Channel) error { // before its properties
			_, err := ch.QueueDeclare(name, true, true, false, false, streamArgs(amqp.Table{"x-max-length": int32(1)}))
			return err
		})
	t.Channel().newStream(amqp.Table{"x-unknown": "whatever", "x-max-age-of-all": int32(1)})
}

func streamArguments(t *T) {
	ch := t.Channel()
	for _, args := range []amqp.Table{
		{"x-max-age": "1Y"}, {"x-max-age": "2M"}, {"x-max-age": "3D"}, {"x-max-age": "4h"}, {"x-max-age": "5m"}, {"x-max-age": "60s"},
		{"x-max-length-bytes": int32(0)}, {"x-max-length-bytes": int64(20_000_000_000)},
		{"x-stream-max-segment-size-bytes": int64(3_000_000_000)}, {"x-initial-cluster-size": int32(1)},
		{"x-queue-leader-locator": "client-local"}, {"x-queue-leader-locator": "balanced"},
	} {
		ch.newStream(args)
	}
	for _, tc := range []struct {
		arg    string
		value  any
		detail string
	}{
		{"x-max-age", "5x", "invalid_max_age"}, {"x-max-age", "0s", "invalid_max_age"}, {"x-max-age", "10", "invalid_max_age"},
		{"x-max-age", int32(5), "{unacceptable_type,signedint}"}, {"x-stream-max-segment-size-bytes", int32(-1), "{value_negative,-1}"},
		{"x-stream-max-segment-size-bytes", "1", `"expected integer, got longstr"`}, {"x-initial-cluster-size", int32(0), "{value_zero,0}"},
		{"x-queue-leader-locator", "x", "invalid_queue_locator_arg"}, {"x-max-length-bytes", int32(-1), "{value_negative,-1}"},
	} {
		name := t.QueueName()
		t.ExpectError(406, "invalid arg '"+tc.arg+"' for "+t.QueueText(name)+": "+tc.detail, declareQueue(name, streamArgs(amqp.Table{tc.arg: tc.value})))
	}
	t.ExpectError(406, "Exceeded max value for x-stream-max-segment-size-bytes",
		declareQueue(t.QueueName(), streamArgs(amqp.Table{"x-stream-max-segment-size-bytes": int64(3_000_000_001)})))
}

func streamFilterSize(t *T) {
	ch := t.Channel()
	for _, size := range []any{int32(16), int64(255), byte(17)} {
		ch.newStream(amqp.Table{"x-stream-filter-size-bytes": size})
	}
	invalid := "Invalid value for  x-stream-filter-size-bytes"
	wrongType := invalid
	if t.Version().AtLeast(4, 2, 0) {
		invalid, wrongType = "Invalid value for x-stream-filter-size-bytes", "Invalid type for x-stream-filter-size-bytes"
	}
	const key = "x-stream-filter-size-bytes"
	if t.Version().AtLeast(4, 3, 0) {
		t.refuseArgument(key, int32(-1), streamArgs(nil), "{value_negative,-1}")
		t.refuseArgument(key, "16", streamArgs(nil), `"expected integer, got longstr"`)
	}
	for _, size := range []any{int32(15), int32(256)} {
		t.ExpectError(406, invalid, declareQueue(t.QueueName(), streamArgs(amqp.Table{key: size})))
	}
	if t.Version().AtLeast(4, 3, 0) {
		return
	}
	t.ExpectError(406, invalid, declareQueue(t.QueueName(), streamArgs(amqp.Table{key: int32(-1)})))
	t.ExpectError(406, wrongType, declareQueue(t.QueueName(), streamArgs(amqp.Table{key: "16"})))
}

func streamRedeclare(t *T) {
	ch := t.Channel()
	q := ch.newStream(amqp.Table{"x-max-age": "1h", "x-max-length-bytes": int32(1_000_000), "x-unknown": "a"})
	same := amqp.Table{"x-max-age": "1h", "x-max-length-bytes": int64(1_000_000), "x-unknown": "b"}
	t.OK(declareQueue(q, streamArgs(same))(ch), "redeclare")
	ages := "received '2h' but current is '1h'"
	if t.Version().AtLeast(4, 3, 0) {
		ages = "received '7200000' but current is '3600000'"
	}
	t.refuseRedeclare(q, "x-max-age", ages, streamArgs(amqp.Table{"x-max-age": "2h", "x-max-length-bytes": int32(1_000_000)}))
	detail := "received none but current is the value 'stream' of type 'longstr'"
	if t.Version().AtLeast(4, 0, 0) {
		detail = "received 'classic' but current is 'stream'"
	}
	t.refuseRedeclare(q, "x-queue-type", detail, amqp.Table{"x-max-age": "1h", "x-max-length-bytes": int32(1_000_000)})
	ch.qos(1, false).Subscribe(q, Subscription{})
	t.Equal(0, ch.Inspect(q).Consumers, "consumers of a stream that has one")
	ch.Confirming().Store(q, "a", "b")
	ch.await(q, 2)
}

func streamDelete(t *T) {
	ch := t.Channel()
	for _, flags := range [][2]bool{{true, false}, {false, true}} {
		q := ch.newStream(nil)
		publisher := t.Channel().Confirming()
		publisher.Store(q, "a")
		reader := t.Channel().qos(10, false).Subscribe(q, Subscription{Args: amqp.Table{"x-stream-offset": "first"}})
		reader.Expect("a")
		n, err := ch.QueueDelete(q, flags[0], flags[1], false)
		t.OK(err, "delete a stream that is in use and not empty")
		t.Equal(0, n, "messages of delete-ok")
		reader.ExpectCancelled()
		t.Equal(false, t.Conn().QueueExists(q), "the stream exists still")
	}
}
