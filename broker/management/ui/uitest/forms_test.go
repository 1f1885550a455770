package uitest

import (
	"net/http"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// refreshes waits until the page has looked at something so many times more.
func (p *tab) refreshes(part string, times int) {
	p.t.Helper()
	p.do("window.seen = performance.getEntriesByType('resource').filter((e) => e.name.includes(%s)).length", part)
	p.wait("performance.getEntriesByType('resource').filter((e) => e.name.includes(%s)).length >= window.seen + %s", part, times)
}

func TestFormsSurviveRefreshes(t *testing.T) {
	r := start(t)
	ch := r.channel("c")
	r.queue(ch, "q", nil)
	p := open(t, r.url)
	p.enter()
	p.do("localStorage.setItem('rabbet.interval', '250')")
	run(p, chromedp.Reload())
	p.wait("document.querySelector('.nav') && document.querySelector('main h1')")

	p.visit("#/queues?add=true")
	p.typeInto("Name", "half-typed")
	p.typeInto("Key 1", "x-note")
	p.typeInto("Value 1", "so far")
	p.do("document.querySelectorAll('input').forEach((e) => { if (e.value === 'so far') { e.focus(); e.setSelectionRange(2, 4) } })")
	for i := range 3 {
		r.queue(ch, "new"+string(rune('a'+i)), nil) // so that the list changes
		p.refreshes("/api/queues?", 1)
	}
	p.wait("document.body.innerText.includes('newc')")
	assert.Equal(t, "so far", js[string](p, "document.activeElement.value"), "focus")
	assert.Equal(t, []int{2, 4}, js[[]int](p, "[document.activeElement.selectionStart, document.activeElement.selectionEnd]"), "selection")
	assert.Equal(t, "half-typed", js[string](p, find+".value", "Name"))

	// The draft of a message outlives a visit elsewhere.
	p.visit("#/publish")
	p.typeInto("Payload", "a draft")
	p.typeInto("Routing key", "q")
	p.visit("#/connections")
	p.visit("#/publish")
	assert.Equal(t, "a draft", js[string](p, find+".value", "Payload"))
	p.press("Publish")
	p.see("1 message published.")
	d, ok, err := ch.Get("q", true)
	require.NoError(t, err)
	require.True(t, ok)
	assert.Equal(t, "a draft", string(d.Body))
}

func TestPublishHeadersOfOneName(t *testing.T) {
	r := start(t)
	ch := r.channel("c")
	r.queue(ch, "q", nil)
	p := open(t, r.url)
	p.enter()
	p.visit("#/publish?vhost=%2F&exchange=&routing_key=q")
	p.typeInto("Header 1", "tag")
	p.typeInto("Value 1", "one")
	p.typeInto("Header 2", "tag")
	p.do("const rows = document.querySelectorAll('fieldset')[0].querySelectorAll('input'); const el = rows[3]; Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(el, 'two'); el.dispatchEvent(new Event('input', {bubbles: true}))")
	p.typeInto("Payload", "n {{n}}")
	p.typeInto("How many times", "3")
	p.press("Publish")
	p.see("3 messages published.")
	for i := range 3 {
		d, ok, err := ch.Get("q", true)
		require.NoError(t, err)
		require.True(t, ok)
		assert.Equal(t, "n "+string(rune('1'+i)), string(d.Body))
		assert.Equal(t, []any{"one", "two"}, d.Headers["tag"])
	}
}

func TestAddAndDeleteInBulk(t *testing.T) {
	r := start(t)
	ch := r.channel("c")
	p := open(t, r.url)
	p.enter()
	p.visit("#/queues?add=true")
	p.typeInto("Name", "made-here")
	p.typeInto("Type", "quorum")
	p.press("Delivery limit")
	p.press("Add the queue")
	p.see("Queue made-here is there.")
	answer := r.api(http.MethodGet, "queues/%2F/made-here", nil).(map[string]any)
	assert.Equal(t, map[string]any{"x-queue-type": "quorum", "x-delivery-limit": 20.0}, answer["arguments"])

	for _, name := range []string{"a", "b", "c"} {
		r.queue(ch, name, nil)
		r.publish(ch, "", name, amqp091.Publishing{Body: []byte("x")})
	}
	p.visit("#/queues")
	p.see("4 queues")
	p.do("document.querySelector('thead input').click()")
	p.see("4 chosen")
	p.press("Delete")
	p.see("Delete 4 queues?")
	assert.True(t, js[bool](p, "[...document.querySelectorAll('dialog button')].find((b) => b.innerText === 'Delete').disabled"), "the count must be typed")
	assert.Equal(t, 4, js[int](p, "document.querySelectorAll('dialog .hit-list li').length"))
	p.do("document.querySelector('dialog input').focus()")
	run(p, chromedp.KeyEvent("4\r"))
	p.see("4 queues deleted.")
	p.see("No queues yet")
	assert.Empty(t, r.api(http.MethodGet, "queues", nil))
}

func TestRefusalIsASentenceBesideTheButton(t *testing.T) {
	r := start(t)
	ch := r.channel("c")
	r.queue(ch, "q", amqp091.Table{"x-max-length": 5})
	p := open(t, r.url)
	p.allow("400 (Bad Request)")
	p.enter()
	p.visit("#/queues?add=true")
	p.typeInto("Name", "q")
	p.press("Add the queue")
	p.see("Inequivalent arg 'x-max-length' for queue 'q'")
	assert.Equal(t, "q", js[string](p, find+".value", "Name"), "the form stays")
	assert.True(t, js[bool](p, "document.querySelector('form [role=alert]') !== null"))
}
