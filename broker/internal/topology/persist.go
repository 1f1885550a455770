package topology

import (
	"sync/atomic"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/profile"
	"github.com/rabbetmq/rabbet/broker/internal/records"
	"github.com/rabbetmq/rabbet/exchange"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/store"
)

// The store keeps virtual hosts, policies, durable exchanges and queues, and the bindings
// whose both ends are durable (PERSIST-1, PERSIST-4), or survive by the profile.

// A keeper keeps the records of a virtual host.
type keeper struct {
	vhost      records.Text
	store      *store.Store // nil keeps none
	recovering bool         // what is made now is in the store already
	written    atomic.Uint64
}

// Written counts the records that have been written and removed: what a client asked for
// has to wait for the disk if it has changed.
func (k *keeper) Written() uint64 { return k.written.Load() }

// put writes a record, unless that is where it comes from.
func (k *keeper) put(doc records.Document) {
	if k.store != nil && !k.recovering {
		records.Put(k.store, doc)
		k.written.Add(1)
	}
}

// unput removes the record that has the names of doc.
func (k *keeper) unput(doc records.Document) {
	if k.store != nil {
		records.Delete(k.store, doc)
		k.written.Add(1)
	}
}

func (k *keeper) persistExchange(x *Exchange) {
	if x.kept {
		k.put(&records.Exchange{
			VHost: k.vhost, Name: records.Text(x.Name), Type: records.Text(x.Kind),
			AutoDelete: x.AutoDelete, Internal: x.Internal, Args: records.ArgsOf(x.Args), Transient: !x.Durable,
			Cache: x.cacheID,
		})
	}
}

func (k *keeper) forgetExchange(x *Exchange) {
	if x.kept {
		k.unput(&records.Exchange{VHost: k.vhost, Name: records.Text(x.Name)})
	}
}

// configOf is what the record of a queue says of it.
func configOf(doc *records.Queue, args amqp.Table) queue.Config {
	return queue.Config{
		Name: string(doc.Name), AutoDelete: doc.AutoDelete, ID: doc.ID, Durable: doc.Durable,
		Quorum: profile.QueueTypeOf(args) == &profile.QuorumQueue, QuorumPriority: doc.QuorumPriority, MaxPriority: profile.MaxPriority(args),
	}
}

// Levels is the number of priority levels, each a log in the store, of the queue that
// a record describes.
func Levels(doc *records.Queue) (int, error) {
	args, err := doc.Args.Table()
	cfg := configOf(doc, args)
	return cfg.Levels(), err
}

func (k *keeper) forgetQueue(q *Queue) {
	if q.Durable {
		k.unput(&records.Queue{VHost: k.vhost, Name: records.Text(q.Name)})
	}
}

// StandStill is queue.Stander's, and kept with a durable queue. It reports false for a
// queue that cannot stand still.
func (q *Queue) StandStill(vh *VHost, deliveries, publishes bool, fx *queue.Effects) bool {
	s, ok := q.Queue.(queue.Stander)
	if !ok {
		return false
	}
	vh.mu.Lock()
	defer vh.mu.Unlock()
	s.StandStill(deliveries, publishes, fx)
	if q.Durable && vh.queues[q.Name] == q {
		vh.put(&records.Queue{
			VHost: vh.vhost, Name: records.Text(q.Name), ID: q.id, Durable: true, AutoDelete: q.AutoDelete, Args: records.ArgsOf(q.Args),
			QuorumPriority: q.rule, Still: !deliveries, Closed: !publishes,
		})
	}
	return true
}

// recordOf is the record of a binding, or nil if it does not survive (PERSIST-4). The
// order in which a client wrote the arguments is not in it: who unbinds may have another.
func (k *keeper) recordOf(x *Exchange, b exchange.Binding[destination]) *records.Binding {
	doc := &records.Binding{
		VHost: k.vhost, Source: records.Text(x.Name), Key: records.Text(b.Key),
		Args: records.ArgsOf(exchange.Sorted(b.Args)),
	}
	survives := false
	if q := b.Dest.queue; q != nil {
		doc.Destination, survives = records.Text(q.Name), q.Durable
	} else {
		to := b.Dest.exchange
		doc.Destination, doc.ToExchange, survives = records.Text(to.Name), true, to.kept
	}
	if !survives || !x.kept {
		return nil
	}
	return doc
}

func (k *keeper) persistBinding(x *Exchange, b exchange.Binding[destination]) {
	if doc := k.recordOf(x, b); doc != nil {
		if x.ordered {
			doc.Order = x.bound
		}
		k.put(doc)
	}
}

func (k *keeper) forgetBinding(x *Exchange, b exchange.Binding[destination]) {
	if doc := k.recordOf(x, b); doc != nil {
		k.unput(doc)
	}
}
