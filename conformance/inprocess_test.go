package conformance

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
)

// notYet lists the scripts that Rabbet is known to fail, with what it lacks. A
// script that holds is an error here, so that the list can only shrink.
var notYet = map[string]string{
	"confirm/dropped-at-once":                     "x-max-length, x-message-ttl, expiration",
	"confirm/nack-on-reject-publish":              "x-overflow",
	"publish/dropped-by-a-limit-counts-as-routed": "x-max-length, x-overflow",
	"tx/partial-completion":                       "x-overflow",
}

// startInProcess starts Rabbet for the length of the test and gives its URL.
func startInProcess(t *testing.T) string {
	b, err := broker.New(broker.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, b.Close()) })
	addr, err := b.Listen("127.0.0.1:0")
	require.NoError(t, err)
	return "amqp://guest:guest@" + addr.String() + "/"
}
