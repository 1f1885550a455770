// Playing a random program against a broker: each step is done, answered, and
// settled, before the next, so that its effect does not depend on time.

package scripts

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	wire "github.com/rabbetmq/rabbet/amqp"
)

// A player is one run of one program. Two of its connections are the program's, the
// last looks on.
type player struct {
	url, prefix string
	talks       [3]*talk // nil while there is none
	channels    map[place]*channelState
	queues      map[string]int    // those that there may be, and which connection can look at each
	numbers     map[string]uint16 // the channel on which each is looked at
	counts      map[string]string // what was seen of each
	exchanges   map[string]bool   // those to be deleted at the end
	aliases     map[string]string // how names that the broker made are shown
	picks       int               // how many deliveries there were to settle
	slow        bool
	pause       time.Duration
	abandoned   bool // a channel with something on it has been closed by the broker
	heard       int  // what has come that was not asked for by settle
	step        stepRecord
}

// onlooker is the connection that looks on, and watchChannels the number of the
// first channel on which a connection looks at queues.
const (
	onlooker      = 2
	watchChannels = 100
)

// place is a channel of a connection.
type place struct {
	conn    int
	channel uint16
}

// channelState is what is known of an open channel.
type channelState struct {
	gone      bool // closed, by whomever
	watches   string
	flows     int // flow-oks that settle waits for
	looks     int // declare-oks that settle waits for
	confirms  bool
	published uint64
	pending   map[uint64]bool // publishes that are not confirmed
	consumers map[string]consumed
	last      string // queue that was declared last
	unsettled []held
	taken     []held // settled in the transaction under way
	inTx      bool
}

// consumed is what a consumer is for.
type consumed struct {
	queue string
	noAck bool
}

// held is a delivery to be settled. It is blurred if it came along with some from
// other queues, so that their tags could be in any order.
type held struct {
	tag     uint64
	order   int // in which deliveries are picked
	blurred bool
}

// A pause is how long each step of a slow program takes: one with messages that live
// for a moment only, shortTTL milliseconds, or with quorum queues, which answer
// before what they do can be seen. Rabbet needs it for the former alone.
const (
	shortTTL    = 4
	remotePause = 80 * time.Millisecond
	localPause  = 10 * time.Millisecond
)

// play runs a program and gives the outcome of each step, and at last what is left
// in its queues.
func play(url, prefix string, p program, pause time.Duration) ([]string, error) {
	pl := &player{
		pause: pause, slow: p.slow, url: url, prefix: prefix, channels: map[place]*channelState{}, queues: map[string]int{}, numbers: map[string]uint16{},
		counts: map[string]string{}, exchanges: map[string]bool{}, aliases: map[string]string{},
	}
	defer pl.hangUp()
	var transcript []string
	for _, s := range p.steps {
		if err := pl.do(s); err != nil {
			return transcript, fmt.Errorf("%s: %w", s, err)
		}
		transcript = append(transcript, pl.report())
	}
	rest, err := pl.drain()
	return append(transcript, rest), err
}

func (p *player) hangUp() {
	for _, t := range p.talks {
		if t != nil {
			t.close()
		}
	}
}

// do performs a step and waits until nothing follows from it any more.
func (p *player) do(s step) error {
	p.step = newStepRecord()
	at := place{s.conn, s.channel}
	var ch *channelState
	if s.channel != 0 {
		var err error
		if ch, err = p.open(at); err != nil {
			return err
		}
	} else if err := p.connect(s.conn); err != nil {
		return err
	}
	m := renamed(s.method, p.realName)
	p.foresee(at, ch, m, s.pick)
	b := wire.AppendMethod(nil, s.channel, m)
	if publish, ok := m.(*wire.BasicPublish); ok {
		b = p.contents(s, publish, ch)
	}
	before := p.step.replies[at]
	p.talks[s.conn].send(b)
	if isAnswered(m) {
		if err := p.until(s.conn, func() bool {
			return len(p.step.replies[at]) > len(before) || ch != nil && ch.gone
		}); err != nil {
			return err
		}
	}
	return p.settle()
}

// contents are the publishes of a step.
func (p *player) contents(s step, m *wire.BasicPublish, ch *channelState) (b []byte) {
	props := renamed(s.props, p.realName)
	for _, body := range s.bodies {
		b = wire.AppendMethod(b, s.channel, m)
		b = wire.AppendHeader(b, s.channel, m.ID().Class(), uint64(len(body)), props.Append(nil))
		b = wire.AppendBody(b, s.channel, []byte(body), randomFrameMax)
		if ch.published++; ch.confirms {
			ch.pending[ch.published] = true
		}
	}
	return b
}

// isAnswered reports whether a method has an answer.
func isAnswered(m wire.Method) bool {
	switch m := m.(type) {
	case *wire.BasicPublish, *wire.BasicAck, *wire.BasicNack, *wire.BasicReject, *wire.BasicRecoverAsync:
		return false
	case *wire.ExchangeDeclare:
		return !m.NoWait
	case *wire.ExchangeDelete:
		return !m.NoWait
	case *wire.ExchangeBind:
		return !m.NoWait
	case *wire.ExchangeUnbind:
		return !m.NoWait
	case *wire.QueueDeclare:
		return !m.NoWait
	case *wire.QueueBind:
		return !m.NoWait
	case *wire.QueuePurge:
		return !m.NoWait
	case *wire.QueueDelete:
		return !m.NoWait
	case *wire.BasicConsume:
		return !m.NoWait
	case *wire.BasicCancel:
		return !m.NoWait
	case *wire.ConfirmSelect:
		return !m.NoWait
	}
	return true
}

// foresee notes what a method will have done once it has been heard, and fills in
// the tag of the delivery that was picked.
func (p *player) foresee(at place, ch *channelState, m wire.Method, pick int) {
	switch m := m.(type) {
	case *wire.ExchangeDeclare:
		p.exchanges[m.Exchange] = true
	case *wire.QueueDeclare:
		if _, known := p.queues[m.Queue]; !known && strings.HasPrefix(m.Queue, p.prefix) {
			p.queues[m.Queue] = onlooker
			if m.Exclusive {
				p.queues[m.Queue] = at.conn
			}
		}
		if m.NoWait {
			ch.last = m.Queue
		}
	case *wire.ConfirmSelect:
		if !ch.inTx {
			ch.confirms, ch.published = true, cond(ch.confirms, ch.published, 0)
		}
	case *wire.TxSelect:
		ch.inTx = true
	case *wire.TxCommit:
		ch.taken = nil
	case *wire.TxRollback:
		ch.unsettled, ch.taken = slices.Concat(ch.taken, ch.unsettled), nil
		slices.SortStableFunc(ch.unsettled, func(a, b held) int { return a.order - b.order })
	case *wire.BasicConsume:
		queue := m.Queue
		if queue == "" {
			queue = ch.last
		}
		p.step.consume = consumed{queue, m.NoAck}
		if m.ConsumerTag != "" && ch.consumers[m.ConsumerTag].queue == "" {
			ch.consumers[m.ConsumerTag] = p.step.consume
		}
	case *wire.BasicGet:
		p.step.consume = consumed{m.Queue, m.NoAck}
	case *wire.BasicRecover:
		ch.unsettled = nil
	case *wire.BasicRecoverAsync:
		ch.unsettled = nil
	case *wire.BasicAck:
		m.DeliveryTag, m.Multiple = ch.settleOf(m.DeliveryTag, pick, m.Multiple)
	case *wire.BasicNack:
		m.DeliveryTag, m.Multiple = ch.settleOf(m.DeliveryTag, pick, m.Multiple)
	case *wire.BasicReject:
		m.DeliveryTag, _ = ch.settleOf(m.DeliveryTag, pick, false)
	}
}

// settleOf takes what is settled from the deliveries that are not, and gives the
// arguments that do it.
func (ch *channelState) settleOf(tag uint64, pick int, multiple bool) (uint64, bool) {
	if pick > 0 && len(ch.unsettled) > 0 {
		tag = ch.unsettled[(pick-1)%len(ch.unsettled)].tag
	}
	if multiple && slices.ContainsFunc(ch.unsettled, func(h held) bool { return h.blurred }) {
		tag = 0
	}
	rest := ch.unsettled[:0:0]
	for _, h := range ch.unsettled {
		if h.tag == tag || multiple && (h.tag < tag || tag == 0) {
			if ch.inTx {
				ch.taken = append(ch.taken, h)
			}
		} else {
			rest = append(rest, h)
		}
	}
	ch.unsettled = rest
	return tag, multiple
}

// connect opens a connection unless it is open.
func (p *player) connect(conn int) (err error) {
	if p.talks[conn] == nil {
		p.talks[conn], err = dialTalk(p.url)
	}
	return err
}

// open opens a channel unless it is open.
func (p *player) open(at place) (*channelState, error) {
	if ch := p.channels[at]; ch != nil && !ch.gone {
		return ch, nil
	}
	if err := p.connect(at.conn); err != nil {
		return nil, err
	}
	ch := &channelState{pending: map[uint64]bool{}, consumers: map[string]consumed{}}
	p.channels[at] = ch
	p.talks[at.conn].send(wire.AppendMethod(nil, at.channel, &wire.ChannelOpen{}))
	opened := false
	p.step.opening = func(m wire.Method, where place) bool {
		_, ok := m.(*wire.ChannelOpenOk)
		opened = opened || ok && where == at
		return ok && where == at
	}
	err := p.until(at.conn, func() bool { return opened })
	p.step.opening = nil
	return ch, err
}

// until takes in what one connection says until holds is true or it has ended.
func (p *player) until(conn int, holds func() bool) error {
	for !holds() && p.talks[conn] != nil {
		if err := p.hear(conn); err != nil {
			return err
		}
	}
	return nil
}

// realName is a string of a program as the broker is told it.
func (p *player) realName(s string) string {
	for real, alias := range p.aliases {
		if s == alias {
			return real
		}
	}
	return strings.ReplaceAll(s, nameMark, p.prefix)
}

// shown is what a broker said in the names of the program.
func (p *player) shown(s string) string {
	for _, real := range slices.Sorted(maps.Keys(p.aliases)) {
		s = strings.ReplaceAll(s, real, p.aliases[real])
	}
	s = madeName.ReplaceAllString(s, "amq.$1-*")
	return strings.ReplaceAll(s, p.prefix, nameMark)
}

func cond[V any](is bool, then, otherwise V) V {
	if is {
		return then
	}
	return otherwise
}
