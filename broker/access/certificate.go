package access

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"strings"
)

// A CertificateUser says where the name of the user is in a client's certificate, for the
// mechanism EXTERNAL (TLS-19). The zero value takes the distinguished name.
type CertificateUser struct {
	From CertificatePart
	// SANType is the type of subject alternative name: dns by default, ip, email, uri or
	// other_name. SANIndex counts from 0 among those of the type (TLS-22).
	SANType  string
	SANIndex int
}

// CertificatePart is where in a certificate a name is.
type CertificatePart string

// The parts of a certificate.
const (
	DistinguishedName CertificatePart = "distinguished_name"
	CommonName        CertificatePart = "common_name"
	SubjectAltName    CertificatePart = "subject_alternative_name"
)

// errNoName is what RabbitMQ says of a certificate without such a name (TLS-17).
var errNoName = errors.New("no name found")

// User finds the name.
func (u CertificateUser) User(cert *x509.Certificate) (string, error) {
	switch u.From {
	case "", DistinguishedName:
		return FormatName(cert.RawSubject)
	case CommonName:
		return commonName(cert.RawSubject)
	case SubjectAltName, "subject_alt_name":
		names, err := altNames(cert, u.SANType)
		switch {
		case err != nil:
			return "", err
		case u.SANIndex < 0 || u.SANIndex >= len(names):
			return "", errNoName
		}
		return names[u.SANIndex], nil
	}
	return "", fmt.Errorf("access: %q is no part of a certificate", u.From)
}

func altNames(cert *x509.Certificate, kind string) ([]string, error) {
	var names []string
	switch kind {
	case "", "dns":
		return cert.DNSNames, nil
	case "email":
		return cert.EmailAddresses, nil
	case "uri":
		for _, uri := range cert.URIs {
			names = append(names, uri.String())
		}
	case "ip":
		for _, ip := range cert.IPAddresses { // the bytes, not text
			names = append(names, string(ip))
		}
	case "other_name":
		return otherNames(cert)
	default:
		return nil, fmt.Errorf("access: %q is no type of subject alternative name", kind)
	}
	return names, nil
}

// otherNames are the texts of the names of a type of their own.
func otherNames(cert *x509.Certificate) ([]string, error) {
	subjectAltName := asn1.ObjectIdentifier{2, 5, 29, 17}
	var names []string
	for _, e := range cert.Extensions {
		if !e.Id.Equal(subjectAltName) {
			continue
		}
		var list asn1.RawValue
		if _, err := asn1.Unmarshal(e.Value, &list); err != nil {
			return nil, err
		}
		for rest := list.Bytes; len(rest) > 0; {
			var name asn1.RawValue
			var err error
			if rest, err = asn1.Unmarshal(rest, &name); err != nil {
				return nil, err
			}
			if name.Class != asn1.ClassContextSpecific || name.Tag != 0 {
				continue
			}
			var id asn1.ObjectIdentifier
			value, err := asn1.Unmarshal(name.Bytes, &id)
			if err != nil {
				return nil, err
			}
			var explicit, text asn1.RawValue
			if _, err := asn1.Unmarshal(value, &explicit); err != nil {
				return nil, err
			}
			if _, err := asn1.Unmarshal(explicit.Bytes, &text); err == nil {
				names = append(names, string(text.Bytes))
			}
		}
	}
	return names, nil
}

// attribute is one part of a name.
type attribute struct {
	Type  asn1.ObjectIdentifier
	Value asn1.RawValue
}

type attributeSET []attribute

// attributeNames are how RabbitMQ prints the types of parts.
var attributeNames = map[string]string{
	"2.5.4.3": "CN", "2.5.4.4": "SN", "2.5.4.5": "SERIALNUMBER", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST",
	"2.5.4.9": "STREET", "2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.12": "TITLE", "2.5.4.42": "GIVENNAME",
	"2.5.4.43": "INITIALS", "2.5.4.44": "GENERATIONQUALIFIER", "2.5.4.65": "PSEUDONYM",
	"0.9.2342.19200300.100.1.25": "DC", "0.9.2342.19200300.100.1.1": "UID", "1.2.840.113549.1.9.1": "EMAILADDRESS",
}

// FormatName prints a distinguished name, given as in a certificate, as RabbitMQ does: as
// RFC 4514 says, the last part first (TLS-20).
func FormatName(raw []byte) (string, error) {
	var name []attributeSET
	if _, err := asn1.Unmarshal(raw, &name); err != nil {
		return "", err
	}
	parts := make([]string, 0, len(name))
	for i := len(name) - 1; i >= 0; i-- {
		var joined []string
		for _, a := range name[i] {
			kind := attributeNames[a.Type.String()]
			if kind == "" {
				kind = a.Type.String()
			}
			joined = append(joined, kind+"="+escapeName(textOf(a.Value)))
		}
		parts = append(parts, strings.Join(joined, "+"))
	}
	return strings.Join(parts, ","), nil
}

// commonName joins all common names of a name by commas (TLS-21).
func commonName(raw []byte) (string, error) {
	var name []attributeSET
	if _, err := asn1.Unmarshal(raw, &name); err != nil {
		return "", err
	}
	var names []string
	for _, set := range name {
		for _, a := range set {
			if a.Type.String() == "2.5.4.3" {
				names = append(names, string(textOf(a.Value)))
			}
		}
	}
	if names == nil {
		return "", errNoName
	}
	return strings.Join(names, ","), nil
}

// textOf is the text of a value in UTF-8.
func textOf(v asn1.RawValue) []byte {
	const teletex, bmp = 20, 30
	var b bytes.Buffer
	switch v.Tag {
	case teletex: // taken for Latin-1
		for _, c := range v.Bytes {
			b.WriteRune(rune(c))
		}
	case bmp:
		for i := 0; i+1 < len(v.Bytes); i += 2 {
			b.WriteRune(rune(v.Bytes[i])<<8 | rune(v.Bytes[i+1]))
		}
	default:
		return v.Bytes
	}
	return b.Bytes()
}

// escapeName quotes a value as RabbitMQ does.
func escapeName(text []byte) string {
	var b strings.Builder
	for i, c := range text {
		switch {
		case i == 0 && (c == ' ' || c == '#'), i == len(text)-1 && c == ' ', strings.IndexByte(`"+,;<>\`, c) >= 0:
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < 32 || c >= 126:
			fmt.Fprintf(&b, `\%02X`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
