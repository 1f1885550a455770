// Scripts: the exchange types that come with plugins (CHASH, RANDOM, RECENT, MODULUS),
// and x-local-random.

package scripts

import (
	"fmt"
	"slices"
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"
)

var exchangePluginScripts = []Script{
	{Name: "exchange/consistent-hash-refusals", Covers: []string{"CHASH-1", "CHASH-2", "EXCH-57", "EXCH-58"}, Run: consistentHashRefusals},
	{Name: "exchange/consistent-hash-buckets", Covers: []string{"CHASH-4", "CHASH-8", "CHASH-9", "EXCH-59"}, Run: consistentHashBuckets},
	{Name: "exchange/consistent-hash-by-header", Covers: []string{"CHASH-1", "CHASH-7", "CHASH-8"}, Run: consistentHashByHeader},
	{Name: "exchange/consistent-hash-by-property", Covers: []string{"CHASH-1", "CHASH-7", "CHASH-8"}, Run: consistentHashByProperty},
	{Name: "exchange/consistent-hash-ring", Covers: []string{"CHASH-3", "CHASH-5", "CHASH-6"}, Run: consistentHashRing},
	{Name: "exchange/consistent-hash-restart", Covers: []string{"CHASH-3"}, Alone: true, Run: consistentHashRestart},
	{Name: "exchange/random", Covers: []string{"RANDOM-1", "EXCH-60"}, Run: randomExchange},
	{Name: "exchange/modulus-hash", Covers: []string{"MODULUS-1"}, Run: modulusExchange},
	{Name: "exchange/recent-history", Covers: []string{"RECENT-1", "RECENT-2", "EXCH-61"}, Run: recentHistory},
	{Name: "exchange/recent-history-not-stored", Covers: []string{"RECENT-3"}, Run: recentHistoryNotStored},
	{Name: "exchange/recent-history-restart", Covers: []string{"RECENT-3"}, Alone: true, Before: V(4, 3, 0), Run: recentHistoryRestart},
	{Name: "exchange/local-random", Covers: []string{"LOCALRANDOM-1", "EXCH-62"}, Since: V(4, 0, 0), Run: localRandomExchange},
	{Name: "exchange/local-random-is-unknown", Covers: []string{"LOCALRANDOM-1"}, Before: V(4, 0, 0), Run: localRandomUnknown},
}

// needsExchangeType ends the script as NotOffered if the broker does not know a type of
// exchanges: its plugin is not enabled.
func (t *T) needsExchangeType(kind string) {
	err := declareExchange(t.ExchangeName(), kind, nil)(t.Dial(amqp.Config{}).Open())
	if refusal, ok := err.(*amqp.Error); ok && strings.Contains(refusal.Reason, "exchange type") {
		t.NotOffered("there are no exchanges of type " + kind)
	}
	t.OK(err, "declare an exchange of type "+kind)
}

func consistentHashRefusals(t *T) {
	const kind = "x-consistent-hash"
	t.needsExchangeType(kind)
	t.ExpectError(406, "hash-header and hash-property are mutually exclusive",
		declareExchange(t.ExchangeName(), kind, amqp.Table{"hash-header": "h", "hash-property": "message_id"}))
	for _, property := range []string{"type", "app_id", ""} {
		t.ExpectError(406, "Unsupported property: "+property, declareExchange(t.ExchangeName(), kind, amqp.Table{"hash-property": property}))
	}
	t.ExpectError(541, "", declareExchange(t.ExchangeName(), kind, amqp.Table{"hash-property": int32(1)}))
	t.ExpectError(541, "", declareExchange(t.ExchangeName(), kind, amqp.Table{"hash-header": int32(1)}))
	ch := t.Channel()
	x, q := ch.NewExchange(kind), ch.NewSharedQueue()
	for key, text := range map[string]string{
		"": "an integer: <<>>", " 1": `an integer: <<" 1">>`, "1.5": `an integer: <<"1.5">>`, "a": `an integer: <<"a">>`,
		"0": "greater than 0", "-7": "greater than 0",
	} {
		t.Case(fmt.Sprintf("%q", key), func() {
			t.ExpectError(406, "The binding key must be "+text, func(ch *Channel) error { return ch.QueueBind(q, key, x, false, nil) })
		})
	}
	ch.Bind(q, x, "1", "+2", "007")
}

// hashQueues binds n queues with weight 1, in their order.
func (ch *Channel) hashQueues(x string, n int) []string {
	queues := make([]string, n)
	for i := range queues {
		queues[i] = ch.NewSharedQueue()
		ch.Bind(queues[i], x, "1")
	}
	return queues
}

// expectIn expects the only message of some queues in one of them.
func (ch *Channel) expectIn(queues []string, want int, body string) {
	for i, q := range queues {
		ch.t.Case(fmt.Sprintf("%q, queue %d of %d", body, i, len(queues)), func() {
			if i == want {
				ch.ExpectDrain(q, body)
			} else {
				ch.ExpectDrain(q)
			}
		})
	}
}

func consistentHashBuckets(t *T) {
	t.needsExchangeType("x-consistent-hash")
	ch := t.Channel().Confirming()
	x := ch.NewExchange("x-consistent-hash")
	ch.SendMandatory(x, "a", "to nobody")
	t.Equal("to nobody", string(ch.Returned().Body), "return of what has no destination")
	ch.AllConfirmed(1)
	queues := ch.hashQueues(x, 10)
	for key, want := range map[string]int{"a": 6, "b": 1, "d": 3, "e": 9, "": 9, "key0": 7, "key1": 3, "order.created": 0} {
		ch.SendWith(x, key, amqp.Publishing{Body: []byte(key), Headers: amqp.Table{"CC": []any{"another", "key"}}})
		ch.AllConfirmed(1)
		ch.expectIn(queues, want, key)
	}
}

func consistentHashByHeader(t *T) {
	t.needsExchangeType("x-consistent-hash")
	ch := t.Channel().Confirming()
	x := ch.NewExchangeWith("x-consistent-hash", amqp.Table{"hash-header": "h"})
	queues := ch.hashQueues(x, 4)
	for _, tc := range []struct {
		headers amqp.Table
		want    int
	}{
		{amqp.Table{"h": "d"}, 3}, {amqp.Table{"h": "e"}, 2}, {amqp.Table{"h": ""}, 0}, {amqp.Table{"other": "x"}, 1}, {nil, 1},
		{amqp.Table{"h": int32(0)}, 3}, {amqp.Table{"h": int32(2)}, 0}, {amqp.Table{"h": int64(3)}, 1}, {amqp.Table{"h": int16(1000)}, 0},
	} {
		body := fmt.Sprint(tc.headers)
		ch.SendWith(x, "order", amqp.Publishing{Headers: tc.headers, Body: []byte(body)})
		ch.AllConfirmed(1)
		if t.Version().AtLeast(3, 13, 0) || tc.headers["h"] == nil {
			ch.expectIn(queues, tc.want, body)
			continue
		}
		arrived := 0 // by a hash of the value and its type
		for _, q := range queues {
			arrived += len(ch.Drain(q))
		}
		t.Equal(1, arrived, "messages that arrived")
	}
}

func consistentHashByProperty(t *T) {
	t.needsExchangeType("x-consistent-hash")
	ch := t.Channel().Confirming()
	for property, set := range map[string]func(p *amqp.Publishing, v string){
		"message_id":     func(p *amqp.Publishing, v string) { p.MessageId = v },
		"correlation_id": func(p *amqp.Publishing, v string) { p.CorrelationId = v },
	} {
		x := ch.NewExchangeWith("x-consistent-hash", amqp.Table{"hash-property": property})
		queues := ch.hashQueues(x, 4)
		for v, want := range map[string]int{"d": 3, "e": 2, "order.created": 0, "": 1} { // absent
			p := amqp.Publishing{Body: []byte(property + v)}
			set(&p, v)
			ch.SendWith(x, "order", p)
			ch.AllConfirmed(1)
			ch.expectIn(queues, want, property+v)
		}
	}
}

// reached is which of some queues got how many of n messages with different keys.
func (ch *Channel) reached(x string, n int, queues ...string) []int {
	for i := range n {
		ch.Send(x, fmt.Sprint("key", i), "m")
	}
	ch.AllConfirmed(n)
	counts := make([]int, len(queues))
	for i, q := range queues {
		counts[i] = len(ch.Drain(q))
	}
	return counts
}

func consistentHashRing(t *T) {
	t.needsExchangeType("x-consistent-hash")
	ch := t.Channel().Confirming()
	x := ch.NewExchange("x-consistent-hash")
	q1, q2, q3 := ch.NewSharedQueue(), ch.NewSharedQueue(), ch.NewSharedQueue()
	ch.Bind(q1, x, "2")
	ch.Bind(q2, x, "1")
	ch.Bind(q3, x, "3")
	const n = 60
	before := ch.reached(x, n, q1, q2, q3)
	t.Equal(n, before[0]+before[1]+before[2], "messages that arrived")
	ch.Bind(q2, x, "50")
	t.Equal(before, ch.reached(x, n, q1, q2, q3), "spread after another binding of the second queue")
	t.OK(ch.QueueUnbind(q2, "50", x, nil), "unbind")
	without := ch.reached(x, n, q1, q2, q3)
	t.Equal([]int{n, 0}, []int{without[0] + without[2], without[1]}, "messages for the others, and for the second queue")
	y := ch.NewExchange("x-consistent-hash") // the same ring, made without a gap
	ch.Bind(q1, y, "2")
	ch.Bind(q3, y, "3")
	t.Equal(without, ch.reached(y, n, q1, q2, q3), "spread where the queue never was")
}

func consistentHashRestart(t *T) {
	t.needsExchangeType("x-consistent-hash")
	ch := t.Channel().Confirming()
	x := ch.NewExchange("x-consistent-hash")
	queues := ch.hashQueues(x, 4)
	slices.Reverse(queues) // so that names and order differ
	for _, q := range queues {
		t.OK(ch.QueueUnbind(q, "1", x, nil), "unbind")
		ch.Bind(q, x, "1")
	}
	before := ch.reached(x, 40, queues...)
	t.Restart()
	ch = t.Channel().Confirming()
	after := ch.reached(x, 40, queues...)
	t.Equal(40, after[0]+after[1]+after[2]+after[3], "messages that arrived")
	if v := t.Version(); v.AtLeast(4, 2, 0) || v.AtLeast(3, 13, 0) && !v.AtLeast(4, 0, 0) { // 4.0.5 makes another ring
		t.Equal(before, after, "spread after a restart")
	}
}

func randomExchange(t *T) {
	t.needsExchangeType("x-random")
	ch := t.Channel().Confirming()
	x := ch.NewExchange("x-random")
	ch.SendMandatory(x, "a", "to nobody")
	t.Equal("to nobody", string(ch.Returned().Body), "return of what has no destination")
	ch.AllConfirmed(1)
	q1, q2 := ch.NewSharedQueue(), ch.NewSharedQueue()
	ch.Bind(q1, x, "any key")
	ch.Bind(q2, x, "")
	counts := ch.reached(x, 100, q1, q2)
	t.Equal(100, counts[0]+counts[1], "messages that arrived")
	t.Equal(true, counts[0] > 10 && counts[1] > 10, fmt.Sprintf("each queue has its share of %v", counts))
}

func modulusExchange(t *T) {
	t.needsExchangeType("x-modulus-hash")
	ch := t.Channel().Confirming()
	x := ch.NewExchange("x-modulus-hash")
	q1, q2 := ch.NewSharedQueue(), ch.NewSharedQueue()
	ch.Bind(q1, x, "a")
	ch.Bind(q2, x, "b")
	first := ch.reached(x, 100, q1, q2)
	t.Equal(100, first[0]+first[1], "messages that arrived")
	t.Equal(true, first[0] > 10 && first[1] > 10, fmt.Sprintf("each queue has its share of %v", first))
	t.Equal(first, ch.reached(x, 100, q1, q2), "spread of the same keys")
}

func recentHistory(t *T) {
	const kind = "x-recent-history"
	t.needsExchangeType(kind)
	for value, text := range map[any]string{"5": `<<"5">>`, int32(0): "0", int32(-1): "-1"} {
		t.ExpectError(406, "Invalid argument "+text+", 'x-recent-history-length' must be a positive integer",
			declareExchange(t.ExchangeName(), kind, amqp.Table{"x-recent-history-length": value}))
	}
	ch := t.Channel().Confirming()
	x := ch.NewExchangeWith(kind, amqp.Table{"x-recent-history-length": int32(3)})
	bound := ch.NewSharedQueue()
	ch.Bind(bound, x, "")
	for i := range 5 {
		ch.SendWith(x, fmt.Sprint("k", i), amqp.Publishing{Headers: amqp.Table{"n": int32(i)}, Body: []byte(fmt.Sprint(i))})
	}
	ch.AllConfirmed(5)
	ch.ExpectDrain(bound, "0", "1", "2", "3", "4")
	late := ch.NewSharedQueue()
	ch.Bind(late, x, "late")
	ch.await(late, 3)
	d := ch.Fetch(late)
	t.Equal([]any{"2", x, "k2", int32(2), false}, []any{string(d.Body), d.Exchange, d.RoutingKey, d.Headers["n"], d.Redelivered}, "oldest kept")
	ch.ExpectDrain(late, "3", "4")
	ch.Bind(late, x, "late")
	ch.ExpectDrain(late)
	if v := t.Version(); v.AtLeast(3, 13, 0) && !v.AtLeast(4, 0, 0) { // others crash
		through, behind := ch.NewExchange("topic"), ch.NewSharedQueue()
		ch.Bind(behind, through, "k4")
		ch.BindExchange(through, x, "")
		ch.await(behind, 1)
		ch.ExpectDrain(behind, "4")
	}

	plain := ch.NewExchange(kind)
	for i := range 25 {
		ch.Send(plain, "", fmt.Sprint(i))
	}
	ch.AllConfirmed(25)
	ch.Bind(late, plain, "")
	ch.await(late, 20)
	t.Equal("5", string(ch.Fetch(late).Body), "the oldest of twenty")
}

func recentHistoryNotStored(t *T) {
	t.needsExchangeType("x-recent-history")
	ch := t.Channel().Confirming()
	x := ch.NewExchange("x-recent-history")
	bound, late := ch.NewSharedQueue(), ch.NewSharedQueue()
	ch.Bind(bound, x, "")
	ch.SendWith(x, "", amqp.Publishing{Headers: amqp.Table{"x-recent-history-no-store": true}, Body: []byte("secret")})
	ch.SendWith(x, "", amqp.Publishing{Headers: amqp.Table{"x-recent-history-no-store": false}, Body: []byte("kept")})
	ch.AllConfirmed(2)
	ch.ExpectDrain(bound, "secret", "kept")
	ch.Bind(late, x, "")
	ch.await(late, 1)
	ch.ExpectDrain(late, "kept")
	t.OK(ch.ExchangeDelete(x, false, false), "delete the exchange")
	t.OK(ch.ExchangeDeclare(x, "x-recent-history", true, false, false, false, nil), "declare it anew")
	ch.Bind(late, x, "")
	ch.ExpectDrain(late)
}

func recentHistoryRestart(t *T) {
	t.needsExchangeType("x-recent-history")
	ch := t.Channel().Confirming()
	x, late := ch.NewExchange("x-recent-history"), ch.NewSharedQueue()
	ch.SendWith(x, "", amqp.Publishing{DeliveryMode: 2, Body: []byte("forgotten")})
	ch.AllConfirmed(1)
	t.Restart()
	ch = t.Channel().Confirming()
	ch.Bind(late, x, "")
	ch.Store(late, "after")
	ch.ExpectDrain(late, "after")
}

func localRandomExchange(t *T) {
	const kind = "x-local-random"
	t.needsExchangeType(kind)
	ch := t.Channel().Confirming()
	x, q1, q2 := ch.NewExchange(kind), ch.NewSharedQueue(), ch.NewSharedQueue()
	ch.Bind(q1, x, "")
	ch.Bind(q2, x, "")
	counts := ch.reached(x, 100, q1, q2)
	t.Equal(100, counts[0]+counts[1], "messages that arrived")
	t.Equal(true, counts[0] > 10 && counts[1] > 10, fmt.Sprintf("each queue has its share of %v", counts))
	t.ExpectError(406, "Non empty binding 'k' key not permitted", func(ch *Channel) error { return ch.QueueBind(q1, "k", x, false, nil) })
	y := ch.NewExchange("direct")
	t.ExpectError(406, "Destination not found", func(ch *Channel) error { return ch.ExchangeBind(y, "", x, false, nil) })
	for kind, module := range map[string]string{"quorum": "rabbit_quorum_queue", "stream": "rabbit_stream_queue"} {
		t.NeedsQueueType(kind)
		q := ch.NewSharedQueueWith(amqp.Table{"x-queue-type": kind})
		t.ExpectError(406, "Queue type "+module+" not valid for this exchange type", func(ch *Channel) error { return ch.QueueBind(q, "", x, false, nil) })
	}
	t.ExpectError(404, "no "+t.QueueText("nowhere"), func(ch *Channel) error { return ch.QueueBind("nowhere", "", x, false, nil) })
}

func localRandomUnknown(t *T) {
	t.ExpectError(t.unknownTypeCode(), "unknown exchange type 'x-local-random'", declareExchange(t.ExchangeName(), "x-local-random", nil))
}
