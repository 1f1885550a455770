// The scripts on what survives a restart.

package conformance

import amqp "github.com/rabbitmq/amqp091-go"

var restartScripts = []Script{
	{Name: "restart/durable-queue", Covers: []string{"PERSIST-1"}, Alone: true, Run: restartDurableQueue},
}

// restartDurableQueue: a durable queue and the persistent messages in it are
// there after a restart.
func restartDurableQueue(t *T) {
	ch := t.Channel().Confirming()
	q := ch.NewSharedQueue()
	ch.SendWith("", q, amqp.Publishing{Body: []byte("kept"), DeliveryMode: amqp.Persistent})
	ch.AllConfirmed(1)
	t.Restart()
	t.Channel().ExpectDrain(q, "kept")
}
