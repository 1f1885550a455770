package broker

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/delay"
)

// This file is delayed exchanges seen from Go: what waits in them, and how to be
// rid of it.

// DelayedInfo is what waits in a delayed exchange, exact at one moment.
type DelayedInfo struct {
	// Count is the number of messages.
	Count int
	// Next is when the first of them is due; the zero time if there is none.
	Next time.Time
}

// A DelayedMessage waits in a delayed exchange.
type DelayedMessage struct {
	// ID names the message in its exchange for as long as it waits, across
	// restarts too.
	ID string
	// Due is when it will be routed.
	Due time.Time
	// Message is as it will be routed: the header x-delay is negated already
	// (EXCH-51), and Exchange is the one that it was published to, which may lead
	// to this one.
	Message
}

// Delayed tells what waits in a delayed exchange, at no cost however much that
// is. What was left behind by an exchange that is deleted (EXCH-55) is found
// under its name. It fails with NOT_FOUND if there is no such exchange, and with
// PRECONDITION_FAILED if it is of another type.
func (v *VHost) Delayed(exchange string) (DelayedInfo, error) {
	d, err := v.vh.findDelayed(exchange)
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

// ListDelayed returns up to limit of the messages that wait in a delayed
// exchange, in the order in which they are due, and changes nothing. It begins
// behind the message with the ID after, which need not be there any more; "" is
// the beginning. Messages that leave while they are being read are not among
// them. The bodies are shared: do not write to them. It fails as Delayed does,
// for an ID that is none, and if the store cannot be read.
func (v *VHost) ListDelayed(exchange, after string, limit int) ([]DelayedMessage, error) {
	d, err := v.vh.findDelayed(exchange)
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
		if p.msg == nil {
			continue
		}
		m := DelayedMessage{ID: delayedID(p.Due), Due: time.UnixMicro(p.At)}
		m.Exchange, m.Key, m.Body = p.msg.Exchange, p.msg.Key, p.msg.Body
		if err := m.Properties.Decode(p.msg.Props); err != nil {
			return nil, err
		}
		list = append(list, m)
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

// CancelDelayed drops one message that waits in a delayed exchange and reports
// whether it was there still. It fails as Delayed does, and for an ID that is none.
func (v *VHost) CancelDelayed(exchange, id string) (bool, error) {
	d, err := v.vh.findDelayed(exchange)
	if err != nil {
		return false, err
	}
	due, err := parseDelayedID(id)
	if err != nil {
		return false, err
	}
	found := d.cancel(due)
	v.vh.forgetIfEmpty(d)
	return found, nil
}

// PurgeDelayed drops all messages that wait in a delayed exchange and returns
// their number. It fails as Delayed does.
func (v *VHost) PurgeDelayed(exchange string) (int, error) {
	d, err := v.vh.findDelayed(exchange)
	if err != nil {
		return 0, err
	}
	n := d.purge()
	v.vh.forgetIfEmpty(d)
	return n, nil
}

// findDelayed finds what waits under a name.
func (vh *vhost) findDelayed(name string) (*delayed, error) {
	vh.mu.RLock()
	defer vh.mu.RUnlock()
	d := vh.delayed[name]
	switch {
	case d != nil:
		return d, nil
	case vh.exchanges[name] == nil:
		return nil, errNoExchange(name, vh.name)
	}
	return nil, refuse(amqp.PreconditionFailed, "%s is not of type '%s'", exchangeText(name, vh.name), delayedType)
}

// messagesDelayed is what a snapshot shows of an exchange (EXCH-56).
func (x *exchangeRecord) messagesDelayed() int {
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
