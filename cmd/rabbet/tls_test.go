package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/delay"
)

// selfSigned writes a certificate for this machine, with its key.
func selfSigned(t *testing.T) (cert, key string, pool *x509.CertPool) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	now := delay.Real{}.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "anna"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	certText := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	pool = x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(certText))
	return write(t, "cert.pem", string(certText)), write(t, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))), pool
}

// The file that testcontainers mounts for TLS: no plain listener, one with TLS.
func TestTLSListener(t *testing.T) {
	cert, key, pool := selfSigned(t)
	path := write(t, "x.conf", "listeners.tcp = none\nlisteners.ssl.default = 127.0.0.1:0\nssl_options.cacertfile = "+cert+
		"\nssl_options.certfile = "+cert+"\nssl_options.keyfile = "+key+"\nssl_options.verify = verify_none\n")
	s := follow(t, command(t, nil, "serve", "--memory", "--management", "off", "--config", path))
	log := strings.Join(s.lines, "\n")
	assert.Contains(t, log, "started TLS (SSL) listener on "+s.address)
	assert.NotContains(t, log, "started TCP listener")
	conn, err := amqp.DialTLS("amqps://guest:guest@"+s.address+"/", &tls.Config{RootCAs: pool})
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	_, err = amqp.Dial("amqp://guest:guest@" + s.address + "/")
	assert.Error(t, err)
	_, port, err := net.SplitHostPort(s.address)
	require.NoError(t, err)
	code, stdout, stderr := run(t, nil, "ping", "--config", write(t, "ping.conf", "listeners.tcp = none\nlisteners.ssl.1 = 127.0.0.1:"+port+"\n"))
	assert.Equal(t, "Ping succeeded\n", stdout, stderr)
	assert.Zero(t, code)
	code, log = s.stop(t, syscall.SIGTERM)
	assert.Zero(t, code)
	assert.Contains(t, log, "[notice] ")
	assert.Contains(t, log, "TLS handshake failed")

	code, _, stderr = run(t, nil, "serve", "--memory", "--config", write(t, "y.conf", "listeners.ssl.1 = 0\n"))
	assert.Equal(t, 1, code)
	assert.Equal(t, "rabbet: a TLS listener needs ssl_options.certfile and ssl_options.keyfile\n", stderr)
}

// TLS-25: the API shows the options of a listener with TLS, and never the key's password.
func TestOverviewShowsOptionsOfTLS(t *testing.T) {
	cert, key, _ := selfSigned(t)
	s := start(t, []string{"RABBET_MANAGEMENT=0"}, "--memory", "--prometheus", "off", "--config", write(t, "x.conf", "listeners.tcp.1 = 127.0.0.1:0\nlisteners.ssl.1 = 127.0.0.1:0\nssl_options.certfile = "+cert+
		"\nssl_options.keyfile = "+key+"\nssl_options.password = S3CRET\nssl_options.versions.1 = tlsv1.2\nssl_options.depth = 2\n"))
	_, rest, found := strings.Cut(strings.Join(s.lines, "\n"), "Management plugin: HTTP (non-TLS) listener started on port ")
	require.True(t, found)
	request, err := http.NewRequest("GET", "http://127.0.0.1:"+strings.Fields(rest)[0]+"/api/overview?columns=listeners", nil)
	require.NoError(t, err)
	request.SetBasicAuth("guest", "guest")
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	http.DefaultClient.CloseIdleConnections()
	assert.NotContains(t, string(body), "S3CRET")
	var overview struct {
		Listeners []struct {
			Protocol string
			Options  map[string]any `json:"socket_opts"`
		}
	}
	require.NoError(t, json.Unmarshal(body, &overview))
	shown := make(map[string]map[string]any)
	for _, l := range overview.Listeners {
		shown[l.Protocol] = l.Options
	}
	assert.Equal(t, map[string]any{"backlog": 128.0, "nodelay": true}, shown["amqp"])
	assert.Equal(t, map[string]any{
		"backlog": 128.0, "nodelay": true, "versions": []any{"tlsv1.2"}, "certfile": cert, "keyfile": key,
		"verify": "verify_none", "fail_if_no_peer_cert": false, "depth": 2.0,
	}, shown["amqp/ssl"])
}

// EXTERNAL takes the user from the client's certificate, and is offered over TLS alone.
func TestCertificateLogin(t *testing.T) {
	cert, key, pool := selfSigned(t)
	path := write(t, "x.conf", "default_user = anna\nlisteners.tcp.1 = 127.0.0.1:0\nlisteners.ssl.1 = 127.0.0.1:0\nssl_options.cacertfile = "+cert+"\nssl_options.certfile = "+cert+
		"\nssl_options.keyfile = "+key+"\nssl_options.verify = verify_peer\nssl_options.fail_if_no_peer_cert = true\nauth_mechanisms.1 = EXTERNAL\nauth_mechanisms.2 = PLAIN\nssl_cert_login_from = common_name\n")
	s := follow(t, command(t, nil, "serve", "--memory", "--management", "off", "--config", path))
	_, after, found := strings.Cut(strings.Join(s.lines, "\n"), "started TLS (SSL) listener on ")
	require.True(t, found)
	secure, _, _ := strings.Cut(after, "\n")
	own, err := tls.LoadX509KeyPair(cert, key)
	require.NoError(t, err)
	conn, err := amqp.DialConfig("amqps://"+secure+"/", amqp.Config{
		SASL: []amqp.Authentication{&amqp.ExternalAuth{}}, TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{own}},
	})
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	_, err = amqp.DialConfig("amqp://"+s.address+"/", amqp.Config{SASL: []amqp.Authentication{&amqp.ExternalAuth{}}})
	assert.Error(t, err)
	code, log := s.stop(t, syscall.SIGTERM)
	assert.Zero(t, code)
	assert.Contains(t, log, "user=anna")
}
