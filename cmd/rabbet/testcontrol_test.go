// rabbet serve --test-control, as a test in another process has it.

package main

import (
	"net/http"
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

// post calls a verb of the control.
func post(t *testing.T, url, body string) {
	t.Helper()
	resp, err := http.Post(url, "application/json", strings.NewReader(body))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, 200, resp.StatusCode, url)
}

// controlOf is the URL of a server's control.
func controlOf(t *testing.T, s *server) string {
	t.Helper()
	url := regexp.MustCompile(`http://127\.0\.0\.1:\d+/`).FindString(strings.Join(s.lines, "\n"))
	require.NotEmpty(t, url, s.lines)
	return url
}

func TestTestControl(t *testing.T) {
	s := start(t, nil, "serve", "--test-control", "127.0.0.1:0", "--manual-clock", "--user", "app", "--password", "secret")
	url := controlOf(t, s)
	conn, err := amqp.Dial("amqp://app:secret@" + s.address)
	require.NoError(t, err)
	ch, err := conn.Channel()
	require.NoError(t, err)
	_, err = ch.QueueDeclare("q", true, false, false, false, amqp.Table{"x-message-ttl": int32(60_000)})
	require.NoError(t, err)
	require.NoError(t, ch.Confirm(false))
	c, err := ch.PublishWithDeferredConfirm("", "q", false, false, amqp.Publishing{})
	require.NoError(t, err)
	require.True(t, c.Wait())
	post(t, url+"time/advance", `{"by":"1m"}`)
	q, err := ch.QueueDeclarePassive("q", true, false, false, false, nil)
	require.NoError(t, err)
	assert.Zero(t, q.Messages)
	closed := conn.NotifyClose(make(chan *amqp.Error, 1))
	post(t, url+"crash", "")
	<-closed
	post(t, url+"reset", "")
	conn, err = amqp.Dial("amqp://app:secret@" + s.address)
	require.NoError(t, err)
	ch, err = conn.Channel()
	require.NoError(t, err)
	_, err = ch.QueueDeclarePassive("q", true, false, false, false, nil)
	assert.Error(t, err, "nothing is left")
	code, log := s.stop(t, syscall.SIGTERM)
	assert.Zero(t, code, log)
	http.DefaultClient.CloseIdleConnections()
}

// A reset never touches a data folder that was not given to it.
func TestTestControlLeavesTheDataFolderAlone(t *testing.T) {
	home := t.TempDir()
	env := []string{"XDG_DATA_HOME=" + home, "RABBITMQ_MNESIA_BASE=" + filepath.Join(home, "mnesia")}
	s := start(t, env, "serve", "--test-control", "127.0.0.1:0")
	post(t, controlOf(t, s)+"reset", "")
	code, _ := s.stop(t, os.Interrupt)
	assert.Zero(t, code)
	left, err := os.ReadDir(home)
	require.NoError(t, err)
	assert.Empty(t, left)

	dir := filepath.Join(home, "given")
	s = start(t, env, "serve", "--test-control", "127.0.0.1:0", "--data-dir", dir)
	post(t, controlOf(t, s)+"declare", `{"queues":[{"name":"q","durable":true}]}`)
	code, _ = s.stop(t, os.Interrupt)
	assert.Zero(t, code)
	assert.DirExists(t, dir)
}

func TestTestControlMistakes(t *testing.T) {
	code, _, stderr := run(t, nil, "serve", "--test-control", "0.0.0.0:0")
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "loopback only")
	code, _, stderr = run(t, nil, "serve", "--manual-clock")
	assert.Equal(t, 2, code)
	assert.Contains(t, stderr, "--manual-clock needs --test-control")
}
