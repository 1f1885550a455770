package uitest

import (
	"net/http"
	"testing"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// beside is what stands under a field as its error.
func (p *tab) beside(label string) string {
	p.t.Helper()
	return js[string](p, find+".closest('.field').querySelector('.error')?.innerText ?? ''", label)
}

func TestShovels(t *testing.T) {
	r := start(t)
	ch := r.channel("c")
	require.NoError(t, ch.Confirm(false))
	r.queue(ch, "from", nil)
	p := open(t, r.url)
	p.enter()
	p.visit("#/shovels")
	p.see("No shovels")
	p.visit("#/shovels?add=true")
	p.typeInto("Name", "mover")
	p.typeInto("Source", "from")
	p.typeInto("Destination", "to")
	p.press("Add the shovel")
	p.see("Shovel mover is there.")
	p.see("running")
	p.sound("#/shovels")
	r.publish(ch, "", "from", amqp091.Publishing{Body: []byte("moved")})
	p.wait("[...document.querySelectorAll('main tr[data-row] td')].some((td) => td.innerText === '1')")

	// A refusal stands beside its control, and no password in it.
	p.visit("#/shovels?add=true")
	p.typeInto("Name", "broken")
	p.typeInto("Source", "from")
	p.typeInto("Source URI", "http://me:secret@x")
	p.typeInto("Delete after", "tomorrow")
	p.allow("/api/parameters/shovel")
	p.press("Add the shovel")
	p.see("The broker refuses what is marked above.")
	assert.Equal(t, "The scheme is amqp or amqps.", p.beside("Source URI"))
	assert.Equal(t, "never, queue-length, or a number of messages.", p.beside("Delete after"))
	assert.Empty(t, p.beside("Destination URI"))
	assert.Equal(t, "broken", js[string](p, find+".value", "Name"), "the form stays")
	assert.NotContains(t, js[string](p, "document.body.innerText"), "secret")

	// A shovel whose other end does not answer says so, without its password.
	p.typeInto("Source URI", "amqp://me:secret@127.0.0.1:1")
	p.typeInto("Delete after", "never")
	p.press("Add the shovel")
	p.see("Shovel broken is there.")
	p.visit("#/shovels?name=broken")
	p.see("1 of 2 shovels")
	p.wait("/starting|terminated/.test(document.querySelector('main tr[data-row]')?.innerText)")
	assert.NotContains(t, js[string](p, "document.body.innerText"), "secret")
	value := r.api(http.MethodGet, "parameters/shovel/%2F/broken", nil)
	assert.NotContains(t, value.(map[string]any)["value"].(map[string]any)["src-uri"], "secret")

	for _, action := range []string{"Restart", "Delete"} {
		p.visit("#/shovels?name=mover")
		p.see("1 of 2 shovels")
		p.do("document.querySelector('tbody input').click()")
		p.press(action)
		p.see(action + " 1 shovel?")
		p.do("[...document.querySelectorAll('dialog footer button')].find((b) => b.innerText === %s).click()", action)
		p.see("1 shovel " + map[string]string{"Restart": "restarted.", "Delete": "deleted."}[action])
	}
	assert.Len(t, r.api(http.MethodGet, "parameters/shovel", nil), 1)
}
