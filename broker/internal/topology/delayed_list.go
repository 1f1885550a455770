package topology

import (
	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/queue/delayed"
)

// Delayed tells what waits in a delayed exchange, or under the name of one that
// is deleted (EXCH-55).
func (vh *VHost) Delayed(exchange string) (delayed.Info, error) {
	d, err := vh.findDelayed(exchange)
	if err != nil {
		return delayed.Info{}, err
	}
	return d.Info(), nil
}

// ListDelayed returns up to limit of the messages that wait, in the order in which
// they are due, from behind the one with the ID after; "" is the beginning.
func (vh *VHost) ListDelayed(exchange, after string, limit int) ([]delayed.Message, error) {
	d, err := vh.findDelayed(exchange)
	if err != nil {
		return nil, err
	}
	return d.List(after, limit)
}

// CancelDelayed drops one message that waits and reports whether it was there still.
func (vh *VHost) CancelDelayed(exchange, id string) (bool, error) {
	d, err := vh.findDelayed(exchange)
	if err != nil {
		return false, err
	}
	found, err := d.Cancel(id)
	if err == nil {
		vh.forgetIfEmpty(d)
	}
	return found, err
}

// PurgeDelayed drops all messages that wait and returns their number.
func (vh *VHost) PurgeDelayed(exchange string) (int, error) {
	d, err := vh.findDelayed(exchange)
	if err != nil {
		return 0, err
	}
	n := d.Purge()
	vh.forgetIfEmpty(d)
	return n, nil
}

// DelayedPublications are the publications of the messages that wait in delayed
// exchanges, as an observer knows them, by the name of the exchange, in no order.
func (vh *VHost) DelayedPublications() map[string][]uint64 {
	vh.mu.RLock()
	defer vh.mu.RUnlock()
	found := make(map[string][]uint64)
	for name, d := range vh.delayed {
		if list := d.Publications(); len(list) > 0 {
			found[name] = list
		}
	}
	return found
}

// findDelayed finds what waits under a name.
func (vh *VHost) findDelayed(name string) (*delayedQueue, error) {
	if err := vh.Closed(); err != nil {
		return nil, err
	}
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
	return x.delayed.Len()
}
