package main

// rabbet store, on folders that a broker has filled.

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/store"
)

// fillFolder has a broker fill a data folder and go, by a signal.
func fillFolder(t *testing.T, dir string, sig os.Signal) {
	t.Helper()
	s := start(t, nil, "serve", "--data-dir", dir)
	conn, err := amqp.Dial("amqp://guest:guest@" + s.address + "/")
	require.NoError(t, err)
	ch, err := conn.Channel()
	require.NoError(t, err)
	require.NoError(t, ch.Confirm(false))
	for _, name := range []string{"orders", "prio \"x\"", "empty"} {
		_, err = ch.QueueDeclare(name, true, false, false, false, amqp.Table{"x-max-priority": int32(3)})
		require.NoError(t, err)
	}
	_, err = ch.QueueDeclare("passing", false, false, false, false, nil)
	require.NoError(t, err)
	require.NoError(t, ch.QueueBind("orders", "key", "amq.topic", false, amqp.Table{"a": "b"}))
	var last *amqp.DeferredConfirmation
	for i := range 100 {
		for _, queue := range []string{"orders", "prio \"x\"", "passing"} {
			last, err = ch.PublishWithDeferredConfirm("", queue, false, false, amqp.Publishing{
				DeliveryMode: amqp.Persistent, Priority: uint8(i % 9), Body: []byte("0123456789"),
			})
			require.NoError(t, err)
		}
	}
	for range 50 {
		_, _, err = ch.Get("orders", true)
		require.NoError(t, err)
	}
	require.True(t, last.Wait())
	code, stdout, stderr := run(t, nil, "store", "check", dir)
	assert.Equal(t, 1, code)
	assert.Empty(t, stdout)
	assert.Equal(t, "rabbet: cannot check data folder "+dir+": another process has it\n", stderr)
	code, _, stderr = run(t, nil, "store", "compact", dir)
	assert.Equal(t, 1, code)
	assert.Equal(t, "rabbet: cannot compact data folder "+dir+": another process has it\n", stderr)
	require.NoError(t, conn.Close())
	s.stop(t, sig)
}

const filled = `queue "empty" in vhost "/": messages 0, bytes 0
queue "orders" in vhost "/": messages 50, bytes 500
queue "prio \"x\"" in vhost "/": messages 100, bytes 1000
queues 3, messages 150, bytes 1500
ok
`

func TestStoreCheckAndCompact(t *testing.T) {
	dir := t.TempDir()
	fillFolder(t, dir, syscall.SIGTERM)
	code, stdout, stderr := run(t, nil, "store", "check", dir)
	assert.Zero(t, code, stderr)
	assert.Equal(t, filled, stdout)

	code, stdout, stderr = run(t, nil, "store", "compact", dir)
	assert.Zero(t, code, stderr)
	assert.Regexp(t, `^\d+ bytes before, \d+ after\n$`, stdout)
	var before, after int64
	_, err := fmt.Sscanf(stdout, "%d bytes before, %d after", &before, &after)
	require.NoError(t, err)
	assert.Less(t, after, before)
	_, stdout, _ = run(t, nil, "store", "check", dir)
	assert.Equal(t, filled, stdout)

	s := start(t, nil, "serve", "--data-dir", dir) // and a broker takes it
	conn, err := amqp.Dial("amqp://guest:guest@" + s.address + "/")
	require.NoError(t, err)
	ch, err := conn.Channel()
	require.NoError(t, err)
	q, err := ch.QueueDeclarePassive("orders", true, false, false, false, nil)
	require.NoError(t, err)
	assert.Equal(t, 50, q.Messages)
	require.NoError(t, ch.PublishWithContext(context.Background(), "amq.topic", "key", true, false, amqp.Publishing{}))
	require.NoError(t, conn.Close())
}

func TestStoreStat(t *testing.T) {
	dir := t.TempDir()
	st, err := store.Open(dir, store.Options{})
	require.NoError(t, err)
	code, _, stderr := run(t, nil, "store", "stat", dir)
	assert.Equal(t, 1, code)
	assert.Equal(t, "rabbet: cannot look into data folder "+dir+": another process has it\n", stderr)
	require.NoError(t, st.Close())
	fillFolder(t, dir, syscall.SIGTERM)
	code, stdout, stderr := run(t, nil, "store", "stat", dir)
	assert.Zero(t, code, stderr)
	assert.Regexp(t, `^rabbet\.db: bytes \d+, free \d+
  chunks: keys \d+, bytes \d+
  settled: keys \d+, bytes \d+
  flags: keys \d+, bytes \d+
  records: keys \d+, bytes \d+
  meta: keys 2, bytes \d+
  totals: keys 1, bytes \d+
bodies: segments 0, bytes 0, on disk 0, bodies 0, in use 0
other files: \d+, bytes \d+
$`, stdout)
}

func TestStoreCheckFindsFaults(t *testing.T) {
	dir := t.TempDir()
	fillFolder(t, dir, syscall.SIGTERM)
	st, err := store.Open(dir, store.Options{})
	require.NoError(t, err)
	for key, value := range map[string]string{
		"queue\x00/\x00other": `{"VHost":"/","Name":"name","ID":999}`, "exchange\x00/\x00broken": "{", "what\x00ever": "{}",
	} {
		st.Put(key, []byte(value))
	}
	st.Delete("queue\x00/\x00orders")
	require.NoError(t, st.Close())
	code, stdout, stderr := run(t, nil, "store", "check", dir)
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "has faults: ")
	assert.NotContains(t, stdout, "\nok")
	assert.Contains(t, stdout, `fault: record "exchange\x00/\x00broken": unexpected EOF`)
	assert.Contains(t, stdout, `fault: record "queue\x00/\x00other": its key and its value have different names`)
	assert.Contains(t, stdout, `fault: record "what\x00ever": of an unknown kind`)
	assert.Regexp(t, `fault: log \d+: \d+ messages of queue \d+ at priority 3, which is unknown`, stdout)
}

// The priorities of a quorum queue are those of the profile that it was declared
// under (QUEUE-90).
// What is damaged is told by the queue that it belongs to.
func TestStoreCheckNamesTheQueue(t *testing.T) {
	dir := t.TempDir()
	fillFolder(t, dir, syscall.SIGTERM)
	path := filepath.Join(dir, store.FileName)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, bytes.ReplaceAll(data, []byte("0123456789"), []byte("0123456780")), 0o600))
	code, stdout, stderr := run(t, nil, "store", "check", dir)
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "has faults: ")
	assert.Regexp(t, `fault: queue "orders" in vhost "/": log \d+, chunk \d+: corrupt chunk: its checksum is wrong`, stdout)
	assert.Regexp(t, `fault: queue "prio \\"x\\"" in vhost "/": log \d+, chunk \d+: corrupt chunk: its checksum is wrong`, stdout)

	s := start(t, nil, "serve", "--data-dir", dir) // and a broker says so too
	conn, err := amqp.Dial("amqp://guest:guest@" + s.address + "/")
	require.NoError(t, err)
	ch, err := conn.Channel()
	require.NoError(t, err)
	_, ok, err := ch.Get("orders", true)
	require.NoError(t, err)
	assert.False(t, ok)
	require.NoError(t, conn.Close())
	_, log := s.stop(t, syscall.SIGTERM)
	assert.Regexp(t, `\[error\] <\S+> messages in the store are damaged and left out: rabbet store check tells which  queue=orders`, strings.Join(s.lines, "\n")+log)
}

func TestStoreCheckKnowsQuorumPriorities(t *testing.T) {
	for _, profile := range broker.Profiles() {
		dir := t.TempDir()
		s := start(t, nil, "serve", "--data-dir", dir, "--profile", profile)
		conn, err := amqp.Dial("amqp://guest:guest@" + s.address + "/")
		require.NoError(t, err)
		ch, err := conn.Channel()
		require.NoError(t, err)
		require.NoError(t, ch.Confirm(false))
		for name, args := range map[string]amqp.Table{"classic": nil, "quorum": {"x-queue-type": "quorum"}} {
			_, err = ch.QueueDeclare(name, true, false, false, false, args)
			require.NoError(t, err)
			for priority := range uint8(40) {
				confirm, err := ch.PublishWithDeferredConfirm("", name, false, false, amqp.Publishing{
					DeliveryMode: amqp.Persistent, Priority: priority, Body: []byte("0123456789"),
				})
				require.NoError(t, err)
				require.True(t, confirm.Wait())
			}
		}
		require.NoError(t, conn.Close())
		s.stop(t, syscall.SIGTERM)
		code, stdout, stderr := run(t, nil, "store", "check", dir)
		assert.Zero(t, code, stderr)
		assert.Equal(t, `queue "classic" in vhost "/": messages 40, bytes 400
queue "quorum" in vhost "/": messages 40, bytes 400
queues 2, messages 80, bytes 800
ok
`, stdout, profile)
	}
}

func TestStoreUsage(t *testing.T) {
	dir := t.TempDir()
	tests := []struct {
		args   []string
		code   int
		stderr string
	}{
		{nil, 2, "rabbet: rabbet store takes one of the commands check, compact, stat (see rabbet help store)\n"},
		{[]string{"check"}, 2, "rabbet: store check takes a data folder (see rabbet help store check)\n"},
		{[]string{"mend", dir}, 2, "rabbet: unknown command \"mend\" of rabbet store (see rabbet help store)\n"},
		{[]string{"check", "--help"}, 0, ""},
		{[]string{"check", dir}, 1, "rabbet: cannot check data folder " + dir + ": store: no store in " + dir + "\n"},
		{[]string{"compact", dir}, 1, "rabbet: cannot compact data folder " + dir + ": store: no store in " + dir + "\n"},
	}
	for _, test := range tests {
		code, _, stderr := run(t, nil, append([]string{"store"}, test.args...)...)
		assert.Equal(t, test.code, code, test.args)
		assert.Equal(t, test.stderr, stderr, test.args)
	}
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, files, "nothing is created")
}
