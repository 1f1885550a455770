package topology

import (
	"maps"
	"slices"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/records"
	"github.com/rabbetmq/rabbet/broker/internal/refusal"
	"github.com/rabbetmq/rabbet/queue/delayed"
)

// delays are what waits in a virtual host, by the exchange's name. The lock of its names
// guards them.
type delays struct {
	*names
	*keeper
	waiting map[string]*delayedQueue
}

// Delayed tells what waits in a delayed exchange, or under the name of one that
// is deleted (EXCH-55).
func (ds *delays) Delayed(exchange string) (delayed.Info, error) {
	d, err := ds.findDelayed(exchange)
	if err != nil {
		return delayed.Info{}, err
	}
	return d.Info(), nil
}

// ListDelayed returns up to limit of the messages that wait, in the order in which
// they are due, from behind the one with the ID after; "" is the beginning.
func (ds *delays) ListDelayed(exchange, after string, limit int) ([]delayed.Message, error) {
	d, err := ds.findDelayed(exchange)
	if err != nil {
		return nil, err
	}
	return d.List(after, limit)
}

// CancelDelayed drops one message that waits and reports whether it was there still.
func (ds *delays) CancelDelayed(exchange, id string) (bool, error) {
	d, err := ds.findDelayed(exchange)
	if err != nil {
		return false, err
	}
	found, err := d.Cancel(id)
	if err == nil {
		ds.forgetIfEmpty(d)
	}
	return found, err
}

// PurgeDelayed drops all messages that wait and returns their number.
func (ds *delays) PurgeDelayed(exchange string) (int, error) {
	d, err := ds.findDelayed(exchange)
	if err != nil {
		return 0, err
	}
	n := d.Purge()
	ds.forgetIfEmpty(d)
	return n, nil
}

// DelayedPublications are the publications of the messages that wait in delayed
// exchanges, as an observer knows them, by the name of the exchange, in no order.
func (ds *delays) DelayedPublications() map[string][]uint64 {
	ds.mu.RLock()
	defer ds.mu.RUnlock()
	found := make(map[string][]uint64)
	for name, d := range ds.waiting {
		if list := d.Publications(); len(list) > 0 {
			found[name] = list
		}
	}
	return found
}

// findDelayed finds what waits under a name.
func (ds *delays) findDelayed(name string) (*delayedQueue, error) {
	if err := ds.Closed(); err != nil {
		return nil, err
	}
	ds.mu.RLock()
	defer ds.mu.RUnlock()
	d := ds.waiting[name]
	switch {
	case d != nil:
		return d, nil
	case ds.exchanges[name] == nil:
		return nil, refusal.NoExchange(name, ds.Name)
	}
	return nil, amqp.Errorf(amqp.PreconditionFailed, "%s is not of type '%s'", refusal.ExchangeText(name, ds.Name), delayedType)
}

// forgetDelayed forgets a name under which nothing waits.
func (ds *delays) forgetDelayed(d *delayedQueue) {
	delete(ds.waiting, d.name)
	ds.unput(&records.Delayed{VHost: records.Text(ds.Name), Name: records.Text(d.name)})
}

// forgetIfEmpty ends a delayed that has outlived its exchange when the last
// message is gone.
func (ds *delays) forgetIfEmpty(d *delayedQueue) {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	if x := ds.exchanges[d.name]; (x == nil || x.delayed != d) && ds.waiting[d.name] == d && d.Delete(false) {
		ds.forgetDelayed(d)
	}
}

// StopDelayed has delayed exchanges send nothing out any more. It returns when what
// is going out has gone.
func (ds *delays) StopDelayed() {
	for _, d := range ds.allDelayed() {
		d.Stop() // what is going out needs the lock
	}
}

// MessagesDelayed is what a snapshot shows of an exchange (EXCH-56).
func (x *Exchange) MessagesDelayed() int {
	if x.delayed == nil {
		return 0
	}
	return x.delayed.Len()
}

func (ds *delays) allDelayed() []*delayedQueue {
	ds.mu.RLock()
	defer ds.mu.RUnlock()
	return slices.Collect(maps.Values(ds.waiting))
}
