package main

import (
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
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

// What peek says of a message was recorded from RabbitMQ 3.10.8, and the message stays.
func TestPeekShowsAMessage(t *testing.T) {
	b := newToolbox(t)
	conn, err := amqp.Dial("amqp://guest:guest@" + b.address + "/")
	require.NoError(t, err)
	defer conn.Close()
	ch, err := conn.Channel()
	require.NoError(t, err)
	_, err = ch.QueueDeclare("q", true, false, false, false, amqp.Table{"x-queue-type": "quorum"})
	require.NoError(t, err)
	require.NoError(t, ch.Confirm(false))
	confirm, err := ch.PublishWithDeferredConfirm("", "q", false, false, amqp.Publishing{
		Headers: amqp.Table{"n": int32(7), "s": "x"}, ContentType: "text/plain", DeliveryMode: 2, MessageId: "m-1", Body: []byte("hello"),
	})
	require.NoError(t, err)
	require.True(t, confirm.Wait())

	const recorded = `{"message":{"content_type":"text/plain","delivery_mode":2,"exchange":"","header.n":7,"header.s":"x",` +
		`"header.x-delivery-count":0,"message_id":"m-1","payload (max 64 bytes)":"hello","routing_keys":["q"]},"result":"ok"}`
	for range 2 {
		code, stdout, stderr := b.run("rabbitmq-queues", "peek", "q", "1", "--formatter", "json")
		assert.Equal(t, []any{0, recorded + "\n", ""}, []any{code, stdout, stderr})
	}
	// The columns are those of RabbitMQ 4.3.6; there is no log, so the indexes are counts.
	code, stdout, _ := b.run("rabbitmq-queues", "quorum_status", "q", "--formatter", "json")
	assert.Zero(t, code)
	assert.Regexp(t, `"Node Name":"tools@[^"]*","Raft State":"leader","Membership":"voter","Last Log Index":1,"Last Written":1,"Last Applied":1,"Commit Index":1,"Snapshot Index":"undefined","Term":1,"Machine Version":3`, stdout)
	code, stdout, _ = b.run("rabbitmq-queues", "-q", "peek", "q", "1")
	assert.Zero(t, code)
	for _, row := range []string{"delivery_mode           │ 2 ", "payload (max 64 bytes)  │ hello ", "header.x-delivery-count │ 0 "} {
		assert.Contains(t, stdout, "│ "+row)
	}
	code, _, stderr := b.run("rabbitmq-queues", "peek", "q", "2")
	assert.Equal(t, []any{69, "Error:\nTarget queue does not have a message at that position\n"}, []any{code, stderr})
	msg, ok, err := ch.Get("q", true)
	require.NoError(t, err)
	require.True(t, ok)
	assert.False(t, msg.Redelivered, "a look does not count")
}

// What rabbitmq-plugins disable does to shovels is what RabbitMQ 3.10.8 did: they end, their
// parameters stay and can be deleted, and until enable nobody knows of shovels. Both hold
// over a restart of the application.
func TestDisabledPluginEndsShovels(t *testing.T) {
	b := newToolbox(t)
	run := func(wanted int, words ...string) string {
		code, stdout, stderr := b.run(words...)
		require.Equal(t, wanted, code, "%s: %s", words, stderr)
		return stdout + stderr
	}
	const shovel = `{"src-uri":"amqp://","src-queue":"a","dest-uri":"amqp://","dest-queue":"b"}`
	running := func() bool {
		return strings.Contains(run(0, "rabbitmqctl", "-q", "shovel_status"), "running")
	}
	run(0, "rabbitmqctl", "set_parameter", "shovel", "s1", shovel)
	require.Eventually(t, running, 20*time.Second, 50*time.Millisecond)

	assert.Contains(t, run(0, "rabbitmq-plugins", "disable", "rabbitmq_shovel"), "stopped 1 plugins.")
	for range 2 {
		assert.Contains(t, run(64, "rabbitmqctl", "shovel_status"), "Command 'shovel_status' not found.")
		assert.Contains(t, run(64, "rabbitmqctl", "restart_shovel", "s1"), "Command 'restart_shovel' not found.")
		assert.NotContains(t, run(0, "rabbitmqctl", "help"), "shovel")
		assert.Contains(t, run(69, "rabbitmqctl", "set_parameter", "shovel", "s2", shovel), "component shovel not found")
		assert.Contains(t, run(0, "rabbitmqctl", "-q", "list_parameters"), "s1")
		run(0, "rabbitmqctl", "stop_app")
		run(0, "rabbitmqctl", "start_app")
	}
	assert.Contains(t, run(0, "rabbitmq-plugins", "enable", "rabbitmq_shovel"), "started 1 plugins.")
	require.Eventually(t, running, 20*time.Second, 50*time.Millisecond)
	run(0, "rabbitmq-plugins", "disable", "rabbitmq_shovel")
	run(0, "rabbitmqctl", "clear_parameter", "shovel", "s1")
	run(0, "rabbitmq-plugins", "enable", "rabbitmq_shovel_management") // with what it requires
	assert.NotContains(t, run(0, "rabbitmqctl", "-q", "shovel_status"), "s1")
}
