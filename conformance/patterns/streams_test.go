package patterns_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker/brokertest"
	"github.com/rabbetmq/rabbet/conformance/patterns"
)

func TestStreams(t *testing.T) {
	b := newBench(t, brokertest.Durable())
	stream, naive := b.name("stream"), b.name("classic")
	require.NoError(t, patterns.PublishStream(b.ch, stream, "stream", 3))
	all := []string{"event 0", "event 1", "event 2"}
	for range 2 {
		read, err := patterns.ReadStream(b.conn, stream, "first", 3, b)
		require.NoError(t, err)
		assert.Equal(t, all, read)
	}
	last, err := patterns.ReadStream(b.conn, stream, 2, 1, b)
	require.NoError(t, err)
	assert.Equal(t, all[2:], last)

	require.NoError(t, patterns.PublishStream(b.channel(), naive, "classic", 3))
	read, err := patterns.ReadStream(b.conn, naive, nil, 3, b)
	require.NoError(t, err)
	assert.Equal(t, all, read)
	assert.Empty(t, b.drain(naive), "what was acknowledged is gone")
}
