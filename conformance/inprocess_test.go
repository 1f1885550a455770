package conformance

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/store"
)

// startInProcess starts Rabbet for the length of the test, with a store or in
// memory, and gives its URL.
func startInProcess(t *testing.T, st *store.Store) string {
	b, err := broker.New(broker.Config{Store: st})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, b.Close()) })
	addr, err := b.Listen("127.0.0.1:0")
	require.NoError(t, err)
	return "amqp://guest:guest@" + addr.String() + "/"
}
