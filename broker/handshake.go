package broker

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/broker/internal/announce"
	"github.com/rabbetmq/rabbet/broker/internal/refusal"
	"github.com/rabbetmq/rabbet/broker/internal/topology"
)

// A connection from its first byte to open-ok, and the methods of
// channel 0 after it (CONN-1 to CONN-35, CONN-58, CONN-69 to CONN-76).

// protocolHeader answers the first eight bytes.
func (c *conn) protocolHeader(h [8]byte) error {
	return c.tapped.connect(func() error { return c.login.greet(h) })
}

// A handshake is what a connection does up to connection.open. It is dropped then.
type handshake struct{ c *conn }

func (hs *handshake) greet(h [8]byte) error {
	c := hs.c
	p := c.b.profile
	major, minor := uint8(0), uint8(9)
	switch {
	case h == header091, h == [8]byte{'A', 'M', 'Q', 'P', 1, 1, 0, 9}: // CONN-1, CONN-2: 0-9 is taken for 0-9-1
	case p.AMQP08 && (h == [8]byte{'A', 'M', 'Q', 'P', 1, 1, 8, 0} || h == [8]byte{'A', 'M', 'Q', 'P', 1, 1, 9, 1}): // CONN-3: 0-8 and what else came before 0-9
		major, minor, c.old = 8, 0, true
	default:
		offer := c.b.counterOffer(h)
		c.out.mu.Lock()
		c.out.reserve()
		c.out.buf = append(c.out.buf, offer[:]...)
		c.out.touch(&c.fx)
		c.out.mu.Unlock()
		if h[0] == 0x16 && h[1] == 3 { // TLS-9: the beginning of a handshake
			return refusal.DropNow("TLS is spoken to a port that expects AMQP without it")
		}
		return refusal.DropNow("unsupported protocol header %q", h[:])
	}
	c.state = stateStart
	c.send(0, &amqp.ConnectionStart{
		VersionMajor: major, VersionMinor: minor,
		ServerProperties: c.b.serverProperties(major == 8),
		Mechanisms:       strings.Join(hs.mechanisms(), " "), Locales: "en_US",
	})
	return nil
}

var (
	header091 = [8]byte([]byte(amqp.ProtocolHeader))
	header10  = [8]byte{'A', 'M', 'Q', 'P', 3, 1, 0, 0}
)

// counterOffer answers a header that is not understood (CONN-4, CONN-5). AMQP
// 1.0 is not spoken here: who takes up its offer is told so.
func (b *node) counterOffer(h [8]byte) [8]byte {
	almost := [6]byte(h[:6]) == [6]byte(header091[:6]) && h[6] >= 9
	if b.profile.OffersAMQP1 && !almost && h != header10 {
		return header10
	}
	return header091
}

// serverProperties are CONN-9 and CONN-10; AMQP 0-8 clients get no
// capabilities (CONN-3).
func (b *node) serverProperties(old bool) amqp.Table {
	var capabilities amqp.Table
	for _, name := range []string{
		"publisher_confirms", "exchange_exchange_bindings", "basic.nack", "consumer_cancel_notify",
		"connection.blocked", "consumer_priorities", "authentication_failure_close", "per_consumer_qos",
		"direct_reply_to",
	} {
		capabilities = append(capabilities, amqp.Field{Key: name, Value: true})
	}
	props := amqp.Table{
		{Key: "capabilities", Value: capabilities},
		{Key: "cluster_name", Value: b.ClusterName()},
		{Key: "copyright", Value: "Copyright (c) the Rabbet authors"},
		{Key: "information", Value: "Licensed under the Apache License 2.0. A RabbitMQ-compatible broker"},
		{Key: "platform", Value: "Go"},
		{Key: "product", Value: "RabbitMQ"},
		{Key: "version", Value: b.profile.Version},
	}
	if old {
		props[0].Value = amqp.Table(nil)
	}
	return props
}

// method0 handles a method on channel 0.
func (c *conn) method0(id amqp.MethodID, args []byte) error {
	m, known := amqp.NewMethod(id)
	if !known {
		return refusal.DropNow("unknown method %d.%d", id.Class(), id.Method()) // CONN-44: an unknown method drops the socket
	}
	if err := decodeMethod(m, args); err != nil {
		e, ok := err.(*amqp.Error)
		switch {
		case !ok:
			return err
		case e.NoMethod: // CONN-47: here the method is named
			e.NoMethod = false
			return e
		case c.state == stateOpen:
			return refusal.Silently("malformed %s", id)
		}
		return amqp.NewInternalError() // CONN-45: channel 0 is handled by the connection itself
	}
	return c.tapped.method0(m, c.handle0)
}

func (c *conn) handle0(m amqp.Method) error {
	switch m := m.(type) {
	case *amqp.ConnectionStartOk:
		if c.state == stateStart {
			return c.login.startOk(m)
		}
	case *amqp.ConnectionTuneOk:
		if c.state == stateTune {
			return c.login.tuneOk(m)
		}
	case *amqp.ConnectionOpen:
		if c.state == stateOpen {
			return c.login.open(m)
		}
	case *amqp.ConnectionClose:
		if c.state == stateRunning { // CONN-69: all channels end first
			c.cleanUp()
			c.state = stateLinger
			c.out.sendClosing(&amqp.ConnectionCloseOk{}, c.old, &c.fx)
			c.dropAfter(c.closeTimeout())
			return nil
		}
	case *amqp.ConnectionUpdateSecret:
		if c.state == stateRunning { // CONN-76: confirmed for the broker's own users
			c.send(0, &amqp.ConnectionUpdateSecretOk{})
			return nil
		}
	}
	if c.state == stateRunning {
		return amqp.Errorf(amqp.ChannelError, "unexpected method in connection state running") // CONN-58: not a method of the connection
	}
	return amqp.Errorf(amqp.ChannelError, "unexpected method in connection state opening")
}

// startOk authenticates (CONN-11 to CONN-20).
func (hs *handshake) startOk(m *amqp.ConnectionStartOk) error {
	c := hs.c
	c.readClientProperties(m.ClientProperties)
	c.notify = c.client.blocked
	if !slices.Contains(hs.mechanisms(), m.Mechanism) {
		return refusal.Silently("unknown authentication mechanism '%s'", m.Mechanism) // CONN-17: not offered
	}
	if m.Mechanism == mechanismExternal {
		creds, err := hs.external()
		if err != nil {
			return hs.refuseLogin(creds.User, m.Mechanism, err.Error())
		}
		return hs.loginWith(creds, m.Mechanism)
	}
	creds, err := c.b.credentials(m)
	if err != nil {
		return err
	}
	return hs.loginWith(creds, m.Mechanism)
}

func (hs *handshake) loginWith(creds access.Credentials, mechanism string) error {
	c := hs.c
	creds.Mechanism, creds.Peer = mechanism, c.nc.RemoteAddr()
	c.mechanism = mechanism
	return c.tapped.login(hs, creds)
}

func (hs *handshake) login(creds access.Credentials) error {
	c := hs.c
	id, err := access.Identity{User: nobody}, error(nil)
	if c.kind != connTrusted {
		id, err = c.b.Login(c.b.life, creds)
	}
	if err != nil {
		return hs.refuseLogin(creds.User, creds.Mechanism, err.Error())
	}
	c.b.loginCounts.succeeded.Add(1)
	c.identity = id
	c.b.events.Login(describing(c), "")
	c.state = stateTune
	c.send(0, &amqp.ConnectionTune{
		ChannelMax: c.b.cfg.ChannelMax, FrameMax: c.b.cfg.FrameMax, Heartbeat: uint16(c.b.cfg.Heartbeat / time.Second),
	}) // CONN-21: what tune proposes
	return nil
}

// refuseLogin is CONN-15 and CONN-16.
func (hs *handshake) refuseLogin(name, mechanism, reason string) error {
	c := hs.c
	c.b.loginCounts.failed.Add(1)
	c.b.events.Login(func() announce.Connection {
		d := described(c)
		d.User, d.Mechanism = name, mechanism
		return d
	}, reason)
	c.log.Error("login refused", "user", name, "mechanism", mechanism, "reason", reason)
	if !c.client.authenticationFailureClose {
		return refusal.Silently("login of user '%s' refused: %s", name, reason) // CONN-16: dropped otherwise
	}
	e := refusal.WithoutMethod(amqp.AccessRefused, "Login was refused using authentication mechanism %s. "+
		"For details see the broker logfile.", mechanism) // CONN-15: told with 403 if able to hear it
	e.Impatient = true
	return e
}

// credentials takes user and password out of a response (CONN-13, CONN-14,
// CONN-17). Who stays anonymous is who Config says (CONN-8).
func (b *node) credentials(m *amqp.ConnectionStartOk) (access.Credentials, error) {
	var none access.Credentials
	switch m.Mechanism {
	case mechanismAnonymous:
		return access.Credentials{User: b.cfg.AnonymousUser, Password: b.cfg.AnonymousPassword}, nil
	case mechanismPlain:
		parts := strings.Split(m.Response, "\x00")
		if len(parts) != 3 || parts[0] != "" {
			return none, refusal.Silently("malformed PLAIN response")
		}
		return access.Credentials{User: parts[1], Password: parts[2]}, nil
	case mechanismAMQPlain:
		t, err := amqp.RawTable(m.Response).Decode()
		if err != nil {
			return none, refusal.Silently("malformed AMQPLAIN response")
		}
		login, _ := t.Get("LOGIN")
		pass, _ := t.Get("PASSWORD")
		name, ok1 := textOf(login)
		password, ok2 := textOf(pass)
		if !ok1 || !ok2 {
			return none, refusal.Silently("AMQPLAIN response lacks LOGIN or PASSWORD")
		}
		return access.Credentials{User: name, Password: password}, nil
	}
	return none, refusal.Silently("unknown authentication mechanism '%s'", m.Mechanism)
}

// textOf returns a text that a table may have as a byte array too (CONN-14).
func textOf(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case []byte:
		return string(v), true
	}
	return "", false
}

// tuneOk takes the client's limits (CONN-22 to CONN-25).
func (hs *handshake) tuneOk(m *amqp.ConnectionTuneOk) error {
	c := hs.c
	cfg := &c.b.cfg
	if cfg.ChannelMax > 0 && (m.ChannelMax == 0 || m.ChannelMax > cfg.ChannelMax) {
		return refusal.Silently("negotiated channel_max = %d is higher than the maximum allowed value (%d)", m.ChannelMax, cfg.ChannelMax)
	}
	if least := c.b.profile.MinFrameMax; m.FrameMax != 0 && m.FrameMax < least {
		return refusal.Silently("negotiated frame_max = %d is lower than the minimum allowed value (%d)", m.FrameMax, least)
	}
	if cfg.FrameMax > 0 && (m.FrameMax == 0 || m.FrameMax > cfg.FrameMax) {
		return refusal.Silently("negotiated frame_max = %d is higher than the maximum allowed value (%d)", m.FrameMax, cfg.FrameMax)
	}
	c.channelMax = m.ChannelMax
	c.out.mu.Lock()
	c.out.frameMax = m.FrameMax
	c.out.mu.Unlock()
	c.interval = time.Duration(m.Heartbeat) * time.Second
	c.state = stateOpen
	return nil
}

// open joins a virtual host (CONN-27 to CONN-31).
func (hs *handshake) open(m *amqp.ConnectionOpen) error {
	c := hs.c
	v := c.b.find(m.VirtualHost)
	if v == nil {
		return errNoVHost(m.VirtualHost) // CONN-28: there is no such virtual host
	}
	if err := c.enter(c.identity.User, v); err != nil {
		return err
	}
	if c.kind != connTrusted {
		if err := c.b.MayEnter(c.b.life, c.identity, m.VirtualHost, c.nc.RemoteAddr()); err != nil { // CONN-29: 530 without permissions
			c.leave()
			return err
		}
	}
	c.out.mu.Lock() // snapshots read these once there are channels
	c.vhost, c.owner.vhost = v.vh, m.VirtualHost
	c.publisher = v.vh.NewPublisher(topology.FromClient, &c.fx)
	c.publisher.By, c.publisher.Handed = c, c.handedOver
	c.channels = make(map[uint16]*channel)
	c.out.mu.Unlock()
	c.state, c.login = stateRunning, nil
	if c.b.find(m.VirtualHost) != v { // deleted meanwhile, before this connection was to be seen
		return errNoVHost(m.VirtualHost)
	}
	c.b.churn.connectionsOpened.Add(1)
	c.b.events.Opened(describing(c))
	c.tapped.introduce(c.identity.User)
	c.publisher.Client = c
	c.send(0, &amqp.ConnectionOpenOk{})
	c.startHeartbeat(c.interval)
	c.log.Info("connection open", "user", c.identity.User, "vhost", m.VirtualHost, "name", c.name)
	return nil
}

// decodeMethod decodes arguments and names what is wrong with them (CONN-45
// to CONN-47).
func decodeMethod(m amqp.Method, args []byte) error {
	err := m.Decode(args)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, amqp.ErrTable):
		return refusal.DropNow("malformed table in %s", m.ID())
	case errors.Is(err, amqp.ErrUTF8):
		return refusal.WithoutMethod(amqp.FrameError, "Malformed UTF-8 in shortstr")
	}
	return amqp.Errorf(amqp.FrameError, "cannot decode %s", amqp.FormatOctets(args))
}

// mechanisms are those that the connection is offered (CONN-7, CONN-8): EXTERNAL over TLS
// alone (TLS-15).
func (hs *handshake) mechanisms() []string {
	c := hs.c
	configured := c.b.cfg.Mechanisms
	if configured == nil {
		configured = []string{mechanismPlain, mechanismAMQPlain}
		if c.b.profile.Anonymous {
			configured = append(configured, mechanismAnonymous)
		}
	}
	var offered []string
	for _, m := range configured {
		if m != mechanismExternal || c.tlsState() != nil {
			offered = append(offered, m)
		}
	}
	return offered
}

// external finds the user in the client's certificate (TLS-16 to TLS-19).
func (hs *handshake) external() (access.Credentials, error) {
	c := hs.c
	state := c.tlsState()
	switch {
	case state == nil || len(state.PeerCertificates) == 0:
		return access.Credentials{}, errors.New("connection peer presented no TLS (x.509) certificate")
	case len(state.VerifiedChains) == 0: // the listener takes any certificate
		return access.Credentials{}, errors.New("TLS configuration is unsafe")
	}
	user, err := c.b.cfg.CertificateUser.User(state.PeerCertificates[0])
	return access.Credentials{User: user, Checked: true}, err
}
