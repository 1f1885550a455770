package brokertest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf8"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
)

const (
	shownMessages = 20  // of a queue
	shownQueues   = 50  // of a virtual host
	shownBody     = 120 // bytes of a body
	shownValue    = 60  // bytes of a header's value, a property, a name
)

// A table is rows of cells below a heading.
type table struct {
	text strings.Builder
	w    *tabwriter.Writer
}

func newTable(heading ...string) *table {
	t := &table{}
	t.w = tabwriter.NewWriter(&t.text, 0, 8, 2, ' ', 0)
	t.row(heading...)
	return t
}

func (t *table) row(cells ...string) {
	fmt.Fprintf(t.w, "    %s\n", strings.Join(cells, "\t"))
}

// String ends the table.
func (t *table) String() string {
	_ = t.w.Flush() // into memory
	lines := strings.SplitAfter(t.text.String(), "\n")
	for i, l := range lines {
		if trimmed := strings.TrimRight(l, " \n"); trimmed != "" {
			lines[i] = trimmed + "\n"
		}
	}
	return strings.Join(lines, "")
}

// describe shows a queue's messages, and how many there are elsewhere.
func (v *ServerVHost) describe(queue string) string {
	if queue == "" {
		return v.queues()
	}
	return v.messages(queue) + v.queues()
}

// messages shows what is in a queue: what is out, by whom, then what is ready.
func (v *ServerVHost) messages(queue string) string {
	h, err := v.host()
	if err != nil {
		return ""
	}
	out, err := h.Unacked(queue)
	if err != nil {
		return "" // it is gone
	}
	ready, err := h.Peek(queue, allMessages)
	if err != nil {
		return ""
	}
	if len(out)+len(ready) == 0 {
		return fmt.Sprintf("  queue %q is empty\n", queue)
	}
	t := newTable("message", "exchange", "key", "properties", "body")
	rows := 0
	add := func(state string, m *broker.Message) {
		if rows++; rows > shownMessages {
			return
		}
		if m.Redelivered && state == "ready" {
			state = "ready again"
		}
		t.row(state, name(m.Exchange), name(m.Key), properties(&m.Properties), body(m.Body))
	}
	for i := range out {
		add("held by "+holder(&out[i]), &out[i].Message)
	}
	for i := range ready {
		add("ready", &ready[i])
	}
	text := fmt.Sprintf("  queue %q has\n%s", queue, t)
	if rows > shownMessages {
		text += fmt.Sprintf("    and %d more\n", rows-shownMessages)
	}
	return text
}

// holder says who has a message that is out.
func holder(u *broker.Unacked) string {
	who := "the test"
	if u.Peer != "" {
		who = client(u.Connection, u.Peer) + " channel " + strconv.Itoa(int(u.Channel))
	}
	if u.Consumer == "" {
		who += " by basic.get"
	} else {
		who += " consumer " + strconv.Quote(u.Consumer)
	}
	who += ", tag " + strconv.FormatUint(u.DeliveryTag, 10)
	if u.InTx {
		who += ", settled in an open transaction"
	}
	return who
}

// client is what a connection calls itself, or else where it comes from.
func client(name, peer string) string {
	if name == "" {
		return peer
	}
	return strconv.Quote(name) + " (" + peer + ")"
}

// queues shows the numbers of all queues of the virtual host.
func (v *ServerVHost) queues() string {
	info, err := v.Info()
	if err != nil {
		return "  " + err.Error() + "\n"
	}
	if len(info.Queues) == 0 {
		return fmt.Sprintf("  virtual host %q has no queues\n%s", info.Name, v.s.lostInRestart())
	}
	t := newTable("queue", "ready", "unacked", "consumers")
	for i, q := range info.Queues {
		if i == shownQueues {
			break
		}
		t.row(name(q.Name), strconv.Itoa(q.Ready), strconv.Itoa(q.Unacked), strconv.Itoa(q.Consumers))
	}
	text := fmt.Sprintf("  virtual host %q has\n%s", info.Name, t)
	if more := len(info.Queues) - shownQueues; more > 0 {
		text += fmt.Sprintf("    and %d more\n", more)
	}
	return text + v.s.lostInRestart()
}

// lostInRestart says that what is missed may have gone with a restart.
func (s *Server) lostInRestart() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opts.durable || !s.restarted {
		return ""
	}
	return "  this broker keeps everything in memory, and was restarted: with brokertest.Durable() what is durable survives\n"
}

// name is a name as it is, unless that would not be seen.
func name(s string) string {
	if s == "" || !isText(s) || strings.TrimSpace(s) != s {
		return cut(strconv.Quote(s), shownValue)
	}
	return cut(s, shownValue)
}

// body is text as it is, and all else in hexadecimal.
func body(b []byte) string {
	text := string(b)
	long := ""
	if len(b) > shownBody {
		text = strings.ToValidUTF8(string(b[:shownBody]), "") // the cut may go through a letter
		long = fmt.Sprintf("… (%d bytes)", len(b))
	}
	switch {
	case len(b) == 0:
		return `""`
	case isText(text) && utf8.Valid(b):
		return strings.NewReplacer("\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(text) + long
	}
	return fmt.Sprintf("0x%x%s", b[:min(len(b), shownBody/2)], hexRest(len(b)))
}

func hexRest(n int) string {
	if n <= shownBody/2 {
		return ""
	}
	return fmt.Sprintf("… (%d bytes)", n)
}

func isText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsPrint(r) && r != '\n' && r != '\r' && r != '\t'
	})
}

// cut shortens a text to about n bytes.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

// properties are those that are present, as name=value.
func properties(p *amqp.Properties) string {
	var list []string
	add := func(flag amqp.PropertyFlags, name, value string) {
		if p.Flags&flag != 0 {
			list = append(list, name+"="+value)
		}
	}
	add(amqp.HasContentType, "content-type", quoted(p.ContentType))
	add(amqp.HasContentEncoding, "content-encoding", quoted(p.ContentEncoding))
	add(amqp.HasDeliveryMode, "delivery-mode", strconv.Itoa(int(p.DeliveryMode)))
	add(amqp.HasPriority, "priority", strconv.Itoa(int(p.Priority)))
	add(amqp.HasCorrelationID, "correlation-id", quoted(p.CorrelationID))
	add(amqp.HasReplyTo, "reply-to", quoted(p.ReplyTo))
	add(amqp.HasExpiration, "expiration", quoted(p.Expiration))
	add(amqp.HasMessageID, "message-id", quoted(p.MessageID))
	add(amqp.HasTimestamp, "timestamp", fmt.Sprint(p.Timestamp))
	add(amqp.HasType, "type", quoted(p.Type))
	add(amqp.HasUserID, "user-id", quoted(p.UserID))
	add(amqp.HasAppID, "app-id", quoted(p.AppID))
	add(amqp.HasClusterID, "cluster-id", quoted(p.ClusterID))
	for _, f := range p.Headers {
		list = append(list, name(f.Key)+"="+header(f))
	}
	if len(list) == 0 {
		return "-"
	}
	return strings.Join(list, " ")
}

func quoted(s string) string {
	if s == "" || strings.ContainsAny(s, " \t\r\n\"") || !isText(s) {
		return cut(strconv.Quote(s), shownValue)
	}
	return cut(s, shownValue)
}

// header is a header's value; x-death in short.
func header(f amqp.Field) string {
	deaths, ok := f.Value.(amqp.Array)
	if f.Key != "x-death" || !ok {
		return value(f.Value)
	}
	var list []string
	for _, d := range deaths {
		t, _ := d.(amqp.Table)
		queue, _ := t.Get("queue")
		reason, _ := t.Get("reason")
		count, _ := t.Get("count")
		list = append(list, fmt.Sprintf("%v:%v×%v", queue, reason, count))
	}
	return "[" + strings.Join(list, " ") + "]"
}

func value(v any) string {
	switch v := v.(type) {
	case string:
		return quoted(v)
	case []byte:
		return cut(fmt.Sprintf("0x%x", v), shownValue)
	case amqp.Table:
		return cut(arguments(v.Map()), shownValue)
	}
	return cut(fmt.Sprint(v), shownValue)
}

// arguments are a map as {key=value ...}, sorted.
func arguments(args map[string]any) string {
	var list []string
	for k, v := range args {
		list = append(list, name(k)+"="+value(v))
	}
	slices.Sort(list)
	return "{" + strings.Join(list, " ") + "}"
}
