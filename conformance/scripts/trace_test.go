// Tests of the trace, with bytes made by hand: what was said is shown, whatever it
// was and however it was cut.

package scripts

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	wire "github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/delay"
)

// said is the trace of a client that writes these bytes, one at a time or all at
// once, and of a broker that answers with others and hangs up.
func said(t *testing.T, written, answered []byte, step int) []string {
	near, far := net.Pipe()
	tr := newTrace(delay.NewManual(time.Unix(0, 0)))
	c := tr.watch(near)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.ReadFull(far, make([]byte, len(written)))
		_, _ = far.Write(answered)
		far.Close()
	}()
	for len(written) > 0 {
		n := min(step, len(written))
		_, err := c.Write(written[:n])
		require.NoError(t, err)
		written = written[n:]
	}
	_, err := io.ReadAll(c)
	require.NoError(t, err)
	<-done
	require.NoError(t, c.Close())
	var lines []string
	for _, l := range tr.lines() {
		lines = append(lines, strings.TrimSpace(l.String()))
	}
	return lines
}

func TestTrace(t *testing.T) {
	b := []byte(wire.ProtocolHeader)
	b = wire.AppendMethod(b, 0, &wire.ConnectionStartOk{Mechanism: "PLAIN", Response: "\x00guest\x00secret"})
	b = wire.AppendMethod(b, 1, &wire.QueueDeclare{Queue: "q", Durable: true, Arguments: wire.Table{{Key: "x-max-length", Value: int64(5)}}})
	b = wire.AppendMethod(b, 1, &wire.BasicPublish{RoutingKey: "q"})
	props := wire.Properties{Flags: wire.HasDeliveryMode, DeliveryMode: 2}
	b = wire.AppendHeader(b, 1, 60, 5, props.Append(nil))
	b = wire.AppendBody(b, 1, []byte("hello"), 0)
	b = wire.AppendHeartbeat(b)
	b = wire.AppendFrame(b, wire.FrameMethod, 1, []byte{0, 60, 0, 40, 1})
	b = wire.AppendFrame(b, 9, 2, []byte("??"))
	b = append(b, "GET / HTTP/1.1\r\n"...)
	answer := wire.AppendMethod(nil, 0, &wire.ConnectionClose{ReplyCode: 501, ReplyText: "FRAME_ERROR"})
	answer = append(answer, 8, 0, 0, 0, 0, 0, 0, 0)
	want := []string{
		`0.0000s   1 -> protocol header "AMQP\x00\x00\t\x01"`,
		`0.0000s   1 -> ch 0 connection.start-ok Mechanism="PLAIN" Response="(not shown)"`,
		`0.0000s   1 -> ch 1 queue.declare Queue="q" Durable=true Arguments={x-max-length: long(5)}`,
		`0.0000s   1 -> ch 1 basic.publish RoutingKey="q"; header of 5 bytes DeliveryMode=2; body "hello"`,
		`0.0000s   1 -> heartbeat`,
		`0.0000s   1 -> ch 1 basic.publish with 5 bytes of arguments that cannot be read "\x00<\x00(\x01"`,
		`0.0000s   1 -> ch 2 frame of type 9 with 2 bytes "??"`,
		`0.0000s   1 -> what is no frame: "GET / HTTP/1.1\r\n"`,
		`0.0000s   1 <- ch 0 connection.close ReplyCode=501 ReplyText="FRAME_ERROR"`,
		`0.0000s   1 <- heartbeat, which ends with octet 0x0`,
		`0.0000s   1 <- the end of the connection`,
	}
	assert.Equal(t, want, said(t, b, answer, len(b)))
	inSteps := said(t, b, answer, 1)
	want[7] = `0.0000s   1 -> what is no frame: "GET / H"` // all that there is at that moment
	assert.Equal(t, want, inSteps)
}

func TestTraceIsBounded(t *testing.T) {
	var b []byte
	for i := range 1000 {
		b = wire.AppendMethod(b, 1, &wire.BasicAck{DeliveryTag: uint64(i)})
	}
	lines := said(t, b, nil, 100)
	require.Len(t, lines, 4)
	assert.Contains(t, lines[0], "basic.ack")
	assert.Contains(t, lines[1], "(998 more like it)")
	assert.Contains(t, lines[2], "DeliveryTag=999")

	b = nil
	for i := range 1000 {
		b = wire.AppendMethod(b, uint16(i), &wire.ChannelOpen{})
	}
	lines = said(t, b, nil, 100)
	assert.LessOrEqual(t, len(lines), tracedFrames+1)
	assert.Contains(t, lines[0], "earlier frames are not shown")
	assert.Contains(t, lines[len(lines)-2], "ch 999 channel.open")
}

func TestTraceCutsLongPayloads(t *testing.T) {
	b := wire.AppendMethod(nil, 1, &wire.BasicPublish{RoutingKey: "q"})
	b = wire.AppendHeader(b, 1, 60, 10_000, noProps)
	b = wire.AppendBody(b, 1, make([]byte, 10_000), 4096)
	lines := said(t, b, nil, 1000)
	assert.Contains(t, lines[0], `header of 10000 bytes; body "`)
	assert.Contains(t, lines[0], "... (4088 bytes)")
	assert.Less(t, len(lines[0]), 1000)
}

func TestTraceOfAScriptThatDiffers(t *testing.T) {
	closing := wire.AppendMethod(nil, 0, &wire.ConnectionClose{ReplyCode: 504, ReplyText: "CHANNEL_ERROR - why"})
	script := func(f func(*Raw)) Script { return Script{Run: func(t *T) { f(t.Raw()) }} }
	result := parrot(t, closing, true).Run(t.Context(), script(func(r *Raw) {
		r.SendMethod(1, &wire.ChannelOpen{})
		r.Next()
		r.t.Errorf("as one can see")
	}))
	var text []string
	for _, l := range result.Trace {
		text = append(text, fmt.Sprintf("%d %t %s", l.Connection, l.Sent, l.What))
	}
	assert.ElementsMatch(t, []string{
		`1 true ch 1 channel.open`,
		`1 false ch 0 connection.close ReplyCode=504 ReplyText="CHANNEL_ERROR - why"`,
		`0 false DIFFERENCE: as one can see`,
	}, text)
	held := parrot(t, closing, true).Run(t.Context(), script(func(r *Raw) { r.Next() }))
	assert.Empty(t, held.Trace)
}
