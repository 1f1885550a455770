package settings

import (
	_ "embed"
	"slices"
	"strings"
)

// acceptedText are the keys that RabbitMQ 3.13 and 4.3 know, and their plugins', that
// mean nothing to this broker; $name stands for any word, ** for any words.
//
//go:embed accepted.txt
var acceptedText string

var acceptedKeys = strings.Fields(acceptedText)

// isAccepted reports whether a key is one of them.
func isAccepted(key []string) bool {
	return slices.ContainsFunc(acceptedKeys, func(pattern string) bool {
		_, ok := matchKey(strings.Split(pattern, "."), key)
		return ok
	})
}
