package link_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/amqp/link"
	"github.com/rabbetmq/rabbet/broker/brokertest"
	"github.com/rabbetmq/rabbet/delay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// configOf is how to log in to a broker.
func configOf(mq *brokertest.Broker) *link.Config {
	_, rest, _ := strings.Cut(mq.URL(), "@")
	address, _, _ := strings.Cut(rest, "/")
	return &link.Config{Address: address, User: "guest", Password: "guest", VHost: "/", Product: "test", Name: "link"}
}

func TestLoginAndCalls(t *testing.T) {
	mq := brokertest.New(t)
	l, err := link.Open(t.Context(), configOf(mq))
	require.NoError(t, err)
	assert.EqualValues(t, link.MaxFrame, l.FrameMax())
	require.NoError(t, l.Ask(1, &amqp.ChannelOpen{}, &amqp.ChannelOpenOk{}))
	var ok amqp.QueueDeclareOk
	require.NoError(t, l.Ask(1, &amqp.QueueDeclare{Queue: "q"}, &ok))
	assert.Equal(t, "q", ok.Queue)
	err = l.Ask(1, &amqp.QueueDeclare{Queue: "none", Passive: true}, &ok)
	assert.Equal(t, &link.CloseError{Code: 404, Text: "NOT_FOUND - no queue 'none' in vhost '/'"}, err)
	assert.EqualError(t, err, "the broker closed the channel: 404 NOT_FOUND - no queue 'none' in vhost '/'")
	require.NoError(t, l.Ask(1, &amqp.ChannelOpen{}, &amqp.ChannelOpenOk{}), "its close was answered")
	l.End(time.Minute)
	assert.True(t, l.Over())
}

func TestRefusedLogin(t *testing.T) {
	mq := brokertest.New(t)
	wrong := configOf(mq)
	wrong.Password = "wrong"
	_, err := link.Open(t.Context(), wrong)
	var refused *link.CloseError
	require.ErrorAs(t, err, &refused)
	assert.True(t, refused.Connection)
	assert.EqualValues(t, amqp.AccessRefused, refused.Code)
	assert.True(t, strings.HasPrefix(refused.Text, "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN."), refused.Text)
	nowhere := configOf(mq)
	nowhere.VHost = "nowhere"
	_, err = link.Open(t.Context(), nowhere)
	assert.EqualError(t, err, "the broker closed the connection: 530 NOT_ALLOWED - vhost nowhere not found")
	_, err = link.Open(t.Context(), &link.Config{Address: "127.0.0.1:1"}) // where nobody listens
	assert.ErrorIs(t, err, syscall.ECONNREFUSED)
}

func TestTLS(t *testing.T) {
	mq := brokertest.New(t, brokertest.WithTLS())
	c := configOf(mq)
	c.TLS = mq.TLSConfig()
	l, err := link.Open(t.Context(), c)
	require.NoError(t, err)
	require.NoError(t, l.Ask(1, &amqp.ChannelOpen{}, &amqp.ChannelOpenOk{}))
	l.End(time.Minute)
	c.TLS = &tls.Config{ServerName: "localhost"}
	_, err = link.Open(t.Context(), c)
	var unknown *tls.CertificateVerificationError
	assert.ErrorAs(t, err, &unknown)
}

// A peer is a broker that does what a test says.
type peer struct {
	*testing.T
	net.Conn
	frames *link.Reader
}

// newPeer lets a script serve one connection, and returns how to connect to it.
func newPeer(t *testing.T, script func(p *peer)) *link.Config {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		script(&peer{t, conn, link.NewReader(conn, 0)})
	}()
	t.Cleanup(func() {
		l.Close()
		<-ended
	})
	return &link.Config{Address: l.Addr().String(), User: "u", Password: "p", VHost: "/"}
}

func (p *peer) say(channel uint16, m amqp.Method) {
	_, err := p.Write(amqp.AppendMethod(nil, channel, m))
	assert.NoError(p, err)
}

// hear expects one method.
func (p *peer) hear(m amqp.Method) bool {
	f, err := p.frames.Next()
	return assert.NoError(p, err) && assert.EqualValues(p, amqp.FrameMethod, f.Kind) &&
		assert.Equal(p, m.ID(), f.Method()) && assert.NoError(p, m.Decode(f.Args()))
}

// welcome is the handshake.
func (p *peer) welcome(tune *amqp.ConnectionTune) (ok amqp.ConnectionTuneOk) {
	header := make([]byte, len(amqp.ProtocolHeader))
	_, err := io.ReadFull(p, header)
	assert.NoError(p, err)
	assert.Equal(p, amqp.ProtocolHeader, string(header))
	p.say(0, &amqp.ConnectionStart{VersionMinor: 9, Mechanisms: "PLAIN", Locales: "en_US"})
	var start amqp.ConnectionStartOk
	p.hear(&start)
	assert.Equal(p, "\x00u\x00p", start.Response)
	p.say(0, tune)
	p.hear(&ok)
	p.hear(&amqp.ConnectionOpen{})
	p.say(0, &amqp.ConnectionOpenOk{})
	return ok
}

func TestTuning(t *testing.T) {
	for _, tc := range []struct {
		offered, agreed uint32
		beat, ask, have time.Duration
	}{
		{0, link.MaxFrame, 60 * time.Second, 10 * time.Second, 10 * time.Second},
		{1 << 20, link.MaxFrame, 5 * time.Second, 10 * time.Second, 5 * time.Second},
		{4096, 4096, 0, 10 * time.Second, 10 * time.Second},
		{131072, 131072, 60 * time.Second, 0, 60 * time.Second},
		{131072, 131072, 60 * time.Second, -1, 0},
	} {
		heard := make(chan amqp.ConnectionTuneOk, 1)
		c := newPeer(t, func(p *peer) {
			heard <- p.welcome(&amqp.ConnectionTune{ChannelMax: 9, FrameMax: tc.offered, Heartbeat: uint16(tc.beat / time.Second)})
		})
		c.Heartbeat = tc.ask
		l, err := link.Open(t.Context(), c)
		require.NoError(t, err)
		assert.Equal(t, amqp.ConnectionTuneOk{ChannelMax: 9, FrameMax: tc.agreed, Heartbeat: uint16(tc.have / time.Second)}, <-heard)
		assert.Equal(t, tc.agreed, l.FrameMax())
		l.Close()
	}
}

// CONN-33: a heartbeat goes out in each half interval, and silence for two ends the link.
func TestHeartbeats(t *testing.T) {
	clock := delay.NewManual(time.Unix(1700000000, 0))
	beats := make(chan byte, 16)
	c := newPeer(t, func(p *peer) {
		p.welcome(&amqp.ConnectionTune{FrameMax: link.MaxFrame, Heartbeat: 10})
		for {
			f, err := p.frames.Next()
			if err != nil {
				close(beats)
				return
			}
			beats <- f.Kind
		}
	})
	c.Clock = clock
	l, err := link.Open(t.Context(), c)
	require.NoError(t, err)
	failed := make(chan error, 1)
	go func() {
		_, err := l.Next()
		failed <- err
	}()
	require.NoError(t, delay.Poll(t.Context(), delay.Real{}, time.Millisecond, func() bool {
		clock.Advance(5 * time.Second)
		return len(failed) > 0
	}))
	require.ErrorIs(t, <-failed, link.ErrHeartbeat)
	n := 0
	for kind := range beats {
		assert.EqualValues(t, amqp.FrameHeartbeat, kind)
		n++
	}
	assert.GreaterOrEqual(t, n, 4)
	assert.Zero(t, clock.Pending(), "no timer is left")
}

func TestPeerCloses(t *testing.T) {
	answered := make(chan struct{})
	c := newPeer(t, func(p *peer) {
		defer close(answered)
		p.welcome(&amqp.ConnectionTune{FrameMax: 4096})
		p.say(0, &amqp.ConnectionBlocked{Reason: "low on memory"})
		p.say(7, &amqp.ChannelClose{ReplyCode: 406, ReplyText: "PRECONDITION_FAILED"})
		f, err := p.frames.Next()
		assert.NoError(p, err)
		assert.EqualValues(p, 7, f.Channel)
		assert.Equal(p, amqp.ChannelCloseOkID, f.Method())
		p.say(0, &amqp.ConnectionUnblocked{})
		p.say(1, &amqp.BasicCancel{ConsumerTag: "c"})
		p.say(0, &amqp.ConnectionClose{ReplyCode: 320, ReplyText: "CONNECTION_FORCED"})
		p.hear(&amqp.ConnectionCloseOk{})
	})
	l, err := link.Open(t.Context(), c)
	require.NoError(t, err)
	defer l.Close()
	err = l.Expect(&amqp.QueueDeclareOk{})
	assert.Equal(t, &link.CloseError{Code: 406, Text: "PRECONDITION_FAILED"}, err)
	assert.True(t, l.Blocked())
	assert.ErrorIs(t, l.Expect(&amqp.QueueDeclareOk{}), link.ErrCancelled)
	assert.False(t, l.Blocked())
	assert.EqualError(t, l.Expect(&amqp.QueueDeclareOk{}), "the broker closed the connection: 320 CONNECTION_FORCED")
	<-answered
	_, err = l.Next()
	require.ErrorIs(t, err, io.EOF)
	assert.ErrorContains(t, err, "the broker closed the socket without connection.close")
}

// A socket that is closed amidst a frame, or amidst the handshake, says so.
func TestTruncated(t *testing.T) {
	c := newPeer(t, func(p *peer) {
		p.welcome(&amqp.ConnectionTune{FrameMax: 4096})
		whole := amqp.AppendMethod(nil, 0, &amqp.ConnectionBlocked{Reason: "x"})
		_, err := p.Write(whole[:len(whole)-1])
		assert.NoError(p, err)
	})
	l, err := link.Open(t.Context(), c)
	require.NoError(t, err)
	defer l.Close()
	_, err = l.Next()
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	c = newPeer(t, func(p *peer) { _, _ = io.ReadFull(p, make([]byte, len(amqp.ProtocolHeader))) })
	_, err = link.Open(t.Context(), c)
	assert.ErrorIs(t, err, io.EOF)
}

// CONN-41: a frame above what is agreed ends the link, whatever a buffer could hold.
func TestFrameAboveTheLimit(t *testing.T) {
	c := newPeer(t, func(p *peer) {
		p.welcome(&amqp.ConnectionTune{FrameMax: 4096})
		_, err := p.Write(amqp.AppendFrame(nil, amqp.FrameBody, 1, make([]byte, 4096-amqp.FrameOverhead)))
		assert.NoError(p, err)
		_, err = p.Write([]byte{amqp.FrameBody, 0, 1, 0, 0, 0x0F, 0xF9})
		assert.NoError(p, err)
	})
	l, err := link.Open(t.Context(), c)
	require.NoError(t, err)
	defer l.Close()
	f, err := l.Next()
	require.NoError(t, err)
	assert.Len(t, f.Whole, 4096)
	_, err = l.Next()
	assert.EqualError(t, err, "the broker sent a frame of 4097 bytes, where 4096 are agreed")
}

// A broker that does not answer is given up, in the handshake and in a call.
func TestNoAnswer(t *testing.T) {
	clock := delay.NewManual(time.Unix(1700000000, 0))
	for _, silentAt := range []string{"handshake", "call"} {
		asked, gone := make(chan struct{}), make(chan struct{})
		c := newPeer(t, func(p *peer) {
			if silentAt == "call" {
				p.welcome(&amqp.ConnectionTune{FrameMax: 4096})
			}
			_, _ = p.Read(make([]byte, 8))
			close(asked)
			<-gone
		})
		c.Clock, c.Heartbeat = clock, -1
		failed := make(chan error, 1)
		go func() {
			l, err := link.Open(context.Background(), c)
			if err == nil {
				err = l.Ask(1, &amqp.ChannelOpen{}, &amqp.ChannelOpenOk{})
				l.Close()
			}
			failed <- err
		}()
		<-asked
		clock.Advance(link.AnswerTimeout)
		err := <-failed
		require.ErrorIs(t, err, link.ErrLate, silentAt)
		assert.ErrorIs(t, err, os.ErrDeadlineExceeded, silentAt)
		close(gone)
	}
}

// The end of a context cuts a handshake short.
func TestContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan struct{})
	c := newPeer(t, func(*peer) {
		cancel()
		<-gone
	})
	_, err := link.Open(ctx, c)
	assert.Error(t, err)
	close(gone)
}

// A channel's end is told to the goroutine that reads although another one cannot write.
func TestChannelCloseWaitsForNoWriter(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	l := link.New(here, delay.Real{}, 0)
	writing := make(chan error, 1)
	go func() {
		_, err := l.Write([]byte("more than is read"))
		writing <- err
	}()
	_, err := io.ReadFull(there, make([]byte, 4)) // it writes, and has not written
	require.NoError(t, err)
	go there.Write(amqp.AppendMethod(nil, 1, &amqp.ChannelClose{ReplyCode: 404, ReplyText: "gone"}))
	f, err := l.Next()
	require.NoError(t, err)
	assert.Equal(t, &link.CloseError{Code: 404, Text: "gone"}, l.Control(f))
	l.Close()
	assert.Error(t, <-writing)
}
