// Scripts: the addresses of direct replies as routing keys and as queues (BASIC-72,
// BASIC-73, BASIC-75, BASIC-77, BASIC-78).

package scripts

import (
	"encoding/base64"
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"
)

var replyRouteScripts = []Script{
	{Name: "replyto/address-form", Covers: []string{"BASIC-72"}, Run: replyForm},
	{Name: "replyto/address-with-cc", Covers: []string{"BASIC-73", "EXCH-45"}, Run: replyCC},
	{Name: "replyto/address-in-cc", Covers: []string{"BASIC-73", "EXCH-45"}, Run: replyInCC},
	{Name: "replyto/mandatory-with-cc", Covers: []string{"BASIC-75", "EXCH-45"}, Run: replyMandatoryCC},
}

// The address is two parts in base64 with a dot between.
func replyForm(t *T) {
	_, name := t.Channel().request()
	parts := strings.Split(strings.TrimPrefix(name, replyQueue+"."), ".")
	if len(parts) != 2 {
		t.Fatalf("expected two parts with a dot between, got %q", name)
	}
	for _, part := range parts {
		if _, err := base64.StdEncoding.DecodeString(part); err != nil || part == "" {
			t.Errorf("part %q of %q is no base64: %v", part, name, err)
		}
	}
}

func carbon(header, key, body string) amqp.Publishing {
	return amqp.Publishing{Headers: amqp.Table{header: []any{key}}, Body: []byte(body)}
}

// A reply goes to the queues of its CC too.
func replyCC(t *T) {
	replies, name := t.Channel().request()
	ch := t.Channel()
	q := ch.NewQueue()
	ch.SendWith("", name, carbon("CC", q, "reply"))
	replies.Expect("reply")
	ch.ExpectDrain(q, "reply")
}

// A message to the default exchange reaches the address in its CC or BCC.
func replyInCC(t *T) {
	replies, name := t.Channel().request()
	ch := t.Channel()
	q := ch.NewQueue()
	ch.SendWith("", q, carbon("CC", name, "cc"))
	replies.Expect("cc")
	ch.SendWith("", q, carbon("BCC", name, "bcc"))
	replies.Expect("bcc")
	ch.SendWith("", t.Name("nowhere"), carbon("BCC", name, "bcc alone"))
	replies.Expect("bcc alone")
	ch.ExpectDrain(q, "cc", "bcc")
}

// A mandatory message to an address that is gone is not returned if its CC leads
// somewhere.
func replyMandatoryCC(t *T) {
	requester := t.Channel()
	_, name := requester.request()
	t.OK(requester.Close(), "close the requester's channel")
	ch := t.Channel().Confirming()
	q := ch.NewQueue()
	t.OK(ch.Publish("", name, true, false, carbon("CC", q, "m")), "publish")
	ch.AllConfirmed(1)
	if r, ok := ch.TakeReturn(); ok {
		t.Errorf("return of %q", r.Body)
	}
	ch.ExpectDrain(q, "m")
}
