// What an exchange of type x-recent-history keeps (RECENT-1 to RECENT-3).

package exchange

import (
	"fmt"

	"github.com/rabbetmq/rabbet/amqp"
)

// historyLength is the default of x-recent-history-length.
const historyLength = 20

// HistoryLength is how many messages an x-recent-history exchange with these
// arguments keeps: x-recent-history-length, 20 by default. The error is an
// *ArgumentError (RECENT-1).
func HistoryLength(args amqp.Table) (int, error) {
	v, ok := args.Get("x-recent-history-length")
	if !ok {
		return historyLength, nil
	}
	switch v.(type) {
	case int8, int16, int32, int64:
		if n, _ := amqp.AsInt(v); n > 0 {
			return int(n), nil
		}
	}
	return 0, &ArgumentError{fmt.Sprintf("Invalid argument %s, 'x-recent-history-length' must be a positive integer",
		amqp.FormatTerm(v))}
}

// History is the last messages of an x-recent-history exchange, which a new binding
// is sent. The zero value keeps nothing; set Limit first. A History is not safe for
// concurrent use.
type History[M any] struct {
	// Limit is how many messages are kept.
	Limit int

	kept []M // a circle once it is full
	next int // where the next goes then, and so the oldest
}

// Add keeps a message, and forgets the oldest if there are too many.
func (h *History[M]) Add(m M) {
	switch {
	case len(h.kept) < h.Limit:
		h.kept = append(h.kept, m)
	case h.Limit > 0:
		h.kept[h.next] = m
		h.next = (h.next + 1) % h.Limit
	}
}

// Messages are those kept, oldest first, in a slice of their own.
func (h *History[M]) Messages() []M {
	return append(append(make([]M, 0, len(h.kept)), h.kept[h.next:]...), h.kept[:h.next]...)
}
