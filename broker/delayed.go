package broker

import (
	"time"

	"github.com/rabbetmq/rabbet/broker/internal/topology"
	"github.com/rabbetmq/rabbet/queue"
)

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

// VHostDelays are the messages that wait in the delayed exchanges of a virtual host. Its
// methods are those of a VHost.
type VHostDelays struct{ of *topology.VHost }

// Delayed tells what waits in a delayed exchange, at no cost however much that
// is. What was left behind by an exchange that is deleted (EXCH-55) is found
// under its name. It fails with NOT_FOUND if there is no such exchange, and with
// PRECONDITION_FAILED if it is of another type.
func (v VHostDelays) Delayed(exchange string) (DelayedInfo, error) {
	info, err := v.of.Delayed(exchange)
	return DelayedInfo(info), err
}

// ListDelayed returns up to limit of the messages that wait in a delayed
// exchange, in the order in which they are due, and changes nothing. It begins
// behind the message with the ID after, which need not be there any more; "" is
// the beginning. Messages that leave while they are being read are not among
// them. The bodies are shared: do not write to them. It fails as Delayed does,
// for an ID that is none, and if the store cannot be read.
func (v VHostDelays) ListDelayed(exchange, after string, limit int) ([]DelayedMessage, error) {
	page, err := v.of.ListDelayed(exchange, after, limit)
	if err != nil {
		return nil, err
	}
	list := make([]DelayedMessage, len(page))
	for i, p := range page {
		list[i].ID, list[i].Due = p.ID, p.Due
		if list[i].Message, err = messageOf(&queue.Item{Msg: p.Message}, p.Props); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// CancelDelayed drops one message that waits in a delayed exchange and reports
// whether it was there still. It fails as Delayed does, and for an ID that is none.
func (v VHostDelays) CancelDelayed(exchange, id string) (bool, error) {
	return v.of.CancelDelayed(exchange, id)
}

// PurgeDelayed drops all messages that wait in a delayed exchange and returns
// their number. It fails as Delayed does.
func (v VHostDelays) PurgeDelayed(exchange string) (int, error) { return v.of.PurgeDelayed(exchange) }

// RecordedDelayed returns the numbers that Config.Tap has given to the messages
// that wait in delayed exchanges, by the name of the exchange, in no order.
func (v VHostDelays) RecordedDelayed() map[string][]uint64 { return v.of.DelayedPublications() }
