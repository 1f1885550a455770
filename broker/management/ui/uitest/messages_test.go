package uitest

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPeekChangesNothing(t *testing.T) {
	r := start(t)
	r.needs("messages")
	ch := r.channel("c")
	r.queue(ch, "q", amqp091.Table{"x-queue-type": "quorum"})
	require.NoError(t, ch.Confirm(false))
	for i := range 20 {
		r.publish(ch, "", "q", amqp091.Publishing{Body: []byte(fmt.Sprintf(`{"n":%d}`, i)), ContentType: "application/json"})
	}
	p := open(t, r.url)
	p.enter()
	p.visit("#/queues/%2F/q?tab=messages")
	p.see(`{"n":0}`)
	p.see("20 ready")
	p.do("[...document.querySelectorAll('main td.key button')][3].click()")
	p.see("Message at position 3")
	p.see("application/json")
	p.do("document.querySelector('dialog').dispatchEvent(new Event('cancel'))")
	p.typeInto("Search payload, key and properties", `"n":17`)
	p.press("Search")
	p.see("1 message found")

	for i := range 20 {
		d, ok, err := ch.Get("q", false)
		require.NoError(t, err)
		require.True(t, ok)
		assert.Equal(t, fmt.Sprintf(`{"n":%d}`, i), string(d.Body), "order")
		assert.False(t, d.Redelivered)
		assert.NotContains(t, d.Headers, "x-delivery-count")
		require.NoError(t, d.Ack(false))
	}
}

func TestMoveAndDeleteMessages(t *testing.T) {
	r := start(t)
	r.needs("move")
	ch := r.channel("c")
	require.NoError(t, ch.Confirm(false))
	r.queue(ch, "from", nil)
	r.queue(ch, "to", nil)
	for i := range 5 {
		r.publish(ch, "", "from", amqp091.Publishing{Body: []byte(fmt.Sprint("m", i))})
	}
	p := open(t, r.url)
	p.allow("404 (Not Found)")
	p.enter()
	p.visit("#/queues/%2F/from?tab=messages")
	p.see("m4")
	p.press("Choose message 1")
	p.press("Choose message 2")
	p.press("Move")
	p.typeInto("Name", "nowhere")
	p.do("[...document.querySelectorAll('dialog form button')].at(-1).click()")
	p.see("There is no queue “nowhere”")
	p.typeInto("Name", "to")
	p.do("[...document.querySelectorAll('dialog form button')].at(-1).click()")
	p.see("2 messages moved to to.")
	p.wait("!document.querySelector('dialog')")
	p.press("Choose message 0")
	p.press("Delete")
	p.see("Delete 1 message?")
	p.do("document.querySelector('dialog footer .danger').click()")
	p.see("1 message deleted.")
	for queue, want := range map[string][]string{"from": {"m3", "m4"}, "to": {"m1", "m2"}} {
		for _, body := range want {
			d, ok, err := ch.Get(queue, true)
			require.NoError(t, err)
			require.True(t, ok, queue)
			assert.Equal(t, body, string(d.Body))
		}
	}
}

func TestRetryPutsADeadLetterBack(t *testing.T) {
	r := start(t)
	r.needs("retry")
	ch := r.channel("c")
	require.NoError(t, ch.Confirm(false))
	require.NoError(t, ch.ExchangeDeclare("orders", "topic", true, false, false, false, nil))
	r.queue(ch, "work", amqp091.Table{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"})
	r.queue(ch, "dead", nil)
	require.NoError(t, ch.QueueBind("work", "order.#", "orders", false, nil))
	r.publish(ch, "orders", "order.new", amqp091.Publishing{Body: []byte("precious"), MessageId: "m1"})
	d, ok, err := ch.Get("work", false)
	require.NoError(t, err)
	require.True(t, ok)
	require.NoError(t, d.Reject(false))

	p := open(t, r.url)
	p.enter()
	p.visit("#/dead-letters")
	p.see("rejected")
	p.visit("#/dead-letters/%2F/dead")
	p.see("precious")
	p.press("Choose message 0")
	p.do("document.querySelector('.bulk-bar .primary').click()")
	p.see("Retry 1 dead letter")
	p.press("Show what would happen")
	p.see("to orders with key order.new")
	_, ok, err = ch.Get("work", true)
	require.NoError(t, err)
	require.False(t, ok, "the dry run has moved nothing")
	p.press("Retry 1")
	p.see("1 message retried.")
	d, ok, err = ch.Get("work", true)
	require.NoError(t, err)
	require.True(t, ok)
	assert.Equal(t, "precious", string(d.Body))
	assert.Equal(t, "m1", d.MessageId)
	assert.Equal(t, "orders", d.Exchange)
	assert.Equal(t, "order.new", d.RoutingKey)
	assert.EqualValues(t, 1, d.Headers["x-rabbet-retry-count"])
	assert.Contains(t, d.Headers, "x-death")
	_, ok, err = ch.Get("dead", true)
	require.NoError(t, err)
	assert.False(t, ok)
}

func TestImportPreviewIsWhatTheImportDoes(t *testing.T) {
	r := start(t)
	r.needs("definitions-preview")
	ch := r.channel("c")
	r.queue(ch, "kept", nil)
	document := map[string]any{
		"rabbit_version": "3.13.7",
		"queues": []any{
			map[string]any{"name": "kept", "vhost": "/", "durable": true, "auto_delete": false, "arguments": map[string]any{}},
			map[string]any{"name": "fresh", "vhost": "/", "durable": true, "auto_delete": false, "arguments": map[string]any{}},
		},
		"users": []any{map[string]any{"name": "newcomer", "password_hash": "", "tags": []any{"monitoring"}}},
	}
	p := open(t, r.url)
	p.enter()
	p.visit("#/definitions")
	p.do(`const file = new File([JSON.stringify(%s)], 'd.json', {type: 'application/json'});
		const data = new DataTransfer(); data.items.add(file);
		const input = document.querySelector('main input[type=file]'); input.files = data.files; input.dispatchEvent(new Event('change', {bubbles: true}))`, document)
	p.see("fresh")
	counts := js[map[string]int](p, `Object.fromEntries([...document.querySelectorAll('main [role=group][aria-label="What the import would do"] button')].map((b) => [b.innerText.replace(/^[\d,]+\s*/, ''), Number(b.querySelector('.badge').innerText)]))`)
	assert.Equal(t, map[string]int{"refused": 0, "new": 2, "changed": 0, "as they are": 1}, counts)
	status, _ := r.try(http.MethodGet, "queues/%2F/fresh", nil)
	assert.Equal(t, http.StatusNotFound, status, "the preview changes nothing")
	p.press("Import d.json")
	p.see("The definitions are imported.")
	r.api(http.MethodGet, "queues/%2F/fresh", nil)
	r.api(http.MethodGet, "users/newcomer", nil)
}

func TestDelayedMessages(t *testing.T) {
	r := start(t)
	r.needs("delayed")
	ch := r.channel("c")
	require.NoError(t, ch.Confirm(false))
	require.NoError(t, ch.ExchangeDeclare("later", "x-delayed-message", true, false, false, false, amqp091.Table{"x-delayed-type": "direct"}))
	r.queue(ch, "q", nil)
	require.NoError(t, ch.QueueBind("q", "k", "later", false, nil))
	for _, body := range []string{"now please", "never"} {
		r.publish(ch, "later", "k", amqp091.Publishing{Body: []byte(body), Headers: amqp091.Table{"x-delay": int32(3600000)}})
	}
	p := open(t, r.url)
	p.enter()
	p.visit("#/delayed")
	p.see("now please")
	p.do("[...document.querySelectorAll('main tr')].find((tr) => tr.innerText.includes('now please')).querySelector('.btn.small:not(.mono)').click()")
	p.see("It is on its way.")
	p.wait("!document.querySelector('main table').innerText.includes('now please')")
	p.do("[...document.querySelectorAll('main tr')].find((tr) => tr.innerText.includes('never')).querySelector('.danger').click()")
	p.see("Cancel this message?")
	p.do("document.querySelector('dialog footer .danger').click()")
	p.see("Nothing waits here")
	d, ok, err := ch.Get("q", true)
	require.NoError(t, err)
	require.True(t, ok)
	assert.Equal(t, "now please", string(d.Body))
}
