package uitest

import (
	"net/http"
	"testing"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// steps are the words of the life that is shown.
func (p *tab) steps() []string {
	p.t.Helper()
	return js[[]string](p, "[...document.querySelectorAll('main .life li strong')].map((e) => e.innerText)")
}

// A trace is started with a filter; a message is followed to the end, and then its dead
// letter; the firehose is switched on and off.
func TestTraceFollowsAMessage(t *testing.T) {
	r := start(t)
	ch := r.channel("checkout")
	require.NoError(t, ch.Confirm(false))
	require.NoError(t, ch.ExchangeDeclare("orders", "topic", true, false, false, false, nil))
	r.queue(ch, "work", amqp091.Table{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"})
	r.queue(ch, "dead", nil)
	require.NoError(t, ch.QueueBind("work", "order.#", "orders", false, nil))
	p := open(t, r.url)
	p.enter()
	p.visit("#/trace")
	p.typeInto("Exchange", "orders")
	p.typeInto("Messages kept", "0")
	p.allow("400 (Bad Request)")
	p.press("Start the trace")
	p.wait("document.querySelector('input:invalid') || document.body.innerText.includes('capacity must be')")
	p.typeInto("Messages kept", "100")
	p.press("Start the trace")
	p.see("Messages of / are traced.")
	r.publish(ch, "", "dead", amqp091.Publishing{Body: []byte("not asked for")})
	r.publish(ch, "orders", "order.new", amqp091.Publishing{Body: []byte("precious"), MessageId: "m1", CorrelationId: "c1"})
	d, ok, err := ch.Get("work", false)
	require.NoError(t, err)
	require.True(t, ok)
	require.NoError(t, d.Reject(false))
	p.see("order.new")
	p.typeInto("Message ID", "m1")
	p.see("dead-lettered")
	p.do("[...document.querySelectorAll('main td.key button')].find((b) => b.innerText.includes('order.new')).click()")
	p.see("Its life")
	p.wait("document.querySelectorAll('main .life li').length === 6")
	assert.Equal(t, []string{"published", "queued", "confirmed", "delivered", "rejected", "dead-lettered"}, p.steps())
	p.see("precious")
	p.sound("trace")
	p.press("follow the dead letter")
	p.see("Dead letter of")
	p.wait("document.querySelectorAll('main .life li').length === 2")
	assert.Equal(t, []string{"published", "queued"}, p.steps())
	d, ok, err = ch.Get("dead", true)
	require.NoError(t, err)
	require.True(t, ok)
	assert.Equal(t, "not asked for", string(d.Body), "a trace takes nothing")

	// Who may not start traces sees those that are on.
	r.api(http.MethodPut, "users/anna", map[string]any{"password": "anna", "tags": "management"})
	r.api(http.MethodPut, "permissions/%2F/anna", map[string]any{"configure": "", "write": "", "read": "^work$"})
	anna := open(t, r.url)
	anna.enter("anna", "anna")
	anna.visit("#/trace")
	anna.see("order.new")
	assert.False(t, js[bool](anna, "[...document.querySelectorAll('main button')].some((b) => b.innerText === 'Stop')"))

	p.press("Stop")
	p.see("Stop the trace of /?")
	p.do("document.querySelector('dialog footer .danger').click()")
	p.see("The trace is stopped.")
	anna.see("An administrator or a policymaker starts a trace.")

	p.visit("#/vhosts/%2F")
	p.press("Start tracing")
	p.see("Tracing is on")
	assert.Equal(t, true, r.api(http.MethodGet, "vhosts/%2F", nil).(map[string]any)["tracing"])
	p.press("Stop tracing")
	p.see("Tracing is off.")
}
