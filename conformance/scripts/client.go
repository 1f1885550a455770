// Connections and channels of the official client, with what scripts need
// besides: they close at the end of the script, remember why the broker closed
// them, and say what is expected of that.

package scripts

import (
	"fmt"
	"net"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Conn is a connection of the official client that belongs to a script.
type Conn struct {
	*amqp.Connection
	t      *T
	closed chan *amqp.Error
	socket net.Conn
}

// Channel is a channel of the official client that belongs to a script. What
// fails in its helper methods ends the script; the client's own methods return
// their errors.
type Channel struct {
	*amqp.Channel
	t       *T
	conn    *Conn
	closed  chan *amqp.Error
	returns chan amqp.Return
	acks    chan amqp.Confirmation
	cancels chan string
}

// notices is how many returns, confirms and cancels a channel holds for a
// script that has not asked for them yet. Beyond that the client would wait.
const notices = 1024

// Conn is the connection that Channel uses, opened when first asked for and
// anew if the broker has closed it.
func (t *T) Conn() *Conn {
	if t.conn == nil || t.conn.IsClosed() {
		t.conn = t.Dial(amqp.Config{})
	}
	return t.conn
}

// Channel opens a channel on the script's connection.
func (t *T) Channel() *Channel { return t.Conn().Open() }

// Dial opens a further connection. The config's Dial is set here, its virtual
// host and login are those of the URL unless given.
func (t *T) Dial(config amqp.Config) *Conn {
	c, err := t.TryDial(config)
	t.OK(err, "open a connection")
	return c
}

// TryDial is Dial for scripts that expect a refusal.
func (t *T) TryDial(config amqp.Config) (*Conn, error) {
	var socket net.Conn
	config.Dial = func(network, addr string) (net.Conn, error) {
		var err error
		socket, err = t.dial(network, addr)
		return socket, err
	}
	conn, err := amqp.DialConfig(t.URL(), config)
	if err != nil {
		return nil, err
	}
	c := &Conn{Connection: conn, t: t, closed: conn.NotifyClose(make(chan *amqp.Error, 1)), socket: socket}
	t.Cleanup(func() {
		if !conn.IsClosed() {
			conn.Close()
		}
	})
	return c, nil
}

// Cut ends the connection silently, as a client that crashes does.
func (c *Conn) Cut() {
	c.t.OK(c.socket.Close(), "cut a connection")
	Receive(c.t, c.closed, "the client to notice the cut")
}

// Open opens a channel.
func (c *Conn) Open() *Channel {
	ch, err := c.Connection.Channel()
	c.t.OK(err, "open a channel")
	return &Channel{
		Channel: ch, t: c.t, conn: c,
		closed:  ch.NotifyClose(make(chan *amqp.Error, 1)),
		returns: ch.NotifyReturn(make(chan amqp.Return, notices)),
		acks:    ch.NotifyPublish(make(chan amqp.Confirmation, notices)),
		cancels: ch.NotifyCancel(make(chan string, notices)),
	}
}

// errorNames are the names that RabbitMQ puts in front of the reply-text.
var errorNames = map[int]string{
	311: "CONTENT_TOO_LARGE",
	320: "CONNECTION_FORCED",
	403: "ACCESS_REFUSED",
	404: "NOT_FOUND",
	405: "RESOURCE_LOCKED",
	406: "PRECONDITION_FAILED",
	501: "FRAME_ERROR",
	502: "SYNTAX_ERROR",
	503: "COMMAND_INVALID",
	504: "CHANNEL_ERROR",
	505: "UNEXPECTED_FRAME",
	506: "RESOURCE_ERROR",
	530: "NOT_ALLOWED",
	540: "NOT_IMPLEMENTED",
	541: "INTERNAL_ERROR",
}

// closesChannel is ERR-1: which codes leave the connection open.
func closesChannel(code int) bool { return code >= 311 && code <= 313 || code >= 403 && code <= 406 }

// ReplyText is the reply-text on the wire of an error that the reference
// states as code and text: with the code's name in front, and cut as ERR-3
// says. An empty text stands for the bare name (ERR-4).
func ReplyText(code int, text string) string {
	const longest = 255
	if text == "" {
		return errorNames[code]
	}
	if text = errorNames[code] + " - " + text; len(text) > longest {
		return text[:longest-3] + "..."
	}
	return text
}

// ExpectError does something that the broker must refuse with this code and
// text, on a fresh channel, and records a difference unless that closes the
// channel, or the connection if the code is such (ERR-1). A code that closes a
// connection gets one to itself.
func (t *T) ExpectError(code int, text string, do func(*Channel) error) {
	if closesChannel(code) {
		t.Conn().ExpectError(code, text, do)
	} else {
		t.Dial(amqp.Config{}).ExpectError(code, text, do)
	}
}

// ExpectError is T.ExpectError on this connection.
func (c *Conn) ExpectError(code int, text string, do func(*Channel) error) {
	ch := c.Open()
	_ = do(ch) // the same error as ExpectClosed sees, if the client waited for a reply
	ch.ExpectClosed(code, text)
	if closesChannel(code) && !ch.IsClosed() {
		c.t.OK(ch.Close(), "close the channel that was to be refused")
	}
}

// ExpectClosed waits until the broker closes the channel, with its connection
// if the code is such, and records a difference unless it does so with this
// code and text.
func (ch *Channel) ExpectClosed(code int, text string) {
	what := fmt.Sprintf("close with %d %q", code, ReplyText(code, text))
	got := ch.t.closeNotice(ch.closed, what)
	if got == nil {
		return
	}
	if ch.t.Equal(fmt.Sprint(code, " ", ReplyText(code, text)), fmt.Sprint(got.Code, " ", got.Reason), "close") {
		ch.t.Equal(!closesChannel(code), ch.conn.IsClosed(), "the connection is closed as well")
	}
}

// ExpectClosed is Channel.ExpectClosed for a connection.
func (c *Conn) ExpectClosed(code int, text string) {
	what := fmt.Sprintf("close with %d %q", code, ReplyText(code, text))
	if got := c.t.closeNotice(c.closed, what); got != nil {
		c.t.Equal(fmt.Sprint(code, " ", ReplyText(code, text)), fmt.Sprint(got.Code, " ", got.Reason), "close")
	}
}

// closeNotice waits for a reason to close; nil is a difference that it has
// recorded, after which the script may go on.
func (t *T) closeNotice(closed <-chan *amqp.Error, what string) *amqp.Error {
	ctx, cancel := t.patient()
	defer cancel()
	select {
	case err := <-closed:
		if err == nil {
			t.Errorf("expected %s, but it was closed without an error", what)
		}
		return err
	case <-ctx.Done():
		t.Errorf("expected %s, but it stayed open", what)
	}
	return nil
}

// ExpectOpen is a round trip that shows that the channel works still.
func (ch *Channel) ExpectOpen() {
	ch.t.OK(ch.ExchangeDeclarePassive("amq.direct", "direct", true, false, false, false, nil), "use a channel that must be open")
}
