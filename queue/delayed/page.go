package delayed

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/queue"
)

// Info is what waits, exact at one moment.
type Info struct {
	// Count is the number of messages.
	Count int
	// Next is when the first of them is due; the zero time if there is none.
	Next time.Time
}

// A Message waits.
type Message struct {
	// ID names the message in its Queue for as long as it waits, across restarts too.
	ID  string
	Due time.Time
	*queue.Message
}

// Info tells what waits, at no cost however much that is.
func (q *Queue) Info() Info {
	q.mu.Lock()
	defer q.mu.Unlock()
	info := Info{Count: q.index.Len()}
	if first, ok := q.index.First(); ok {
		info.Next = time.Unix(0, first.At)
	}
	return info
}

// List returns up to limit of the messages that wait, in the order in which they are
// due, from behind the one with the ID after, which need not be there any more; "" is the
// beginning. Messages that leave while they are being read are not among them. List fails
// for an ID that is none, and if the store cannot be read.
func (q *Queue) List(after string, limit int) ([]Message, error) {
	from := delay.Due{At: math.MinInt64}
	if after != "" {
		var err error
		if from, err = parseID(after); err != nil {
			return nil, err
		}
	}
	page := q.page(from, limit)
	if err := q.read(page); err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	list := make([]Message, 0, len(page))
	for _, p := range page {
		if p.msg != nil {
			list = append(list, Message{formatID(p.Due), time.Unix(0, p.At), p.msg})
		}
	}
	return list, nil
}

// page is what waits behind a place in the order.
func (q *Queue) page(from delay.Due, limit int) []dueMessage {
	q.mu.Lock()
	defer q.mu.Unlock()
	page := make([]dueMessage, 0, max(0, min(limit, q.index.Len())))
	q.index.After(from, func(due delay.Due) bool {
		if len(page) == cap(page) {
			return false
		}
		page = append(page, dueMessage{due, q.held[due.Seq]})
		return true
	})
	return page
}

// Cancel drops one message and reports whether it was there still. It fails for an ID
// that is none.
func (q *Queue) Cancel(id string) (bool, error) {
	due, err := parseID(id)
	if err != nil {
		return false, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.index.Remove(due) {
		return false, nil
	}
	delete(q.held, due.Seq)
	q.cancel(due.Seq, Cancelled)
	if q.log != nil {
		q.app.Remove(q.log, due.Seq)
		q.app.Flush()
	}
	q.arm()
	return true, nil
}

// formatID is a place in the order as text: 32 hexadecimal digits.
func formatID(d delay.Due) string { return fmt.Sprintf("%016x%016x", uint64(d.At), d.Seq) }

func parseID(id string) (delay.Due, error) {
	if len(id) == 32 {
		at, err1 := strconv.ParseUint(id[:16], 16, 64)
		seq, err2 := strconv.ParseUint(id[16:], 16, 64)
		if err1 == nil && err2 == nil {
			return delay.Due{At: int64(at), Seq: seq}, nil
		}
	}
	return delay.Due{}, fmt.Errorf("broker: %q is not the ID of a delayed message", id)
}
