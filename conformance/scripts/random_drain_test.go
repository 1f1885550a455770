// The end of a random program: its clients leave, what it has left in its queues is
// counted out, and all that it made is deleted.

package scripts

import (
	"fmt"

	wire "github.com/rabbetmq/rabbet/amqp"
)

// drainChannel is the onlooker's, on which it takes what is left.
const drainChannel = 90

// drain tells what is left.
func (p *player) drain() (string, error) {
	p.step = newStepRecord()
	for conn := range onlooker {
		if p.talks[conn] == nil {
			continue
		}
		p.talks[conn].send(wire.AppendMethod(nil, 0, &wire.ConnectionClose{ReplyCode: uint16(wire.ReplySuccess)}))
		if err := p.until(conn, func() bool { return false }); err != nil {
			return "", err
		}
		if err := p.settle(); err != nil {
			return "", err
		}
	}
	at := place{onlooker, drainChannel}
	for _, name := range sortedKeys(p.queues) {
		for more := true; more; {
			ch, err := p.open(at)
			if err != nil {
				return "", err
			}
			before, got := len(p.step.replies[at]), len(p.step.deliveries[at])
			p.step.consume = consumed{name, true}
			p.talks[onlooker].send(wire.AppendMethod(nil, drainChannel, &wire.BasicGet{Queue: name, NoAck: true}))
			err = p.until(onlooker, func() bool { return len(p.step.replies[at]) > before || p.talks[onlooker] == nil })
			if err != nil {
				return "", err
			}
			more = !ch.gone && len(p.step.deliveries[at]) > got
		}
	}
	text := p.report()
	return text, p.clear(at)
}

// clear deletes what the program has made.
func (p *player) clear(at place) error {
	ch, err := p.open(at)
	if err != nil {
		return err
	}
	var b []byte
	for name := range p.queues {
		b = wire.AppendMethod(b, drainChannel, &wire.QueueDelete{Queue: name, NoWait: true})
	}
	for name := range p.exchanges {
		if len(name) > len(p.prefix) && name[:len(p.prefix)] == p.prefix {
			b = wire.AppendMethod(b, drainChannel, &wire.ExchangeDelete{Exchange: name, NoWait: true})
		}
	}
	ch.flows++
	p.talks[onlooker].send(wire.AppendMethod(b, drainChannel, &wire.ChannelFlow{Active: true}))
	if err := p.until(onlooker, func() bool { return ch.flows == 0 || ch.gone }); err != nil {
		return err
	}
	if ch.gone {
		return fmt.Errorf("what the program has made cannot be deleted: %s", p.step.replies[at])
	}
	return nil
}
