package uitest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker/management"
	"github.com/rabbetmq/rabbet/delay"
)

// identity is the key of the test's certificate, whose digest the browser is told to trust.
var identity = func() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}()

// trustedKey is the digest of identity, as --ignore-certificate-errors-spki-list takes it.
func trustedKey() string {
	public, err := x509.MarshalPKIXPublicKey(&identity.PublicKey)
	if err != nil {
		panic(err)
	}
	sum := sha256.Sum256(public)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// secure has a rabbit serve its page over TLS as well, and gives the URL.
func (r *rabbit) secure() string {
	r.t.Helper()
	now := delay.Real{}.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &identity.PublicKey, identity)
	require.NoError(r.t, err)
	cfg := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: identity}}}
	addr, err := r.server.ListenTLS("127.0.0.1:0", cfg, management.Listener{})
	require.NoError(r.t, err)
	return "https://" + addr.String()
}

// Over HTTPS, which is HTTP/2 in a browser, all is as it is without: numbers are pushed,
// and nothing is asked over plain HTTP.
func TestHTTPS(t *testing.T) {
	r := start(t)
	ch := r.channel("c")
	r.queue(ch, "q", nil)
	p := open(t, r.secure())
	p.enter()
	p.visit("#/queues/%2F/q")
	p.wait("document.querySelector('main h1').innerText === 'q'")
	assert.Equal(t, "h2", js[string](p, "performance.getEntriesByType('navigation')[0].nextHopProtocol"))
	p.wait("performance.getEntriesByType('resource').some((e) => e.name.includes('/api/rabbet/live')) || document.querySelector('.freshness').innerText !== ''")
	p.sound("over HTTPS")
	r.queue(ch, "another", nil)
	p.visit("#/queues")
	p.see("another")
}
