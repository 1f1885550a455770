package uitest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// everywhere is the pages that need no object.
var everywhere = []string{
	"", "connections", "channels", "consumers", "exchanges", "exchanges?add=true", "queues", "queues?add=true", "publish", "topology",
	"dead-letters", "delayed", "trace", "shovels", "shovels?add=true", "policies", "policies?add=true", "operator-policies", "vhosts?add=true", "users?add=true",
	"permissions", "limits", "definitions", "nodes", "cluster-name", "events", "feature-flags", "deprecated-features", "http-api",
	"vhosts/%2F", "users/guest", "exchanges/%2F/amq.default", "exchanges/%2F/amq.topic?tab=bindings",
}

// tabsOf is the pages of a queue.
func tabsOf(vhost, queue string) []string {
	var list []string
	for _, tab := range []string{"overview", "messages", "unacked", "consumers", "bindings", "dead", "settings", "danger"} {
		list = append(list, fmt.Sprintf("queues/%s/%s?tab=%s", esc(vhost), esc(queue), tab))
	}
	return list
}

// sound checks what must hold of every page: it has a heading, no fault, fits the width, and
// its controls have names.
func (p *tab) sound(where string) {
	p.t.Helper()
	text := js[string](p, "document.querySelector('main').innerText")
	assert.NotContains(p.t, text, "fault of its own", where)
	assert.NotContains(p.t, text, "undefined", where)
	assert.NotContains(p.t, text, "[object Object]", where)
	assert.NotContains(p.t, text, "NaN", where)
	assert.Empty(p.t, js[string](p, `document.documentElement.scrollWidth > innerWidth ? 'wider than the screen: ' + [...document.querySelectorAll('main *')].filter((e) => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.scroll, .graph, .tabs, .payload, .chart-table, .hit-list')).slice(0, 3).map((e) => e.outerHTML.slice(0, 120)).join('\n') : ''`), where)
	assert.Empty(p.t, js[[]string](p, nameless), where)
}

// nameless lists controls, landmarks and headings that a screen reader could not tell.
const nameless = `(() => {
	const bad = [];
	const name = (e) => (e.getAttribute('aria-label') || (e.getAttribute('aria-labelledby') && document.getElementById(e.getAttribute('aria-labelledby'))?.innerText) || e.labels?.[0]?.innerText || e.textContent || e.title || '').trim();
	for (const e of document.querySelectorAll('button, a[href], input:not([type=hidden]), select, textarea, summary, [role=region], [role=meter], [role=img]')) {
		if (e.getClientRects().length > 0 && !name(e) && e.tagName !== 'DATALIST') bad.push('no name: ' + e.outerHTML.slice(0, 160));
	}
	if (document.querySelectorAll('main').length !== 1) bad.push('not one main');
	if (document.querySelectorAll('main h1').length !== 1) bad.push('not one h1');
	const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
	for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) bad.push('id twice: ' + id);
	for (const e of document.querySelectorAll('[tabindex]')) if (e.tabIndex > 0) bad.push('tabindex above 0: ' + e.outerHTML.slice(0, 100));
	for (const e of document.querySelectorAll('.tabs [aria-current]')) { const at = e.getBoundingClientRect(); if (at.left < 0 || at.right > innerWidth) bad.push('the current tab is out of sight: ' + e.innerText); }
	for (const e of document.querySelectorAll('img:not([alt]), th:not([scope])')) bad.push('unlabelled: ' + e.outerHTML.slice(0, 100));
	let last = 1;
	for (const h of document.querySelectorAll('main h1, main h2, main h3')) { const n = Number(h.tagName[1]); if (n > last + 1) bad.push('heading skips a level: ' + h.innerText); last = n; }
	return bad;
})()`

func TestEmptyBroker(t *testing.T) {
	r := start(t)
	p := open(t, r.url)
	p.allow("/api/rabbet")
	p.enter()
	for _, where := range everywhere {
		p.visit("#/" + where)
		p.sound(where)
		p.audit(where)
	}
}

// furnish declares one of everything.
func furnish(r *rabbit) {
	ch := r.channel("furnish")
	require.NoError(r.t, ch.Confirm(false))
	require.NoError(r.t, ch.ExchangeDeclare("orders", "topic", true, false, false, false, amqp091.Table{"alternate-exchange": "lost"}))
	for name, kind := range map[string]string{"lost": "fanout", "dead": "fanout", "by-header": "headers"} {
		require.NoError(r.t, ch.ExchangeDeclare(name, kind, true, false, false, false, nil))
	}
	r.queue(ch, "orders.created", amqp091.Table{"x-dead-letter-exchange": "dead", "x-max-length": 5000, "x-message-ttl": 3600000})
	r.queue(ch, "orders.paid", amqp091.Table{"x-queue-type": "quorum", "x-delivery-limit": 5})
	r.queue(ch, "urgent", amqp091.Table{"x-max-priority": 5, "x-single-active-consumer": true})
	r.queue(ch, "dead-letters", nil)
	r.queue(ch, "lost", nil)
	for _, b := range [][3]string{{"orders.created", "order.created.#", "orders"}, {"orders.paid", "order.paid", "orders"}, {"dead-letters", "", "dead"}, {"lost", "", "lost"}} {
		require.NoError(r.t, ch.QueueBind(b[0], b[1], b[2], false, nil))
	}
	require.NoError(r.t, ch.QueueBind("urgent", "", "by-header", false, amqp091.Table{"x-match": "any", "urgent": true}))
	require.NoError(r.t, ch.ExchangeBind("by-header", "order.#", "orders", false, nil))
	for i := range 30 {
		r.publish(ch, "orders", "order.created.eu", amqp091.Publishing{ContentType: "application/json", MessageId: fmt.Sprint("m", i), Headers: amqp091.Table{"tenant": "acme"},
			Body: []byte(fmt.Sprintf(`{"order":%d,"total":12.50,"paid":true,"note":null}`, i))})
		r.publish(ch, "orders", "order.paid", amqp091.Publishing{Body: []byte("<order><id>1</id></order>")})
	}
	fillStream(r, "audit", 40)
	r.publish(ch, "orders", "nowhere", amqp091.Publishing{Body: []byte{0, 1, 2, 255}})
	worker := r.channel("worker")
	require.NoError(r.t, worker.Qos(3, 0, false))
	_, err := worker.Consume("orders.paid", "paid-worker", false, false, false, false, nil)
	require.NoError(r.t, err)
	rejecting := r.channel("rejecting")
	for range 5 {
		d, ok, err := rejecting.Get("orders.created", false)
		require.NoError(r.t, err)
		require.True(r.t, ok)
		require.NoError(r.t, d.Reject(false))
	}
}

func TestOneOfEverything(t *testing.T) {
	r := start(t)
	furnish(r)
	p := open(t, r.url)
	p.allow("/api/rabbet")
	p.enter()
	list := append([]string{}, everywhere...)
	list = append(list, tabsOf("/", "orders.created")...)
	list = append(list, "queues/%2F/orders.paid", "queues/%2F/urgent?tab=settings", "queues/%2F/audit?tab=messages&offset=20", "queues/%2F/audit?tab=messages&offset=2026-01-01T00:00:00Z", "exchanges/%2F/orders", "exchanges/%2F/orders?tab=bindings", "exchanges/%2F/by-header?tab=bindings", "exchanges/%2F/orders?tab=route")
	if r.has("deadletters") {
		list = append(list, "dead-letters/%2F/dead-letters")
	}
	for _, c := range r.api("GET", "connections", nil).([]any) {
		name := c.(map[string]any)["name"].(string)
		list = append(list, "connections/"+esc(name), "channels/"+esc(name+" (1)"))
	}
	for _, theme := range []string{"light", "dark"} {
		p.theme(theme)
		for _, width := range []int64{360, 1280, 2560} {
			if width != 1280 && theme == "dark" && *screenshots == "" {
				continue // the layout is that of the light one
			}
			p.size(width, 900)
			for _, where := range list {
				p.visit("#/" + where)
				p.sound(fmt.Sprintf("%s at %d", where, width))
				p.audit(fmt.Sprintf("%s at %d, %s", where, width, theme))
				p.shot(fmt.Sprintf("%s-%d-%s", fileName(where), width, theme))
			}
		}
	}
}

// fileName makes a name of a file from a fragment.
func fileName(where string) string {
	if where == "" {
		return "overview"
	}
	return strings.Map(func(c rune) rune {
		if strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789.", c) {
			return c
		}
		return '-'
	}, strings.ToLower(where))
}
