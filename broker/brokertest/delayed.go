package brokertest

import (
	"fmt"
	"math"

	"github.com/rabbetmq/rabbet/broker"
)

// Delayed returns the messages that wait in a delayed exchange, in the order in
// which they are due. Do not write to the bodies, which are the broker's.
func (v *VHost) Delayed(exchange string) []broker.DelayedMessage {
	v.tb.Helper()
	list, err := v.core.Delayed(exchange)
	check(v.tb, err)
	return list
}

// Delayed fails with NOT_FOUND if there is no such exchange, and with
// PRECONDITION_FAILED if it is of another type.
func (v *ServerVHost) Delayed(exchange string) ([]broker.DelayedMessage, error) {
	h, err := v.host()
	if err != nil {
		return nil, err
	}
	list, err := h.ListDelayed(exchange, "", math.MaxInt)
	if err != nil {
		return nil, fmt.Errorf("Delayed: %w", err)
	}
	return list, nil
}

// CancelDelayed drops a message that waits in a delayed exchange, by its ID, and
// reports whether it was there.
func (v *ServerVHost) CancelDelayed(exchange, id string) (bool, error) {
	h, err := v.started("CancelDelayed")
	if err != nil {
		return false, err
	}
	return h.CancelDelayed(exchange, id)
}

// PurgeDelayed drops all that waits in a delayed exchange and returns its number.
func (v *ServerVHost) PurgeDelayed(exchange string) (int, error) {
	h, err := v.started("PurgeDelayed")
	if err != nil {
		return 0, err
	}
	return h.PurgeDelayed(exchange)
}

// delayedTable shows what waits in a delayed exchange.
func (v *ServerVHost) delayedTable(exchange string) string {
	list, err := v.Delayed(exchange)
	if err != nil || len(list) == 0 {
		return ""
	}
	t := newTable("delayed message", "due", "key", "properties", "body")
	for _, m := range list[:min(len(list), shownMessages)] {
		t.row(m.ID, m.Due.Format("15:04:05.000"), name(m.Key), properties(&m.Properties), body(m.Body))
	}
	if more := len(list) - shownMessages; more > 0 {
		return t.String() + fmt.Sprintf("    and %d more\n", more)
	}
	return t.String()
}
