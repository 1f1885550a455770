package control_test

// The control as another process has it: over HTTP, with the official client on
// the other side.

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/rabbetmq/rabbet/broker/brokertest"
	"github.com/rabbetmq/rabbet/broker/brokertest/control"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A remote is a control as its clients have it.
type remote struct {
	t    *testing.T
	s    *control.Server
	url  string
	http http.Client
}

func start(t *testing.T, opts ...brokertest.Option) *remote {
	t.Helper()
	s, err := control.Start("127.0.0.1:0", slog.New(slog.DiscardHandler), opts...)
	require.NoError(t, err)
	r := &remote{t: t, s: s, url: "http://" + s.Addr().String()}
	t.Cleanup(func() {
		r.http.CloseIdleConnections()
		require.NoError(t, s.Close())
	})
	return r
}

// send sends a request as it is and returns status and body.
func (r *remote) send(method, path, body string, edit ...func(*http.Request)) (int, http.Header, string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, strings.NewReader(body))
	require.NoError(r.t, err)
	for _, e := range edit {
		e(req)
	}
	resp, err := r.http.Do(req)
	require.NoError(r.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(r.t, err)
	return resp.StatusCode, resp.Header, string(text)
}

// ok sends a request that works and decodes the answer.
func (r *remote) ok(method, path, body string) any {
	r.t.Helper()
	code, _, text := r.send(method, path, body)
	require.Equal(r.t, 200, code, "%s %s: %s", method, path, text)
	var v any
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	require.NoError(r.t, d.Decode(&v), text)
	return v
}

// fails sends a request that does not work, and returns why.
func (r *remote) fails(code int, method, path, body string) string {
	r.t.Helper()
	got, _, text := r.send(method, path, body)
	require.Equal(r.t, code, got, "%s %s: %s", method, path, text)
	var v struct{ Error string }
	require.NoError(r.t, json.Unmarshal([]byte(text), &v), text)
	return v.Error
}

// at is a value deep in what ok has returned.
func at(v any, path ...any) any {
	for _, p := range path {
		switch p := p.(type) {
		case int:
			v = v.([]any)[p]
		case string:
			v = v.(map[string]any)[p]
		}
	}
	return v
}

func (r *remote) channel() *amqp091.Channel {
	r.t.Helper()
	props := amqp091.NewConnectionProperties()
	props.SetClientConnectionName("shop")
	url, err := r.s.Broker.URL()
	require.NoError(r.t, err)
	conn, err := amqp091.DialConfig(url, amqp091.Config{Properties: props})
	require.NoError(r.t, err)
	r.t.Cleanup(func() { _ = conn.Close() })
	ch, err := conn.Channel()
	require.NoError(r.t, err)
	require.NoError(r.t, ch.Confirm(false))
	return ch
}

func TestMessagesOverHTTP(t *testing.T) {
	r := start(t)
	declared := r.ok("POST", "/declare", `{
		"exchanges": [{"name":"orders","type":"topic"}],
		"queues": [{"name":"a/b","durable":true,"arguments":{"x-max-length":10}}],
		"bindings": [{"source":"orders","destination":"a/b","key":"#"}],
		"policies": [{"name":"p","pattern":"^nothing$","definition":{"max-length":5}}]
	}`)
	assert.Equal(t, declared, r.ok("GET", "/topology", ""))
	assert.Equal(t, "topic", at(declared, "exchanges", 0, "type"))
	assert.Equal(t, 10.0, at(declared, "queues", 0, "arguments", "x-max-length"))
	assert.Equal(t, "orders", at(declared, "bindings", 0, "source"))

	assert.Equal(t, 1.0, at(r.ok("POST", "/publish", `{"exchange":"orders","key":"new","body":"héllo",
		"properties":{"headers":{"n":1,"list":[1,"two",{"f":1.5}]},"delivery_mode":2,"message_id":"m"}}`), "queues"))
	assert.Equal(t, 0.0, at(r.ok("POST", "/publish", `{"exchange":"","key":"nowhere","body_base64":"/wA="}`), "queues"))

	for _, q := range []any{r.ok("GET", "/queues/a%2Fb", ""), at(r.ok("GET", "/queues", ""), 0)} {
		assert.Equal(t, "a/b", at(q, "name"))
		assert.Equal(t, 1.0, at(q, "messages"))
	}
	m := at(r.ok("GET", "/queues/a%2Fb/messages", ""), "ready", 0)
	assert.Equal(t, "héllo", at(m, "body"))
	assert.Equal(t, 2.0, at(m, "properties", "delivery_mode"))
	assert.Equal(t, []any{1.0, "two", map[string]any{"f": 1.5}}, at(m, "properties", "headers", "list"))

	ch := r.channel()
	d, ok, err := ch.Get("a/b", false)
	require.NoError(t, err)
	require.True(t, ok)
	assert.EqualValues(t, 1, d.Headers["n"])
	u := at(r.ok("GET", "/queues/a%2Fb/messages", ""), "unacked", 0)
	assert.Equal(t, "shop", at(u, "connection"))
	assert.Equal(t, 1.0, at(u, "delivery_tag"))
	require.NoError(t, d.Nack(false, true))
	r.ok("POST", "/queues/a%2Fb/wait", `{"ready":1,"unacked":0,"messages":1,"consumers":0}`)
	got := r.ok("POST", "/get", `{"queue":"a/b"}`)
	assert.Equal(t, "héllo", at(got, "body"))
	assert.Equal(t, true, at(got, "redelivered"))

	list := r.ok("GET", "/publications?exchange=orders&key=new&queue=a/b&state=acked", "")
	require.Len(t, list, 1)
	assert.Equal(t, "acked", at(list, 0, "routes", 0, "state"))
	assert.Len(t, at(list, 0, "routes", 0, "deliveries"), 2)
	assert.Equal(t, "shop", at(list, 0, "routes", 0, "deliveries", 0, "connection"))
	list = r.ok("GET", "/publications?unroutable=true", "")
	require.Len(t, list, 1)
	assert.Equal(t, "/wA=", at(list, 0, "body_base64"))
	assert.Empty(t, r.ok("GET", "/publications?body=nothing&connection=nobody", ""))

	r.ok("POST", "/publish", `{"exchange":"orders","key":"k"}`)
	assert.Equal(t, 1.0, at(r.ok("POST", "/queues/a%2Fb/purge", ""), "purged"))
	_, err = ch.Consume("a/b", "tag", false, false, false, false, nil)
	require.NoError(t, err)
	assert.Equal(t, "tag", at(r.ok("GET", "/consumers?queue=a/b", ""), 0, "tag"))
	assert.Equal(t, "shop", at(r.ok("GET", "/connections", ""), 0, "name"))
	code, header, text := r.send("GET", "/dump", "")
	assert.Equal(t, 200, code)
	assert.Equal(t, "text/plain; charset=utf-8", header.Get("Content-Type"))
	assert.Contains(t, text, "a/b")
}

func TestVirtualHostsOverHTTP(t *testing.T) {
	r := start(t)
	assert.Contains(t, r.fails(404, "GET", "/queues?vhost=other", ""), `there is no virtual host "other"`)
	r.ok("POST", "/declare?vhost=other", `{"queues":[{"name":"q"}]}`)
	r.ok("POST", "/publish?vhost=other", `{"key":"q","body":"there"}`)
	assert.Empty(t, r.ok("GET", "/queues", ""))
	assert.Equal(t, 1.0, at(r.ok("GET", "/queues/q?vhost=other", ""), "ready"))
	assert.Equal(t, "there", at(r.ok("GET", "/publications?vhost=other", ""), 0, "body"))
	assert.Empty(t, r.ok("GET", "/publications", ""))
}

func TestTimeOverHTTP(t *testing.T) {
	r := start(t, brokertest.WithManualClock())
	r.ok("POST", "/declare", `{"queues":[{"name":"q","arguments":{"x-message-ttl":1800000}}]}`)
	r.ok("POST", "/publish", `{"key":"q"}`)
	r.ok("POST", "/time/advance", `{"by":"29m59.999s"}`)
	assert.Equal(t, 1.0, at(r.ok("GET", "/queues/q", ""), "ready"))
	r.ok("POST", "/time/advance", `{"by":"1ms"}`)
	assert.Equal(t, 0.0, at(r.ok("GET", "/queues/q", ""), "ready"))
	assert.Equal(t, "2031-02-03T04:05:06Z", at(r.ok("POST", "/time/set", `{"to":"2031-02-03T04:05:06Z"}`), "now"))
	assert.Equal(t, "2031-02-03T04:05:06Z", at(r.ok("GET", "/time", ""), "now"))
	assert.Contains(t, r.fails(400, "POST", "/time/advance", `{"by":60}`), "a duration is text")
	assert.Contains(t, r.fails(400, "POST", "/time/advance", `{}`), "say by how much")
	assert.Contains(t, r.fails(400, "POST", "/time/set", ``), "say to when")

	real := start(t)
	assert.Contains(t, real.fails(400, "POST", "/time/advance", `{"by":"1s"}`), "time is real: start rabbet serve with --manual-clock")
}

func TestFaultsOverHTTP(t *testing.T) {
	r := start(t)
	r.ok("POST", "/declare", `{"queues":[{"name":"q"}]}`)
	added := r.ok("POST", "/faults", `{"on":{"method":"basic.publish","queue":"q","nth":[2]},"do":{"action":"nack"}}`)
	assert.Equal(t, map[string]any{"id": 1.0, "fault": "nack on basic.publish queue=q nth=2", "hits": 0.0, "removed": false}, added)
	ch := r.channel()
	for i := range 3 {
		c, err := ch.PublishWithDeferredConfirm("", "q", false, false, amqp091.Publishing{})
		require.NoError(t, err)
		assert.Equal(t, i != 1, c.Wait())
	}
	assert.Equal(t, 1.0, at(r.ok("POST", "/faults/1/wait", ``), "hits"))
	assert.Contains(t, r.fails(409, "POST", "/faults/1/wait", `{"hits":2,"timeout":"10ms"}`), "1 of 2 hits")
	assert.Equal(t, true, at(r.ok("DELETE", "/faults/1", ""), "removed"))
	assert.Equal(t, 1.0, at(r.ok("GET", "/faults/1", ""), "hits"))

	closed := ch.NotifyClose(make(chan *amqp091.Error, 1))
	r.ok("POST", "/faults", `{"on":{"method":"queue.*","vhost":"/","user":"guest","connection":"shop","from":1,"every":1,"times":1,"chance":1,"seed":7},
		"do":{"action":"close-channel","code":404,"text":"NOT_FOUND - so they say","after":"1ms"}}`)
	_, _ = ch.QueueDeclare("x", false, false, false, false, nil)
	e := <-closed
	assert.Equal(t, "NOT_FOUND - so they say", e.Reason)
	assert.Len(t, r.ok("GET", "/faults", ""), 2)
	r.ok("DELETE", "/faults", "")
	assert.Empty(t, r.ok("GET", "/faults", ""))

	for body, want := range map[string]string{
		`{"on":{"method":"basic.foo"},"do":{"action":"nack"}}`:                                   `"basic.foo" is no method of a client's`,
		`{"on":{"method":"queue.bind"},"do":{"action":"nack"}}`:                                  "nack makes no sense for queue.bind",
		`{"on":{"method":"queue.bind"},"do":{"action":"explode"}}`:                               `unknown action "explode": known are`,
		`{"on":{"method":"queue.bind"},"do":{"action":"delay"}}`:                                 "say for how long",
		`{"on":{"method":"queue.bind"},"do":{"action":"close-channel"}}`:                         "needs a code",
		`{"on":{"method":"queue.bind"},"do":{"action":"swallow","code":404}}`:                    "takes no code",
		`{"on":{"method":"queue.bind"},"do":{"action":"swallow","text":"x"}}`:                    "takes no text",
		`{"on":{"method":"queue.bind"},"do":{"action":"swallow","after":"-1s"}}`:                 "negative",
		`{"on":{"method":"queue.bind","nth":[0]},"do":{"action":"swallow"}}`:                     "calls are counted from 1",
		`{"on":{"method":"queue.bind","exchang":"x"},"do":{"action":"swallow"}}`:                 `unknown field "exchang"`,
		`{"on":{"method":"queue.bind"},"do":{"action":"close-connection","code":99999}}`:         "do.code: expected a number from 0 to 65535, not number 99999",
		`{"on":{"method":"queue.bind"},"do":{"action":"swallow"}} {}`:                            "something behind the JSON value",
		`{"on":{"method":"login"},"do":{"action":"block-connection","text":"low on something"}}`: "makes no sense for login",
		`nonsense`: "invalid character",
	} {
		assert.Contains(t, r.fails(400, "POST", "/faults", body), want, body)
	}
	assert.Contains(t, r.fails(404, "GET", "/faults/99", ""), "there is no fault 99")
	assert.Contains(t, r.fails(400, "DELETE", "/faults/first", ""), "a fault's id is a number")
}

// Every action that Go knows is known here.
func TestEveryActionOverHTTP(t *testing.T) {
	r := start(t)
	for action, on := range map[string]string{
		"delay": "*", "swallow": "*", "nack": "confirm", "return-unroutable": "basic.publish", "drop-confirm": "confirm",
		"close-channel": "deliver", "close-connection": "connect", "reset-tcp": "login", "corrupt": "queue.*",
		"corrupt-body": "deliver", "deliver-twice": "deliver", "block-connection": "basic.publish", "refuse-login": "login",
	} {
		do := map[string]any{"action": action, "after": "1s"}
		if strings.HasPrefix(action, "close-") {
			do["code"], do["text"] = 320, "text"
		}
		body, err := json.Marshal(map[string]any{"on": map[string]any{"method": on}, "do": do})
		require.NoError(t, err)
		added := r.ok("POST", "/faults", string(body))
		assert.True(t, strings.HasPrefix(at(added, "fault").(string), action), added)
	}
}

func TestLifeOverHTTP(t *testing.T) {
	r := start(t, brokertest.Durable())
	r.ok("POST", "/declare", `{"queues":[{"name":"q","durable":true}]}`)
	r.ok("POST", "/publish", `{"key":"q","body":"kept","properties":{"delivery_mode":2}}`)
	r.ok("POST", "/restart", "")
	r.ok("POST", "/crash", "{}")
	assert.Equal(t, "kept", at(r.ok("GET", "/queues/q/messages", ""), "ready", 0, "body"))

	r.ok("POST", "/disk/fail", `{"commits":1}`)
	ch := r.channel()
	c, err := ch.PublishWithDeferredConfirm("", "q", false, false, amqp091.Publishing{DeliveryMode: amqp091.Persistent})
	require.NoError(t, err)
	assert.False(t, c.Wait())
	assert.Contains(t, r.fails(400, "POST", "/disk/fail", ``), "say how many")

	r.ok("POST", "/pause", "")
	r.ok("POST", "/resume", "")
	r.ok("POST", "/alarms", `{"alarm":"memory","on":true}`)
	r.ok("POST", "/alarms", `{"alarm":"memory","on":false}`)
	assert.Contains(t, r.fails(400, "POST", "/alarms", `{"alarm":"cpu","on":true}`), "memory or disk")
	assert.Contains(t, r.fails(400, "POST", "/alarms", `{"alarm":"disk"}`), "memory or disk")

	assert.Equal(t, 0.0, at(r.ok("POST", "/connections/kill", `{"name":"nobody"}`), "killed"))
	assert.Equal(t, 1.0, at(r.ok("POST", "/connections/kill", `{"name":"shop","user":"guest","vhost":"/"}`), "killed"))
	assert.Empty(t, r.ok("GET", "/connections", ""))

	addr := at(r.ok("GET", "/address", ""), "amqp")
	r.ok("POST", "/faults", `{"on":{"method":"*"},"do":{"action":"swallow"}}`)
	r.ok("POST", "/reset", "")
	assert.Equal(t, addr, at(r.ok("GET", "/address", ""), "amqp"))
	for _, path := range []string{"/queues", "/publications", "/faults"} {
		assert.Empty(t, r.ok("GET", path, ""), path)
	}
	assert.Equal(t, 1.0, at(r.ok("POST", "/faults", `{"on":{"method":"login"},"do":{"action":"refuse-login"}}`), "id"))
	r.ok("DELETE", "/faults/1", "")
	r.channel()

	memory := start(t)
	for _, path := range []string{"/restart", "/crash", "/stop", "/start"} {
		memory.ok("POST", path, "")
	}
}

// What is asked wrongly is refused, with a reason.
func TestMistakesOverHTTP(t *testing.T) {
	r := start(t)
	assert.Contains(t, r.fails(404, "GET", "/nope", ""), "GET / lists all")
	assert.Contains(t, r.fails(404, "GET", "/queues/", ""), "GET / lists all")
	code, header, text := r.send("PUT", "/faults", "")
	assert.Equal(t, 405, code)
	assert.Equal(t, "GET, POST, DELETE", header.Get("Allow"))
	assert.Contains(t, text, "/faults takes GET or POST or DELETE")
	assert.Contains(t, r.fails(405, "GET", "/reset", ""), "/reset takes POST")
	assert.Contains(t, r.fails(400, "POST", "/reset", `{"hard":true}`), `unknown field "hard"`)
	assert.Contains(t, r.fails(400, "GET", "/queues?host=x", ""), `unknown query parameter "host"`)
	assert.Contains(t, r.fails(400, "GET", "/queues?vhost=/&vhost=/", ""), "given 2 times")
	assert.Contains(t, r.fails(400, "GET", "/publications?unroutable=yes", ""), "unroutable is true")
	assert.Contains(t, r.fails(404, "GET", "/queues/nope", ""), "no queue 'nope' in vhost '/'")
	assert.Contains(t, r.fails(404, "POST", "/queues/nope/purge", ""), "no queue 'nope' in vhost '/'")
	assert.Contains(t, r.fails(409, "POST", "/queues/nope/wait", `{"ready":1,"timeout":"1ms"}`), "no such queue")
	r.ok("POST", "/declare", `{"queues":[{"name":"q"}]}`)
	assert.Contains(t, r.fails(409, "POST", "/queues/q/wait", `{"ready":1,"consumers":2,"timeout":"1ms"}`),
		`queue "q": want 1 ready, 2 consumers, have 0 ready, 0 unacked, 0 consumers`)
	assert.Contains(t, r.fails(400, "POST", "/publish", `{"exchange":"nope"}`), "NOT_FOUND - no exchange 'nope' in vhost '/'")
	assert.Contains(t, r.fails(400, "POST", "/publish", `{"body":"a","body_base64":"YQ=="}`), "not both")
	assert.Contains(t, r.fails(400, "POST", "/publish", `{"properties":{"headers":{"n":1e999}}}`), "no number")
	assert.Contains(t, r.fails(400, "POST", "/declare", `{"queues":[{"name":"q","arguments":{"x-max-length":-1}}]}`), "x-max-length")

	code, _, text = r.send("GET", "/queues", "", func(req *http.Request) { req.Header.Set("Origin", "http://evil.example") })
	assert.Equal(t, 403, code, text)
	code, _, text = r.send("GET", "/queues", "", func(req *http.Request) { req.Host = "evil.example:80" })
	assert.Equal(t, 403, code, text)
	code, _, text = r.send("GET", "/queues", "", func(req *http.Request) { req.Host = "localhost" })
	assert.Equal(t, 200, code, text)
	assert.Greater(t, len(r.ok("GET", "/", "").([]any)), 30)
}

// http-error-go-advice: the caller need not know Go.
func TestErrorsSpeakNoGo(t *testing.T) {
	r := start(t)
	assert.Equal(t, "FailNextSync: this broker keeps everything in memory: start rabbet serve without --memory",
		r.fails(400, "POST", "/disk/fail", `{"commits":1}`))
	assert.Equal(t, "Advance: this broker's time is real: start rabbet serve with --manual-clock",
		r.fails(400, "POST", "/time/advance", `{"by":"1s"}`))
	r.ok("POST", "/stop", "")
	assert.Equal(t, "Stop: the broker is stopped", r.fails(400, "POST", "/stop", ""))
	r.ok("POST", "/start", "")
	assert.Equal(t, "Start: the broker has not been stopped", r.fails(400, "POST", "/start", ""))
	for body, want := range map[string]string{
		`{"body":{"id":7}}`:                    "body: expected text, not an object",
		`{"body":7}`:                           "body: expected text, not a number",
		`{"key":["a"]}`:                        "key: expected text, not a list",
		`{"properties":{"priority":"high"}}`:   "properties.priority: expected a number from 0 to 255, not text",
		`{"properties":{"priority":300}}`:      "properties.priority: expected a number from 0 to 255, not number 300",
		`{"properties":{"headers":[]}}`:        "properties.headers: expected an object, not a list",
		`{"properties":{"timestamp":"today"}}`: "properties.timestamp: expected a whole number that is not negative, not text",
		`[]`:                                   "expected an object, not a list",
	} {
		assert.Equal(t, want, r.fails(400, "POST", "/publish", body), body)
	}
	assert.Equal(t, `a duration is text such as "1m30s", not 5`, r.fails(400, "POST", "/time/advance", `{"by":5}`))
	assert.Equal(t, `time: invalid duration "soon"`, r.fails(400, "POST", "/time/advance", `{"by":"soon"}`))
	assert.Contains(t, r.fails(400, "POST", "/alarms", `{"alarm":"disk","on":"yes"}`), "on: expected true or false, not text")
}

// A queue that only one connection may use is listed too.
func TestExclusiveQueuesOverHTTP(t *testing.T) {
	r := start(t)
	ch := r.channel()
	_, err := ch.QueueDeclare("own", false, false, true, false, nil)
	require.NoError(t, err)
	r.ok("POST", "/declare", `{"queues":[{"name":"shared"}]}`)
	list := r.ok("GET", "/queues", "")
	assert.Equal(t, []any{"own", true}, []any{at(list, 0, "name"), at(list, 0, "exclusive")})
	assert.Equal(t, []any{"shared", nil}, []any{at(list, 1, "name"), at(list, 1, "exclusive")})
	assert.Len(t, at(r.ok("GET", "/topology", ""), "queues"), 1)
}

func TestStopAndDeleteOverHTTP(t *testing.T) {
	r := start(t)
	r.ok("POST", "/declare", `{"queues":[{"name":"a/b"}]}`)
	r.ok("POST", "/publish", `{"key":"a/b"}`)
	assert.Equal(t, 1.0, at(r.ok("DELETE", "/queues/a%2Fb", ""), "purged"))
	assert.Contains(t, r.fails(404, "DELETE", "/queues/a%2Fb", ""), "no queue 'a/b'")

	url := at(r.ok("GET", "/address", ""), "amqp").(string)
	r.ok("POST", "/stop", "")
	_, err := amqp091.Dial(url)
	require.Error(t, err)
	assert.Contains(t, r.fails(400, "POST", "/publish", `{"key":"q"}`), "the broker is stopped")
	r.ok("POST", "/start", "")
	conn, err := amqp091.Dial(url)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
}

func TestDelayedOverHTTP(t *testing.T) {
	r := start(t, brokertest.WithManualClock())
	r.ok("POST", "/declare", `{"exchanges":[{"name":"later","type":"x-delayed-message","arguments":{"x-delayed-type":"fanout"}}],
		"queues":[{"name":"q"}],"bindings":[{"source":"later","destination":"q"}]}`)
	for _, delay := range []string{"60000", "1000", "2000"} {
		r.ok("POST", "/publish", `{"exchange":"later","body":"`+delay+`","properties":{"headers":{"x-delay":`+delay+`}}}`)
	}
	list := r.ok("POST", "/delayed/later/wait", `{"messages":3}`)
	assert.Equal(t, "1000", at(list, 0, "body"))
	r.ok("DELETE", "/delayed/later/"+at(list, 1, "id").(string), "")
	assert.Contains(t, r.fails(404, "DELETE", "/delayed/later/"+at(list, 1, "id").(string), ""), "waits in exchange")
	r.ok("POST", "/time/advance", `{"by":"2s"}`)
	assert.Equal(t, "1000", at(r.ok("POST", "/get", `{"queue":"q"}`), "body"))
	assert.Contains(t, r.fails(409, "POST", "/delayed/later/wait", `{"messages":0,"timeout":"1ms"}`),
		`exchange "later": want 0 delayed messages, have 1`)
	assert.Equal(t, 1.0, at(r.ok("POST", "/delayed/later/purge", ""), "purged"))
	assert.Empty(t, r.ok("GET", "/delayed/later", ""))
	assert.Contains(t, r.fails(400, "GET", "/delayed/nope", ""), "no exchange 'nope'")
}

// The page shows commands that work, and the verbs that there are.
func TestPageShowsWhatWorks(t *testing.T) {
	const address = "http://127.0.0.1:15680"
	page, err := os.ReadFile("../../../docs/test-control.md")
	require.NoError(t, err)
	r := start(t, brokertest.Durable(), brokertest.WithManualClock())
	// One quoted word may go over several lines.
	commands := regexp.MustCompile(`(?m)^curl ((?:[^'\n]|'[^']*')+)$`).FindAllStringSubmatch(string(page), -1)
	require.Greater(t, len(commands), 25)
	used := map[string]bool{}
	for _, c := range commands {
		method, path, body := "GET", "", ""
		words := regexp.MustCompile(`'[^']*'|\S+`).FindAllString(c[1], -1)
		for i, w := range words {
			switch {
			case w == "-X":
				method = words[i+1]
			case w == "-d":
				method, body = "POST", strings.Trim(words[i+1], "'")
			case strings.HasPrefix(strings.Trim(w, "'"), address):
				path = strings.TrimPrefix(strings.Trim(w, "'"), address)
			}
		}
		want := 200
		if path == "/faults/1/wait" { // nobody publishes here
			want, body = 409, strings.Replace(body, "5s", "1ms", 1)
		}
		if path == "/delayed/later/ID" {
			want = 400
		}
		code, _, text := r.send(method, path, body)
		assert.Equal(t, want, code, "%s: %s", c[0], text)
		used[method+" "+strings.NewReplacer("/orders", "/{name}", "/ann", "/{name}", "/1", "/{id}", "/later", "/{exchange}", "/ID", "/{id}").Replace(strings.Split(path, "?")[0])] = true
	}
	for _, verb := range r.ok("GET", "/", "").([]any) {
		name := at(verb, "method").(string) + " " + at(verb, "path").(string)
		if name != "GET /" && name != "GET /faults/{id}" {
			assert.True(t, used[name], "the page does not show %s", name)
		}
	}
}

func TestLoopbackOnly(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "example.com:0"} {
		_, err := control.Start(addr, slog.New(slog.DiscardHandler))
		assert.ErrorContains(t, err, "loopback only", addr)
	}
	_, err := control.Start("127.0.0.1", slog.New(slog.DiscardHandler))
	assert.ErrorContains(t, err, "bad address")
	r := start(t)
	_, err = control.Start(r.s.Addr().String(), slog.New(slog.DiscardHandler))
	assert.ErrorContains(t, err, "in use")
	taken, err := r.s.Broker.Addr()
	require.NoError(t, err)
	_, err = control.Start("localhost:0", slog.New(slog.DiscardHandler), brokertest.WithAddr(taken.String()))
	assert.ErrorContains(t, err, "in use", "the broker's address")
}

func TestUsersPermissionsAndLimits(t *testing.T) {
	r := start(t)
	r.ok("POST", "/users", `{"name":"ann","password":"x","tags":["management"]}`)
	r.ok("POST", "/permissions", `{"user":"ann","read":"^q"}`)
	r.ok("POST", "/limits", `{"limits":{"max-queues":0}}`)
	r.ok("POST", "/limits", `{"user":"ann","limits":{"max-channels":3}}`)
	assert.Contains(t, r.fails(400, "POST", "/users", `{"password":"x"}`), "say who")
	assert.Contains(t, r.fails(400, "POST", "/limits", `{}`), "say which limits")
	r.ok("DELETE", "/users/ann", ``)
}
