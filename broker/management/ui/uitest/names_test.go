package uitest

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// hostile names and payloads: they must be shown as they are, and run nothing.
var hostile = []string{
	strings.Repeat("W", 255),
	`<script>window.pwned = 1</script>`,
	`<img src=x onerror="window.pwned = 2">`,
	`"'` + "`" + `${window.pwned = 3}`,
	"javascript:window.pwned = 4",
	"one line\tand a tab",
	"right \u202eto left\u202c \u05e9\u05dc\u05d5\u05dd",
	"emoji 🐇🥕 and e\u0301",
	"a/b/../c%2F%25?x=1#y&z",
	"  spaces  ",
	"constructor",
	"__proto__",
	"%",
	"~",
}

func TestHostileNames(t *testing.T) {
	r := start(t)
	ch := r.channel(`<b onmouseover="window.pwned = 5">client</b>`)
	require.NoError(t, ch.ExchangeDeclare("hub", "topic", true, false, false, false, nil))
	for _, name := range hostile {
		r.queue(ch, name, amqp091.Table{"x-note": name})
		require.NoError(t, ch.ExchangeDeclare(name, "topic", true, false, false, false, nil))
		require.NoError(t, ch.QueueBind(name, name, "hub", false, amqp091.Table{name: name}))
		require.NoError(t, ch.QueueBind(name, "", name, false, nil))
		r.publish(ch, "", name, amqp091.Publishing{Body: []byte(name), MessageId: "two\nlines", Headers: amqp091.Table{name: name}})
		r.publish(ch, "", name, amqp091.Publishing{})
		_, err := ch.Consume(name, "two\nlines "+name[:min(len(name), 200)], false, false, false, false, nil)
		require.NoError(t, err)
	}
	p := open(t, r.url)
	p.enter()
	for _, width := range []int64{360, 1280} {
		p.size(width, 900)
		for _, list := range []string{"queues", "exchanges", "consumers", "connections", "channels", "topology", "exchanges/%2F/hub?tab=bindings", "publish"} {
			p.visit("#/" + list)
			p.sound(list)
		}
		for _, name := range hostile {
			// The link of the list leads to the object's page, whatever is in the name.
			p.visit("#/queues")
			p.wait("[...document.querySelectorAll('main td.key a')].some((a) => a.textContent === %s)", name)
			p.do("[...document.querySelectorAll('main td.key a')].find((a) => a.textContent === %s).click()", name)
			p.wait("document.querySelector('main h1')?.textContent === %s && document.querySelector('.tabs')", name)
			p.sound("queue " + name)
			tabs := []string{"messages", "unacked", "consumers", "bindings", "settings", "danger"}
			if width == 360 {
				tabs = tabs[:1] // the others are lists of the same kind
			}
			for _, tab := range tabs {
				p.visit("#/queues/%2F/" + esc(name) + "?tab=" + tab)
				p.sound("queue " + name + " " + tab)
			}
			p.visit("#/exchanges/%2F/" + esc(name) + "?tab=bindings")
			p.wait("document.querySelector('main h1')?.textContent === %s", name)
			p.sound("exchange " + name)
		}
	}
	assert.Nil(t, js[*int](p, "window.pwned ?? null"), "something has run")
}

// Names that come elsewhere than in the lists of queues and exchanges: of users, virtual
// hosts, policies, shovels, streams and traced messages.
func TestHostileNamesElsewhere(t *testing.T) {
	r := start(t)
	r.api(http.MethodPut, "rabbet/traces/%2F", map[string]any{})
	ch := r.channel("client")
	require.NoError(t, ch.Confirm(false))
	r.queue(ch, "sink", nil)
	for _, name := range hostile {
		r.queue(ch, name, amqp091.Table{"x-queue-type": "stream"})
		r.publish(ch, "", name, amqp091.Publishing{Body: []byte(name), MessageId: name, CorrelationId: "two\nlines", Headers: amqp091.Table{name: name}})
		r.api(http.MethodPut, "users/"+esc(name), map[string]any{"password": name, "tags": name})
		r.api(http.MethodPut, "vhosts/"+esc(name), map[string]any{"description": name, "tags": name})
		r.api(http.MethodPut, "permissions/%2F/"+esc(name), map[string]any{"configure": "", "write": regexp.QuoteMeta(name), "read": ""})
		r.api(http.MethodPut, "policies/%2F/"+esc(name), map[string]any{"pattern": regexp.QuoteMeta(name), "definition": map[string]any{"max-age": "1D"}, "apply-to": "streams"})
		r.api(http.MethodPut, "parameters/shovel/%2F/"+esc(name), map[string]any{"value": map[string]any{"src-uri": "amqp://", "src-exchange": "no " + name, "src-exchange-key": name, "dest-uri": "amqp://", "dest-queue": "sink"}})
	}
	p := open(t, r.url)
	p.allow("404 (Not Found)")
	p.enter()
	p.size(360, 900)
	for _, list := range []string{"shovels", "shovels?add=true", "trace", "policies", "vhosts", "users", "permissions", "limits", "definitions", "", "events", "dead-letters"} {
		p.visit("#/" + list)
		p.sound(list)
	}
	p.size(1280, 900)
	for i, name := range hostile {
		for _, where := range []string{"queues/%2F/" + esc(name) + "?tab=messages", "users/" + esc(name), "vhosts/" + esc(name)} {
			p.visit("#/" + where)
			p.wait("document.querySelector('main h1')?.textContent === %s", name)
			p.sound(where)
		}
		p.visit("#/trace?id=" + fmt.Sprint(i+1))
		p.wait("document.querySelector('main .life') && document.querySelector('main').textContent.includes(%s)", name)
		p.sound("trace of " + name)
	}
	assert.Nil(t, js[*int](p, "window.pwned ?? null"), "something has run")
}
