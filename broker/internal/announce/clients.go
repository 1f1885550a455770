package announce

import (
	"net"
	"strconv"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/topology"
)

// A Connection is a client's, as far as events tell of it (EVENT-4).
type Connection struct {
	ID, PID, User, VHost, Mechanism string
	// Name is what the client calls it, if anything.
	Name          string
	Local, Remote net.Addr
	TLS           *TLS // nil without
	Properties    amqp.Table
	FrameMax      uint32
	ChannelMax    uint16
	Heartbeat     time.Duration
	Since         time.Time
}

// TLS is what a connection has agreed on.
type TLS struct {
	Protocol, KeyExchange, Cipher, Hash   string
	PeerSubject, PeerIssuer, PeerValidity string
}

func (s *TLS) fields() amqp.Table {
	return amqp.Table{
		{Key: "ssl_protocol", Value: s.Protocol}, {Key: "ssl_key_exchange", Value: s.KeyExchange},
		{Key: "ssl_cipher", Value: s.Cipher}, {Key: "ssl_hash", Value: s.Hash},
	}
}

// A Client gives what events tell of a connection, or of what belongs to it. It is asked
// only if somebody listens.
type Client func() Connection

// erlangIP is an address as events show it: {127,0,0,1}. What is no network is "unknown".
func erlangIP(a net.Addr) (host string, port int64) {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return "unknown", 0
	}
	text := "{"
	if ip := tcp.IP.To4(); ip != nil {
		for i, n := range ip {
			if i > 0 {
				text += ","
			}
			text += strconv.Itoa(int(n))
		}
	} else {
		for i := 0; i+1 < len(tcp.IP); i += 2 {
			if i > 0 {
				text += ","
			}
			text += strconv.Itoa(int(tcp.IP[i])<<8 | int(tcp.IP[i+1]))
		}
	}
	return text + "}", int64(tcp.Port)
}

// Login tells of a login, and of what it has failed with, "" being nothing.
func (a *Announcer) Login(of Client, failure string) {
	key := "user.authentication.success"
	if failure != "" {
		key = "user.authentication.failure"
	}
	a.tell(key, func() amqp.Table {
		c := of()
		host, _ := erlangIP(c.Local)
		peer, port := erlangIP(c.Remote)
		t := amqp.Table{
			{Key: "name", Value: c.User}, {Key: "connection_name", Value: c.ID}, {Key: "connection_type", Value: "network"},
			{Key: "host", Value: host}, {Key: "peer_host", Value: peer}, {Key: "peer_port", Value: port},
			{Key: "protocol", Value: "{0,9,1}"}, {Key: "auth_mechanism", Value: c.Mechanism}, {Key: "ssl", Value: c.TLS != nil},
		}
		if failure != "" {
			characters := make(amqp.Array, 0, len(failure))
			for _, r := range failure { // a list in Erlang
				characters = append(characters, int64(r))
			}
			t = append(t, amqp.Field{Key: "error", Value: characters})
		}
		if c.TLS != nil {
			t = append(t, c.TLS.fields()...)
		}
		return t
	})
}

// Opened tells of a connection that has entered its virtual host.
func (a *Announcer) Opened(of Client) {
	a.tell("connection.created", func() amqp.Table {
		c := of()
		host, port := erlangIP(c.Local)
		peer, peerPort := erlangIP(c.Remote)
		secure := c.TLS
		if secure == nil {
			secure = &TLS{}
		}
		t := amqp.Table{
			{Key: "type", Value: "network"}, {Key: "pid", Value: c.PID}, {Key: "name", Value: c.ID},
			{Key: "port", Value: port}, {Key: "peer_port", Value: peerPort}, {Key: "host", Value: host}, {Key: "peer_host", Value: peer},
			{Key: "ssl", Value: c.TLS != nil}, {Key: "peer_cert_subject", Value: secure.PeerSubject},
			{Key: "peer_cert_issuer", Value: secure.PeerIssuer}, {Key: "peer_cert_validity", Value: secure.PeerValidity},
			{Key: "auth_mechanism", Value: c.Mechanism}, {Key: "protocol", Value: "{0,9,1}"}, {Key: "user", Value: c.User},
			{Key: "vhost", Value: c.VHost}, {Key: "timeout", Value: int64(c.Heartbeat.Seconds())},
			{Key: "frame_max", Value: int64(c.FrameMax)}, {Key: "channel_max", Value: int64(c.ChannelMax)},
			{Key: "client_properties", Value: topology.ArgumentTerms(c.Properties)},
			{Key: "connected_at", Value: c.Since.UnixMilli()}, {Key: "node", Value: a.node},
		}
		return append(append(append(t, secure.fields()...), c.given()...), byUser(c.User))
	})
}

// given is the name that the client has given the connection, if it has.
func (c *Connection) given() amqp.Table {
	if c.Name == "" {
		return nil
	}
	return amqp.Table{{Key: "user_provided_name", Value: c.Name}}
}

// Closed tells that a connection is gone, whether or not it was ever open.
func (a *Announcer) Closed(of Client) {
	a.tell("connection.closed", func() amqp.Table {
		c := of()
		return append(amqp.Table{
			{Key: "name", Value: c.ID}, {Key: "pid", Value: c.PID}, {Key: "node", Value: a.node},
			{Key: "client_properties", Value: topology.ArgumentTerms(c.Properties)},
		}, c.given()...)
	})
}

// ChannelOpened tells of a channel, by its serial and its number.
func (a *Announcer) ChannelOpened(of Client, serial uint64, number uint16) {
	a.tell("channel.created", func() amqp.Table {
		c := of()
		return amqp.Table{
			{Key: "pid", Value: a.PID(serial, 1)}, {Key: "name", Value: c.ID + " (" + strconv.Itoa(int(number)) + ")"},
			{Key: "connection", Value: c.PID}, {Key: "number", Value: int64(number)}, {Key: "user", Value: c.User},
			{Key: "vhost", Value: c.VHost}, byUser(c.User),
		}
	})
}

// ChannelClosed tells that a channel is at its end, with so many consumers.
func (a *Announcer) ChannelClosed(of Client, serial uint64, consumers int) {
	a.tell("channel.closed", func() amqp.Table {
		return amqp.Table{
			{Key: "pid", Value: a.PID(serial, 1)}, {Key: "consumer_count", Value: int64(consumers)}, byUser(of().User),
		}
	})
}

// A Consumer is one of a channel of that serial.
type Consumer struct {
	Tag, Queue       string
	Channel          uint64
	Exclusive, NoAck bool
	Prefetch         int
	Args             amqp.Table
}

func (a *Announcer) consumer(c *Connection, s *Consumer) amqp.Table {
	return amqp.Table{
		{Key: "consumer_tag", Value: s.Tag}, {Key: "channel", Value: a.PID(s.Channel, 1)},
		{Key: "queue", Value: s.Queue}, {Key: "vhost", Value: c.VHost},
	}
}

// Consumes tells of a consumer.
func (a *Announcer) Consumes(of Client, s Consumer) {
	a.tell("consumer.created", func() amqp.Table {
		c := of()
		return append(a.consumer(&c, &s),
			amqp.Field{Key: "exclusive", Value: s.Exclusive}, amqp.Field{Key: "ack_required", Value: !s.NoAck},
			amqp.Field{Key: "prefetch_count", Value: int64(s.Prefetch)},
			amqp.Field{Key: "arguments", Value: topology.ArgumentTerms(s.Args)}, byUser(c.User))
	})
}

// ConsumesNoMore tells that a consumer is at its end; performer is "" where its queue is
// gone.
func (a *Announcer) ConsumesNoMore(of Client, s Consumer, performer string) {
	a.tell("consumer.deleted", func() amqp.Table {
		c := of()
		t := a.consumer(&c, &s)
		if performer != "" {
			t = append(t, byUser(performer))
		}
		return t
	})
}
