// Scripts: exchanges of type x-message-deduplication (DEDUP), read from the plugin's
// documentation: no RabbitMQ that judges has it.

package scripts

import (
	amqp "github.com/rabbitmq/amqp091-go"
)

var deduplicationScripts = []Script{
	{Name: "exchange/deduplication-refusals", Covers: []string{"DEDUP-1", "DEDUP-2"}, Run: deduplicationRefusals},
	{Name: "exchange/deduplication", Covers: []string{"DEDUP-3", "DEDUP-4"}, Run: deduplicationOnce},
	{Name: "exchange/deduplication-forgets", Covers: []string{"DEDUP-5"}, Run: deduplicationForgets},
	{Name: "exchange/deduplication-of-what-failed", Covers: []string{"DEDUP-3"}, Run: deduplicationOfWhatFailed},
	{Name: "exchange/deduplication-restart", Covers: []string{"DEDUP-6"}, Alone: true, Run: deduplicationRestart},
}

const deduplicationType = "x-message-deduplication"

// needsDeduplication ends the script as NotOffered where the plugin is missing.
func (t *T) needsDeduplication() {
	err := declareExchange(t.ExchangeName(), deduplicationType, amqp.Table{"x-cache-size": int32(1)})(t.Dial(amqp.Config{}).Open())
	if err != nil {
		t.NotOffered("there are no exchanges of type " + deduplicationType)
	}
}

func deduplicationRefusals(t *T) {
	t.needsDeduplication()
	for _, size := range []any{nil, int32(0), int32(-1), "many", "0", true} {
		args := amqp.Table{"x-cache-size": size}
		if size == nil {
			args = nil
		}
		t.ExpectError(406, "Missing or invalid argument, 'x-cache-size' must be an integer greater than 0",
			declareExchange(t.ExchangeName(), deduplicationType, args))
	}
	for _, ttl := range []any{int32(0), int32(-1), "soon", 1.5} {
		t.ExpectError(406, "Invalid argument, 'x-cache-ttl' must be an integer greater than 0",
			declareExchange(t.ExchangeName(), deduplicationType, amqp.Table{"x-cache-size": int32(1), "x-cache-ttl": ttl}))
	}
	for _, persistence := range []any{"ram", int32(1)} {
		t.ExpectError(406, "Invalid argument, 'x-cache-persistence' must be either 'disk' or 'memory'",
			declareExchange(t.ExchangeName(), deduplicationType, amqp.Table{"x-cache-size": int32(1), "x-cache-persistence": persistence}))
	}
	t.Channel().NewExchangeWith(deduplicationType, amqp.Table{"x-cache-size": "10", "x-cache-ttl": "1000", "x-cache-persistence": "memory"})
}

// sendOnce publishes a message with a value, which a second one with it is not.
func (ch *Channel) sendOnce(x string, value any, body string) {
	ch.SendWith(x, "", amqp.Publishing{Headers: amqp.Table{"x-deduplication-header": value}, Body: []byte(body)})
	ch.AllConfirmed(1)
}

func deduplicationOnce(t *T) {
	t.needsDeduplication()
	ch := t.Channel().Confirming()
	late, spare := ch.NewSharedQueue(), ch.NewExchange("fanout")
	x := ch.NewExchangeWith(deduplicationType, amqp.Table{"x-cache-size": int32(100), "alternate-exchange": spare})
	ch.Bind(late, spare, "")
	q := ch.NewSharedQueue()
	ch.Bind(q, x, "any")
	for _, value := range []any{"a", "b", int32(1), "1", true, "a", int64(1), "c"} {
		ch.sendOnce(x, value, "m")
	}
	ch.Send(x, "", "without")
	ch.Send(x, "", "without")
	ch.AllConfirmed(2)
	ch.ExpectDrain(q, "m", "m", "m", "m", "m", "m", "without", "without")
	ch.ExpectDrain(late, "m", "m")
	y := ch.NewExchangeWith(deduplicationType, amqp.Table{"x-cache-size": int32(100)})
	ch.sendOnce(y, "a", "to nobody")
	ch.Bind(q, y, "")
	ch.sendOnce(y, "a", "again")
	ch.ExpectDrain(q)
}

func deduplicationForgets(t *T) {
	t.needsDeduplication()
	ch := t.Channel().Confirming()
	x, q := ch.NewExchangeWith(deduplicationType, amqp.Table{"x-cache-size": int32(100), "x-cache-ttl": int32(60_000)}), ch.NewSharedQueue()
	ch.Bind(q, x, "")
	short := func() {
		ch.SendWith(x, "", amqp.Publishing{
			Headers: amqp.Table{"x-deduplication-header": "a", "x-cache-ttl": int32(20)}, Body: []byte("m"),
		})
		ch.AllConfirmed(1)
	}
	short()
	ch.sendOnce(x, "b", "m")
	t.WaitFor("the value to be forgotten", func() bool {
		short()
		return ch.Inspect(q).Messages > 2
	})
	ch.sendOnce(x, "b", "m")
	t.Equal(3, ch.Inspect(q).Messages, "messages")
	small := ch.NewExchangeWith(deduplicationType, amqp.Table{"x-cache-size": int32(2)})
	full := ch.NewSharedQueue()
	ch.Bind(full, small, "")
	for _, value := range []string{"a", "b", "c", "d", "a", "b", "c", "d"} {
		ch.sendOnce(small, value, value)
	}
	t.Equal(true, ch.Inspect(full).Messages >= 6, "a full cache forgets")
}

func deduplicationOfWhatFailed(t *T) {
	t.needsDeduplication()
	ch := t.Channel().Confirming()
	x := ch.NewExchangeWith(deduplicationType, amqp.Table{"x-cache-size": int32(100)})
	q := ch.NewSharedQueueWith(amqp.Table{"x-max-length": int32(0), "x-overflow": "reject-publish"})
	ch.Bind(q, x, "")
	p := amqp.Publishing{Headers: amqp.Table{"x-deduplication-header": "a"}}
	ch.SendWith(x, "", p)
	t.Equal(false, ch.Confirmed().Ack, "confirm of what a full queue rejects")
	other := ch.NewSharedQueue()
	ch.Bind(other, x, "")
	t.OK(ch.QueueUnbind(q, "", x, nil), "unbind")
	ch.sendOnce(x, "a", "again")
	ch.ExpectDrain(other, "again")
	tx := t.Channel()
	t.OK(tx.Tx(), "tx.select")
	tx.SendWith(x, "", amqp.Publishing{Headers: amqp.Table{"x-deduplication-header": "b"}, Body: []byte("rolled back")})
	t.OK(tx.TxRollback(), "tx.rollback")
	ch.sendOnce(x, "b", "committed")
	ch.ExpectDrain(other, "committed")
}

func deduplicationRestart(t *T) {
	t.needsDeduplication()
	ch := t.Channel().Confirming()
	disk := ch.NewExchangeWith(deduplicationType, amqp.Table{"x-cache-size": int32(100), "x-cache-persistence": "disk"})
	memory := ch.NewExchangeWith(deduplicationType, amqp.Table{"x-cache-size": int32(100)})
	q := ch.NewSharedQueue()
	for _, x := range []string{disk, memory} {
		ch.Bind(q, x, "")
		ch.sendOnce(x, "a", "before")
	}
	ch.ExpectDrain(q, "before", "before")
	for _, restart := range []func(){t.Restart, t.Kill} {
		restart()
		ch = t.Channel().Confirming()
		ch.sendOnce(disk, "a", "repeated")
		ch.sendOnce(memory, "a", "forgotten")
		ch.ExpectDrain(q, "forgotten")
	}
}
