package topology

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/queue"
)

// A DelayedInfo is what waits under a name, exact at one moment.
type DelayedInfo struct {
	Count int
	Next  time.Time // when the first is due; the zero time if there is none
}

// A DelayedMessage is one that waits in a delayed exchange.
type DelayedMessage struct {
	ID  string // names it in its exchange for as long as it waits, across restarts too
	Due time.Time
	Msg *queue.Message
}

// DelayedInfo tells what waits in a delayed exchange, or under the name of one that
// is deleted (EXCH-55).
func (vh *VHost) DelayedInfo(exchange string) (DelayedInfo, error) {
	d, err := vh.findDelayed(exchange)
	if err != nil {
		return DelayedInfo{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	info := DelayedInfo{Count: d.index.Len()}
	if first, ok := d.index.First(); ok {
		info.Next = time.UnixMicro(first.At)
	}
	return info, nil
}

// ListDelayed returns up to limit of the messages that wait, in the order in which
// they are due, from behind the one with the ID after; "" is the beginning. Messages
// that leave while they are being read are not among them.
func (vh *VHost) ListDelayed(exchange, after string, limit int) ([]DelayedMessage, error) {
	d, err := vh.findDelayed(exchange)
	if err != nil {
		return nil, err
	}
	from := delay.Due{At: math.MinInt64}
	if after != "" {
		if from, err = parseDelayedID(after); err != nil {
			return nil, err
		}
	}
	page := d.page(from, limit)
	if err := d.read(page); err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	list := make([]DelayedMessage, 0, len(page))
	for _, p := range page {
		if p.msg != nil {
			list = append(list, DelayedMessage{delayedID(p.Due), time.UnixMicro(p.At), p.msg})
		}
	}
	return list, nil
}

// page is what waits behind a place in the order.
func (d *delayed) page(from delay.Due, limit int) []dueMessage {
	d.mu.Lock()
	defer d.mu.Unlock()
	page := make([]dueMessage, 0, max(0, min(limit, d.index.Len())))
	d.index.After(from, func(due delay.Due) bool {
		if len(page) == cap(page) {
			return false
		}
		page = append(page, dueMessage{due, d.held[due.Seq]})
		return true
	})
	return page
}

// CancelDelayed drops one message that waits and reports whether it was there still.
func (vh *VHost) CancelDelayed(exchange, id string) (bool, error) {
	d, err := vh.findDelayed(exchange)
	if err != nil {
		return false, err
	}
	due, err := parseDelayedID(id)
	if err != nil {
		return false, err
	}
	found := d.cancel(due)
	vh.forgetIfEmpty(d)
	return found, nil
}

// PurgeDelayed drops all messages that wait and returns their number.
func (vh *VHost) PurgeDelayed(exchange string) (int, error) {
	d, err := vh.findDelayed(exchange)
	if err != nil {
		return 0, err
	}
	n := d.purge()
	vh.forgetIfEmpty(d)
	return n, nil
}

// findDelayed finds what waits under a name.
func (vh *VHost) findDelayed(name string) (*delayed, error) {
	vh.mu.RLock()
	defer vh.mu.RUnlock()
	d := vh.delayed[name]
	switch {
	case d != nil:
		return d, nil
	case vh.exchanges[name] == nil:
		return nil, NoExchange(name, vh.Name)
	}
	return nil, amqp.Errorf(amqp.PreconditionFailed, "%s is not of type '%s'", ExchangeText(name, vh.Name), delayedType)
}

// MessagesDelayed is what a snapshot shows of an exchange (EXCH-56).
func (x *Exchange) MessagesDelayed() int {
	if x.delayed == nil {
		return 0
	}
	return x.delayed.len()
}

// delayedID is a place in the order as text: 32 hexadecimal digits.
func delayedID(d delay.Due) string { return fmt.Sprintf("%016x%016x", uint64(d.At), d.Seq) }

func parseDelayedID(id string) (delay.Due, error) {
	if len(id) == 32 {
		at, err1 := strconv.ParseUint(id[:16], 16, 64)
		seq, err2 := strconv.ParseUint(id[16:], 16, 64)
		if err1 == nil && err2 == nil {
			return delay.Due{At: int64(at), Seq: seq}, nil
		}
	}
	return delay.Due{}, fmt.Errorf("broker: %q is not the ID of a delayed message", id)
}
