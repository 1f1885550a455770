// A broker that does one thing wrong: a proxy in front of Rabbet that takes the
// traffic of each connection apart into packets, a method with its content each,
// lets faults alter, drop, hold back or answer them, and puts the rest together
// again. What no fault is about passes byte by byte.

package scripts

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	wire "github.com/rabbetmq/rabbet/amqp"
)

// packet is a method and its content, or a frame that is neither.
type packet struct {
	channel  uint16
	kind     byte        // of the frame, wire.FrameMethod for a method
	method   wire.Method // nil for other frames
	props    wire.Properties
	body     []byte
	missing  uint64 // bytes of the body that have not come yet
	frameMax uint32 // into which its body is cut
	raw      []byte // as it came
}

// encode gives the packet's bytes, anew if a fault has been at it.
func (p *packet) encode(altered bool) []byte {
	if !altered || p.method == nil {
		return p.raw
	}
	b := wire.AppendMethod(nil, p.channel, p.method)
	if id := p.method.ID(); id.HasContent() {
		b = wire.AppendHeader(b, p.channel, id.Class(), uint64(len(p.body)), p.props.Append(nil))
		b = wire.AppendBody(b, p.channel, p.body, p.frameMax)
	}
	return b
}

// hop is a packet on its way, given to a fault. The fault may change the
// packet, the method and the properties in place.
type hop struct {
	*packet
	link    *link
	dropped bool
	before  []*packet // to be sent ahead of it
	after   []*packet // to be sent behind it
	back    []*packet // to be sent to where it comes from
}

func (h *hop) drop() { h.dropped = true }

// answer replaces whatever the other side would do with the packet: it does not
// get there, and a method comes back in its place.
func (h *hop) answer(m wire.Method) {
	h.drop()
	h.back = append(h.back, &packet{channel: h.channel, method: m})
}

// swap sends another method in the packet's place.
func (h *hop) swap(m wire.Method) { h.method = m }

// follow sends a method right behind the packet.
func (h *hop) follow(m wire.Method) {
	h.after = append(h.after, &packet{channel: h.channel, method: m})
}

// hold keeps the packet back until release.
func (h *hop) hold() {
	h.drop()
	held := *h.packet
	h.link.held = append(h.link.held, &held)
}

// release sends what is held behind the packet.
func (h *hop) release() { h.after, h.link.held = append(h.after, h.link.held...), nil }

// count tells how many packets of its connection the fault has seen, this one
// among them.
func (h *hop) count() int {
	h.link.seen++
	return h.link.seen
}

// fault is what happens to the packets of one direction.
type fault struct {
	fromClient bool
	apply      func(*hop) bool // false if it is not about this packet
}

type faults []fault

// up is a fault in what the client sends, down in what the broker sends, with
// methods of one type.
func up[M wire.Method](f func(*hop, M)) fault   { return fault{true, of(f)} }
func down[M wire.Method](f func(*hop, M)) fault { return fault{false, of(f)} }

func of[M wire.Method](f func(*hop, M)) func(*hop) bool {
	return func(h *hop) bool {
		m, ok := h.method.(M)
		if ok {
			f(h, m)
		}
		return ok
	}
}

// mutant listens in front of a broker and breaks what passes.
type mutant struct {
	upstream string
	faults   faults
	running  sync.WaitGroup
	mu       sync.Mutex
	sockets  []net.Conn
}

// startMutant runs for the length of the test and gives its address.
func startMutant(t *testing.T, upstream string, broken faults) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	m := &mutant{upstream: upstream, faults: broken}
	m.running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			m.connect(client)
		}
	})
	t.Cleanup(func() {
		listener.Close()
		m.mu.Lock()
		for _, socket := range m.sockets {
			socket.Close()
		}
		m.mu.Unlock()
		m.running.Wait()
	})
	return listener.Addr().String()
}

func (m *mutant) connect(client net.Conn) {
	server, err := net.Dial("tcp", m.upstream)
	if err != nil {
		client.Close()
		return
	}
	m.mu.Lock()
	m.sockets = append(m.sockets, client, server)
	m.mu.Unlock()
	l := &link{faults: m.faults, client: &side{socket: client}, server: &side{socket: server}, frameMax: 1 << 17}
	m.running.Go(func() { l.pump(l.client, l.server, true) })
	m.running.Go(func() { l.pump(l.server, l.client, false) })
}

// link is one connection through the mutant.
type link struct {
	faults         faults
	client, server *side

	mu       sync.Mutex // held while a fault works; writing has locks of its own
	seen     int
	held     []*packet
	frameMax uint32
}

// side is one end of a link, which both pumps may write to.
type side struct {
	socket net.Conn
	mu     sync.Mutex
}

func (s *side) write(b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = s.socket.Write(b) // the reader finds that it has gone
}

// pump carries what from says to to, until it has no more to say.
func (l *link) pump(from, to *side, fromClient bool) {
	defer to.socket.(*net.TCPConn).CloseWrite()
	in := bufio.NewReader(from.socket)
	if fromClient {
		header := make([]byte, len(wire.ProtocolHeader))
		n, err := io.ReadFull(in, header)
		to.write(header[:n])
		if err != nil {
			return
		}
	}
	open := map[uint16]*packet{} // those whose content is under way
	for {
		f, err := readFrame(in)
		if err != nil {
			return
		}
		if p := l.collect(open, f); p != nil {
			l.forward(p, from, to, fromClient)
		}
	}
}

// collect gives the packet that a frame completes. A content that goes wrong
// is passed on as it is.
func (l *link) collect(open map[uint16]*packet, f Frame) *packet {
	raw := wire.AppendFrame(nil, f.Kind, f.Channel, f.Payload)
	if f.Kind == protocolHeader {
		raw = f.Payload
	}
	p := open[f.Channel]
	switch {
	case p == nil:
		p = &packet{channel: f.Channel, kind: f.Kind, raw: raw}
		if p.method, _ = f.method(); p.method != nil && p.method.ID().HasContent() {
			open[f.Channel] = p
			return nil
		}
		return p
	case f.Kind == wire.FrameHeader && len(f.Payload) >= 14 && p.props.Decode(f.Properties()) == nil:
		p.missing = binary.BigEndian.Uint64(f.Payload[4:])
	case f.Kind == wire.FrameBody && uint64(len(f.Payload)) <= p.missing:
		p.body = append(p.body, f.Payload...)
		p.missing -= uint64(len(f.Payload))
	case f.Kind != wire.FrameHeartbeat:
		p.method = nil
	}
	p.raw = append(p.raw, raw...)
	if p.missing > 0 && p.method != nil {
		return nil
	}
	delete(open, f.Channel)
	return p
}

// forward lets the faults have the packet and sends what they leave.
func (l *link) forward(p *packet, from, to *side, fromClient bool) {
	h := &hop{packet: p, link: l}
	altered := false
	l.mu.Lock()
	if tune, ok := p.method.(*wire.ConnectionTuneOk); ok {
		l.frameMax = tune.FrameMax
	}
	p.frameMax = l.frameMax
	for _, f := range l.faults {
		if f.fromClient == fromClient && f.apply(h) {
			altered = true
		}
	}
	l.mu.Unlock()
	for _, other := range h.before {
		to.write(other.encode(true))
	}
	if !h.dropped {
		to.write(p.encode(altered))
	}
	for _, other := range h.after {
		to.write(other.encode(true))
	}
	for _, other := range h.back {
		from.write(other.encode(true))
	}
}
