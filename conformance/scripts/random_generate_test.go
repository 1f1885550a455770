// Making a random program of a seed. It starts with a topology that makes sense and
// goes on with anything, so that most steps do something and some must fail.

package scripts

import (
	"fmt"
	"math/rand/v2"
	"slices"

	wire "github.com/rabbetmq/rabbet/amqp"
)

// A generator makes one program.
type generator struct {
	*rand.Rand
	queues, exchanges []string
	declared          map[string]wire.QueueDeclare // how a queue was first declared
	types             map[string]string            // of exchanges
	bound             []wire.Method                // bindings that were made
	program           program
	messages          int
	inTx              map[place]bool

	// What a program may have besides.
	quorum, single, replies, globalQos, shortLived, priorities, deadLetters bool
	// With one channel a connection anything may end the connection. Otherwise RabbitMQ
	// gives what the guilty channel held to the others, which may lose it (CONN-71).
	oneChannel bool
	tags       int
}

// chance is true n times in a hundred.
func (g *generator) chance(n int) bool { return g.IntN(100) < n }

func oneOf[V any](g *generator, of ...V) V { return of[g.IntN(len(of))] }

// randomProgram is the program of a seed.
func randomProgram(seed uint64) program {
	g := &generator{
		Rand: rand.New(rand.NewPCG(seed, 0)), declared: map[string]wire.QueueDeclare{},
		types: map[string]string{}, inTx: map[place]bool{},
	}
	g.quorum, g.single, g.replies = g.chance(6), g.chance(10), g.chance(12)
	g.globalQos, g.program.slow = g.chance(10), g.chance(8)
	for i := range 1 + g.IntN(4) {
		g.queues = append(g.queues, fmt.Sprintf("%sq%d", nameMark, i))
	}
	for i := range g.IntN(4) {
		g.exchanges = append(g.exchanges, fmt.Sprintf("%sx%d", nameMark, i))
	}
	g.deadLetters = g.chance(65)
	g.oneChannel = g.quorum || g.replies || g.chance(35)
	g.priorities = !g.shortLived && g.chance(40)
	g.program.slow = g.quorum || g.shortLived
	g.setUp()
	for range 8 + g.IntN(28) {
		g.next()
	}
	return g.program
}

func (g *generator) add(at place, m wire.Method) {
	g.program.steps = append(g.program.steps, step{conn: at.conn, channel: at.channel, method: m})
}

// anywhere is any channel, most often the first.
func (g *generator) anywhere() place {
	if g.chance(65) {
		return place{0, 1}
	}
	if g.oneChannel {
		return place{g.IntN(2), 1}
	}
	return place{g.IntN(2), uint16(1 + g.IntN(2))}
}

func (g *generator) setUp() {
	at := place{0, 1}
	for _, x := range g.exchanges {
		g.add(at, g.exchangeDeclare(x))
	}
	for _, q := range g.queues {
		m := g.queueDeclare(q)
		g.declared[q] = m
		g.add(at, &m)
	}
	for range g.IntN(5) {
		g.bind(at)
	}
	for _, at := range []place{{0, 1}, {1, 1}} {
		switch {
		case g.chance(50):
			g.add(at, &wire.ConfirmSelect{})
		case g.chance(15):
			g.add(at, &wire.TxSelect{})
			g.inTx[at] = true
		}
	}
}

// choices are what a program does next, by weight.
var choices = []struct {
	weight int
	do     func(*generator, place)
}{
	{34, (*generator).publish},
	{12, (*generator).get},
	{10, (*generator).consume},
	{16, (*generator).settleSome},
	{3, (*generator).qos},
	{3, (*generator).cancel},
	{2, (*generator).recover},
	{5, (*generator).redeclareQueue},
	{3, (*generator).redeclareExchange},
	{5, (*generator).bind},
	{4, (*generator).unbind},
	{3, (*generator).deleteQueue},
	{2, (*generator).deleteExchange},
	{2, (*generator).purge},
	{4, (*generator).endTx},
	{2, (*generator).modes},
	{2, (*generator).close},
	{2, (*generator).err},
	{4, (*generator).reply},
}

func (g *generator) next() {
	at := g.anywhere()
	total := 0
	for _, c := range choices {
		total += c.weight
	}
	n := g.IntN(total)
	for _, c := range choices {
		if n -= c.weight; n < 0 {
			c.do(g, at)
			return
		}
	}
}

// queue is a queue, now and then none that there is, or the last one declared.
func (g *generator) queue() string {
	switch {
	case g.chance(2):
		return ""
	case g.chance(2):
		return nameMark + "none"
	case g.chance(2):
		return nameMark + "gen1"
	}
	return oneOf(g, g.queues...)
}

// exchange is an exchange to bind or to delete.
func (g *generator) exchange() string {
	switch {
	case g.chance(3):
		return nameMark + "none"
	case g.chance(2):
		return ""
	case len(g.exchanges) == 0 || g.chance(4):
		return oneOf(g, "amq.direct", "amq.topic")
	}
	return oneOf(g, g.exchanges...)
}

func (g *generator) get(at place) {
	g.add(at, &wire.BasicGet{Queue: g.queue(), NoAck: g.chance(30)})
}

func (g *generator) consume(at place) {
	m := &wire.BasicConsume{
		Queue: g.queue(), ConsumerTag: g.newTag(), NoAck: g.chance(25),
		Exclusive: g.chance(6), NoWait: g.chance(5), NoLocal: g.chance(3),
	}
	if g.chance(5) && !m.NoWait {
		m.ConsumerTag = ""
	}
	if g.chance(20) {
		m.Arguments = wire.Table{{Key: "x-priority", Value: g.integer(int64(g.IntN(5) - 2))}}
	}
	if g.chance(3) {
		m.Arguments = wire.Table{{Key: oneOf(g, "x-priority", "x-cancel-on-ha-failover", "x-stream-offset", "x-unknown"), Value: g.value(1)}}
	}
	g.add(at, m)
}

// tag is a consumer's, perhaps. They are few, so that some are used again.
func (g *generator) tag() string { return oneOf(g, "c1", "c2", "c3", "c4", "c5", "c6") }

// newTag is a tag for a consumer. One that is in use ends the connection (BASIC-25).
func (g *generator) newTag() string {
	if g.oneChannel {
		return g.tag()
	}
	g.tags++
	return fmt.Sprintf("c%d", g.tags)
}

func (g *generator) settleSome(at place) {
	s := step{conn: at.conn, channel: at.channel, pick: 1 + g.IntN(6)}
	if g.chance(3) {
		s.pick = 0
	}
	var tag uint64
	if s.pick == 0 {
		tag = uint64(g.IntN(4)) * 3
	}
	switch multiple := g.chance(25); g.IntN(4) {
	case 0:
		s.method = &wire.BasicAck{DeliveryTag: tag, Multiple: multiple}
	case 1, 2:
		s.method = &wire.BasicNack{DeliveryTag: tag, Multiple: multiple, Requeue: g.chance(50)}
	default:
		s.method = &wire.BasicReject{DeliveryTag: tag, Requeue: g.chance(50)}
	}
	g.program.steps = append(g.program.steps, s)
}

func (g *generator) qos(at place) {
	m := &wire.BasicQos{PrefetchCount: uint16(g.IntN(4)), Global: g.globalQos && g.chance(60)}
	if g.oneChannel && g.chance(4) {
		m.PrefetchSize = 1
	}
	g.add(at, m)
}

func (g *generator) cancel(at place) {
	if !g.single && !g.quorum { // BASIC-41: it may stall; QUEUE-5: counts differ
		g.add(at, &wire.BasicCancel{ConsumerTag: g.tag(), NoWait: g.chance(10)})
	}
}

func (g *generator) recover(at place) {
	if g.chance(80) {
		g.add(at, &wire.BasicRecover{Requeue: !g.oneChannel || !g.chance(5)})
	} else {
		g.add(at, &wire.BasicRecoverAsync{Requeue: !g.oneChannel || !g.chance(5)})
	}
}

func (g *generator) purge(at place) {
	g.add(at, &wire.QueuePurge{Queue: g.queue(), NoWait: g.chance(10)})
}

func (g *generator) endTx(at place) {
	if len(g.inTx) > 0 && !g.inTx[at] {
		at = sortedPlaces(g.inTx)[0]
	}
	switch {
	case len(g.inTx) == 0 && !g.chance(10):
		g.publish(at)
	case g.chance(70):
		g.add(at, &wire.TxCommit{})
	default:
		g.add(at, &wire.TxRollback{})
	}
}

func sortedPlaces(m map[place]bool) (places []place) {
	for at := range m {
		places = append(places, at)
	}
	slices.SortFunc(places, func(a, b place) int { return (a.conn-b.conn)*10 + int(a.channel) - int(b.channel) })
	return places
}

func (g *generator) modes(at place) {
	if g.chance(70) {
		g.add(at, &wire.ConfirmSelect{NoWait: g.chance(20)})
	} else {
		g.add(at, &wire.TxSelect{})
		g.inTx[at] = true
	}
}

func (g *generator) close(at place) {
	switch {
	case g.chance(60):
		g.add(at, &wire.ChannelClose{ReplyCode: uint16(wire.ReplySuccess)})
	default:
		g.add(place{conn: at.conn}, &wire.ConnectionClose{ReplyCode: uint16(wire.ReplySuccess)})
	}
}

// err is what ends a connection, or nearly.
func (g *generator) err(at place) {
	kind := g.IntN(8)
	if !g.oneChannel {
		kind = 3 + 2*g.IntN(3)
	}
	switch kind {
	case 0:
		g.add(at, &wire.ChannelOpen{})
	case 1:
		g.add(at, &wire.ChannelFlow{Active: g.chance(50)})
	case 2:
		g.add(at, oneOf[wire.Method](g, &wire.BasicConsumeOk{ConsumerTag: "c1"}, &wire.BasicCancelOk{ConsumerTag: "c1"}, &wire.ChannelCloseOk{}))
	case 3:
		g.add(at, &wire.AccessRequest{Realm: "/data"})
	case 4:
		g.add(place{conn: at.conn}, &wire.ChannelFlow{Active: true})
	case 5:
		g.add(at, &wire.TxCommit{})
	default:
		g.add(at, &wire.ExchangeDeclare{Exchange: oneOf(g, "amq.gone", "", "amq.direct", "amq.fanout"), Type: "direct", Durable: true})
	}
}
