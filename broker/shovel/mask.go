package shovel

import (
	"encoding/json"
	"regexp"
)

const stars = "*****"

var (
	// uriText is an AMQP URI in a JSON text, where a slash may be escaped.
	uriText = regexp.MustCompile(`(?i)amqps?:(?:\\?/){2}[^"]*`)
	// password is what is before the last @ of the authority, behind the user's name.
	password = regexp.MustCompile(`^(?i)(amqps?:(?:\\?/){2}[^"/?#:@\\]*:)(?:[^"/?#\\]|\\[^/])*@`)
	// secret is the password of a private key.
	secret = regexp.MustCompile(`([?&]password=)[^"&#]*`)
)

// Mask puts stars in the place of the passwords in the URIs of a parameter's value. A value
// without any is returned as it is.
func Mask(value json.RawMessage) json.RawMessage {
	return uriText.ReplaceAllFunc(value, maskText)
}

func maskText(uri []byte) []byte {
	uri = password.ReplaceAll(uri, []byte("${1}"+stars+"@"))
	return secret.ReplaceAll(uri, []byte("${1}"+stars))
}

// Unmask puts the passwords back into a value that Mask has made, or that was made of such a
// value: a URI with stars becomes the URI of had that looks the same. Others stay.
func Unmask(value, had json.RawMessage) json.RawMessage {
	before := make(map[string][]byte)
	for _, uri := range uriText.FindAll(had, -1) {
		before[string(maskText(uri))] = uri
	}
	return uriText.ReplaceAllFunc(value, func(uri []byte) []byte {
		if real, ok := before[string(uri)]; ok {
			return real
		}
		return uri
	})
}
