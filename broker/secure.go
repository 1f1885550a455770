package broker

import (
	"crypto/tls"
	"errors"
	"strings"
	"time"

	"github.com/rabbetmq/rabbet/broker/access"
)

// TLSInfo is what a connection over TLS has agreed on, in RabbitMQ's words (TLS-24).
type TLSInfo struct {
	Protocol    string // tlsv1.3
	KeyExchange string // ecdhe_rsa, or any
	Cipher      string // aes_256_gcm
	Hash        string // sha, or aead
	// PeerSubject and PeerIssuer are the names in the client's certificate, and
	// PeerValidity is from when until when it is valid; "" without one.
	PeerSubject, PeerIssuer, PeerValidity string
}

// tlsState is what the connection's TLS has agreed on, once the client has said
// something; nil without TLS.
func (c *conn) tlsState() *tls.ConnectionState {
	secure, ok := c.nc.(interface{ ConnectionState() tls.ConnectionState })
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
func (c *conn) tlsInfo() *TLSInfo {
	state := c.tlsState()
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

var protocolNames = map[uint16]string{
	tls.VersionTLS10: "tlsv1", tls.VersionTLS11: "tlsv1.1", tls.VersionTLS12: "tlsv1.2", tls.VersionTLS13: "tlsv1.3",
}

// cipherNames takes the name of a cipher suite apart, as Erlang does.
func cipherNames(suite string) (keyExchange, cipher, hash string) {
	name := strings.ToLower(strings.TrimPrefix(suite, "TLS_"))
	keyExchange, rest, found := strings.Cut(name, "_with_")
	if !found {
		keyExchange, rest = "any", name
	}
	end := strings.LastIndexByte(rest, '_')
	if end < 0 {
		return keyExchange, rest, ""
	}
	cipher, hash = rest[:end], rest[end+1:]
	switch {
	case strings.HasSuffix(cipher, "_gcm"):
		hash = "aead"
	case strings.HasPrefix(rest, "chacha20_poly1305"):
		cipher, hash = "chacha20_poly1305", "aead"
	}
	return keyExchange, cipher, hash
}

// mechanisms are those that the connection is offered (CONN-7, CONN-8): EXTERNAL over TLS
// alone (TLS-15).
func (c *conn) mechanisms() []string {
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
func (c *conn) external() (access.Credentials, error) {
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
