package message

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/queue"
)

// ReadMarks takes out of the properties what queues look at.
func ReadMarks(m *queue.Message, flags amqp.PropertyFlags) {
	if flags&amqp.HasPriority != 0 {
		m.Priority = m.Props.Priority()
	}
	if flags&amqp.HasDeliveryMode != 0 {
		m.Persistent = m.Props.DeliveryMode() == 2 // BASIC-8: 2 is persistent
	}
}

// ReadTTL takes the expiration out of the properties, and writes it there as a
// plain number, as 3.13 delivers it (BASIC-6).
func ReadTTL(m *queue.Message) error {
	s, ok := m.Props.Expiration()
	if !ok {
		return nil
	}
	if detail := checkExpiration(string(s)); detail != "" {
		return amqp.Errorf(amqp.PreconditionFailed, "invalid expiration '%s': %s", s, detail)
	}
	ms, err := strconv.ParseInt(string(s), 10, 64)
	if err != nil {
		return err
	}
	m.TTL = queue.Millis(ms)
	if plain := strconv.FormatInt(ms, 10); plain != string(s) {
		var p amqp.Properties
		if err := p.Decode(m.Props); err != nil {
			return amqp.NewInternalError()
		}
		p.Expiration = plain
		m.Props = p.Append(nil)
	}
	return nil
}

// checkExpiration returns what is wrong with an expiration, or "" (BASIC-6).
func checkExpiration(s string) string {
	digits := 0
	if s != "" && (s[0] == '+' || s[0] == '-') {
		digits = 1
	}
	end := digits
	for end < len(s) && s[end] >= '0' && s[end] <= '9' {
		end++
	}
	n, err := strconv.ParseInt(s[:end], 10, 64)
	switch {
	case end == digits:
		return "no_integer"
	case end < len(s):
		return "{leftover_string," + fmt.Sprintf("%q", s[end:]) + "}"
	case s[0] == '-' && strings.Trim(s[1:end], "0") != "":
		return "{value_negative," + "-" + strings.TrimLeft(s[1:end], "0") + "}"
	case err != nil || n > MaxMillis:
		return "{value_too_large," + strings.TrimLeft(strings.TrimPrefix(s[:end], "+"), "0") + "}"
	}
	return ""
}

// MaxMillis is the longest time an argument may give: ten years (QUEUE-32).
const MaxMillis = 315360000000
