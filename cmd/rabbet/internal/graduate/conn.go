package graduate

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/amqp/link"
	"github.com/rabbetmq/rabbet/delay"
)

// The target is spoken to in frames of package amqp: a client library would not tell an
// absent property from an empty one, nor keep the order of headers.

const (
	// answerTimeout bounds the wait for the answer to a method, and for a confirm.
	answerTimeout = time.Minute
	channel       = 1
)

// A login is how to get in.
type login struct {
	addresses             []string // host:port, tried in this order
	user, password, vhost string
	tls                   bool
}

// An event is what a target says of publishes.
type event struct {
	tag      uint64
	multiple bool
	nacked   bool
	returned bool // the message of the confirm that follows found no queue
}

// A conn is a connection with one channel, which confirms. One goroutine may use it.
type conn struct {
	link    *link.Link
	w       *bufio.Writer
	events  chan event
	replies chan []byte
	done    chan struct{} // closed when nothing is read any more
	err     error         // why; to be read once done is closed
	tag     uint64        // of the last publish
	scratch []byte
}

// dial connects to the first address that takes the login. Room is how many confirms may
// be waited for.
func dial(ctx context.Context, l login, room int) (c *conn, err error) {
	err = errors.New("no AMQP address of the target is known: give --to-amqp")
	for _, address := range l.addresses {
		if c, err = dialOne(ctx, l, address, room); err == nil {
			return c, nil
		}
		err = fmt.Errorf("%s: %w", address, err)
	}
	return nil, err
}

func dialOne(ctx context.Context, l login, address string, room int) (*conn, error) {
	to := &link.Config{
		Address: address, User: l.user, Password: l.password, VHost: l.vhost, Product: "rabbet graduate", Name: "rabbet graduate",
		Heartbeat: -1, // a goroutine that waits for a confirm does not wait for ever
	}
	if l.tls {
		to.TLS = &tls.Config{}
	}
	nc, err := link.Open(ctx, to)
	if err != nil {
		return nil, err
	}
	err = nc.Ask(channel, &amqp.ChannelOpen{}, &amqp.ChannelOpenOk{})
	if err == nil {
		err = nc.Ask(channel, &amqp.ConfirmSelect{}, &amqp.ConfirmSelectOk{})
	}
	if err != nil {
		nc.Close()
		return nil, err
	}
	c := &conn{link: nc, w: bufio.NewWriterSize(nc, 256<<10), events: make(chan event, 2*room+16), replies: make(chan []byte, 4), done: make(chan struct{})}
	go c.read()
	return c, nil
}

// call sends a method and waits for its answer.
func (c *conn) call(channel uint16, m, answer amqp.Method) error {
	c.scratch = amqp.AppendMethod(c.scratch[:0], channel, m)
	if _, err := c.w.Write(c.scratch); err != nil {
		return c.why(err)
	}
	return c.answer(answer)
}

func (c *conn) answer(m amqp.Method) error {
	if err := c.w.Flush(); err != nil {
		return c.why(err)
	}
	late := make(chan struct{})
	timer := delay.Real{}.AfterFunc(answerTimeout, func() { close(late) })
	defer timer.Stop()
	select {
	case payload := <-c.replies:
		if id := amqp.MethodID(binary.BigEndian.Uint32(payload)); id != m.ID() {
			return fmt.Errorf("the target answers with method %d", id)
		}
		return m.Decode(payload[4:])
	case <-c.done:
		return c.err
	case <-late:
		return errors.New("the target does not answer")
	}
}

// why is the error of the reading side, which knows more than one of writing.
func (c *conn) why(err error) error {
	select {
	case <-c.done:
		return c.err
	default:
		return err
	}
}

// publish sends a message and returns the tag that its confirm will have. It
// may wait in a buffer until flush.
func (c *conn) publish(m *amqp.BasicPublish, properties, body []byte) (uint64, error) {
	b := amqp.AppendMethod(c.scratch[:0], channel, m)
	b = amqp.AppendHeader(b, channel, amqp.BasicPublishID.Class(), uint64(len(body)), properties)
	b = amqp.AppendBody(b, channel, body, c.link.FrameMax())
	c.scratch = b
	c.tag++
	_, err := c.w.Write(b)
	if err != nil {
		err = c.why(err)
	}
	return c.tag, err
}

func (c *conn) flush() error {
	if err := c.w.Flush(); err != nil {
		return c.why(err)
	}
	return nil
}

// close ends the connection.
func (c *conn) close() {
	_ = c.w.Flush() // The socket is closed all the same.
	c.link.Goodbye()
	c.link.Close()
	<-c.done
}

// read sorts what comes until the connection ends.
func (c *conn) read() {
	defer close(c.done)
	for {
		f, err := c.link.Next()
		if err != nil {
			c.err = fmt.Errorf("the connection to the target is lost: %w", err)
			return
		}
		if f.Kind == amqp.FrameMethod {
			if c.err = c.method(f); c.err != nil {
				return
			}
		}
	}
}

// method deals with one method; the error is the end.
func (c *conn) method(f link.Frame) error {
	switch f.Method() {
	case amqp.BasicAckID:
		var m amqp.BasicAck
		if err := m.Decode(f.Args()); err != nil {
			return err
		}
		c.events <- event{tag: m.DeliveryTag, multiple: m.Multiple}
	case amqp.BasicNackID:
		var m amqp.BasicNack
		if err := m.Decode(f.Args()); err != nil {
			return err
		}
		c.events <- event{tag: m.DeliveryTag, multiple: m.Multiple, nacked: true}
	case amqp.BasicReturnID:
		c.events <- event{returned: true}
	case amqp.ConnectionBlockedID, amqp.ConnectionUnblockedID:
	default:
		if err := c.link.Control(f); err != nil {
			return err
		}
		c.replies <- bytes.Clone(f.Payload())
	}
	return nil
}

// errUnrouted ends the copying of a queue that has gone.
var errUnrouted = errors.New("the target has no such queue any more")

// lasting reports whether to try again makes no sense: the target has said why not. A node
// that stops, and a queue without a leader, come back.
func lasting(err error) bool {
	e := (*link.CloseError)(nil)
	return errors.Is(err, errUnrouted) || errors.As(err, &e) && e.Code != 320 && e.Code != 541 && e.Code != 404
}
