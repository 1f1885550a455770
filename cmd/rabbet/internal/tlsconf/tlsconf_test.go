package tlsconf

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/settings"
	"github.com/rabbetmq/rabbet/delay"
)

// A signer is a certificate with its key, and those between it and the authority.
type signer struct {
	cert  *x509.Certificate
	key   *ecdsa.PrivateKey
	chain [][]byte
}

var serial int64

// issue makes a certificate that a parent signs, or itself without one.
func issue(t *testing.T, name string, isCA bool, parent *signer) *signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	serial++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name},
		NotBefore: delay.Real{}.Now().Add(-time.Hour), NotAfter: delay.Real{}.Now().Add(time.Hour),
		IsCA: isCA, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	if isCA {
		template.KeyUsage |= x509.KeyUsageCertSign
	}
	s := &signer{key: key}
	by := parent
	if by == nil {
		by = &signer{cert: template, key: key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.cert, &key.PublicKey, by.key)
	require.NoError(t, err)
	s.cert, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	s.chain = append([][]byte{der}, by.chain...)
	return s
}

// files writes certificate and key, and returns their paths.
func (s *signer) files(t *testing.T, dir, name, password string) (cert, key string) {
	t.Helper()
	var text strings.Builder
	for _, der := range s.chain {
		require.NoError(t, pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	der, err := x509.MarshalECPrivateKey(s.key)
	require.NoError(t, err)
	block := &pem.Block{Type: "EC PRIVATE KEY", Bytes: der}
	if password != "" {
		//lint:ignore SA1019 RabbitMQ reads this form.
		block, err = x509.EncryptPEMBlock(rand.Reader, block.Type, der, []byte(password), x509.PEMCipherAES256)
		require.NoError(t, err)
	}
	cert, key = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
	require.NoError(t, os.WriteFile(cert, []byte(text.String()), 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(block), 0o600))
	return cert, key
}

func (s *signer) certificate() tls.Certificate {
	return tls.Certificate{Certificate: s.chain, PrivateKey: s.key}
}

// A world is an authority, a server's files, and clients.
type world struct {
	dir                              string
	ca, server, between, client, far *signer
	stranger                         *signer
	options                          settings.TLS
}

func newWorld(t *testing.T, password string) *world {
	w := &world{dir: t.TempDir()}
	w.ca = issue(t, "ca", true, nil)
	w.server = issue(t, "server", false, w.ca)
	w.client = issue(t, "client", false, w.ca)
	w.between = issue(t, "between", true, w.ca)
	w.far = issue(t, "far", false, w.between)
	w.stranger = issue(t, "stranger", false, issue(t, "other", true, nil))
	w.options = settings.Defaults().TLS
	w.options.CertFile, w.options.KeyFile = w.server.files(t, w.dir, "server", password)
	w.options.CACertFile, _ = w.ca.files(t, w.dir, "ca", "")
	w.options.Password = password
	return w
}

// dial serves one connection and connects to it; the errors are of the client, which
// reads a byte in the end.
func dial(t *testing.T, server *tls.Config, client *tls.Config) (tls.ConnectionState, error) {
	t.Helper()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l := NewListener(tcp, server, time.Minute, slog.New(slog.DiscardHandler))
	defer l.Close()
	go func() {
		nc, err := l.Accept()
		if err == nil {
			_, _ = nc.Write([]byte("x")) // The other end reports the outcome.
			_ = nc.Close()
		}
	}()
	nc, err := tls.Dial("tcp", tcp.Addr().String(), client)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer nc.Close()
	_, err = io.ReadFull(nc, make([]byte, 1))
	return nc.ConnectionState(), err
}

func (w *world) clientConfig(with *signer) *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(w.ca.cert)
	cfg := &tls.Config{RootCAs: pool}
	if with != nil {
		cert := with.certificate()
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil } // whatever was asked for
	}
	return cfg
}

func (w *world) config(t *testing.T) *tls.Config {
	t.Helper()
	cfg, err := Server(&w.options, "ssl_options", delay.Real{}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return cfg
}

func TestClientCertificates(t *testing.T) {
	w := newWorld(t, "")
	for _, tc := range []struct {
		name   string
		verify string
		must   bool
		depth  int64
		client *signer
		want   string // "" gets in
	}{
		{"none asked", "verify_none", false, 1, nil, ""},
		{"none given, optional", "verify_peer", false, 1, nil, ""},
		{"none given, required", "verify_peer", true, 1, nil, "certificate required"}, // TLS-11: alert
		{"good", "verify_peer", true, 1, w.client, ""},
		{"of a stranger", "verify_peer", false, 1, w.stranger, "unknown certificate authority"}, // TLS-10: alert
		{"through another, depth 1", "verify_peer", true, 1, w.far, ""},
		{"through another, depth 0", "verify_peer", true, 0, w.far, "bad certificate"}, // TLS-13: depth
		{"direct, depth 0", "verify_peer", true, 0, w.client, ""},
	} {
		w.options.Verify, w.options.FailIfNoPeerCert, w.options.Depth = tc.verify, tc.must, tc.depth
		_, err := dial(t, w.config(t), w.clientConfig(tc.client))
		if tc.want == "" {
			assert.NoError(t, err, tc.name)
		} else {
			assert.ErrorContains(t, err, tc.want, tc.name)
		}
	}
}

func TestVersionsAndCiphers(t *testing.T) {
	w := newWorld(t, "pass")
	w.options.Versions = []string{"tlsv1.2"}
	w.options.Ciphers = []string{"ECDHE-ECDSA-AES128-GCM-SHA256", "no-such"}
	state, err := dial(t, w.config(t), w.clientConfig(nil))
	require.NoError(t, err)
	assert.Equal(t, uint16(tls.VersionTLS12), state.Version)
	assert.Equal(t, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, state.CipherSuite)
	w.options.Versions = []string{"tlsv1.3"}
	client := w.clientConfig(nil)
	client.MaxVersion = tls.VersionTLS12
	_, err = dial(t, w.config(t), client)
	assert.ErrorContains(t, err, "protocol version")
	for name, id := range map[string]uint16{
		"ECDHE-RSA-AES256-GCM-SHA384": tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, "ECDHE-RSA-CHACHA20-POLY1305": tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		"AES128-GCM-SHA256": tls.TLS_RSA_WITH_AES_128_GCM_SHA256, "ECDHE-RSA-AES128-SHA": tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
		"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	} {
		assert.Equal(t, id, suites[name], name)
	}
}

func TestMistakesAreNamed(t *testing.T) {
	w := newWorld(t, "pass")
	_, otherKey := issue(t, "other", false, w.ca).files(t, w.dir, "other", "")
	garbage := filepath.Join(w.dir, "garbage")
	require.NoError(t, os.WriteFile(garbage, []byte("x"), 0o600))
	pkcs8 := filepath.Join(w.dir, "pkcs8")
	require.NoError(t, os.WriteFile(pkcs8, pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")}), 0o600))
	for want, change := range map[string]func(*settings.TLS){
		"a TLS listener needs ssl_options.certfile and ssl_options.keyfile": func(o *settings.TLS) { o.CertFile = "" },
		"private key does not match public key":                             func(o *settings.TLS) { o.KeyFile = otherKey },
		"the password is wrong, or missing":                                 func(o *settings.TLS) { o.Password = "" },
		"the password is wrong, or the key is not encrypted as PBES2":       func(o *settings.TLS) { o.KeyFile = pkcs8 },
		"pkcs8: the password is missing":                                    func(o *settings.TLS) { o.KeyFile, o.Password = pkcs8, "" },
		"failed to find any PEM data":                                       func(o *settings.TLS) { o.CertFile = garbage },
		"ssl_options.cacertfile: " + garbage + " has no certificate in PEM": func(o *settings.TLS) { o.CACertFile = garbage },
		"ssl_options.verify = verify_peer needs ssl_options.cacertfile":     func(o *settings.TLS) { o.Verify, o.CACertFile = "verify_peer", "" },
	} {
		o := w.options
		change(&o)
		_, err := Server(&o, "ssl_options", delay.Real{}, slog.New(slog.DiscardHandler))
		assert.ErrorContains(t, err, want)
	}
}

// A wrong password is named as such, also where it leaves bytes that are padded well.
func TestWrongPasswordIsNamed(t *testing.T) {
	_, path := newWorld(t, "").ca.files(t, t.TempDir(), "locked", "pass")
	key, err := os.ReadFile(path)
	require.NoError(t, err)
	for i := range 2000 {
		_, err := decrypt(key, fmt.Sprint("other", i))
		require.EqualError(t, err, "the password is wrong, or missing")
	}
}

// TLS-6: keys of both encrypted forms are read; OpenSSL made these two, of RSA and of ECDSA.
func TestKeysOfOpenSSLInPKCS8(t *testing.T) {
	for _, name := range []string{"rsa", "ecdsa"} {
		o := settings.TLS{CertFile: "testdata/" + name + ".pem", KeyFile: "testdata/" + name + ".key", Password: "pass", Verify: "verify_none"}
		_, err := Server(&o, "ssl_options", delay.Real{}, slog.New(slog.DiscardHandler))
		require.NoError(t, err, name)
		o.Password = "other"
		_, err = Server(&o, "ssl_options", delay.Real{}, slog.New(slog.DiscardHandler))
		assert.ErrorContains(t, err, "the password is wrong")
	}
}

// TLS-14: certificates that are replaced are taken without a restart.
func TestCertificatesAreReadAgain(t *testing.T) {
	w := newWorld(t, "")
	clock := delay.NewManual(time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC))
	var log strings.Builder
	cfg, err := Server(&w.options, "ssl_options", clock, slog.New(slog.NewTextHandler(&log, nil)))
	require.NoError(t, err)
	name := func() string {
		state, err := dial(t, cfg, w.clientConfig(nil))
		require.NoError(t, err)
		return state.PeerCertificates[0].Subject.CommonName
	}
	assert.Equal(t, "server", name())
	issue(t, "renewed server", false, w.ca).files(t, w.dir, "server", "")
	assert.Equal(t, "server", name(), "not at every handshake")
	clock.Advance(lookEvery)
	assert.Equal(t, "renewed server", name())
	assert.Contains(t, log.String(), "certificates are read again")
	require.NoError(t, os.WriteFile(w.options.CertFile, []byte("broken"), 0o600))
	clock.Advance(lookEvery)
	assert.Equal(t, "renewed server", name())
	clock.Advance(lookEvery)
	assert.Equal(t, "renewed server", name())
	assert.Equal(t, 1, strings.Count(log.String(), "so the old ones stay"), "said once")
}

// A client that says nothing holds up no other, and is dropped.
func TestMuteClient(t *testing.T) {
	w := newWorld(t, "")
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l := NewListener(tcp, w.config(t), 200*time.Millisecond, slog.New(slog.DiscardHandler))
	defer l.Close()
	accepted := make(chan net.Conn, 2)
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				close(accepted)
				return
			}
			accepted <- nc
		}
	}()
	mute, err := net.Dial("tcp", tcp.Addr().String())
	require.NoError(t, err)
	defer mute.Close()
	nc, err := tls.Dial("tcp", tcp.Addr().String(), w.clientConfig(nil))
	require.NoError(t, err)
	defer nc.Close()
	require.NoError(t, (<-accepted).Close())
	_, err = mute.Read(make([]byte, 1))
	assert.Error(t, err, "TLS-8: dropped")
	require.NoError(t, l.Close())
	_, open := <-accepted
	assert.False(t, open)
}

func TestClient(t *testing.T) {
	w := newWorld(t, "")
	server := w.config(t)
	for _, tc := range []struct {
		name      string
		change    func(*settings.TLS)
		server    string
		checkName bool
		want      string
	}{
		{"nothing verified", func(o *settings.TLS) { o.CACertFile = "" }, "", false, ""},
		{"chain verified", func(o *settings.TLS) { o.Verify = "verify_peer" }, "elsewhere", false, ""},
		{"name verified", func(o *settings.TLS) { o.Verify = "verify_peer" }, "127.0.0.1", true, ""},
		{"another name", func(o *settings.TLS) { o.Verify = "verify_peer" }, "elsewhere", true, "wanted to match elsewhere"},
		{"a stranger", func(o *settings.TLS) {
			o.Verify = "verify_peer"
			o.CACertFile, _ = w.stranger.files(t, w.dir, "stranger", "")
		}, "", false, "unknown authority"},
	} {
		o := w.options
		o.CertFile, o.KeyFile = "", ""
		tc.change(&o)
		cfg, err := Client(&o, "auth_http.ssl_options", tc.server, tc.checkName)
		require.NoError(t, err)
		_, err = dial(t, server, cfg)
		if tc.want == "" {
			assert.NoError(t, err, tc.name)
		} else {
			assert.ErrorContains(t, err, tc.want, tc.name)
		}
	}
}
