package uitest

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// happened waits for a row of the page of events: what, and of which name.
func (p *tab) happened(event, name string) {
	p.t.Helper()
	p.wait("[...document.querySelectorAll('main tbody tr')].some((tr) => tr.cells[1].innerText === %s && tr.cells[2].innerText.includes(%s))", event, name)
}

func TestEventsAsTheyHappen(t *testing.T) {
	r := start(t)
	p := open(t, r.url)
	p.enter()
	p.visit("#/events")
	p.see("As they happen.")
	conn, err := amqp091.DialConfig(r.b.URL(), amqp091.Config{Properties: amqp091.Table{"connection_name": "app"}})
	require.NoError(t, err)
	ch, err := conn.Channel()
	require.NoError(t, err)
	r.queue(ch, "born", nil)
	_, err = ch.Consume("born", "tag", true, false, false, false, nil)
	require.NoError(t, err)
	r.api(http.MethodPut, "users/anna", map[string]any{"password": "anna", "tags": ""})
	local := conn.LocalAddr().String()
	for event, name := range map[string]string{
		"queue.created": "born", "connection.created": local, "channel.created": local + " -> ", "consumer.created": "tag", "user.created": "anna",
	} {
		p.happened(event, name)
	}
	p.sound("events")
	p.audit("events")

	// A pause holds what is shown.
	p.press("Pause")
	p.see("paused")
	shown := js[int](p, "document.querySelectorAll('main tbody tr').length")
	require.NoError(t, conn.Close())
	r.api(http.MethodDelete, "queues/%2F/born", nil)
	other := p.another()
	other.enter()
	other.visit("#/events")
	other.see("As they happen.")
	r.api(http.MethodPut, "queues/%2F/later", map[string]any{})
	other.happened("queue.created", "later")
	assert.Equal(t, shown, js[int](p, "document.querySelectorAll('main tbody tr').length"))
	p.press("Go on")
	p.happened("queue.deleted", "born")
	p.happened("connection.closed", local)
	p.happened("queue.created", "later")

	// The link has the filter; what is there leads on, what is gone does not.
	p.visit("#/events?kind=queue&text=later")
	p.wait("document.querySelectorAll('main tbody tr').length === 1")
	p.do("document.querySelector('main tbody a').click()")
	p.wait("document.querySelector('main h1').innerText === 'later'")
	p.visit("#/events?text=queue.deleted")
	p.happened("queue.deleted", "born")
	assert.Equal(t, 0, js[int](p, "document.querySelectorAll('main tbody a').length"))
}

// A proxy that passes an answer on once it has all of it lets no stream through. Numbers,
// lists and events come nevertheless.
func TestProxyThatBuffers(t *testing.T) {
	r := start(t)
	ch := r.channel("c")
	r.queue(ch, "q", nil)
	target, err := url.Parse(r.url)
	require.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(target)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		whole := httptest.NewRecorder()
		proxy.ServeHTTP(whole, req)
		maps.Copy(w.Header(), whole.Header())
		w.WriteHeader(whole.Code)
		_, _ = whole.Body.WriteTo(w)
	}))
	t.Cleanup(front.Close)
	p := open(t, front.URL)
	t.Cleanup(front.CloseClientConnections)
	p.enter()
	p.visit("#/queues/%2F/q")
	r.queue(ch, "another", nil)
	p.refreshes("/api/queues/%2F/q", 3)
	p.visit("#/queues")
	p.see("another")

	p.visit("#/events")
	p.refreshes("/api/rabbet/events?", 1)
	r.queue(ch, "born-meanwhile", nil) // before the page knows that no stream comes
	p.see("a proxy holds back what the broker sends")
	p.happened("queue.created", "born-meanwhile")
	r.queue(ch, "born-later", nil)
	p.happened("queue.created", "born-later")
	assert.Equal(t, 1, js[int](p, "[...document.querySelectorAll('main tbody tr')].filter((tr) => tr.cells[2].innerText.includes('born-meanwhile')).length"), "once")
}

// app opens a connection and gives what it is told at its end.
func (r *rabbit) app(name string) <-chan *amqp091.Error {
	r.t.Helper()
	conn, err := amqp091.DialConfig(r.b.URL(), amqp091.Config{Properties: amqp091.Table{"connection_name": name}})
	require.NoError(r.t, err)
	r.t.Cleanup(func() { _ = conn.Close() })
	return conn.NotifyClose(make(chan *amqp091.Error, 1))
}

func TestConnectionsClosedWithAReason(t *testing.T) {
	r := start(t)
	one, two, three, kept := r.app("app-one"), r.app("app-two"), r.app("app-three"), r.app("kept")
	told := func(end <-chan *amqp091.Error, reason string) {
		t.Helper()
		err := <-end
		require.NotNil(t, err)
		assert.Equal(t, amqp091.Error{Code: 320, Reason: "CONNECTION_FORCED - " + reason, Server: true}, *err)
	}
	p := open(t, r.url)
	p.allow("404 (Not Found)") // its page may look at it once more
	p.enter()

	// One, from its page.
	p.visit("#/connections")
	p.see("app-one")
	p.press("app-one")
	p.wait("document.querySelector('main h1').innerText === 'app-one'")
	p.do("document.querySelector('main .page-head .danger').click()")
	p.see("Close 1 connection?")
	p.typeInto("Reason", "maintenance – 5 min")
	p.do("document.querySelector('dialog footer .danger').click()")
	told(one, "maintenance – 5 min")
	p.see("1 connection closed.")
	p.wait("document.querySelector('main h1').innerText === 'Connections'")

	// Several, from the list; what was typed last is not the next one's reason.
	p.wait("document.querySelectorAll('main tr[data-row]').length === 3")
	for i, name := range []string{"app-two", "app-three"} {
		p.do("[...document.querySelectorAll('main tr[data-row]')].find((tr) => tr.innerText.includes(%s)).querySelector('input').click()", name)
		p.see(fmt.Sprint(i+1, " chosen"))
	}
	p.do("document.querySelector('.bulk-bar .danger').click()")
	p.see("Close 2 connections?")
	assert.Empty(t, js[string](p, find+".value", "Reason"))
	assert.True(t, js[bool](p, "document.querySelector('dialog footer .danger').disabled"), "the count must be typed")
	p.typeInto("Type 2 to go on", "2")
	p.do("document.querySelector('dialog footer .danger').click()")
	told(two, "Closed via management plugin")
	told(three, "Closed via management plugin")
	p.see("2 connections closed.")
	select {
	case err := <-kept:
		assert.Fail(t, "not chosen, and closed", "%v", err)
	default:
	}
}

// Who asks the system for less motion gets none; all others see what there is.
func TestReducedMotion(t *testing.T) {
	r := start(t)
	r.queue(r.channel("c"), "q", nil)
	p := open(t, r.url)
	p.size(360, 900)
	p.enter()
	const moving = `[...document.querySelectorAll('*')].flatMap((e) => ['', '::before', '::after'].map((part) => getComputedStyle(e, part))).filter((s) =>
		[s.transitionDuration, s.transitionDelay].join().split(',').some((d) => parseFloat(d) > 0) || s.animationName !== 'none' || s.scrollBehavior !== 'auto').length`
	p.prefer("prefers-reduced-motion", "no-preference")
	assert.Positive(t, js[int](p, moving), "nothing moves at all: this test sees nothing")
	p.prefer("prefers-reduced-motion", "reduce")
	for _, where := range []string{"", "queues?add=true", "queues/%2F/q", "topology", "events"} {
		p.visit("#/" + where)
		assert.Equal(t, 0, js[int](p, moving), where)
		assert.Equal(t, 0, js[int](p, "document.getAnimations().length"), where)
	}
	p.press("Menu")
	p.wait("document.querySelector('.app.menu-open')")
	assert.Equal(t, 0, js[int](p, "document.getAnimations().length"))
	assert.InDelta(t, 0.0, js[float64](p, "document.querySelector('.side').getBoundingClientRect().left"), 0.5, "the menu is there at once")
	p.do("document.querySelector('.scrim').click()")
	p.visit("#/queues/%2F/q?tab=danger")
	p.press("Delete the queue")
	p.see("Delete queue q?")
	assert.Equal(t, 0, js[int](p, moving+" + document.getAnimations().length"), "a dialog")
}
