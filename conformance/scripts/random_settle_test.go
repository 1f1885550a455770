// When a step of a random program is over: all that is on its way in the broker
// has arrived, which shows in that two rounds of questions change nothing.

package scripts

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	wire "github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/delay"
)

// quietRounds is how many rounds must change nothing, and loudRounds how many may
// go by before a program is given up.
const (
	quietRounds = 2
	loudRounds  = 4000
)

// settle asks until nothing changes any more.
func (p *player) settle() error {
	if err := p.flush(); err != nil { // what is not answered has been done then
		return err
	}
	if p.slow || p.abandoned { // RabbitMQ tells queues of the end of a channel later than its client
		_ = delay.Wait(context.Background(), delay.Real{}, p.pause)
		p.abandoned = false
	}
	quiet := 0
	for round := range loudRounds {
		before := p.heard
		changed, err := p.round()
		if err != nil {
			return err
		}
		if changed || p.heard != before || p.waits() {
			quiet = 0
		} else if quiet++; quiet == quietRounds {
			return nil
		}
		if round > 2*quietRounds { // a disk, or what goes by way of one
			_ = delay.Wait(context.Background(), delay.Real{}, time.Millisecond)
		}
	}
	return errors.New("the broker does not come to rest")
}

// waits reports whether confirms are to come.
func (p *player) waits() bool {
	for _, ch := range p.channels {
		if !ch.gone && ch.confirms && len(ch.pending) > 0 {
			return true
		}
	}
	return false
}

// round has each channel answer, and looks at each queue. It reports whether there is
// more or less in them than before.
func (p *player) round() (changed bool, err error) {
	seen := maps.Clone(p.counts)
	for name := range p.queues {
		if err := p.look(name); err != nil {
			return false, err
		}
	}
	err = p.flush()
	return !maps.Equal(seen, p.counts), err
}

// flush has each channel answer.
func (p *player) flush() error {
	for at, ch := range p.channels {
		if p.talks[at.conn] != nil && !ch.gone && ch.watches == "" {
			ch.flows++
			p.talks[at.conn].send(wire.AppendMethod(nil, at.channel, &wire.ChannelFlow{Active: true}))
		}
	}
	for conn := range p.talks {
		if err := p.until(conn, func() bool { return !p.owes(conn) }); err != nil {
			return err
		}
	}
	return nil
}

// owes reports whether a connection has questions to answer.
func (p *player) owes(conn int) bool {
	for at, ch := range p.channels {
		if at.conn == conn && !ch.gone && ch.flows+ch.looks > 0 {
			return true
		}
	}
	return false
}

// look asks how many messages and consumers a queue has. Each queue has a channel
// for that, which ends if there is no such queue.
func (p *player) look(name string) error {
	conn := p.queues[name]
	if p.talks[conn] == nil {
		conn = onlooker
	}
	if p.numbers[name] == 0 {
		p.numbers[name] = watchChannels + uint16(len(p.numbers))
	}
	at := place{conn, p.numbers[name]}
	ch, err := p.open(at)
	if err != nil || p.talks[conn] == nil {
		return err
	}
	ch.watches = name
	ch.looks++
	p.talks[conn].send(wire.AppendMethod(nil, at.channel, &wire.QueueDeclare{Queue: name, Passive: true}))
	return nil
}

// looked takes in what there is to see of a queue.
func (p *player) looked(ch *channelState, m wire.Method) {
	ch.looks--
	switch m := m.(type) {
	case *wire.QueueDeclareOk:
		p.counts[ch.watches] = fmt.Sprintf("%d ready, %d consumers", m.MessageCount, m.ConsumerCount)
	case *wire.ChannelClose:
		if m.ReplyCode == uint16(wire.NotFound) {
			delete(p.counts, ch.watches)
			delete(p.queues, ch.watches)
			return
		}
		p.counts[ch.watches] = m.ReplyText
	}
}
