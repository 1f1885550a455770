//go:build unix

package main

import (
	"bufio"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Who reads again after a while learns what was lost.
func TestLogPipeThatIsReadAgain(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "log")
	require.NoError(t, syscall.Mkfifo(fifo, 0o600))
	r, err := os.OpenFile(fifo, os.O_RDWR, 0) // so that opening it waits for nobody
	require.NoError(t, err)
	w, err := os.OpenFile(fifo, os.O_WRONLY, 0)
	require.NoError(t, err)
	cmd := command(t, nil, "serve", "--port", "0", "--memory", "--log-level", "debug")
	cmd.Stdout = w
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	require.NoError(t, w.Close())
	in := bufio.NewReader(r)
	wait := func(part string) string {
		for {
			line, err := in.ReadString('\n')
			require.NoError(t, err)
			if strings.Contains(line, part) {
				return line
			}
		}
	}
	address := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(wait("Server startup complete"))
	name := amqp.Table{"connection_name": strings.Repeat("x", 3000)}
	for range 600 { // a pipe and what waits behind it hold 1.1 MB
		conn, err := amqp.DialConfig("amqp://guest:guest@"+address, amqp.Config{Properties: name})
		require.NoError(t, err)
		require.NoError(t, conn.Close())
	}
	lost := wait("log lines were lost because nobody read the log")
	assert.Regexp(t, `\[warning\] .*  lines=\d+\n$`, lost)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	wait("Stopped")
	assert.NoError(t, cmd.Wait())
}
