// What came of a step of a random program, in an order that does not depend on
// which of several queues or channels was faster.

package scripts

import (
	"cmp"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	wire "github.com/rabbetmq/rabbet/amqp"
)

// stepRecord is what has come since a step began.
type stepRecord struct {
	consume    consumed                           // what the step's get or consume is for
	opening    func(m wire.Method, at place) bool // takes the answers of a channel that is being opened
	replies    map[place][]string
	returns    map[place][]string
	cancels    map[place][]string
	acks       map[place][]string
	deliveries map[place][]delivery
	ends       []string
}

// delivery is a message that has come, from a queue.
type delivery struct {
	tag  uint64
	from consumed
	text string
}

func newStepRecord() stepRecord {
	return stepRecord{
		replies: map[place][]string{}, returns: map[place][]string{}, cancels: map[place][]string{},
		acks: map[place][]string{}, deliveries: map[place][]delivery{},
	}
}

// hear takes in the next thing that a connection says.
func (p *player) hear(conn int) error {
	pk, err := p.talks[conn].next()
	if err != nil {
		if !ended(err) {
			return err
		}
		p.end(conn, "the connection ends")
		return nil
	}
	at := place{conn, pk.channel}
	if p.step.opening != nil && p.step.opening(pk.method, at) {
		return nil
	}
	ch := p.channels[at]
	if pk.channel == 0 {
		p.hearOfConnection(conn, pk.method)
		return nil
	}
	if ch == nil {
		return fmt.Errorf("%s on channel %d, which is not open", pk.method.ID(), pk.channel)
	}
	if ch.watches != "" {
		p.hearOfWatch(at, ch, pk.method)
		return nil
	}
	p.hearOfChannel(at, ch, pk)
	return nil
}

func (p *player) hearOfConnection(conn int, m wire.Method) {
	if _, isOpen := m.(*wire.ConnectionOpenOk); isOpen {
		return
	}
	at := place{conn: conn}
	p.step.replies[at] = append(p.step.replies[at], methodText(m))
	p.heard++
	switch m.(type) {
	case *wire.ConnectionClose:
		p.talks[conn].send(wire.AppendMethod(nil, 0, &wire.ConnectionCloseOk{}))
		p.end(conn, "")
	case *wire.ConnectionCloseOk:
		p.end(conn, "")
	}
}

func (p *player) hearOfWatch(at place, ch *channelState, m wire.Method) {
	p.looked(ch, m)
	if _, closed := m.(*wire.ChannelClose); closed {
		p.leave(at, ch)
	}
}

// leave answers the close of a channel.
func (p *player) leave(at place, ch *channelState) {
	p.talks[at.conn].send(wire.AppendMethod(nil, at.channel, &wire.ChannelCloseOk{}))
	ch.gone = true
	p.abandoned = p.abandoned || len(ch.consumers)+len(ch.unsettled) > 0
}

// end is the end of a connection.
func (p *player) end(conn int, how string) {
	p.talks[conn].close()
	p.talks[conn] = nil
	p.heard++
	if how != "" {
		p.step.ends = append(p.step.ends, fmt.Sprintf("%d: %s", conn, how))
	}
	for at, ch := range p.channels {
		if at.conn == conn {
			ch.gone = true
			p.abandoned = p.abandoned || len(ch.consumers)+len(ch.unsettled) > 0
		}
	}
}

func (p *player) hearOfChannel(at place, ch *channelState, pk *packet) {
	p.heard++
	switch m := pk.method.(type) {
	case *wire.ChannelFlowOk:
		if ch.flows > 0 {
			ch.flows--
			p.heard--
			return
		}
	case *wire.BasicDeliver:
		text := fmt.Sprintf("to %q redelivered=%t from %q by %q: %s", m.ConsumerTag, m.Redelivered, m.Exchange, m.RoutingKey, p.message(pk))
		p.step.deliveries[at] = append(p.step.deliveries[at], delivery{m.DeliveryTag, ch.consumers[m.ConsumerTag], text})
		return
	case *wire.BasicGetOk:
		p.step.deliveries[at] = append(p.step.deliveries[at], delivery{m.DeliveryTag, p.step.consume, p.message(pk)})
		m.DeliveryTag = 0
	case *wire.BasicReturn:
		p.step.returns[at] = append(p.step.returns[at], methodText(m)+": "+p.message(pk))
		return
	case *wire.BasicCancel:
		p.step.cancels[at] = append(p.step.cancels[at], methodText(m))
		delete(ch.consumers, m.ConsumerTag)
		return
	case *wire.BasicAck:
		p.confirmed(at, ch, m.DeliveryTag, m.Multiple, "ack")
		return
	case *wire.BasicNack:
		p.confirmed(at, ch, m.DeliveryTag, m.Multiple, "nack")
		return
	case *wire.BasicConsumeOk:
		ch.consumers[m.ConsumerTag] = p.step.consume
	case *wire.BasicCancelOk:
		delete(ch.consumers, m.ConsumerTag)
	case *wire.QueueDeclareOk:
		ch.last = m.Queue
		if strings.HasPrefix(m.Queue, "amq.gen-") && p.aliases[m.Queue] == "" {
			p.aliases[m.Queue] = fmt.Sprintf("%sgen%d", nameMark, len(p.aliases)+1)
			p.queues[m.Queue] = at.conn
		}
	case *wire.ChannelClose:
		p.leave(at, ch)
	case *wire.ChannelCloseOk:
		ch.gone = true
	}
	p.step.replies[at] = append(p.step.replies[at], methodText(pk.method))
}

// confirmed takes in a confirm, each message by itself.
func (p *player) confirmed(at place, ch *channelState, tag uint64, multiple bool, how string) {
	for n := uint64(1); n <= tag; n++ {
		if (n == tag || multiple) && ch.pending[n] {
			delete(ch.pending, n)
			p.step.acks[at] = append(p.step.acks[at], fmt.Sprintf("%06d %s", n, how))
		}
	}
}

// message is a content in words.
func (p *player) message(pk *packet) string {
	if reply := pk.props.ReplyTo; strings.HasPrefix(reply, "amq.rabbitmq.reply-to.") && p.aliases[reply] == "" {
		p.aliases[reply] = fmt.Sprintf("%sreply%d", nameMark, len(p.aliases)+1)
	}
	props := pk.props
	if props.Headers = comparableHeaders(props.Headers); len(props.Headers) == 0 {
		props.Flags &^= wire.HasHeaders
	}
	return strings.TrimSpace(properties(props)) + " " + shortBody(pk.body)
}

// madeName is a name that the broker made.
var madeName = regexp.MustCompile(`amq\.(ctag|gen)-[\w-]{22}`)

// methodText is a method with its arguments.
func methodText(m wire.Method) string {
	return m.ID().String() + fields(reflect.ValueOf(m).Elem(), func(string, reflect.Value) bool { return true })
}

// report is the step's record in words. It numbers the deliveries that are to be
// settled.
func (p *player) report() string {
	var lines []string
	add := func(at place, what string, texts []string) {
		for _, text := range texts {
			lines = append(lines, fmt.Sprintf("%d/%d %s%s", at.conn, at.channel, what, text))
		}
	}
	for at, texts := range p.step.replies {
		add(at, "", texts)
	}
	for at, texts := range p.step.returns {
		add(at, "", texts)
	}
	for at, texts := range p.step.cancels {
		add(at, "", slices.Sorted(slices.Values(texts)))
	}
	for at, texts := range p.step.acks {
		add(at, "confirms ", slices.Sorted(slices.Values(texts)))
	}
	for at, ds := range p.step.deliveries {
		add(at, "gets ", p.deliver(at, ds))
	}
	add(place{}, "", p.step.ends)
	slices.SortStableFunc(lines, func(a, b string) int { return cmp.Compare(a[:4], b[:4]) })
	for _, name := range sortedKeys(p.counts) {
		lines = append(lines, "queue "+name+": "+p.counts[name])
	}
	return p.shown(strings.Join(lines, "\n"))
}

// deliver puts the deliveries of a step on one channel in order and notes those
// that are to be settled. Tags are told if they are all of one queue.
func (p *player) deliver(at place, ds []delivery) (texts []string) {
	ch := p.channels[at]
	slices.SortStableFunc(ds, func(a, b delivery) int { return cmp.Compare(p.shown(a.from.queue), p.shown(b.from.queue)) })
	blurred := ds[0].from.queue != ds[len(ds)-1].from.queue
	for _, d := range ds {
		if !d.from.noAck && !ch.gone {
			p.picks++
			ch.unsettled = append(ch.unsettled, held{d.tag, p.picks, blurred})
		}
		tag := fmt.Sprint(d.tag)
		if blurred {
			tag = "?"
		}
		texts = append(texts, fmt.Sprintf("#%s of %s: %s", tag, d.from.queue, d.text))
	}
	return texts
}
