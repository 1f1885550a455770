// A broker with next to nothing in it, to test and to measure the load
// generator by itself: it copies each publish to one consumer of each queue
// that the message reaches, and keeps no messages.

package perf

import (
	"encoding/binary"
	"io"
	"net"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/amqp/link"
)

type nullBroker struct {
	url string

	mu        sync.Mutex
	queues    map[string]*nullConsumer // nil without one
	exchanges map[string][]nullBinding
	acked     uint64 // the sum over consumers of the highest tag acknowledged

	// refuse answers a publish with a channel error instead of routing it.
	refuse *amqp.ChannelClose
	// misroute returns every publish, as if no queue were bound.
	misroute bool
}

type nullBinding struct {
	key   string // empty matches all
	queue string
}

// nullConsumer is a consumer's end of a connection. Several connections may
// deliver to it.
type nullConsumer struct {
	mu   sync.Mutex
	conn net.Conn
	tag  uint64
	out  []byte
}

// nullConn is one connection as the null broker serves it.
type nullConn struct {
	*link.Link
	broker   *nullBroker
	confirms bool
	tag      uint64 // of the last publish
	acked    uint64

	targets []*nullConsumer // of the message being read
	deliver []byte          // its exchange and routing key
	whole   []byte          // its encoded header and body frames
	left    uint64          // of its body
	touched []*nullConsumer // have output to be written
	answers []byte
}

func startNullBroker(t testing.TB) *nullBroker {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	b := &nullBroker{
		url:       "amqp://guest:guest@" + l.Addr().String(),
		queues:    map[string]*nullConsumer{},
		exchanges: map[string][]nullBinding{},
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { b.serve(conn) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	return b
}

func (b *nullBroker) serve(conn net.Conn) {
	defer conn.Close()
	if _, err := io.ReadFull(conn, make([]byte, len(amqp.ProtocolHeader))); err != nil {
		return
	}
	c := &nullConn{Link: link.New(conn, nil, readBuffer), broker: b}
	c.answer(0, &amqp.ConnectionStart{VersionMinor: 9, Mechanisms: "PLAIN", Locales: "en_US"})
	for {
		c.flush()
		if c.Fill() != nil {
			return
		}
		for {
			f, ok, err := c.Buffered()
			if err != nil {
				return
			}
			if !ok {
				break
			}
			if f.Kind == amqp.FrameMethod {
				if !c.method(f.Method(), f.Args()) {
					c.flush()
					return
				}
			} else {
				c.content(f.Kind, f.Payload())
			}
		}
	}
}

func (c *nullConn) answer(channel uint16, m amqp.Method) {
	c.answers = amqp.AppendMethod(c.answers, channel, m)
}

// flush writes what one read has led to.
func (c *nullConn) flush() {
	for _, t := range c.touched {
		t.mu.Lock()
		_, _ = t.conn.Write(t.out) // A consumer that has gone needs nothing.
		t.out = t.out[:0]
		t.mu.Unlock()
	}
	c.touched = c.touched[:0]
	if c.confirms && c.tag > c.acked {
		c.answers = appendAck(c.answers, c.tag, true)
		c.acked = c.tag
	}
	_, _ = c.Write(c.answers)
	c.answers = c.answers[:0]
}

// method acts on a method; false ends the connection.
func (c *nullConn) method(id amqp.MethodID, args []byte) bool {
	if id == amqp.BasicPublishID {
		c.publish(args)
		return true
	}
	m, _ := amqp.NewMethod(id)
	if m == nil || m.Decode(args) != nil {
		return false
	}
	b := c.broker
	b.mu.Lock()
	defer b.mu.Unlock()
	switch m := m.(type) {
	case *amqp.ConnectionStartOk:
		c.answer(0, &amqp.ConnectionTune{ChannelMax: 2047, FrameMax: 131072, Heartbeat: 60})
	case *amqp.ConnectionOpen:
		c.answer(0, &amqp.ConnectionOpenOk{})
	case *amqp.ChannelOpen:
		c.answer(1, &amqp.ChannelOpenOk{})
	case *amqp.ExchangeDeclare:
		b.exchanges[m.Exchange] = nil
		c.answer(1, &amqp.ExchangeDeclareOk{})
	case *amqp.QueueDeclare:
		b.queues[m.Queue] = nil
		c.answer(1, &amqp.QueueDeclareOk{Queue: m.Queue})
	case *amqp.QueueBind:
		b.exchanges[m.Exchange] = append(b.exchanges[m.Exchange], nullBinding{m.RoutingKey, m.Queue})
		c.answer(1, &amqp.QueueBindOk{})
	case *amqp.BasicQos:
		c.answer(1, &amqp.BasicQosOk{})
	case *amqp.ConfirmSelect:
		c.confirms = true
		c.answer(1, &amqp.ConfirmSelectOk{})
	case *amqp.BasicConsume:
		b.queues[m.Queue] = &nullConsumer{conn: c.Conn}
		c.answer(1, &amqp.BasicConsumeOk{ConsumerTag: m.ConsumerTag})
	case *amqp.BasicAck:
		b.acked += m.DeliveryTag - c.acked
		c.acked = m.DeliveryTag
	case *amqp.QueueDelete:
		delete(b.queues, m.Queue)
		c.answer(1, &amqp.QueueDeleteOk{})
	case *amqp.ExchangeDelete:
		delete(b.exchanges, m.Exchange)
		c.answer(1, &amqp.ExchangeDeleteOk{})
	case *amqp.ConnectionClose:
		c.answer(0, &amqp.ConnectionCloseOk{})
		return false
	}
	return true
}

// publish finds the consumers of a message whose content is yet to come.
func (c *nullConn) publish(args []byte) {
	c.tag++
	exchange := args[2 : 3+args[2]]
	key := args[2+len(exchange):]
	key = key[:1+key[0]]
	c.deliver = append(append(c.deliver[:0], exchange...), key...)
	b := c.broker
	b.mu.Lock()
	defer b.mu.Unlock()
	c.targets = c.targets[:0]
	switch {
	case b.refuse != nil:
		c.answer(1, b.refuse)
	case b.misroute:
		c.answer(1, &amqp.BasicReturn{ReplyCode: 312, ReplyText: "NO_ROUTE"})
		c.answers = amqp.AppendHeader(c.answers, 1, 60, 0, []byte{0, 0})
	case len(exchange) == 1:
		c.target(b.queues[string(key[1:])])
	default:
		for _, binding := range b.exchanges[string(exchange[1:])] {
			if binding.key == "" || binding.key == string(key[1:]) {
				c.target(b.queues[binding.queue])
			}
		}
	}
}

func (c *nullConn) target(t *nullConsumer) {
	if t != nil {
		c.targets = append(c.targets, t)
	}
}

// content copies a message to its consumers, whole, so that messages of
// several producers do not mix.
func (c *nullConn) content(kind byte, payload []byte) {
	if kind == amqp.FrameHeader {
		c.whole = c.whole[:0]
		c.left = binary.BigEndian.Uint64(payload[4:])
	} else {
		c.left -= uint64(len(payload))
	}
	c.whole = append(c.whole, kind, 0, 1)
	c.whole = binary.BigEndian.AppendUint32(c.whole, uint32(len(payload)))
	c.whole = append(append(c.whole, payload...), amqp.FrameEnd)
	if c.left > 0 {
		return
	}
	for _, t := range c.targets {
		t.mu.Lock()
		t.tag++
		b := append(t.out, amqp.FrameMethod, 0, 1)
		b = binary.BigEndian.AppendUint32(b, uint32(4+2+8+1+len(c.deliver)))
		b = binary.BigEndian.AppendUint32(b, uint32(amqp.BasicDeliverID))
		b = append(b, 1, 'c')
		b = binary.BigEndian.AppendUint64(b, t.tag)
		b = append(b, 0)
		b = append(append(b, c.deliver...), amqp.FrameEnd)
		t.out = append(b, c.whole...)
		t.mu.Unlock()
		if !slices.Contains(c.touched, t) {
			c.touched = append(c.touched, t)
		}
	}
}
