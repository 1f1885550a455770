package uitest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/management"
	"github.com/rabbetmq/rabbet/broker/management/ui"
	"github.com/rabbetmq/rabbet/broker/shovel"
	"github.com/rabbetmq/rabbet/delay"
)

// A rabbit is a broker with its management API and page.
type rabbit struct {
	t      *testing.T
	b      *broker.Broker
	server *management.Server
	url    string // of the page, without a slash at the end
	end    func()
}

func start(t *testing.T, edit ...func(*management.Config)) *rabbit {
	t.Helper()
	r := &rabbit{t: t}
	r.run("127.0.0.1:0", edit...)
	t.Cleanup(func() { r.end() })
	return r
}

// run starts the broker, with its page at an address.
func (r *rabbit) run(addr string, edit ...func(*management.Config)) {
	r.t.Helper()
	b, err := broker.New(broker.Config{})
	require.NoError(r.t, err)
	_, err = b.Listen("127.0.0.1:0")
	require.NoError(r.t, err)
	shovels := shovel.Start(b, shovel.Config{})
	cfg := management.Config{Page: ui.Handler(), Shovels: shovels}
	for _, f := range edit {
		f(&cfg)
	}
	server, err := management.New(b, cfg)
	require.NoError(r.t, err)
	at, err := server.Listen(addr)
	require.NoError(r.t, err)
	r.b, r.server, r.url = b, server, "http://"+at.String()+cfg.PathPrefix
	r.end = func() {
		_ = server.Close()
		shovels.Close()
		_ = b.Close()
	}
}

// restart ends the broker, which forgets all, calls f, and starts another in its place.
func (r *rabbit) restart(f func()) {
	r.t.Helper()
	r.end()
	f()
	r.run(strings.TrimPrefix(r.url, "http://"))
}

// api calls the HTTP API as the administrator and decodes the answer.
func (r *rabbit) api(method, path string, body any) any {
	r.t.Helper()
	status, answer := r.try(method, path, body)
	require.Less(r.t, status, 300, "%s %s: %v", method, path, answer)
	return answer
}

func (r *rabbit) try(method, path string, body any) (int, any) {
	r.t.Helper()
	encoded, err := json.Marshal(body)
	require.NoError(r.t, err)
	req, err := http.NewRequest(method, r.url+"/api/"+path, bytes.NewReader(encoded))
	require.NoError(r.t, err)
	req.SetBasicAuth("guest", "guest")
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	require.NoError(r.t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(r.t, err)
	var answer any
	_ = json.Unmarshal(text, &answer)
	return res.StatusCode, answer
}

// has reports whether the broker has an extension of its own, such as "messages".
func (r *rabbit) has(extension string) bool {
	r.t.Helper()
	_, answer := r.try(http.MethodGet, "rabbet", nil)
	about, _ := answer.(map[string]any)
	list, _ := about["extensions"].([]any)
	for _, name := range list {
		if name == extension {
			return true
		}
	}
	return false
}

// needs ends a test that is about an extension that is not there.
func (r *rabbit) needs(extension string) {
	r.t.Helper()
	if !r.has(extension) {
		r.t.Skipf("the broker does not have the extension %s", extension)
	}
}

// channel opens a channel on a connection of its own.
func (r *rabbit) channel(name string) *amqp091.Channel {
	r.t.Helper()
	conn, err := amqp091.DialConfig(r.b.URL(), amqp091.Config{Properties: amqp091.Table{"connection_name": name, "product": "uitest"}})
	require.NoError(r.t, err)
	r.t.Cleanup(func() { _ = conn.CloseDeadline(delay.Real{}.Now().Add(2 * time.Second)) })
	ch, err := conn.Channel()
	require.NoError(r.t, err)
	return ch
}

func (r *rabbit) queue(ch *amqp091.Channel, name string, args amqp091.Table) {
	r.t.Helper()
	_, err := ch.QueueDeclare(name, true, false, false, false, args)
	require.NoError(r.t, err)
}

func (r *rabbit) publish(ch *amqp091.Channel, exchange, key string, p amqp091.Publishing) {
	r.t.Helper()
	confirm, err := ch.PublishWithDeferredConfirm(exchange, key, false, false, p)
	require.NoError(r.t, err)
	if confirm != nil {
		require.True(r.t, confirm.Wait())
	}
}

// esc encodes a name as one segment of a path or fragment.
func esc(name string) string { return url.PathEscape(name) }
