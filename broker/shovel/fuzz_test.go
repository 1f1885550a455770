package shovel

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/amqp/link"
)

// sink is a connection that takes everything.
type sink struct {
	net.Conn
	in io.Reader
}

func (s sink) Read(p []byte) (int, error) { return s.in.Read(p) }

func (sink) Write(p []byte) (int, error) { return len(p), nil }

// FuzzFrames has neither end send what stops more than its session.
func FuzzFrames(f *testing.F) {
	deliver := amqp.AppendMethod(nil, channel, &amqp.BasicDeliver{ConsumerTag: "c", DeliveryTag: 1, Exchange: "x", RoutingKey: "k"})
	deliver = amqp.AppendHeader(deliver, channel, 60, 3, []byte{0, 0})
	f.Add(amqp.AppendBody(deliver, channel, []byte("abc"), link.MaxFrame))
	f.Add(amqp.AppendMethod(nil, channel, &amqp.BasicAck{DeliveryTag: 9, Multiple: true}))
	f.Add(amqp.AppendMethod(nil, 0, &amqp.ConnectionClose{ReplyCode: 320, ReplyText: "x"}))
	f.Fuzz(func(t *testing.T, data []byte) {
		end := func() *link.Link {
			l := link.New(sink{in: bytes.NewReader(data)}, nil, len(data))
			_ = l.Fill() // what there is
			return l
		}
		w := &worker{def: &definition{ackMode: ackConfirm}}
		s := &session{w: w, def: w.def, src: end(), dst: end()}
		s.changed.L = &s.mu
		s.quota, s.remaining = never, never
		_ = s.take()
		_ = s.takeConfirms()
		if s.edit = (&editor{w: w, target: &target{forwardHeaders: true}, mark: amqp.Table{{Key: "a", Value: "b"}}}); len(data) > 0 {
			_, _ = s.edit.appendHeader(nil, 1, data)
		}
	})
}

// FuzzURI looks for a URI whose password is shown.
func FuzzURI(f *testing.F) {
	for _, uri := range []string{"amqp://u:p@h:5672/v?heartbeat=5", "amqps://[::1]:1/%2f", "amqp:///v", "amqp://u%zz@h", "x"} {
		f.Add(uri)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		a, err := parseURI(uri)
		if err != nil || !a.login || len(a.password) < 8 || a.password != "s3cret-"+a.user {
			return
		}
		if strings.Contains(masked(uri), a.password) || strings.Contains(string(maskText([]byte(uri))), a.password) {
			t.Fatal(uri)
		}
	})
}
