// Scripts: how much there may be in a whole broker, and in a channel (LIMIT-5, LIMIT-7,
// EXCH-15, BASIC-33).

package scripts

import (
	"fmt"

	amqp "github.com/rabbitmq/amqp091-go"
)

var nodeQuotaScripts = []Script{
	{Name: "quota/connections-of-a-node", Covers: []string{"LIMIT-5"}, Since: V(3, 13, 0), Alone: true, Run: quotaNodeConnections},
	{Name: "quota/queues-of-a-node", Covers: []string{"LIMIT-5"}, Since: V(3, 13, 0), Alone: true, Run: quotaNodeQueues},
	{Name: "quota/exchanges-of-a-node", Covers: []string{"EXCH-15", "LIMIT-7"}, Since: V(4, 2, 0), Alone: true, Run: quotaNodeExchanges},
	{Name: "quota/consumers-of-a-channel", Covers: []string{"BASIC-33"}, Since: V(4, 0, 0), Alone: true, Run: quotaConsumers},
}

func quotaNodeConnections(t *T) {
	t.NodeLimit("connection_max", 0)
	t.refusedOpen(t.URI().Username, t.URI().Password, t.VHost(), "connection refused: node connection limit (0) is reached")
}

func quotaNodeQueues(t *T) {
	t.NodeLimit("cluster_queue_limit", 0)
	name := t.Name("queue")
	t.Conn().ExpectError(406, fmt.Sprintf("cannot declare queue '%s': queue limit in cluster (0) is reached", name), ownQueue(name, nil))
	bad := ownQueue(name, amqp.Table{"x-max-length": "a"}) // arguments come first
	t.Conn().ExpectError(406, fmt.Sprintf(`invalid arg 'x-max-length' for queue '%s' in vhost '%s': "expected integer, got longstr"`, name, t.VHost()), bad)
}

func quotaNodeExchanges(t *T) {
	t.NodeLimit("cluster_exchange_limit", 1) // those of a virtual host count, and are more
	name := t.Name("exchange")
	declare := func(kind string, args amqp.Table) func(*Channel) error {
		return func(ch *Channel) error { return ch.ExchangeDeclare(name, kind, true, false, false, false, args) }
	}
	t.Conn().ExpectError(406, fmt.Sprintf("cannot declare exchange '%s' in vhost '%s': exchange limit of 1 is reached", name, t.VHost()), declare("direct", nil))
	t.Conn().ExpectError(406, "unknown exchange type 'nonsense'", declare("nonsense", nil)) // what is wrong comes first
	t.Conn().ExpectError(406, fmt.Sprintf("invalid type 'signedint' for arg 'alternate-exchange' in exchange '%s' in vhost '%s'", name, t.VHost()),
		declare("direct", amqp.Table{"alternate-exchange": int32(5)}))
	t.OK(t.Channel().ExchangeDeclare("amq.direct", "direct", true, false, false, false, nil), "declare what is there")
}

func quotaConsumers(t *T) {
	t.NodeLimit("consumer_max_per_channel", 1)
	const full = "reached maximum (1) of consumers per channel"
	q := t.Channel().NewSharedQueue()
	for tag, text := range map[string]string{"b": full, "a": "attempt to reuse consumer tag 'a'"} {
		t.Conn().ExpectError(530, text, func(ch *Channel) error {
			_, err := ch.Consume(q, "a", false, false, false, false, nil)
			t.OK(err, "consume")
			_, err = ch.Consume(q, tag, false, false, false, false, nil)
			return err
		})
	}
	t.Conn().ExpectError(530, full, func(ch *Channel) error {
		_, err := ch.Consume(q, "a", false, false, false, false, nil)
		t.OK(err, "consume")
		_, err = ch.Consume("amq.rabbitmq.reply-to", "b", true, false, false, false, nil)
		return err
	})
}
