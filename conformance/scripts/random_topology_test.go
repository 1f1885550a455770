// Random declarations, bindings and deletions.

package scripts

import (
	"fmt"

	wire "github.com/rabbetmq/rabbet/amqp"
)

// integer is a number in any type that is wide enough.
func (g *generator) integer(n int64) any {
	if n < -128 || n > 127 {
		return oneOf[any](g, int32(n), n)
	}
	if n < 0 {
		return oneOf[any](g, int8(n), int16(n), int32(n), n)
	}
	return oneOf[any](g, int8(n), int16(n), int32(n), n, uint8(n), uint16(n), uint32(n))
}

// value is anything. Floats have a fraction (EXCH-38), timestamps do not occur
// (EXCH-41).
func (g *generator) value(depth int) any {
	switch n := g.IntN(10 + 2*depth); n {
	case 0, 1:
		return g.integer(int64(g.IntN(4) - 1))
	case 2, 3:
		return oneOf(g, "a", "b", "", "1")
	case 4:
		return g.chance(50)
	case 5:
		return nil
	case 6:
		return oneOf[any](g, float32(0.5), 0.5, 1.5)
	case 7:
		return wire.Decimal{Scale: uint8(g.IntN(2)), Value: uint32(g.IntN(2))}
	case 8:
		return []byte(oneOf(g, "a", "b"))
	case 9:
		return int64(g.IntN(3))
	case 10, 11:
		var a wire.Array
		for range g.IntN(3) {
			a = append(a, g.value(depth-1))
		}
		return a
	default:
		return g.table(depth - 1)
	}
}

func (g *generator) table(depth int) (t wire.Table) {
	for _, key := range []string{"a", "b", "x-c"} {
		if g.chance(40) {
			t = append(t, wire.Field{Key: key, Value: g.value(depth)})
		}
	}
	return t
}

func (g *generator) exchangeDeclare(name string) *wire.ExchangeDeclare {
	g.types[name] = oneOf(g, "direct", "fanout", "topic", "headers")
	m := &wire.ExchangeDeclare{
		Exchange: name, Type: g.types[name], Durable: g.chance(40), AutoDelete: g.chance(12), Internal: g.chance(6), NoWait: g.chance(5),
	}
	if g.chance(25) {
		m.Arguments = append(m.Arguments, wire.Field{Key: "alternate-exchange", Value: g.exchange()})
	}
	return m
}

// queueDeclare declares a queue with arguments that are good for it.
func (g *generator) queueDeclare(name string) wire.QueueDeclare {
	m := wire.QueueDeclare{Queue: name, Durable: g.chance(40), AutoDelete: g.chance(8), Exclusive: g.chance(8), NoWait: g.chance(5)}
	set := func(chance int, key string, value any) {
		if g.chance(chance) {
			m.Arguments = append(m.Arguments, wire.Field{Key: key, Value: value})
		}
	}
	quorum := g.quorum && g.chance(60)
	if quorum {
		m.Durable, m.AutoDelete, m.Exclusive = true, false, false
		set(100, "x-queue-type", "quorum")
		set(40, "x-delivery-limit", g.integer(int64(g.IntN(3))))
	}
	if g.deadLetters && g.chance(60) {
		set(100, "x-dead-letter-exchange", oneOf(g, "", g.exchange()))
		set(60, "x-dead-letter-routing-key", oneOf(g, g.queue(), g.key()))
	}
	set(30, "x-max-length", g.integer(int64(g.IntN(4))))
	set(10, "x-max-length-bytes", g.integer(int64(g.IntN(30))))
	if !quorum {
		set(35, "x-overflow", oneOf(g, "drop-head", "reject-publish", "reject-publish-dlx"))
		set(8, "x-queue-mode", cond(g.deadLetters, "default", "lazy")) // QUEUE-77: lazy ones tell no expiration
		if g.priorities {
			set(60, "x-max-priority", g.integer(int64(g.IntN(5))))
		} else {
			set(8, "x-message-ttl", g.integer(0))
		}
	}
	set(3, "x-message-ttl", int32(600000))
	if g.shortLived && !quorum {
		set(30, "x-message-ttl", g.integer(shortTTL))
	}
	if g.single {
		set(60, "x-single-active-consumer", g.chance(90))
	}
	set(4, "x-unknown", g.value(1))
	set(2, "x-expires", int32(600000))
	return m
}

// queueArguments are known, and some that are not.
var queueArguments = []string{
	"x-expires", "x-message-ttl", "x-dead-letter-exchange", "x-dead-letter-routing-key", "x-max-length", "x-max-length-bytes",
	"x-max-priority", "x-overflow", "x-queue-mode", "x-queue-version", "x-single-active-consumer", "x-queue-type",
	"x-dead-letter-strategy", "x-max-in-memory-length", "x-max-in-memory-bytes", "x-quorum-initial-group-size",
	"x-unknown", "x-max-age", "x-initial-cluster-size", "x-stream-max-segment-size-bytes",
	"x-queue-leader-locator", "x-cancel-on-ha-failover",
}

// redeclareQueue declares a queue as before, nearly so, or in any way.
func (g *generator) redeclareQueue(at place) {
	name := g.queue()
	m, known := g.declared[name]
	if !known {
		m = g.queueDeclare(name)
	}
	m.Queue, m.NoWait, m.Arguments = name, g.chance(5), append(wire.Table(nil), m.Arguments...)
	switch g.IntN(10) {
	case 0, 1, 2:
		m = wire.QueueDeclare{Queue: name, Passive: true, Durable: g.chance(50)}
	case 3:
		m.Durable = !m.Durable
	case 4:
		m.AutoDelete = !m.AutoDelete
	case 5, 6:
		m.Queue = cond(name == "", nameMark+"new", name) // QUEUE-39: a server-named one
		key, value := oneOf(g, queueArguments...), g.argument()
		if n, isInt := wire.AsInt(value); isInt && n > 0 && (key == "x-expires" || key == "x-message-ttl") {
			value = int32(600000) // nothing ends by itself
		}
		m.Arguments = append(m.Arguments, wire.Field{Key: key, Value: value})
		if g.chance(50) {
			m.Queue = oneOf(g, name, nameMark+"new")
		}
	case 7:
		m.Queue, m.NoWait, m.Arguments = oneOf(g, "", "amq.mine", "amq.rabbitmq.reply-to", nameMark+"a\r\nb", nameMark+"q9"), false, nil
	}
	g.add(at, &m)
}

// argument is a value that may suit an argument, and may not. It is no decimal, which
// RabbitMQ cannot compare (ERR-4), nor a table, which it breaks into lines (QUEUE-9).
func (g *generator) argument() any {
	switch g.IntN(4) {
	case 0:
		v := g.value(0)
		if _, ok := v.(wire.Decimal); ok {
			return nil
		}
		return v
	case 1:
		return oneOf(g, "drop-head", "lazy", "classic", "quorum", "at-least-once", "1h", "balanced", "x")
	}
	return g.integer(int64(oneOf(g, -1, 0, 1, 2, 100, 300)))
}

func (g *generator) redeclareExchange(at place) {
	name := g.exchange()
	m := g.exchangeDeclareAgain(name)
	switch g.IntN(6) {
	case 0, 1:
		m.Passive = true
	case 2:
		m.Arguments = wire.Table{{Key: oneOf(g, "alternate-exchange", "x-unknown"), Value: g.argument()}}
	}
	g.add(at, m)
}

// exchangeDeclareAgain mostly keeps the type, which alone is compared first.
func (g *generator) exchangeDeclareAgain(name string) *wire.ExchangeDeclare {
	kind := g.types[name]
	m := g.exchangeDeclare(name)
	if kind != "" && g.chance(80) {
		m.Type = kind
		g.types[name] = kind
	}
	return m
}

// key is a routing or binding key.
func (g *generator) key() string {
	return oneOf(g, "", "a", "a.b", "b", "a.b.c", "*", "#", "a.*", "a.#", "#.b", "*.b", "a..b", ".", "a.#.b", "#.#")
}

func (g *generator) bindingArguments(x string) wire.Table {
	var t wire.Table
	if g.types[x] == "headers" || g.chance(10) {
		t = g.table(2)
		if g.chance(70) {
			t = append(t, wire.Field{Key: "x-match", Value: oneOf(g, "all", "any", "all-with-x", "any-with-x")})
		}
		if g.chance(3) {
			t = append(t, wire.Field{Key: "x-match", Value: g.value(1)})
		}
	}
	return t
}

func (g *generator) bind(at place) {
	var m wire.Method
	if source := g.exchange(); g.chance(70) {
		m = &wire.QueueBind{Queue: g.queue(), Exchange: source, RoutingKey: g.bindingKey(source), NoWait: g.chance(5), Arguments: g.bindingArguments(source)}
	} else {
		m = &wire.ExchangeBind{Destination: g.exchange(), Source: source, RoutingKey: g.bindingKey(source), NoWait: g.chance(5), Arguments: g.bindingArguments(source)}
	}
	g.bound = append(g.bound, m)
	g.add(at, m)
}

// bindingKey is one that no other program uses where the exchange is shared.
func (g *generator) bindingKey(x string) string {
	if x == "amq.direct" || x == "amq.topic" {
		return fmt.Sprintf("%s.%s", nameMark, oneOf(g, "a", "b"))
	}
	return g.key()
}

// unbind undoes a binding that was made, or one that was not.
func (g *generator) unbind(at place) {
	if len(g.bound) == 0 || g.chance(15) {
		source := g.exchange()
		g.add(at, &wire.QueueUnbind{Queue: g.queue(), Exchange: source, RoutingKey: g.bindingKey(source), Arguments: g.bindingArguments(source)})
		return
	}
	switch m := oneOf(g, g.bound...).(type) {
	case *wire.QueueBind:
		g.add(at, &wire.QueueUnbind{Queue: m.Queue, Exchange: m.Exchange, RoutingKey: m.RoutingKey, Arguments: g.retyped(m.Arguments)})
	case *wire.ExchangeBind:
		g.add(at, &wire.ExchangeUnbind{Destination: m.Destination, Source: m.Source, RoutingKey: m.RoutingKey, NoWait: g.chance(5), Arguments: g.retyped(m.Arguments)})
	}
}

// retyped are the arguments, now and then in another order or with a number of
// another type.
func (g *generator) retyped(t wire.Table) wire.Table {
	t = append(wire.Table(nil), t...)
	if g.chance(20) {
		for i := range t {
			if n, ok := wire.AsInt(t[i].Value); ok && n >= -128 && n < 128 {
				t[i].Value = g.integer(n)
			}
		}
	}
	if g.chance(20) {
		g.Shuffle(len(t), func(i, j int) { t[i], t[j] = t[j], t[i] })
	}
	return t
}

func (g *generator) deleteQueue(at place) {
	g.add(at, &wire.QueueDelete{Queue: g.queue(), IfUnused: g.chance(35), IfEmpty: g.chance(35), NoWait: g.chance(10)})
}

func (g *generator) deleteExchange(at place) {
	g.add(at, &wire.ExchangeDelete{Exchange: g.exchange(), IfUnused: g.chance(50), NoWait: g.chance(10)})
}
