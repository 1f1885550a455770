//go:build linux

package broker_test

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/store"
)

// failing lets nothing be written to a store until it is mended: its file's
// descriptor is read-only meanwhile.
func failing(t *testing.T, dir string) (mend func()) {
	path, err := filepath.EvalSymlinks(filepath.Join(dir, store.FileName))
	require.NoError(t, err)
	list, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	for _, entry := range list {
		if target, _ := os.Readlink("/proc/self/fd/" + entry.Name()); target != path {
			continue
		}
		fd, err := strconv.Atoi(entry.Name())
		require.NoError(t, err)
		saved, err := syscall.Dup(fd)
		require.NoError(t, err)
		other, err := os.Open(path)
		require.NoError(t, err)
		require.NoError(t, syscall.Dup3(int(other.Fd()), fd, syscall.O_CLOEXEC))
		require.NoError(t, other.Close())
		return func() {
			require.NoError(t, syscall.Dup3(saved, fd, syscall.O_CLOEXEC))
			require.NoError(t, syscall.Close(saved))
		}
	}
	require.Fail(t, "the store's file is not open")
	return nil
}

// While the disk fails no persistent message is confirmed (BASIC-17): those
// that wait for the commit are nacked, and all is well again by itself.
func TestConfirmsWhileTheDiskFails(t *testing.T) {
	attempts := make(chan error, 1000)
	st, err := store.Open(t.TempDir(), store.Options{OnCommit: func(err error) { attempts <- err }})
	require.NoError(t, err)
	b := start(t, broker.Config{Store: st})
	_, err = vhost(t, b).DeclareQueue(broker.Queue{Name: "q", Durable: true})
	require.NoError(t, err)
	ch := channel(t, b)
	require.NoError(t, ch.Confirm(false))
	confirms := ch.NotifyPublish(make(chan amqp091.Confirmation, 10))
	publish := func() {
		require.NoError(t, ch.Publish("", "q", false, false, amqp091.Publishing{DeliveryMode: 2, Body: []byte("x")}))
	}
	publish()
	assert.True(t, receive(t, confirms).Ack)

	mend := failing(t, st.Dir())
	publish()
	for failures := 0; failures < 2; {
		if receive(t, attempts) != nil {
			failures++
		}
	}
	nacked := false
	select {
	case c := <-confirms:
		require.False(t, c.Ack, "confirmed while nothing can be written")
		nacked = true
	default: // it came after the batch that holds it, and waits for the next attempt
	}
	mend()
	if !nacked {
		receive(t, confirms)
	}
	eventually(t, "the disk is well", func() bool { return !st.Failing() })
	publish()
	c := receive(t, confirms)
	assert.True(t, c.Ack)
	assert.EqualValues(t, 3, c.DeliveryTag)
	assert.Empty(t, confirms, "each is told once")
}
