// Scripts: what a dead letter tells of its deaths, in x-death and in the
// headers on the first and the last one (QUEUE-76 to QUEUE-79), and what
// becomes of a history that a client sends (QUEUE-82, QUEUE-83).

package scripts

import (
	"fmt"
	"maps"
	"slices"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

var deadHistoryScripts = []Script{
	{Name: "death/fields", Covers: []string{"QUEUE-77", "QUEUE-79"}, Run: deathFields},
	{Name: "death/original-expiration", Covers: []string{"QUEUE-77"}, Run: deathExpiration},
	{Name: "death/reasons", Covers: []string{"QUEUE-70", "QUEUE-76"}, Run: deathReasons},
	{Name: "death/newest-first", Covers: []string{"QUEUE-76"}, Since: V(3, 13, 0), Run: deathOrder},
	{Name: "death/exchange-and-keys-of-each-queue", Covers: []string{"QUEUE-77"}, Run: deathPlaces},
	{Name: "death/repeated", Covers: []string{"QUEUE-76", "QUEUE-78"}, Run: deathRepeated},
	{Name: "death/repeated-keeps-its-fields", Covers: []string{"QUEUE-78", "QUEUE-82"}, Before: V(4, 0, 0), Run: deathKeepsFields},
	{Name: "death/first", Covers: []string{"QUEUE-79"}, Run: deathFirst},
	{Name: "death/last", Covers: []string{"QUEUE-79"}, Since: V(3, 13, 0), Run: deathLast},
	{Name: "death/routes-by-its-headers", Covers: []string{"QUEUE-79", "EXCH-37"}, Since: V(3, 10, 0), Run: deathRoutes},
	{Name: "death/newest-in-front-of-many", Covers: []string{"QUEUE-76"}, Run: deathMany},
	{Name: "death/client-history-goes-on", Covers: []string{"QUEUE-82"}, Before: V(4, 0, 0), Run: deathClient},
	{Name: "death/client-history-has-no-first", Covers: []string{"QUEUE-79", "QUEUE-82"}, Before: V(4, 0, 0), Run: deathClientFirst},
	{Name: "death/client-history-is-no-array", Covers: []string{"QUEUE-83"}, Run: deathClientNoArray},
	{Name: "death/client-history-passes-untouched", Covers: []string{"QUEUE-82", "BASIC-10"}, Run: deathClientAlive},
}

func deathFields(t *T) {
	ch := t.Channel()
	x := ch.NewExchange("topic")
	q, grave := ch.newMortal(nil)
	ch.Bind(q, x, "a.#")
	ch.Send(x, "a.b", "m")
	ch.reject(q)
	d := ch.attend(grave).Expect("m")
	death := t.deathOf(d)
	died, ok := death["time"].(time.Time)
	// The broker's clock may not be quite this one.
	if now := t.runner.clock.Now(); !ok || now.Sub(died).Abs() > time.Minute {
		t.Errorf("time is %#v, now it is %v", death["time"], now)
	}
	t.Equal(amqp.Table{
		"count": int64(1), "reason": "rejected", "queue": q, "time": death["time"], "exchange": x,
		"routing-keys": []any{"a.b"},
	}, death, "the death")
	t.Equal(t.deathHeaders(), slices.Sorted(maps.Keys(d.Headers)), "headers")
	t.Equal([]any{x, q, "rejected"},
		[]any{d.Headers["x-first-death-exchange"], d.Headers["x-first-death-queue"], d.Headers["x-first-death-reason"]}, "first death")
}

func deathExpiration(t *T) {
	ch := t.Channel()
	q, grave := ch.newMortal(amqp.Table{"x-message-ttl": int32(5)})
	ch.sendFor(q, 20, "a")
	ch.SendAll(q, "b")
	consumer := ch.attend(grave)
	t.Equal("20", t.deathOf(consumer.Expect("a"))["original-expiration"], "original-expiration")
	_, there := t.deathOf(consumer.Expect("b"))["original-expiration"]
	t.Equal(false, there, "original-expiration without a message's own expiration")

	rejecting := ch.newMortalTo(grave, nil)
	ch.sendFor(rejecting, int(hour), "c")
	ch.reject(rejecting)
	t.Equal(fmt.Sprint(hour), t.deathOf(consumer.Expect("c"))["original-expiration"], "original-expiration of a rejected one")
}

func deathReasons(t *T) {
	ch := t.Channel()
	q, grave := ch.newMortal(amqp.Table{"x-max-length": int32(1)})
	consumer := ch.attend(grave)
	ch.SendAll(q, "maxlen", "rejected")
	t.expectDeath(consumer.Expect("maxlen"), q, "maxlen")
	ch.reject(q)
	t.expectDeath(consumer.Expect("rejected"), q, "rejected")
	ch.sendFor(q, 0, "expired")
	t.expectDeath(consumer.Expect("expired"), q, "expired")
}

// chain declares queues each of which dead-letters to the next one.
func (ch *Channel) chain(n int, args amqp.Table) []string {
	queues := []string{ch.NewQueue()}
	for range n - 1 {
		queues = append(queues, ch.newMortalTo(queues[len(queues)-1], args))
	}
	slices.Reverse(queues)
	return queues
}

// RabbitMQ 3.10 turns the older ones round with each death.
func deathOrder(t *T) {
	ch := t.Channel()
	queues := ch.chain(4, amqp.Table{"x-message-ttl": int32(5)})
	ch.SendAll(queues[0], "m")
	deaths := t.deaths(ch.attend(queues[3]).Expect("m"))
	if t.Equal(3, len(deaths), "deaths") {
		for i, q := range []string{queues[2], queues[1], queues[0]} {
			t.Equal([]any{q, "expired", int64(1)}, summary(deaths[i]), fmt.Sprintf("death %d", i))
		}
	}
}

func deathPlaces(t *T) {
	ch := t.Channel()
	x, dlx, grave := ch.NewExchange("fanout"), ch.NewExchange("fanout"), ch.NewQueue()
	second := ch.newMortalTo(grave, amqp.Table{"x-message-ttl": int32(5)})
	first := ch.NewQueueWith(amqp.Table{"x-dead-letter-exchange": dlx, "x-dead-letter-routing-key": "dead"})
	ch.Bind(first, x, "")
	ch.Bind(second, dlx, "")
	ch.Send(x, "alive", "m")
	ch.reject(first)
	deaths := t.deaths(ch.attend(grave).Expect("m"))
	t.Equal([]any{dlx, []any{"dead"}}, []any{deaths[0]["exchange"], deaths[0]["routing-keys"]}, "where it was published last")
	t.Equal([]any{x, []any{"alive"}}, []any{deaths[1]["exchange"], deaths[1]["routing-keys"]}, "where it was published first")
}

// loop declares two queues that dead-letter to each other.
func (ch *Channel) loop() (one, two string) {
	one, two = ch.t.Name("q"), ch.t.Name("q")
	for name, next := range map[string]string{one: two, two: one} {
		ch.declare(name, amqp.Table{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": next})
	}
	return one, two
}

// rejectAt waits for a message in the queue and rejects it.
func (ch *Channel) rejectAt(queue string) amqp.Delivery {
	ch.await(queue, 1)
	d := ch.Fetch(queue)
	ch.t.OK(d.Reject(false), "reject")
	return d
}

func deathRepeated(t *T) {
	ch := t.Channel()
	one, two := ch.loop()
	ch.SendAll(one, "m")
	ch.rejectAt(one)
	for n := int64(1); n <= 3; n++ {
		deaths := t.deaths(ch.rejectAt(two))
		t.Equal([]any{one, "rejected", n}, summary(deaths[0]), "the newest death")
		deaths = t.deaths(ch.rejectAt(one))
		t.Equal(2, len(deaths), "deaths of one message in two queues")
		t.Equal([]any{two, "rejected", n}, summary(deaths[0]), "the newest death")
		t.Equal([]any{one, "rejected", n}, summary(deaths[1]), "the death before")
	}
	ch.await(two, 1)
	ch.Acked(ch.Fetch(two))
	// Another reason is another entry.
	ch.sendFor(two, 0, "expires")
	t.Equal([]any{two, "expired", int64(1)}, summary(t.deathOf(ch.rejectAt(one))), "the death of another message")
}

// oldDeath is an entry of x-death as a client may send it.
func oldDeath(queue, reason string, count int64) amqp.Table {
	return amqp.Table{
		"count": count, "reason": reason, "queue": queue, "time": time.Unix(1500000000, 0), "exchange": "old",
		"routing-keys": []any{"k", "l"},
	}
}

// sendDead publishes a message with headers of the script's making.
func (ch *Channel) sendDead(queue, body string, headers amqp.Table) {
	ch.SendWith("", queue, amqp.Publishing{Headers: headers, Body: []byte(body)})
}

func deathKeepsFields(t *T) {
	ch := t.Channel()
	q, grave := ch.newMortal(nil)
	old := oldDeath(q, "rejected", 5)
	old["original-expiration"] = "77"
	ch.sendDead(q, "m", amqp.Table{"x-death": []any{oldDeath("elsewhere", "expired", 2), old}})
	ch.reject(q)
	old["count"] = int64(6)
	t.Equal([]amqp.Table{old, oldDeath("elsewhere", "expired", 2)}, t.deaths(ch.attend(grave).Expect("m")), "deaths")
}

func deathFirst(t *T) {
	ch := t.Channel()
	queues := ch.chain(3, amqp.Table{"x-max-length": int32(5)})
	ch.SendAll(queues[0], "m")
	ch.rejectAt(queues[0])
	ch.rejectAt(queues[1])
	d := ch.attend(queues[2]).Expect("m")
	t.Equal([]any{"", queues[0], "rejected"},
		[]any{d.Headers["x-first-death-exchange"], d.Headers["x-first-death-queue"], d.Headers["x-first-death-reason"]}, "first death")
}

func deathLast(t *T) {
	ch := t.Channel()
	dlx, last := ch.NewExchange("fanout"), ch.NewQueue()
	second := ch.newMortalTo(last, amqp.Table{"x-message-ttl": int32(5)})
	ch.Bind(second, dlx, "")
	first := ch.NewQueueWith(amqp.Table{"x-dead-letter-exchange": dlx})
	ch.SendAll(first, "m")
	ch.reject(first)
	d := ch.attend(last).Expect("m")
	t.Equal([]any{dlx, second, "expired"},
		[]any{d.Headers["x-last-death-exchange"], d.Headers["x-last-death-queue"], d.Headers["x-last-death-reason"]}, "last death")
}

// The exchange sees the headers that tell of this very death.
func deathRoutes(t *T) {
	ch := t.Channel()
	dlx, grave, other := ch.NewExchange("headers"), ch.NewQueue(), ch.NewQueue()
	ch.BindWith(grave, dlx, amqp.Table{"x-match": "all-with-x", "x-first-death-reason": "expired"})
	ch.BindWith(other, dlx, amqp.Table{"x-match": "all-with-x", "x-first-death-reason": "rejected"})
	q := ch.NewQueueWith(amqp.Table{"x-dead-letter-exchange": dlx})
	ch.sendFor(q, 0, "expired")
	ch.SendAll(q, "rejected")
	ch.rejectAt(q)
	ch.attend(grave).Expect("expired")
	ch.attend(other).Expect("rejected")
}

func deathMany(t *T) {
	ch := t.Channel()
	const n = 40
	queues := ch.chain(n, amqp.Table{"x-message-ttl": int32(0)})
	ch.SendAll(queues[0], "m")
	deaths := t.deaths(ch.attend(queues[n-1]).Expect("m"))
	t.Equal(queues[n-2], deaths[0]["queue"], "queue of the newest death")
	seen := map[any]bool{}
	for _, death := range deaths {
		seen[death["queue"]] = true
	}
	t.Equal([]int{n - 1, n - 1}, []int{len(deaths), len(seen)}, "deaths, and queues in them")
}

func deathClient(t *T) {
	ch := t.Channel()
	q, grave := ch.newMortal(nil)
	old := oldDeath("elsewhere", "maxlen", 3)
	ch.sendDead(q, "m", amqp.Table{"x-death": []any{old}, "mine": "kept"})
	ch.reject(q)
	d := ch.attend(grave).Expect("m")
	deaths := t.deaths(d)
	if t.Equal(2, len(deaths), "deaths") {
		t.Equal([]any{q, "rejected", int64(1)}, summary(deaths[0]), "the newest death")
		t.Equal(old, deaths[1], "the death that the client told of")
	}
	t.Equal("kept", d.Headers["mine"], "another header")
}

// The headers on the first death come with the first entry of x-death.
func deathClientFirst(t *T) {
	ch := t.Channel()
	q, grave := ch.newMortal(nil)
	consumer := ch.attend(grave)
	ch.sendDead(q, "a", amqp.Table{"x-death": []any{oldDeath("elsewhere", "maxlen", 3)}})
	ch.reject(q)
	_, there := consumer.Expect("a").Headers["x-first-death-queue"]
	t.Equal(false, there, "x-first-death-queue with a history that has none")

	ch.sendDead(q, "b", amqp.Table{
		"x-death": []any{oldDeath("elsewhere", "maxlen", 3)}, "x-first-death-queue": "elsewhere",
	})
	ch.reject(q)
	t.Equal("elsewhere", consumer.Expect("b").Headers["x-first-death-queue"], "x-first-death-queue of the client")
}

func deathClientNoArray(t *T) {
	ch := t.Channel()
	q, grave := ch.newMortal(nil)
	consumer := ch.attend(grave)
	for what, value := range map[string]any{"string": "old", "table": oldDeath(q, "rejected", 5), "integer": int64(4)} {
		t.Case(what, func() {
			ch.sendDead(q, what, amqp.Table{"x-death": value})
			ch.reject(q)
			d := consumer.Expect(what)
			t.expectDeath(d, q, "rejected")
			if t.Version().AtLeast(3, 13, 0) { // 3.10 takes it for a history all the same
				t.Equal(q, d.Headers["x-first-death-queue"], "x-first-death-queue")
			}
		})
	}
}

func deathClientAlive(t *T) {
	ch := t.Channel()
	q := ch.NewQueue()
	for _, value := range []any{"old", []any{oldDeath("q", "rejected", 5)}} {
		ch.sendDead(q, "m", amqp.Table{"x-death": value})
		t.Equal(amqp.Table{"x-death": value}, ch.Fetch(q).Headers, "headers")
	}
}
