package broker_test

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/delay"
)

// countedChannel is where a rioter behaves: what it publishes there is confirmed, and what
// it consumes there is settled in order.
const countedChannel = 10

// A rioter is one connection of a rioting client. Its goroutine writes, another reads.
type rioter struct {
	*riot
	r      *rand.Rand
	source string // of what it publishes
	nc     net.Conn
	sent   int
	noisy  bool // it has said what may have the broker wait for more
	ended  chan struct{}
	synced chan struct{} // capacity 1

	mu        sync.Mutex
	answers   []byte         // to what has been read, for the writer
	published []string       // without a confirm yet, "" with one; the first has the number confirmed+1
	confirmed uint64         // how many are gone from published
	held      []riotDelivery // in the order of their tags
	syncs     [][]string     // what was settled before each basic.qos
	settled   []string       // since the last
	last      map[string]int // by source: what was delivered for the first time
}

type riotDelivery struct {
	tag  uint64
	body string
}

// newRioter opens a connection and its counted channel.
func (t *riot) newRioter(seed uint64) *rioter {
	c := &rioter{riot: t, r: rand.New(rand.NewPCG(seed, 5)), source: fmt.Sprintf("%x", seed), ended: make(chan struct{}), synced: make(chan struct{}, 1), last: map[string]int{}}
	raw := rawOpen(t.T, t.b, 0)
	c.nc = raw.nc
	go c.read(raw.in)
	p := amqp.AppendMethod(nil, countedChannel, &amqp.ChannelOpen{})
	p = amqp.AppendMethod(p, countedChannel, &amqp.ConfirmSelect{})
	p = c.sync(p)
	for _, q := range countedQueues {
		if c.r.IntN(2) == 0 {
			p = amqp.AppendMethod(p, countedChannel, &amqp.BasicConsume{Queue: q, ConsumerTag: q})
		}
	}
	for id := range uint16(3) {
		p = amqp.AppendMethod(p, 1+id, &amqp.ChannelOpen{})
	}
	c.write(p)
	return c
}

// run says a number of things, and then ends the connection in one way or another.
func (c *rioter) run(bursts int) {
	for range bursts {
		var p []byte
		for range 1 + c.r.IntN(8) {
			p = c.something(p)
		}
		c.mu.Lock()
		p = append(p, c.answers...)
		c.answers = nil
		c.mu.Unlock()
		if !c.write(p) {
			break
		}
		if c.r.IntN(3) == 0 {
			c.mu.Lock()
			p = c.sync(nil)
			c.mu.Unlock()
			if !c.write(p) || !c.await() {
				break
			}
		}
	}
	if c.r.IntN(2) == 0 && c.write(amqp.AppendMethod(nil, 0, &amqp.ConnectionClose{ReplyCode: 200})) {
		c.await()
	}
	_ = c.nc.Close()
	<-c.ended
}

// something appends a method or two, or noise.
func (c *rioter) something(p []byte) []byte {
	channel := uint16(1 + c.r.IntN(3))
	switch op := c.r.IntN(600); {
	case op == 0:
		c.noisy = true
		return riotNoise(c.r, p, channel)
	case op == 1:
		channel = pick(c.r, []uint16{0, 4, 65535})
		c.noisy = true
	case op < 240:
		return c.publish(p)
	case op < 400:
		return c.settle(p)
	}
	m := riotMethod(c.r)
	p = amqp.AppendMethod(p, channel, m)
	if m.ID().HasContent() {
		c.noisy = true
		p = riotContent(c.r, p, channel)
	}
	return p
}

// publish appends a message for one of the counted queues.
func (c *rioter) publish(p []byte) []byte {
	c.sent++
	q := pick(c.r, countedQueues)
	body := fmt.Sprint(c.source, ".", c.sent, ".", q)
	c.note(q, body)
	c.mu.Lock()
	c.published = append(c.published, body)
	c.mu.Unlock()
	return appendPublishWith(p, countedChannel, "", q, &amqp.Properties{Flags: amqp.HasDeliveryMode, DeliveryMode: 2}, []byte(body))
}

// settle appends an acknowledgement of something that is out.
func (c *rioter) settle(p []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.held) == 0 {
		return p
	}
	i, multiple := c.r.IntN(len(c.held)), c.r.IntN(4) == 0
	from := i
	if multiple {
		from = 0
	}
	tag, settled := c.held[i].tag, c.held[from:i+1]
	op := c.r.IntN(4)
	if op < 3 {
		for _, d := range settled {
			c.settled = append(c.settled, d.body)
			c.noteSettled(d.body)
		}
	}
	c.held = append(c.held[:from:from], c.held[i+1:]...)
	switch op {
	case 0, 1:
		return amqp.AppendMethod(p, countedChannel, &amqp.BasicAck{DeliveryTag: tag, Multiple: multiple})
	default:
		return amqp.AppendMethod(p, countedChannel, &amqp.BasicNack{DeliveryTag: tag, Multiple: multiple, Requeue: op == 3})
	}
}

// sync appends what is answered once all before it is done. Called with the lock held, or
// before anything is read.
func (c *rioter) sync(p []byte) []byte {
	c.syncs = append(c.syncs, c.settled)
	c.settled = nil
	return amqp.AppendMethod(p, countedChannel, &amqp.BasicQos{PrefetchCount: uint16(c.r.IntN(40))})
}

// await waits for an answer. A client that has said nothing wrong gets one.
func (c *rioter) await() bool {
	timeout := patience
	if c.noisy {
		timeout /= 100
	}
	late := make(chan struct{})
	timer := delay.Real{}.AfterFunc(timeout, func() { close(late) })
	defer timer.Stop()
	select {
	case <-c.ended:
		return false
	case <-c.synced:
		return true
	case <-late:
		if !c.noisy {
			c.Errorf("%s: no answer", c.source)
		}
		return false
	}
}

// write reports whether the broker has taken it.
func (c *rioter) write(p []byte) bool {
	if err := c.nc.SetWriteDeadline(delay.Real{}.Now().Add(patience)); err != nil {
		return false
	}
	_, err := c.nc.Write(p)
	return err == nil
}

// read reads to the end of the connection.
func (c *rioter) read(in *bufio.Reader) {
	defer close(c.ended)
	var delivered *amqp.BasicDeliver
	var body []byte
	for {
		var h [amqp.FrameHeaderSize]byte
		if _, err := io.ReadFull(in, h[:]); err != nil {
			return
		}
		payload := make([]byte, binary.BigEndian.Uint32(h[3:])+1)
		if _, err := io.ReadFull(in, payload); err != nil {
			return
		}
		f := frame{h[0], binary.BigEndian.Uint16(h[1:]), payload[:len(payload)-1]}
		if payload[len(payload)-1] != amqp.FrameEnd {
			c.Errorf("%s: a frame without its end", c.source)
			return
		}
		switch {
		case f.kind == amqp.FrameMethod:
			m, err := f.decode()
			if err != nil && !errors.Is(err, amqp.ErrUTF8) { // a refusal quotes what was sent
				c.Errorf("%s: %v", c.source, err)
				return
			}
			delivered, _ = m.(*amqp.BasicDeliver)
			if c.take(f.channel, m) {
				return
			}
		case f.kind == amqp.FrameBody && f.channel == countedChannel && delivered != nil:
			if body = f.payload; len(body) > 0 {
				c.deliver(delivered, string(body))
			}
		}
	}
}

// take takes in a method. True is the end.
func (c *rioter) take(channel uint16, m amqp.Method) (end bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch m := m.(type) {
	case *amqp.ConnectionClose:
		c.checkReply(m.ReplyCode, m.ReplyText)
		return true
	case *amqp.ConnectionCloseOk:
		return true
	case *amqp.ChannelClose:
		c.checkReply(m.ReplyCode, m.ReplyText)
		if channel == countedChannel {
			c.Errorf("%s: the channel that does nothing wrong was closed: %+v", c.source, m)
		}
		c.answers = amqp.AppendMethod(c.answers, channel, &amqp.ChannelCloseOk{})
		c.answers = amqp.AppendMethod(c.answers, channel, &amqp.ChannelOpen{})
	}
	if channel != countedChannel {
		return false
	}
	switch m := m.(type) {
	case *amqp.BasicQosOk:
		c.noteGone(c.syncs[0])
		c.syncs = c.syncs[1:]
		select {
		case c.synced <- struct{}{}:
		default:
		}
	case *amqp.BasicAck:
		c.confirm(m.DeliveryTag, m.Multiple)
	case *amqp.BasicNack:
		c.Errorf("%s: publish %d was refused", c.source, m.DeliveryTag)
	}
	return false
}

// confirm takes in a confirm. Called with the lock held.
func (c *rioter) confirm(number uint64, multiple bool) {
	at := int(number - c.confirmed) // one more than the index
	if number <= c.confirmed || at > len(c.published) || c.published[at-1] == "" {
		c.Errorf("%s: a confirm of %d, which has one or was never published", c.source, number)
		return
	}
	from := at - 1
	if multiple {
		from = 0
	}
	for i := from; i < at; i++ {
		if c.published[i] != "" {
			c.noteConfirmed(c.published[i])
			c.published[i] = ""
		}
	}
	for len(c.published) > 0 && c.published[0] == "" {
		c.published = c.published[1:]
		c.confirmed++
	}
}

// deliver takes in a delivery.
func (c *rioter) deliver(d *amqp.BasicDeliver, body string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = append(c.held, riotDelivery{d.DeliveryTag, body})
	c.checkDelivered(d.ConsumerTag, body)
	source, number := riotNumber(body)
	if key := d.ConsumerTag + source; !d.Redelivered {
		if number <= c.last[key] {
			c.Errorf("%s: %s came after %d of the same channel", c.source, body, c.last[key])
		}
		c.last[key] = number
	}
}

// riotNumber is where a message comes from, and which it is.
func riotNumber(body string) (source string, number int) {
	parts := strings.Split(body, ".")
	number, _ = strconv.Atoi(parts[1])
	return parts[0], number
}
