package broker_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log/slog"
	"math/big"
	"net"
	"testing"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/delay"
)

// An authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	now := delay.Real{}.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	a := &authority{cert, key, x509.NewCertPool()}
	a.pool.AddCert(cert)
	return a
}

func (a *authority) sign(t *testing.T, subject pkix.Name) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: subject, NotBefore: a.cert.NotBefore, NotAfter: a.cert.NotAfter,
		DNSNames: []string{"localhost", "client.example"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestTLSAndExternal(t *testing.T) {
	ca := newAuthority(t)
	b := start(t, broker.Config{Mechanisms: []string{"EXTERNAL", "PLAIN"}})
	require.NoError(t, b.SetUser(access.User{Name: "CN=client,O=Acme"}))
	require.NoError(t, b.SetPermission(access.Permission{User: "CN=client,O=Acme", VHost: "/", Read: ".*"}))
	addr, err := b.ListenTLS("127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{ca.sign(t, pkix.Name{CommonName: "localhost"})}, ClientCAs: ca.pool,
		ClientAuth: tls.VerifyClientCertIfGiven,
	})
	require.NoError(t, err)
	client := &tls.Config{RootCAs: ca.pool, ServerName: "localhost", Certificates: []tls.Certificate{
		ca.sign(t, pkix.Name{CommonName: "client", Organization: []string{"Acme"}}),
	}}
	conn, err := amqp091.DialConfig("amqps://"+addr.String()+"/", amqp091.Config{
		TLSClientConfig: client, SASL: []amqp091.Authentication{&amqp091.ExternalAuth{}},
	})
	require.NoError(t, err)
	infos := b.Connections()
	require.Len(t, infos, 1)
	info := infos[0]
	assert.Equal(t, "EXTERNAL", info.Mechanism)
	require.NotNil(t, info.TLS)
	assert.Equal(t, "tlsv1.3", info.TLS.Protocol)
	assert.Equal(t, "any", info.TLS.KeyExchange)
	assert.Equal(t, "aead", info.TLS.Hash)
	assert.Equal(t, info.User, info.TLS.PeerSubject)
	assert.Equal(t, "CN=CA", info.TLS.PeerIssuer)
	assert.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ - \d{4}-`, info.TLS.PeerValidity)
	require.NoError(t, conn.Close())

	for what, config := range map[string]*tls.Config{
		"without a certificate": {RootCAs: ca.pool, ServerName: "localhost"},
		"of nobody":             {RootCAs: ca.pool, ServerName: "localhost", Certificates: []tls.Certificate{ca.sign(t, pkix.Name{CommonName: "nobody"})}},
	} {
		_, err := amqp091.DialConfig("amqps://"+addr.String()+"/", amqp091.Config{
			TLSClientConfig: config, SASL: []amqp091.Authentication{&amqp091.ExternalAuth{}},
		})
		assert.ErrorContains(t, err, "403", what) // TLS-16: 403 without a certificate
	}
	plain, err := amqp091.DialConfig("amqps://guest:guest@"+addr.String()+"/", amqp091.Config{
		TLSClientConfig: &tls.Config{RootCAs: ca.pool, ServerName: "localhost", MaxVersion: tls.VersionTLS12},
	})
	require.NoError(t, err)
	infos = b.Connections()
	require.Len(t, infos, 1)
	assert.Equal(t, &broker.TLSInfo{Protocol: "tlsv1.2", KeyExchange: "ecdhe_ecdsa", Cipher: infos[0].TLS.Cipher, Hash: "aead"}, infos[0].TLS)
	require.NoError(t, plain.Close())
}

func TestExternalIsForTLSAlone(t *testing.T) {
	b := start(t, broker.Config{Mechanisms: []string{"PLAIN", "EXTERNAL"}})
	addr, err := b.Listen("127.0.0.1:0")
	require.NoError(t, err)
	nc, err := net.Dial("tcp", addr.String())
	require.NoError(t, err)
	defer nc.Close()
	_, err = nc.Write([]byte("AMQP\x00\x00\x09\x01"))
	require.NoError(t, err)
	buf := make([]byte, 4096)
	n, err := nc.Read(buf)
	require.NoError(t, err)
	assert.Contains(t, string(buf[:n]), "PLAIN")
	assert.NotContains(t, string(buf[:n]), "EXTERNAL") // TLS-15: EXTERNAL over TLS alone
}

// TLS-9: who speaks TLS to a plain port gets a protocol header, and the log names TLS.
func TestTLSToAPlainPort(t *testing.T) {
	var log logBuffer
	b := start(t, broker.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	addr, err := b.Listen("127.0.0.1:0")
	require.NoError(t, err)
	nc, err := net.Dial("tcp", addr.String())
	require.NoError(t, err)
	defer nc.Close()
	_, err = nc.Write([]byte("\x16\x03\x01\x00\xf4\x01\x00\x00\xf0\x03\x03"))
	require.NoError(t, err)
	answer, _ := io.ReadAll(nc) // ends with a reset, maybe
	assert.Equal(t, "AMQP\x00\x00\x09\x01", string(answer))
	log.line(t, "TLS is spoken to a port that expects AMQP without it")
}

func TestCertificateNames(t *testing.T) {
	ca := newAuthority(t)
	signed := ca.sign(t, pkix.Name{CommonName: "jürgen", Organization: []string{"A, B"}})
	cert, err := x509.ParseCertificate(signed.Certificate[0])
	require.NoError(t, err)
	for _, c := range []struct {
		from access.CertificateUser
		want string
	}{
		{access.CertificateUser{From: access.CommonName}, "jürgen"},
		{access.CertificateUser{From: access.SubjectAltName}, "localhost"},
		{access.CertificateUser{From: access.SubjectAltName, SANIndex: 1}, "client.example"},
		{access.CertificateUser{From: access.SubjectAltName, SANType: "ip"}, "\x7f\x00\x00\x01"},
		{access.CertificateUser{}, `CN=j\C3\BCrgen,O=A\, B`},
	} {
		name, err := c.from.User(cert)
		assert.NoError(t, err)
		assert.Equal(t, c.want, name)
	}
	_, err = access.CertificateUser{From: access.SubjectAltName, SANType: "email"}.User(cert)
	assert.EqualError(t, err, "no name found")
}
