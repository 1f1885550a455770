package uitest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A question for the tester of permissions, and its answer.
type question struct {
	vhost, permission, resource, name, key string

	yes              bool
	reason           string
	pattern, topicOf string // "" is not shown
}

// The tester says what the broker does, and which pattern decides.
func TestPermissionTester(t *testing.T) {
	r := start(t)
	ch := r.channel("c")
	require.NoError(t, ch.ExchangeDeclare("orders", "topic", true, false, false, false, nil))
	r.api(http.MethodPut, "vhosts/other", nil)
	r.api(http.MethodPut, "users/anna", map[string]any{"password": "anna", "tags": ""})
	r.api(http.MethodPut, "permissions/%2F/anna", map[string]any{"configure": "^mine", "write": "^(mine|orders$)", "read": "^mine"})
	r.api(http.MethodPut, "topic-permissions/%2F/anna", map[string]any{"exchange": "orders", "write": `^order\.{username}\.`, "read": ".*"})
	p := open(t, r.url)
	p.allow("400 (Bad Request)")
	p.enter()
	p.visit("#/permissions")
	p.see("May this user do that?")
	for _, q := range []question{
		{vhost: "/", permission: "configure", resource: "queue", name: "mine.1", yes: true, reason: "user 'anna' may configure queue 'mine.1'", pattern: "^mine"},
		{vhost: "/", permission: "configure", resource: "queue", name: "theirs", reason: "configure access to queue 'theirs' in vhost '/' refused for user 'anna'", pattern: "^mine"},
		{vhost: "/", permission: "write", resource: "exchange", name: "orders", key: "order.anna.new", yes: true, reason: "user 'anna' may write exchange 'orders'", pattern: "^(mine|orders$)", topicOf: `^order\.{username}\.`},
		{vhost: "/", permission: "write", resource: "exchange", name: "orders", key: "order.bob.new", reason: "write access to topic 'order.bob.new' in exchange 'orders' in vhost '/' refused for user 'anna'", pattern: "^(mine|orders$)", topicOf: `^order\.{username}\.`},
		{vhost: "/", permission: "read", resource: "exchange", name: "orders", reason: "read access to exchange 'orders' in vhost '/' refused for user 'anna'", pattern: "^mine", topicOf: ".*"},
		{vhost: "/", permission: "write", resource: "exchange", name: "", reason: "write access to exchange 'amq.default' in vhost '/' refused for user 'anna'", pattern: "^(mine|orders$)"},
		{vhost: "other", permission: "read", resource: "queue", name: "mine.1", reason: "access to vhost 'other' refused for user 'anna'"},
	} {
		p.tests(q)
	}
	p.sound("permission tester")
	p.audit("permission tester")
	r.asAnna("", func(ch *amqp091.Channel) error {
		_, err := ch.QueueDeclare("mine.1", true, false, false, false, nil)
		return err
	})
	r.asAnna("configure access to queue 'theirs' in vhost '/' refused for user 'anna'", func(ch *amqp091.Channel) error {
		_, err := ch.QueueDeclare("theirs", true, false, false, false, nil)
		return err
	})
	for key, refusal := range map[string]string{
		"order.anna.new": "", "order.bob.new": "write access to topic 'order.bob.new' in exchange 'orders' in vhost '/' refused for user 'anna'",
	} {
		r.asAnna(refusal, func(ch *amqp091.Channel) error {
			if err := ch.Publish("orders", key, false, false, amqp091.Publishing{}); err != nil {
				return err
			}
			_, err := ch.QueueDeclare("mine.1", true, false, false, false, nil) // answered after the publish
			return err
		})
	}

	// An answer stands for its question only.
	p.typeInto("Name", "another")
	p.wait("!/^(Yes|No)\\./.test(document.querySelector('main form .note')?.innerText ?? '')")
	r.api(http.MethodDelete, "users/anna", nil)
	p.press("Test")
	p.see("No such user: anna")
}

// asAnna does something over AMQP that is refused with a text, "" for not at all.
func (r *rabbit) asAnna(refusal string, do func(ch *amqp091.Channel) error) {
	r.t.Helper()
	conn, err := amqp091.Dial(strings.Replace(r.b.URL(), "guest:guest@", "anna:anna@", 1))
	require.NoError(r.t, err)
	defer conn.Close()
	ch, err := conn.Channel()
	require.NoError(r.t, err)
	err = do(ch)
	if refusal == "" {
		assert.NoError(r.t, err)
		return
	}
	var refused *amqp091.Error
	require.ErrorAs(r.t, err, &refused)
	assert.Equal(r.t, "ACCESS_REFUSED - "+refusal, refused.Reason)
}

func (p *tab) tests(q question) {
	p.t.Helper()
	p.typeInto("User", "anna")
	p.typeInto("Virtual host", q.vhost)
	p.typeInto("Permission", q.permission)
	p.typeInto("Of", q.resource)
	p.typeInto("Name", q.name)
	if q.resource == "exchange" && q.permission != "configure" {
		p.typeInto("Routing key", q.key)
	}
	p.press("Test")
	lines := []string{"No. " + q.reason}
	if q.yes {
		lines[0] = "Yes. " + q.reason
	}
	if q.pattern != "" {
		lines = append(lines, "Pattern: "+q.pattern)
	}
	if q.topicOf != "" {
		lines = append(lines, "Topic pattern: "+q.topicOf)
	}
	p.wait("document.querySelector('main form .note')?.innerText.includes(%s)", q.reason)
	assert.Equal(p.t, lines, js[[]string](p, "document.querySelector('main form .note').innerText.split('\\n').map((s) => s.trim()).filter(Boolean)"))
}
