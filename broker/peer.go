package broker

import (
	"crypto/tls"
	"net"
	"strconv"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/broker/internal/pipe"
)

// A connKind is where a connection comes from.
type connKind uint8

const (
	connNetwork connKind = iota
	connDirect           // of this process (SHOVEL-4)
	connTrusted          // the same, and nobody's
)

// nobody is the user of connections that are trusted.
const nobody = "none"

// A peer is the facts about the client of a connection. The reader learns them up to
// connection.open; from then on they do not change, and anybody may read them.
type peer struct {
	nc     net.Conn
	number uint64 // of the connection, from 1
	kind   connKind
	since  time.Time

	old        dialect // CONN-3: 0-8 is spoken
	name       string  // client-provided connection_name
	client     clientInfo
	identity   access.Identity
	mechanism  string // of the login
	channelMax uint16
	interval   time.Duration // of heartbeats; 0 is none
}

// clientInfo is what client-properties told (CONN-11).
type clientInfo struct {
	properties                                        amqp.Table
	authenticationFailureClose, cancelNotify, blocked bool
}

// id is RabbitMQ's name of a connection. One that leaves no process has no addresses;
// its number tells it from others.
func (p *peer) id() string {
	if _, ok := p.nc.RemoteAddr().(pipe.Addr); ok {
		return "memory:" + strconv.FormatUint(p.number, 10) + " -> memory:0"
	}
	return p.nc.RemoteAddr().String() + " -> " + p.nc.LocalAddr().String()
}

func (p *peer) readClientProperties(props amqp.Table) {
	p.client.properties = props
	if v, ok := props.Get("connection_name"); ok {
		p.name, _ = v.(string)
	}
	v, _ := props.Get("capabilities")
	caps, _ := v.(amqp.Table)
	has := func(name string) bool {
		v, _ := caps.Get(name)
		return v == true
	}
	p.client.authenticationFailureClose = has("authentication_failure_close")
	p.client.blocked = has("connection.blocked") && !bool(p.old) // which 0-8 has not
	p.client.cancelNotify = has("consumer_cancel_notify")
}

// tlsState is what the connection's TLS has agreed on, once the client has said
// something; nil without TLS.
func (p *peer) tlsState() *tls.ConnectionState {
	secure, ok := p.nc.(interface{ ConnectionState() tls.ConnectionState })
	if !ok {
		return nil
	}
	state := secure.ConnectionState()
	if !state.HandshakeComplete {
		return nil
	}
	return &state
}

// tlsInfo describes the connection's TLS; nil without.
func (p *peer) tlsInfo() *TLSInfo {
	state := p.tlsState()
	if state == nil {
		return nil
	}
	info := &TLSInfo{Protocol: protocolNames[state.Version]}
	info.KeyExchange, info.Cipher, info.Hash = cipherNames(tls.CipherSuiteName(state.CipherSuite))
	if len(state.PeerCertificates) > 0 {
		cert := state.PeerCertificates[0]
		// A name that cannot be read is not shown.
		info.PeerSubject, _ = access.FormatName(cert.RawSubject)
		info.PeerIssuer, _ = access.FormatName(cert.RawIssuer)
		info.PeerValidity = cert.NotBefore.UTC().Format(time.RFC3339) + " - " + cert.NotAfter.UTC().Format(time.RFC3339)
	}
	return info
}
