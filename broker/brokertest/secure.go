package brokertest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"sync"
	"time"

	"github.com/rabbetmq/rabbet/broker/access"
)

// WithTLS has clients speak TLS on the broker's port, where URL says amqps. The
// certificates come from an authority that exists in this process alone; TLSConfig has
// clients trust it. A client with a certificate may log in by it, with the mechanism
// EXTERNAL, as the user in its common name. Connections in memory go without TLS.
func WithTLS() Option {
	return func(o *options) {
		o.secure = true
		o.config.Mechanisms = []string{"PLAIN", "AMQPLAIN", "EXTERNAL"}
		o.config.CertificateUser = access.CertificateUser{From: access.CommonName}
	}
}

// TLSConfig is what a client needs to connect to a broker with WithTLS:
//
//	conn, err := amqp091.DialTLS(mq.URL(), mq.TLSConfig())
//
// With a user's name it has a certificate with that common name, to log in by:
//
//	conn, err := amqp091.DialTLS_ExternalAuth(mq.URL(), mq.TLSConfig("ann"))
func (mq *Broker) TLSConfig(user ...string) *tls.Config {
	mq.tb.Helper()
	config, err := mq.server.TLSConfig(user...)
	check(mq.tb, err)
	return config
}

// TLSConfig fails if this machine has no random numbers.
func (s *Server) TLSConfig(user ...string) (*tls.Config, error) {
	ca, err := authorityOfProcess()
	if err != nil {
		return nil, err
	}
	config := &tls.Config{RootCAs: ca.pool, ServerName: serverName}
	for _, name := range user {
		cert, err := ca.sign(name)
		if err != nil {
			return nil, err
		}
		config.Certificates = append(config.Certificates, cert)
	}
	return config, nil
}

// serverName is the name in the broker's certificate.
const serverName = "localhost"

// serverTLS is the broker's side.
func serverTLS() (*tls.Config, error) {
	ca, err := authorityOfProcess()
	if err != nil {
		return nil, err
	}
	cert, err := ca.sign(serverName)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		Certificates: []tls.Certificate{cert}, ClientCAs: ca.pool, ClientAuth: tls.VerifyClientCertIfGiven,
	}, nil
}

// An authority signs certificates. They are valid from long ago until long from now:
// no test is about that.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

var (
	validFrom = time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)
	validTo   = time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)
)

// authorityOfProcess is one for all brokers: keys take time.
var authorityOfProcess = sync.OnceValues(func() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "brokertest"}, NotBefore: validFrom, NotAfter: validTo,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	a := &authority{cert, key, x509.NewCertPool()}
	a.pool.AddCert(cert)
	return a, nil
})

// sign makes a certificate for a server and a client of that common name.
func (a *authority) sign(name string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 64))
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: validFrom, NotAfter: validTo,
		DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// A secureLink is the broker's end of a connection over TLS.
type secureLink struct {
	*tls.Conn
	link *link
}

// SetLinger is the link's.
func (l secureLink) SetLinger(sec int) error { return l.link.SetLinger(sec) }
