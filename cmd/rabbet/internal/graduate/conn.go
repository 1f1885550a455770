package graduate

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/delay"
)

// The target is spoken to in frames of package amqp: a client library would not tell an
// absent property from an empty one, nor keep the order of headers.

const (
	// answerTimeout bounds the wait for the answer to a method, and for a confirm.
	answerTimeout = time.Minute
	// maxFrame is the largest frame that is agreed to.
	maxFrame = 128 << 10
	channel  = 1
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
	nc      net.Conn
	w       *bufio.Writer
	frame   uint32 // the largest
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
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	var nc net.Conn
	var err error
	if l.tls {
		nc, err = (&tls.Dialer{}).DialContext(ctx, "tcp", address)
	} else {
		nc, err = (&net.Dialer{}).DialContext(ctx, "tcp", address)
	}
	if err != nil {
		return nil, err
	}
	c := &conn{nc: nc, w: bufio.NewWriterSize(nc, 256<<10), events: make(chan event, 2*room+16), replies: make(chan []byte, 4), done: make(chan struct{})}
	go c.read()
	if err := c.open(l); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// open is the handshake, and a channel with confirms.
func (c *conn) open(l login) error {
	if _, err := io.WriteString(c.w, amqp.ProtocolHeader); err != nil {
		return err
	}
	if err := c.answer(&amqp.ConnectionStart{}); err != nil {
		return err
	}
	tune := &amqp.ConnectionTune{}
	if err := c.call(0, &amqp.ConnectionStartOk{
		ClientProperties: amqp.Table{
			{Key: "product", Value: "rabbet graduate"}, {Key: "connection_name", Value: "rabbet graduate"},
			{Key: "capabilities", Value: amqp.Table{
				{Key: "authentication_failure_close", Value: true}, {Key: "basic.nack", Value: true},
				{Key: "connection.blocked", Value: true}, {Key: "publisher_confirms", Value: true}}},
		},
		Mechanism: "PLAIN", Response: "\x00" + l.user + "\x00" + l.password, Locale: "en_US",
	}, tune); err != nil {
		return err
	}
	c.frame = tune.FrameMax
	if c.frame == 0 || c.frame > maxFrame {
		c.frame = maxFrame
	}
	// No heartbeats: a goroutine that waits for a confirm does not wait for ever.
	c.scratch = amqp.AppendMethod(c.scratch[:0], 0, &amqp.ConnectionTuneOk{ChannelMax: tune.ChannelMax, FrameMax: c.frame})
	if _, err := c.w.Write(c.scratch); err != nil {
		return err
	}
	if err := c.call(0, &amqp.ConnectionOpen{VirtualHost: l.vhost}, &amqp.ConnectionOpenOk{}); err != nil {
		return err
	}
	if err := c.call(channel, &amqp.ChannelOpen{}, &amqp.ChannelOpenOk{}); err != nil {
		return err
	}
	return c.call(channel, &amqp.ConfirmSelect{}, &amqp.ConfirmSelectOk{})
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
	b = amqp.AppendBody(b, channel, body, c.frame)
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
	_, _ = c.w.Write(amqp.AppendMethod(nil, 0, &amqp.ConnectionClose{ReplyCode: 200, ReplyText: "done"})) // The socket is closed all the same.
	_ = c.w.Flush()
	c.nc.Close()
	<-c.done
}

// read sorts what comes until the connection ends.
func (c *conn) read() {
	defer close(c.done)
	r := bufio.NewReaderSize(c.nc, 64<<10)
	payload := make([]byte, 0, 4<<10)
	for {
		var head [amqp.FrameHeaderSize]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			c.err = fmt.Errorf("the connection to the target is lost: %w", err)
			return
		}
		size := binary.BigEndian.Uint32(head[3:])
		if size > maxFrame || string(head[:4]) == amqp.ProtocolHeader[:4] {
			c.err = errors.New("the target does not speak AMQP 0-9-1")
			return
		}
		payload = append(payload[:0], make([]byte, size+1)...)
		if _, err := io.ReadFull(r, payload); err != nil {
			c.err = fmt.Errorf("the connection to the target is lost: %w", err)
			return
		}
		if head[0] == amqp.FrameMethod && size >= 4 {
			if c.err = c.method(payload[:size]); c.err != nil {
				return
			}
		}
	}
}

// method deals with one method; the error is the end.
func (c *conn) method(payload []byte) error {
	switch id := amqp.MethodID(binary.BigEndian.Uint32(payload)); id {
	case amqp.BasicAckID:
		var m amqp.BasicAck
		if err := m.Decode(payload[4:]); err != nil {
			return err
		}
		c.events <- event{tag: m.DeliveryTag, multiple: m.Multiple}
	case amqp.BasicNackID:
		var m amqp.BasicNack
		if err := m.Decode(payload[4:]); err != nil {
			return err
		}
		c.events <- event{tag: m.DeliveryTag, multiple: m.Multiple, nacked: true}
	case amqp.BasicReturnID:
		c.events <- event{returned: true}
	case amqp.ConnectionCloseID:
		var m amqp.ConnectionClose
		if err := m.Decode(payload[4:]); err != nil {
			return err
		}
		return &closedError{m.ReplyCode, m.ReplyText}
	case amqp.ChannelCloseID:
		var m amqp.ChannelClose
		if err := m.Decode(payload[4:]); err != nil {
			return err
		}
		return &closedError{m.ReplyCode, m.ReplyText}
	case amqp.ConnectionBlockedID, amqp.ConnectionUnblockedID:
	default:
		c.replies <- append([]byte(nil), payload...)
	}
	return nil
}

// A closedError is why a target has closed the connection or the channel.
type closedError struct {
	code uint16
	text string
}

func (e *closedError) Error() string { return fmt.Sprintf("the target refuses: %d %s", e.code, e.text) }

// lasting reports whether to try again makes no sense: the target has said why not. A node
// that stops, and a queue without a leader, come back.
func lasting(err error) bool {
	e := (*closedError)(nil)
	return errors.As(err, &e) && e.code != 320 && e.code != 541 && e.code != 404
}
