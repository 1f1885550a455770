package pipe

import (
	"net"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// SetLinger(0) turns Close into a reset: the peer gets nothing that it has not
// read yet.
func TestPipeReset(t *testing.T) {
	a, b := New(64)
	_, err := a.Write([]byte("lost"))
	require.NoError(t, err)
	require.NoError(t, a.(*conn).SetLinger(0))
	require.NoError(t, a.Close())
	_, err = b.Read(make([]byte, 8))
	assert.ErrorIs(t, err, syscall.ECONNRESET)
	_, err = b.Write([]byte("x"))
	assert.ErrorIs(t, err, syscall.ECONNRESET)
	_, err = a.Read(make([]byte, 8))
	assert.ErrorIs(t, err, net.ErrClosed)
	require.NoError(t, b.Close())
}

// A reset wakes those who wait at the other end.
func TestPipeResetWakes(t *testing.T) {
	for _, blocked := range []struct {
		name string
		call func(c net.Conn) error
	}{
		{"read", func(c net.Conn) error { _, err := c.Read(make([]byte, 8)); return err }},
		{"write", func(c net.Conn) error { _, err := c.Write(make([]byte, 100)); return err }},
	} {
		synctest.Test(t, func(t *testing.T) {
			a, b := New(64)
			failed := make(chan error, 1)
			go func() { failed <- blocked.call(b) }()
			synctest.Wait()
			require.NoError(t, a.(*conn).SetLinger(0))
			require.NoError(t, a.Close())
			assert.ErrorIs(t, <-failed, syscall.ECONNRESET, blocked.name)
		})
	}
}
