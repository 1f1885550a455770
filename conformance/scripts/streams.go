// Scripts: what streams refuse (QUEUE-100).

package scripts

import (
	amqp "github.com/rabbitmq/amqp091-go"
)

var streamScripts = []Script{
	{Name: "stream/refusals", Covers: []string{"QUEUE-100"}, Run: streamRefusals},
}

func streamRefusals(t *T) {
	t.NeedsQueueType("stream")
	q := t.Channel().NewSharedQueueWith(amqp.Table{"x-queue-type": "stream"})
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
}
