package broker

import (
	"crypto/tls"
	"strings"
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
