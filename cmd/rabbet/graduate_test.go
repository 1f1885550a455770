package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	amqp091 "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// rabbetRun runs the binary and returns its exit code and output.
func rabbetRun(t *testing.T, env []string, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	cmd := command(t, env, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run() // The code says it.
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

const toLint = `{"rabbit_version": "3.13.7", "vhosts": [{"name": "/"}], "queues": [
	{"name": "transient", "vhost": "/", "durable": false, "auto_delete": false, "arguments": {}}, {"name": "fine", "vhost": "/", "durable": true, "auto_delete": false, "arguments": {}}]}`

// The same definitions are found wanting wherever they are: in a file, a stream, a running
// broker by URL and by its socket, and a data folder.
func TestGraduateLintReadsAllSources(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "d.json")
	require.NoError(t, os.WriteFile(file, []byte(strings.ReplaceAll(toLint, "durable\": false", "durable\": true, \"x\": false")), 0o600))
	code, out, _ := rabbetRun(t, nil, "graduate", "lint", file)
	assert.Equal(t, []any{0, "RabbitMQ 4.3: refused 0, needs 0, changed 0, notes 0\n"}, []any{code, out})
	require.NoError(t, os.WriteFile(file, []byte(toLint), 0o600))
	code, out, _ = rabbetRun(t, nil, "graduate", "lint", file)
	assert.Equal(t, 3, code)
	assert.Contains(t, out, "QUEUE-29")
	code, _, _ = rabbetRun(t, nil, "graduate", "lint", file, "--fail-on", "never", "--format", "junit")
	assert.Zero(t, code)
	code, _, _ = rabbetRun(t, nil, "graduate", "lint", file, "--target", "4.2")
	assert.Zero(t, code)

	data, port := filepath.Join(dir, "data"), strconv.Itoa(freePort(t))
	env := []string{"RABBITMQ_MNESIA_DIR=" + data}
	s := start(t, env, "serve", "--management", port)
	g := &graduation{t: t}
	url := "http://guest:guest@127.0.0.1:" + port
	g.api(url, http.MethodPost, "/api/definitions", toLint)
	g.api(url, http.MethodPut, "/api/exchanges/%2F/delayed", `{"type":"x-delayed-message","durable":true,"arguments":{"x-delayed-type":"direct"}}`)
	conn, err := amqp091.DialConfig("amqp://guest:guest@"+s.address+"/", amqp091.Config{FrameSize: 4096})
	require.NoError(t, err)
	defer conn.Close()
	ch, err := conn.Channel()
	require.NoError(t, err)
	require.NoError(t, ch.Qos(10, 0, true))
	for _, source := range [][]string{{url}, nil} {
		code, out, errs := rabbetRun(t, env, append([]string{"graduate", "lint"}, source...)...)
		assert.Equal(t, 3, code, errs)
		for _, rule := range []string{"QUEUE-29", "EXCH-9", "CONN-23", "BASIC-48"} {
			assert.Contains(t, out, rule, source)
		}
	}
	code, _, errs := rabbetRun(t, nil, "graduate", "lint", data)
	assert.Equal(t, 1, code)
	assert.Contains(t, errs, "a broker has the data folder")
	conn.Close()
	s.stop(t, syscall.SIGTERM)
	code, out, errs = rabbetRun(t, nil, "graduate", "lint", data)
	assert.Equal(t, 3, code, errs)
	assert.Contains(t, out, "EXCH-9")
	assert.NotContains(t, out, "CONN-23")
	for _, wrong := range [][]string{{"a", "b"}, {"--target", "5"}, {"--format", "xml"}, {"--fail-on", "bad"}} {
		code, _, _ := rabbetRun(t, nil, append([]string{"graduate", "lint"}, wrong...)...)
		assert.Equal(t, 2, code, wrong)
	}
}

// A queue in use stands still while it is copied: its consumer gets nothing, its producer is
// refused, and every message is in one place.
func TestGraduateLive(t *testing.T) {
	g := newGraduation(t)
	g.queues, g.each = 2, 500
	g.fill()
	conn, err := amqp091.Dial(fmt.Sprintf("amqp://guest:guest@127.0.0.1:%d/", g.port))
	require.NoError(t, err)
	defer conn.Close()
	code := 0
	run := func(more ...string) string {
		cmd := g.apply(more...)
		out, _ := cmd.CombinedOutput() // The code says it.
		code = cmd.ProcessState.ExitCode()
		return string(out)
	}
	out := run()
	assert.Equal(t, 1, code)
	assert.Contains(t, out, "clients are connected to the source")
	ch, err := conn.Channel()
	require.NoError(t, err)
	require.NoError(t, ch.Qos(1, 0, false))
	require.NoError(t, ch.Confirm(false))
	out = run("--live")
	require.Zero(t, code, out)
	list, err := ch.Consume(g.moved[0], "", false, false, false, false, nil)
	require.NoError(t, err)
	confirm, err := ch.PublishWithDeferredConfirm("", g.moved[0], false, false, amqp091.Publishing{Body: []byte("late")})
	require.NoError(t, err)
	assert.False(t, confirm.Wait(), "it takes no new publishes")
	assert.Empty(t, list)
	assert.Zero(t, g.check())

	reopen := func(names ...string) (string, int) {
		cmd := command(t, nil, append([]string{"graduate", "reopen", "--from", g.sourceURL()}, names...)...)
		out, _ := cmd.CombinedOutput() // The code says it.
		return string(out), cmd.ProcessState.ExitCode()
	}
	out, code = reopen("none")
	assert.Equal(t, 1, code)
	assert.Contains(t, out, `queue "none": `)
	out, code = reopen(g.moved[0])
	assert.Zero(t, code, out)
	assert.Equal(t, "open: "+g.moved[0]+"\n", out)
	confirm, err = ch.PublishWithDeferredConfirm("", g.moved[0], false, false, amqp091.Publishing{Body: []byte("again")})
	require.NoError(t, err)
	assert.True(t, confirm.Wait(), "it takes publishes")
	d := <-list
	assert.Equal(t, "again", string(d.Body), "and delivers")
	out, code = reopen()
	assert.Zero(t, code, out)
	assert.Contains(t, out, "open: "+g.moved[1]+"\n")
}

// What keeps a move from beginning is said before the first message moves.
func TestGraduateRefusesForeignUsers(t *testing.T) {
	g := newGraduation(t)
	g.queues, g.each = 1, 5
	g.fill()
	g.api(g.sourceURL(), http.MethodPut, "/api/users/anna", `{"password":"p","tags":""}`)
	g.api(g.sourceURL(), http.MethodPut, "/api/permissions/%2F/anna", `{"configure":".*","write":".*","read":".*"}`)
	conn, err := amqp091.Dial(fmt.Sprintf("amqp://anna:p@127.0.0.1:%d/", g.port))
	require.NoError(t, err)
	ch, err := conn.Channel()
	require.NoError(t, err)
	require.NoError(t, ch.Confirm(false))
	confirm, err := ch.PublishWithDeferredConfirm("", g.moved[0], false, false, amqp091.Publishing{
		UserId: "anna", DeliveryMode: 2, MessageId: "6", ContentType: "text/plain", Body: []byte(g.moved[0] + " 6")})
	require.NoError(t, err)
	require.True(t, confirm.Wait())
	require.NoError(t, conn.Close())
	code, text, errs := rabbetRun(t, nil, "graduate", "lint", g.sourceURL())
	assert.Equal(t, 3, code, errs)
	assert.Contains(t, text, `1 of "anna"`, "lint says it before anything is tried")
	code, text, errs = rabbetRun(t, nil, "graduate", "lint", g.sourceURL(), "--messages=false")
	assert.Zero(t, code, errs)
	assert.NotContains(t, text, "BASIC-5")
	out, err := g.apply().CombinedOutput()
	assert.Error(t, err)
	assert.Contains(t, string(out), "impersonator")
	assert.Contains(t, string(g.api(g.sourceURL(), http.MethodGet, "/api/queues?columns=messages", "")), `"messages":6`)
	out, err = g.apply("--move-user-id").CombinedOutput()
	require.NoError(t, err, "%s", out)
	g.each = 6
	assert.Zero(t, g.check())
}

// A data folder's messages count for lint as those of a running broker do.
func TestGraduateLintReadsMessagesOfAFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := start(t, nil, "serve", "--data-dir", dir)
	conn, err := amqp091.Dial("amqp://guest:guest@" + s.address + "/")
	require.NoError(t, err)
	ch, err := conn.Channel()
	require.NoError(t, err)
	require.NoError(t, ch.Confirm(false))
	_, err = ch.QueueDeclare("q", true, false, false, false, nil)
	require.NoError(t, err)
	require.NoError(t, ch.ExchangeDeclare("later", "x-delayed-message", true, false, false, false, amqp091.Table{"x-delayed-type": "direct"}))
	for _, exchange := range []string{"", "later"} {
		confirm, err := ch.PublishWithDeferredConfirm(exchange, "q", false, false, amqp091.Publishing{
			UserId: "guest", DeliveryMode: 2, Headers: amqp091.Table{"x-delay": 3600_000}, Body: []byte("x")})
		require.NoError(t, err)
		require.True(t, confirm.Wait())
	}
	require.NoError(t, conn.Close())
	s.stop(t, syscall.SIGTERM)
	code, out, errs := rabbetRun(t, nil, "graduate", "lint", dir, "--target", "3.13", "--plugins", "rabbitmq_delayed_message_exchange")
	assert.Equal(t, 3, code, errs)
	assert.Equal(t, 2, strings.Count(out, `1 of "guest"`), out)
}

// A production broker's topology comes here, with messages of a stream.
func TestGraduateImport(t *testing.T) {
	g := newGraduation(t)
	g.queues, g.each = 1, 20
	g.fill()
	here := g.to[0]
	g.api(g.sourceURL(), http.MethodPut, "/api/queues/%2F/log", `{"durable":true,"arguments":{"x-queue-type":"stream"}}`)
	for i := range 5 {
		g.api(g.sourceURL(), http.MethodPost, "/api/exchanges/%2F/amq.default/publish",
			fmt.Sprintf(`{"routing_key":"log","properties":{},"payload":"%d","payload_encoding":"string"}`, i))
	}
	code, out, errs := rabbetRun(t, nil, "graduate", "import", g.sourceURL(), "--to", here, "--sample", "3")
	require.Zero(t, code, errs)
	assert.Contains(t, out, `queue "log" in vhost "/": messages 3`)
	assert.Contains(t, out, "--allow-redelivered permits it")
	code, out, errs = rabbetRun(t, nil, "graduate", "import", g.sourceURL(), "--to", here, "--sample", "3", "--allow-redelivered")
	require.Zero(t, code, errs)
	assert.Contains(t, out, fmt.Sprintf(`queue %q in vhost "/": messages 3`, g.moved[0]))
	assert.Contains(t, errs, "marks them as redelivered")
	assert.Contains(t, string(g.api(g.sourceURL(), http.MethodGet, "/api/queues/%2F/"+g.moved[0]+"?columns=messages", "")), `"messages":20`)
}

// Where the target does not delay, --wait-delayed waits until the messages are due and in
// their queues, and these are copied then.
func TestGraduateWaitsForDelayedMessages(t *testing.T) {
	g := newGraduation(t)
	g.queues, g.each = 1, 3
	g.fill()
	g.api(g.sourceURL(), http.MethodPut, "/api/exchanges/%2F/later", `{"type":"x-delayed-message","durable":true,"arguments":{"x-delayed-type":"direct"}}`)
	g.api(g.sourceURL(), http.MethodPost, "/api/bindings/%2F/e/later/q/"+g.moved[0], `{"routing_key":"`+g.moved[0]+`"}`)
	conn, err := amqp091.Dial(fmt.Sprintf("amqp://guest:guest@127.0.0.1:%d/", g.port))
	require.NoError(t, err)
	ch, err := conn.Channel()
	require.NoError(t, err)
	require.NoError(t, ch.Confirm(false))
	for n := 4; n <= 6; n++ {
		m := g.message(g.moved[0], n)
		m.Headers = amqp091.Table{"x-delay": int32(3000)}
		confirm, err := ch.PublishWithDeferredConfirm("later", g.moved[0], false, false, m)
		require.NoError(t, err)
		require.True(t, confirm.Wait())
	}
	require.NoError(t, conn.Close())
	out, err := g.apply("--skip-refused", "--wait-delayed", "1m").CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.NotContains(t, string(out), "waits until")
	q := g.report()[g.moved[0]]
	assert.Equal(t, []any{6, true}, []any{q.Copied, q.Emptied}, q.Trouble)
}

// Delayed messages wait for the rest of their delay at a target that delays, and are listed
// where it does not.
func TestGraduateDelayedMessages(t *testing.T) {
	if os.Getenv("RABBITMQ_URL") != "" {
		t.Skip("Debian's RabbitMQ has no plugin that delays")
	}
	for profile, moved := range map[string]bool{"3.13": true, "4.3": false} {
		port := freePort(t)
		target := start(t, nil, "serve", "--memory", "--management", strconv.Itoa(port), "--profile", profile)
		g := &graduation{t: t, dir: t.TempDir(), port: freePort(t), management: freePort(t)}
		g.to, g.toAMQP = []string{fmt.Sprintf("http://guest:guest@127.0.0.1:%d", port)}, []string{"amqp://guest:guest@" + target.address + "/"}
		g.startSource()
		g.api(g.sourceURL(), http.MethodPut, "/api/exchanges/%2F/later", `{"type":"x-delayed-message","durable":true,"arguments":{"x-delayed-type":"direct"}}`)
		g.api(g.sourceURL(), http.MethodPut, "/api/queues/%2F/inbox", `{"durable":true}`)
		g.api(g.sourceURL(), http.MethodPost, "/api/bindings/%2F/e/later/q/inbox", `{"routing_key":"k"}`)
		for i := range 5 {
			g.api(g.sourceURL(), http.MethodPost, "/api/exchanges/%2F/later/publish", fmt.Sprintf(
				`{"routing_key":"k","properties":{"delivery_mode":2,"headers":{"x-delay":%d}},"payload":"%d","payload_encoding":"string"}`, 3600_000+i, i))
		}
		out, err := g.apply("--skip-refused").CombinedOutput()
		require.NoError(t, err, "%s", out)
		there := string(g.api(g.to[0], http.MethodGet, "/api/rabbet/delayed", ""))
		here := string(g.api(g.sourceURL(), http.MethodGet, "/api/rabbet/delayed", ""))
		if moved {
			assert.Contains(t, there, `"messages":5`)
			assert.Contains(t, here, `"messages":0`)
			list := string(g.api(g.to[0], http.MethodGet, "/api/rabbet/delayed/%2F/later", ""))
			assert.Regexp(t, `"x-delay":-3(599|600)\d{3}\b`, list, "the rest of the delay")
		} else {
			assert.Contains(t, here, `"messages":5`)
			assert.Equal(t, 5, strings.Count(string(out), "waits until"), "%s", out)
		}
	}
}
