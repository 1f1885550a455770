package main

import (
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What the tools do to the node and see of it, beyond their texts.
func TestToolsReachTheNode(t *testing.T) {
	log := filepath.Join(t.TempDir(), "rabbit.log")
	b := newToolbox(t, "--log-file", log)
	good := func(words ...string) string {
		code, stdout, stderr := b.run(words...)
		require.Zero(t, code, "%s: %s", words, stderr)
		return stdout
	}

	_, text, _ := strings.Cut(good("rabbitmqctl", "status"), "OS PID: ")
	assert.NotEmpty(t, text)
	assert.Contains(t, good("rabbitmq-diagnostics", "-q", "log_location", "--all"), log+"\n")
	tail := good("rabbitmq-diagnostics", "-q", "log_tail", "-N", "2")
	assert.Equal(t, 2, strings.Count(tail, "\n"), tail)

	// A listener that is suspended refuses clients, and is where it was afterwards.
	dial := func() error {
		nc, err := net.Dial("tcp", b.address)
		if err == nil {
			err = nc.Close()
		}
		return err
	}
	require.NoError(t, dial())
	for _, pair := range [][2][]string{
		{{"rabbitmqctl", "suspend_listeners"}, {"rabbitmqctl", "resume_listeners"}},
		{{"rabbitmq-upgrade", "drain"}, {"rabbitmq-upgrade", "revive"}},
	} {
		good(pair[0]...)
		good(pair[0]...) // again: nothing to do
		assert.Error(t, dial(), pair[0])
		good(pair[1]...)
		good(pair[1]...)
		assert.NoError(t, dial(), pair[1])
	}

	// Events come as objects, one a line, for as long as is asked.
	good("rabbitmq-plugins", "enable", "rabbitmq_event_exchange")
	seen := make(chan string, 1)
	go func() {
		_, stdout, _ := b.run("rabbitmq-diagnostics", "consume_event_stream", "--duration", "8", "--pattern", "user_created")
		seen <- stdout
	}()
	require.Eventually(t, func() bool {
		_, stdout, _ := b.run("rabbitmqctl", "-q", "list_bindings", "source_name")
		return strings.Contains(stdout, "amq.rabbitmq.event")
	}, 30*time.Second, 20*time.Millisecond)
	good("rabbitmqctl", "add_user", "<u>", "p")
	events := <-seen
	assert.Contains(t, events, `"event":"user.created"`)
	assert.Contains(t, events, `"name":"<u>"`)
	b.stop(t, syscall.SIGTERM)
}
