// The codec against that of the official Go client: a listener that is just enough
// of a broker for one message to go out and come back.

package amqp

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	official "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// peer is the broker's side of a connection.
type peer struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
}

// must ends the peer, whose goroutine is not the test's, if something is not so.
func (p *peer) must(ok bool) {
	if !ok {
		runtime.Goexit()
	}
}

// frame reads the next frame that is no heartbeat.
func (p *peer) frame() (kind byte, channel uint16, payload []byte) {
	for {
		var header [FrameHeaderSize]byte
		_, err := io.ReadFull(p.r, header[:])
		p.must(assert.NoError(p.t, err))
		payload = make([]byte, binary.BigEndian.Uint32(header[3:])+1)
		_, err = io.ReadFull(p.r, payload)
		p.must(assert.NoError(p.t, err))
		p.must(assert.Equal(p.t, byte(FrameEnd), payload[len(payload)-1]))
		if header[0] != FrameHeartbeat {
			return header[0], binary.BigEndian.Uint16(header[1:]), payload[:len(payload)-1]
		}
	}
}

// expect reads a method and compares it; a nil want leaves that to the caller.
func (p *peer) expect(id MethodID, want Method) Method {
	kind, _, payload := p.frame()
	p.must(assert.EqualValues(p.t, FrameMethod, kind))
	p.must(assert.Equal(p.t, id, MethodID(binary.BigEndian.Uint32(payload))))
	m, _ := NewMethod(id)
	p.must(assert.NoError(p.t, m.Decode(payload[4:])))
	if want != nil {
		assert.Equal(p.t, want, m)
	}
	return m
}

func (p *peer) send(b []byte) {
	_, err := p.conn.Write(b)
	p.must(assert.NoError(p.t, err))
}

// serve plays the broker: handshake, queue.declare, basic.publish, and the message
// back by basic.get.
func (p *peer) serve(queue *QueueDeclare, props *Properties, body []byte) {
	var header [8]byte
	_, err := io.ReadFull(p.r, header[:])
	p.must(assert.NoError(p.t, err))
	assert.Equal(p.t, ProtocolHeader, string(header[:]))
	p.send(AppendMethod(nil, 0, &ConnectionStart{
		VersionMinor: 9, ServerProperties: ownTable, Mechanisms: "AMQPLAIN PLAIN", Locales: "en_US",
	}))
	startOk := p.expect(ConnectionStartOkID, nil).(*ConnectionStartOk)
	assert.Equal(p.t, "PLAIN", startOk.Mechanism)
	assert.Equal(p.t, "\x00guest\x00guest", startOk.Response)
	p.send(AppendMethod(nil, 0, &ConnectionTune{ChannelMax: 2047, FrameMax: 4096, Heartbeat: 60}))
	p.expect(ConnectionTuneOkID, &ConnectionTuneOk{ChannelMax: 2047, FrameMax: 4096, Heartbeat: 10})
	p.expect(ConnectionOpenID, &ConnectionOpen{VirtualHost: "/"})
	p.send(AppendMethod(nil, 0, &ConnectionOpenOk{}))
	p.expect(ChannelOpenID, &ChannelOpen{})
	p.send(AppendMethod(nil, 1, &ChannelOpenOk{}))
	declare := p.expect(QueueDeclareID, nil).(*QueueDeclare)
	assert.Equal(p.t, queue.Arguments.Map(), declare.Arguments.Map())
	declare.Arguments = queue.Arguments // the client orders nothing
	assert.Equal(p.t, queue, declare)
	p.send(AppendMethod(nil, 1, &QueueDeclareOk{Queue: queue.Queue, MessageCount: 3, ConsumerCount: 4}))

	p.expect(BasicPublishID, &BasicPublish{Exchange: "x", RoutingKey: "k", Mandatory: true})
	_, _, payload := p.frame()
	assert.Equal(p.t, BasicPublishID.Class(), binary.BigEndian.Uint16(payload))
	assert.EqualValues(p.t, len(body), binary.BigEndian.Uint64(payload[4:]))
	raw := payload[12:]
	var got Properties
	p.must(assert.NoError(p.t, got.Decode(raw)))
	assert.Equal(p.t, *props, got)
	var all []byte
	for len(all) < len(body) {
		kind, _, part := p.frame()
		p.must(assert.EqualValues(p.t, FrameBody, kind))
		all = append(all, part...)
	}
	assert.Equal(p.t, body, all)

	p.expect(BasicGetID, &BasicGet{Queue: queue.Queue, NoAck: true})
	b := AppendMethod(nil, 1, &BasicGetOk{DeliveryTag: 1, Exchange: "x", RoutingKey: "k", MessageCount: 9})
	b = AppendHeader(b, 1, BasicGetOkID.Class(), uint64(len(body)), props.Append(nil))
	p.send(AppendBody(b, 1, body, 4096))
	p.expect(ConnectionCloseID, &ConnectionClose{ReplyCode: 200, ReplyText: "kthxbai"})
	p.send(AppendMethod(nil, 0, &ConnectionCloseOk{}))
}

// officialTable and ownTable are the same table, of all types that the official
// client writes.
var (
	officialTable = official.Table{
		"t": true, "b": int8(-2), "B": byte(254), "s": int16(-3), "I": int32(-4), "l": int64(-5),
		"f": float32(1.5), "d": -0.1, "D": official.Decimal{Scale: 2, Value: 31415}, "S": "text", "x": []byte{0, 255},
		"A": []any{"a", official.Table{"n": nil}}, "T": time.Unix(1700000000, 0), "F": official.Table{"k": []any{false}}, "V": nil,
	}
	ownTable = Table{
		{"t", true}, {"b", int8(-2)}, {"B", uint8(254)}, {"s", int16(-3)}, {"I", int32(-4)}, {"l", int64(-5)},
		{"f", float32(1.5)}, {"d", -0.1}, {"D", Decimal{2, 31415}}, {"S", "text"}, {"x", []byte{0, 255}},
		{"A", Array{"a", Table{{"n", nil}}}}, {"T", Timestamp(1700000000)}, {"F", Table{{"k", Array{false}}}}, {"V", nil},
	}
)

func TestOfficialClientUnderstands(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	body := make([]byte, 10000)
	props := complete
	props.Flags &^= HasClusterID | HasHeaders
	props.ClusterID, props.Headers = "", nil
	queue := &QueueDeclare{Queue: "q", Durable: true, AutoDelete: true, Arguments: ownTable}

	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		(&peer{t, conn, bufio.NewReader(conn)}).serve(queue, &props, body)
	}()
	defer func() {
		listener.Close()
		<-done
	}()

	conn, err := official.Dial("amqp://guest:guest@" + listener.Addr().String() + "/")
	require.NoError(t, err)
	assert.Equal(t, officialTable, conn.Properties)
	ch, err := conn.Channel()
	require.NoError(t, err)
	q, err := ch.QueueDeclare("q", true, true, false, false, officialTable)
	require.NoError(t, err)
	assert.Equal(t, official.Queue{Name: "q", Messages: 3, Consumers: 4}, q)

	require.NoError(t, ch.Publish("x", "k", true, false, official.Publishing{
		ContentType: props.ContentType, ContentEncoding: props.ContentEncoding, DeliveryMode: 2, Priority: 9,
		CorrelationId: "corr", ReplyTo: "reply", Expiration: "60000", MessageId: "id", Timestamp: time.Unix(1700000000, 0),
		Type: "type", UserId: "guest", AppId: "app", Body: body,
	}))
	d, ok, err := ch.Get("q", true)
	require.NoError(t, err)
	require.True(t, ok)
	assert.Equal(t, body, d.Body)
	assert.Equal(t, []any{"x", "k", "corr", "reply", "60000", "id", "type", "guest", "app", uint32(9)},
		[]any{d.Exchange, d.RoutingKey, d.CorrelationId, d.ReplyTo, d.Expiration, d.MessageId, d.Type, d.UserId, d.AppId, d.MessageCount})
	require.NoError(t, conn.Close())
}
