// Package tlsconf makes configurations of crypto/tls out of RabbitMQ's ssl_options, and
// reads certificates again when their files change.
package tlsconf

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/youmark/pkcs8"

	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/settings"
	"github.com/rabbetmq/rabbet/delay"
)

// lookEvery is how often, at most, files are looked at for changes (TLS-14: RabbitMQ takes
// up to two minutes).
const lookEvery = 10 * time.Second

// Server makes the configuration of a server. Names says how the keys begin, such as
// ssl_options. Files that are replaced later are read at the next handshake; if that
// fails the old ones stay, and the log says why.
func Server(t *settings.TLS, names string, clock delay.Clock, log *slog.Logger) (*tls.Config, error) {
	if t.CertFile == "" || t.KeyFile == "" {
		return nil, fmt.Errorf("a TLS listener needs %s.certfile and %s.keyfile", names, names)
	}
	for _, name := range t.Ciphers {
		if _, ok := suites[strings.ToUpper(name)]; !ok {
			log.Warn("unknown cipher suite is left out", "name", name)
		}
	}
	cfg, err := build(t, names)
	if err != nil {
		return nil, err
	}
	r := &reloader{options: t, names: names, clock: clock, log: log, current: cfg, looked: clock.Now()}
	r.stamp = r.stampOf()
	return &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return r.config(), nil }}, nil
}

// A reloader has the configuration that is in force.
type reloader struct {
	options *settings.TLS
	names   string
	clock   delay.Clock
	log     *slog.Logger

	mu      sync.Mutex
	current *tls.Config
	looked  time.Time
	stamp   string // of the files that were read last
}

func (r *reloader) config() *tls.Config {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.clock.Now()
	if now.Sub(r.looked) < lookEvery {
		return r.current
	}
	r.looked = now
	stamp := r.stampOf()
	if stamp == r.stamp {
		return r.current
	}
	r.stamp = stamp
	cfg, err := build(r.options, r.names)
	if err != nil {
		r.log.Error("certificates have changed and cannot be used, so the old ones stay", "error", err)
		return r.current
	}
	r.log.Info("certificates are read again", "file", r.options.CertFile)
	r.current = cfg
	return cfg
}

// stampOf tells versions of the files apart.
func (r *reloader) stampOf() string {
	var b strings.Builder
	for _, path := range []string{r.options.CertFile, r.options.KeyFile, r.options.CACertFile} {
		if info, err := os.Stat(path); err == nil {
			fmt.Fprintf(&b, "%d %d ", info.ModTime().UnixNano(), info.Size())
		}
	}
	return b.String()
}

// build reads the files.
func build(t *settings.TLS, names string) (*tls.Config, error) {
	cfg := &tls.Config{}
	cert, err := keyPair(t, names)
	if err != nil {
		return nil, err
	}
	cfg.Certificates = []tls.Certificate{cert}
	if t.CACertFile != "" {
		if cfg.ClientCAs, err = pool(t.CACertFile); err != nil {
			return nil, fmt.Errorf("%s.cacertfile: %w", names, err)
		}
	}
	switch {
	case t.Verify == "verify_peer" && t.FailIfNoPeerCert: // TLS-11: no certificate is refused
		cfg.ClientAuth = tls.RequireAndVerifyClientCert
	case t.Verify == "verify_peer": // TLS-10: a bad one is, none is not
		cfg.ClientAuth = tls.VerifyClientCertIfGiven
	}
	if cfg.ClientAuth != tls.NoClientCert {
		if cfg.ClientCAs == nil {
			return nil, fmt.Errorf("%s.verify = verify_peer needs %s.cacertfile", names, names)
		}
		cfg.VerifyConnection = func(s tls.ConnectionState) error { return checkDepth(s, int(t.Depth)) }
	}
	setVersions(cfg, t.Versions)
	cfg.CipherSuites = suitesOf(t.Ciphers)
	return cfg, nil
}

// checkDepth refuses a chain with more certificates between the peer's and a known one
// (TLS-13: 0 takes what the authority itself has signed).
func checkDepth(s tls.ConnectionState, depth int) error {
	if len(s.VerifiedChains) == 0 {
		return nil
	}
	for _, chain := range s.VerifiedChains {
		if len(chain)-2 <= depth {
			return nil
		}
	}
	return fmt.Errorf("the certificate's chain is longer than the depth of %d", depth)
}

// pool reads certificates of authorities.
func pool(path string) (*x509.CertPool, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s has no certificate in PEM", path)
	}
	return pool, nil
}

// keyPair reads certificate and key, which a password may protect.
func keyPair(t *settings.TLS, names string) (tls.Certificate, error) {
	certs, err := os.ReadFile(t.CertFile)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("%s.certfile: %w", names, err)
	}
	key, err := os.ReadFile(t.KeyFile)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("%s.keyfile: %w", names, err)
	}
	if key, err = decrypt(key, t.Password); err != nil {
		return tls.Certificate{}, fmt.Errorf("%s.keyfile %s: %w", names, t.KeyFile, err)
	}
	pair, err := tls.X509KeyPair(certs, key)
	if err != nil {
		return pair, fmt.Errorf("%s.certfile %s with keyfile %s: %w", names, t.CertFile, t.KeyFile, err)
	}
	return pair, nil
}

// decrypt returns a key in PEM without its password.
func decrypt(text []byte, password string) ([]byte, error) {
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return text, nil
		}
		if block.Type == "ENCRYPTED PRIVATE KEY" {
			return decryptPKCS8(block.Bytes, password)
		}
		//lint:ignore SA1019 RabbitMQ reads this form (TLS-6), so files have it.
		if !x509.IsEncryptedPEMBlock(block) {
			continue
		}
		//lint:ignore SA1019 As above.
		der, err := x509.DecryptPEMBlock(block, []byte(password))
		if err != nil || !isKey(der) {
			return nil, errors.New("the password is wrong, or missing")
		}
		return pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: der}), nil
	}
}

// isKey reports whether der is a private key. One wrong password in 256 leaves bytes whose
// padding looks right.
func isKey(der []byte) bool {
	_, rsa := x509.ParsePKCS1PrivateKey(der)
	_, ec := x509.ParseECPrivateKey(der)
	_, other := x509.ParsePKCS8PrivateKey(der)
	return rsa == nil || ec == nil || other == nil
}

// decryptPKCS8 is decrypt for the form that OpenSSL 3 writes (TLS-6).
func decryptPKCS8(encrypted []byte, password string) ([]byte, error) {
	if password == "" { // the library would take it for a key without one
		return nil, errors.New("the password is missing")
	}
	key, _, err := pkcs8.ParsePrivateKey(encrypted, []byte(password))
	if err != nil {
		return nil, fmt.Errorf("the password is wrong, or the key is not encrypted as PBES2: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), err
}

// versions are RabbitMQ's names.
var versions = map[string]uint16{"tlsv1": tls.VersionTLS10, "tlsv1.1": tls.VersionTLS11, "tlsv1.2": tls.VersionTLS12, "tlsv1.3": tls.VersionTLS13}

// setVersions bounds the versions: none are Go's own, 1.2 and 1.3.
func setVersions(cfg *tls.Config, list []string) {
	for _, name := range list {
		v := versions[name]
		if cfg.MinVersion == 0 || v < cfg.MinVersion {
			cfg.MinVersion = v
		}
		cfg.MaxVersion = max(cfg.MaxVersion, v)
	}
}

// suites are the cipher suites that there are, by the names of IANA and of OpenSSL.
var suites = func() map[string]uint16 {
	byName := map[string]uint16{}
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		byName[s.Name], byName[opensslName(s.Name)] = s.ID, s.ID
	}
	return byName
}()

// opensslName is what OpenSSL calls a suite. Those of TLS 1.3 have one name only.
func opensslName(iana string) string {
	if !strings.Contains(iana, "_WITH_") {
		return iana
	}
	name := strings.NewReplacer("TLS_RSA_WITH_", "", "TLS_", "", "_WITH_", "_", "AES_128", "AES128", "AES_256", "AES256", "_CBC_", "_", "_POLY1305_SHA256", "_POLY1305").Replace(iana)
	return strings.ReplaceAll(name, "_", "-")
}

// SuiteNames are the cipher suites that a listener offers by itself, or all that it can be
// told to offer, by IANA's names or OpenSSL's.
func SuiteNames(openssl, all bool) []string {
	list := tls.CipherSuites()
	if all {
		list = append(list, tls.InsecureCipherSuites()...)
	}
	names := make([]string, len(list))
	for i, s := range list {
		if names[i] = s.Name; openssl {
			names[i] = opensslName(s.Name)
		}
	}
	return names
}

// suitesOf are the suites of these names that are known; nil, which is Go's own choice,
// if there is none.
func suitesOf(names []string) (ids []uint16) {
	for _, name := range names {
		if id, ok := suites[strings.ToUpper(name)]; ok {
			ids = append(ids, id)
		}
	}
	return ids
}

// Client makes the configuration of a client. Names says how the keys begin. Server is the
// name that the server must have, "" being the one that is dialled; without checkName any
// name will do.
func Client(t *settings.TLS, names, server string, checkName bool) (*tls.Config, error) {
	cfg := &tls.Config{ServerName: server}
	if t.CertFile != "" {
		pair, err := keyPair(t, names)
		if err != nil {
			return nil, err
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	if t.CACertFile != "" {
		roots, err := pool(t.CACertFile)
		if err != nil {
			return nil, fmt.Errorf("%s.cacertfile: %w", names, err)
		}
		cfg.RootCAs = roots
	}
	setVersions(cfg, t.Versions)
	cfg.CipherSuites = suitesOf(t.Ciphers)
	if t.Verify == "verify_peer" && checkName {
		return cfg, nil
	}
	cfg.InsecureSkipVerify = true // RabbitMQ's default
	if t.Verify == "verify_peer" {
		roots := cfg.RootCAs
		cfg.VerifyConnection = func(s tls.ConnectionState) error { return checkChain(s, roots) }
	}
	return cfg, nil
}

// checkChain verifies a server's certificate, whatever its name.
func checkChain(s tls.ConnectionState, roots *x509.CertPool) error {
	between := x509.NewCertPool()
	for _, cert := range s.PeerCertificates[1:] {
		between.AddCert(cert)
	}
	_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between})
	return err
}
