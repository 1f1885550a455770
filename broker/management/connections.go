package management

import (
	"slices"
	"strconv"
	"time"

	"github.com/rabbetmq/rabbet/broker"
)

// connections are those that the request is about: of the virtual host that it names,
// and the user's own unless it may see all.
func (q *request) connections() ([]broker.ConnectionInfo, error) {
	vhost, named := q.namedVHost()
	if named {
		if _, err := q.s.vhost(vhost); err != nil {
			return nil, err
		}
	}
	list := q.s.broker.Connections()
	return slices.DeleteFunc(list, func(c broker.ConnectionInfo) bool {
		return named && c.VHost != vhost || !q.isMonitor() && c.User != q.login.User
	}), nil
}

func connectionID(c broker.ConnectionInfo) string { return c.ID }

func (q *request) listConnections() error {
	w, err := q.windows()
	if err != nil {
		return err
	}
	conns, err := q.connections()
	if err != nil {
		return err
	}
	slices.SortStableFunc(conns, func(a, b broker.ConnectionInfo) int {
		switch {
		case a.VHost != b.VHost:
			return compareText(a.VHost, b.VHost)
		}
		return compareText(a.ID, b.ID)
	})
	return list(q, listing[broker.ConnectionInfo]{
		items: conns, name: connectionID,
		write: func(e *encoder, c broker.ConnectionInfo) bool {
			if q.statsDisabled() {
				q.writeTrackedConnection(e, c)
			} else {
				q.writeConnection(e, c, w, false)
			}
			return true
		},
	})
}

// writeTrackedConnection writes the least that is known of a connection.
func (q *request) writeTrackedConnection(e *encoder, c broker.ConnectionInfo) {
	e.str("name", c.ID)
	e.str("vhost", c.VHost)
	e.str("user", c.User)
	e.str("node", q.s.cfg.NodeName)
}

// connection finds the connection that the path names, and refuses those of others.
func (q *request) connection() (broker.ConnectionInfo, error) {
	name := q.variable("connection")
	for _, c := range q.s.broker.Connections() {
		if c.ID == name {
			return c, q.owns(c.User)
		}
	}
	return broker.ConnectionInfo{}, errNotFound
}

func (q *request) getConnection() error {
	c, err := q.connection()
	if err != nil {
		return err
	}
	w, err := q.windows()
	if err != nil {
		return err
	}
	return q.reply(func(e *encoder) {
		if q.statsDisabled() {
			e.str("name", c.ID)
			return
		}
		q.writeConnection(e, c, w, true)
	})
}

// writeConnection writes a connection. What it has not is null in lists and an empty
// text where the connection is alone.
func (q *request) writeConnection(e *encoder, c broker.ConnectionInfo, w windows, alone bool) {
	text := func(name, value string) {
		if value != "" || alone {
			e.str(name, value)
		} else {
			e.null(name)
		}
	}
	var secure broker.TLSInfo
	if c.TLS != nil {
		secure = *c.TLS
	}
	e.str("auth_mechanism", c.Mechanism)
	e.num("channel_max", int64(c.ChannelMax))
	e.num("channels", int64(len(c.Channels)))
	e.arguments("client_properties", c.Properties)
	e.num("connected_at", millis(c.Since))
	e.num("frame_max", int64(c.FrameMax))
	writeNoGarbage(e)
	host, port := splitAddress(c.Local)
	e.str("host", host)
	e.str("name", c.ID)
	e.str("node", q.s.cfg.NodeName)
	text("peer_cert_issuer", secure.PeerIssuer)
	text("peer_cert_subject", secure.PeerSubject)
	text("peer_cert_validity", secure.PeerValidity)
	peerHost, peerPort := splitAddress(c.Peer)
	e.str("peer_host", peerHost)
	e.num("peer_port", int64(peerPort))
	e.num("port", int64(port))
	protocol, kind := "AMQP 0-9-1", "network"
	if c.Direct { // SHOVEL-4: a URI without a host
		protocol, kind = "Direct 0-9-1", "direct"
	}
	e.str("protocol", protocol)
	q.s.lookAtConnection(c, w, func(r recorded) {
		r.figure(e, "recv_oct", c.Received, 0, w.data)
		r.figure(e, "send_oct", c.Sent, 1, w.data)
	})
	e.count("recv_cnt", c.Reads)
	e.count("send_cnt", c.Writes)
	e.num("send_pend", int64(c.Pending))
	e.num("reductions", 0)
	zeroDetails(e, "reductions")
	e.boolean("ssl", c.TLS != nil)
	text("ssl_cipher", secure.Cipher)
	text("ssl_hash", secure.Hash)
	text("ssl_key_exchange", secure.KeyExchange)
	text("ssl_protocol", secure.Protocol)
	e.str("state", c.State)
	e.num("timeout", int64(c.Heartbeat/time.Second))
	e.str("type", kind)
	e.str("user", c.User)
	if c.Name != "" {
		e.str("user_provided_name", c.Name)
	}
	e.str("user_who_performed_action", c.User)
	e.str("vhost", c.VHost)
}

// closingReason is why the API closes a connection, unless the caller says it.
const closingReason = "Closed via management plugin"

func (q *request) closingReason() string {
	if reason := q.r.Header.Get("X-Reason"); reason != "" {
		return reason
	}
	return closingReason
}

func (q *request) closeConnection() error {
	c, err := q.connection()
	if err != nil {
		return err
	}
	q.s.broker.CloseConnection(c.ID, q.closingReason())
	return q.done(false)
}

func (q *request) listConnectionsOfUser() error {
	user := q.variable("username")
	if err := q.owns(user); err != nil {
		return err
	}
	conns, err := q.connections()
	if err != nil {
		return err
	}
	conns = slices.DeleteFunc(conns, func(c broker.ConnectionInfo) bool { return c.User != user })
	return list(q, listing[broker.ConnectionInfo]{
		items: conns, name: connectionID,
		write: func(e *encoder, c broker.ConnectionInfo) bool {
			q.writeTrackedConnection(e, c)
			return true
		},
	})
}

func (q *request) closeConnectionsOfUser() error {
	user := q.variable("username")
	if err := q.owns(user); err != nil {
		return err
	}
	q.s.broker.CloseConnections(user, q.closingReason())
	return q.done(false)
}

// A channelRef is a channel in a list.
type channelRef struct {
	conn *broker.ConnectionInfo
	*broker.ChannelInfo
}

// id is RabbitMQ's name of a channel.
func (c channelRef) id() string { return c.conn.ID + " (" + strconv.Itoa(int(c.Number)) + ")" }

func channelsOf(conns []broker.ConnectionInfo) []channelRef {
	var refs []channelRef
	for i := range conns {
		for k := range conns[i].Channels {
			refs = append(refs, channelRef{&conns[i], &conns[i].Channels[k]})
		}
	}
	slices.SortStableFunc(refs, func(a, b channelRef) int {
		if a.conn.VHost != b.conn.VHost {
			return compareText(a.conn.VHost, b.conn.VHost)
		}
		return compareText(a.id(), b.id())
	})
	return refs
}
