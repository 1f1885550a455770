package main

// Delayed messages as the command shows them: rabbet store check and rabbet perf
// delayed.

import (
	"encoding/json"
	"fmt"
	"syscall"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/perf"
)

// What waits is counted, also under the name of an exchange that is deleted.
func TestStoreCheckCountsDelayedMessages(t *testing.T) {
	dir := t.TempDir()
	s := start(t, nil, "serve", "--data-dir", dir)
	conn, err := amqp.Dial("amqp://guest:guest@" + s.address + "/")
	require.NoError(t, err)
	ch, err := conn.Channel()
	require.NoError(t, err)
	require.NoError(t, ch.Confirm(false))
	for i, name := range []string{"deleted", "kept", "empty"} {
		require.NoError(t, ch.ExchangeDeclare(name, "x-delayed-message", true, false, false, false, amqp.Table{"x-delayed-type": "direct"}))
		for range 2 * (2 - i) {
			confirm, err := ch.PublishWithDeferredConfirm(name, "k", false, false, amqp.Publishing{
				Headers: amqp.Table{"x-delay": 3600_000}, Body: []byte("0123456789"),
			})
			require.NoError(t, err)
			require.True(t, confirm.Wait())
		}
	}
	require.NoError(t, ch.ExchangeDelete("deleted", false, false))
	require.NoError(t, conn.Close())
	s.stop(t, syscall.SIGTERM)
	code, stdout, stderr := run(t, nil, "store", "check", dir)
	assert.Zero(t, code, stderr)
	assert.Equal(t, `queues 0, messages 0, bytes 0
delayed exchange "deleted" in vhost "/": messages 4, bytes 40
delayed exchange "empty" in vhost "/": messages 0, bytes 0
delayed exchange "kept" in vhost "/": messages 2, bytes 20
delayed exchanges 3, messages 6, bytes 60
ok
`, stdout)
}

func TestPerfDelayed(t *testing.T) {
	s := start(t, nil, "serve", "--memory")
	args := []string{"perf", "delayed", "--url", "amqp://guest:guest@" + s.address + "/", "--pid", fmt.Sprint(s.cmd.Process.Pid),
		"--messages", "2000", "--hold", "10ms", "--rate", "2000", "--time", "200ms", "--storm", "1000", "--json"}
	code, stdout, stderr := run(t, nil, args...)
	require.Zero(t, code, stderr)
	var r perf.DelayedResult
	require.NoError(t, json.Unmarshal([]byte(stdout), &r))
	assert.Equal(t, 2000, r.Pending)
	require.NotNil(t, r.Late)
	assert.EqualValues(t, 400, r.Late.Count)
	assert.Zero(t, r.Early)
	for name, rate := range map[string]float64{"accept": r.AcceptRate, "more": r.MoreRate, "drain": r.DrainRate, "both, drain": r.BothDrain, "both, accept": r.BothAccept} {
		assert.Positive(t, rate, name)
	}
	assert.Positive(t, r.Process.RSSAnon)

	code, _, stderr = run(t, nil, "perf", "delayed", "--url", "amqp://guest:guest@"+s.address+"/", "--size", "7")
	assert.Equal(t, 1, code)
	assert.Equal(t, "rabbet: there must be a message of 8 bytes or more, and a window\n", stderr)
}
