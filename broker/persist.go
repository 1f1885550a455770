package broker

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/exchange"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/store"
)

// This file keeps the topology in the store and brings it back at the start:
// virtual hosts, policies, durable exchanges and queues, and the bindings whose both ends
// are durable (PERSIST-1, PERSIST-4), or survive by the profile. Each is a record in JSON under a key that
// begins with its kind; field tables are as on the wire.

const (
	kindVHost    = "vhost"
	kindExchange = "exchange"
	kindQueue    = "queue"
	kindDelayed  = "delayed"
	kindBinding  = "binding"
)

// kinds are all kinds of records, in the order in which they come back.
var kinds = []string{
	kindVHost, string(userPolicy), string(operatorPolicy), kindDelayed, kindExchange, kindQueue, kindBinding,
}

type vhostDoc struct{ Name string }

type exchangeDoc struct {
	VHost, Name, Type    string
	AutoDelete, Internal bool
	Args                 []byte
	Transient            bool `json:",omitempty"` // not durable, and kept by the profile that it was declared under
}

type queueDoc struct {
	VHost, Name         string
	ID                  uint64
	Durable, AutoDelete bool
	Args                []byte
	// QuorumPriority is the rule of the profile that the queue was declared under:
	// its messages lie in the store by it.
	QuorumPriority queue.QuorumPriority `json:",omitempty"`
}

type bindingDoc struct {
	VHost, Source, Destination, Key string
	ToExchange                      bool
	Args                            []byte
}

// recordKey joins a kind and names; NUL keeps them apart.
func recordKey(parts ...string) string { return strings.Join(parts, "\x00") }

func (vh *vhost) put(doc any, key ...string) {
	if vh.env.Store == nil || vh.recovering {
		return
	}
	value, err := json.Marshal(doc)
	if err != nil {
		panic(err) // plain structs of strings, bytes and numbers
	}
	vh.env.Store.Put(recordKey(key...), value)
}

// decodeDoc reads a record. A field that is unknown is what a newer program has
// added, and not to be passed over: the next change would lose it.
func decodeDoc(value []byte, doc any) error {
	d := json.NewDecoder(bytes.NewReader(value))
	d.DisallowUnknownFields()
	if err := d.Decode(doc); err != nil {
		return err
	}
	if d.InputOffset() < int64(len(value)) {
		return errors.New("bytes after its end")
	}
	return nil
}

func (vh *vhost) unput(key ...string) {
	if vh.env.Store != nil {
		vh.env.Store.Delete(recordKey(key...))
	}
}

func (vh *vhost) persistVHost() { vh.put(vhostDoc{vh.name}, kindVHost, vh.name) }

func (vh *vhost) persistExchange(x *exchangeRecord) {
	if x.kept {
		vh.put(exchangeDoc{vh.name, x.name, x.kind, x.autoDelete, x.internal, amqp.AppendTable(nil, x.args), !x.durable},
			kindExchange, vh.name, x.name)
	}
}

func (vh *vhost) forgetExchange(x *exchangeRecord) {
	if x.kept {
		vh.unput(kindExchange, vh.name, x.name)
	}
}

// newQueue makes a queue as described, and its record if it is durable.
func (vh *vhost) newQueue(doc queueDoc, args amqp.Table) *queueRecord {
	if doc.Durable {
		vh.put(doc, kindQueue, vh.name, doc.Name)
	}
	return &queueRecord{
		Queue: queue.New(queue.Config{
			Name: doc.Name, AutoDelete: doc.AutoDelete, Env: vh.env, ID: doc.ID, Durable: doc.Durable,
			Quorum: queueTypeOf(args) == &quorumQueue, QuorumPriority: doc.QuorumPriority,
			MaxPriority: maxPriority(args), Settings: vh.settings(doc.Name, args),
		}),
		durable: doc.Durable, args: args,
	}
}

func (vh *vhost) forgetQueue(q *queueRecord) {
	if q.durable {
		vh.unput(kindQueue, vh.name, q.Name)
	}
}

// bindingRecord is the record of a binding, if it survives (PERSIST-4). The order
// in which a client wrote the arguments is not in it: who unbinds may have another.
func (vh *vhost) bindingRecord(x *exchangeRecord, b exchange.Binding[destination]) (doc bindingDoc, key []string, ok bool) {
	doc = bindingDoc{VHost: vh.name, Source: x.name, Key: b.Key, Args: amqp.AppendTable(nil, exchange.Sorted(b.Args))}
	kind := kindQueue
	if q := b.Dest.queue; q != nil {
		doc.Destination, ok = q.Name, x.kept && q.durable
	} else {
		doc.Destination, doc.ToExchange, ok = b.Dest.exchange.name, true, x.kept && b.Dest.exchange.kept
		kind = kindExchange
	}
	return doc, []string{kindBinding, vh.name, doc.Source, kind, doc.Destination, doc.Key, string(doc.Args)}, ok
}

func (vh *vhost) persistBinding(x *exchangeRecord, b exchange.Binding[destination]) {
	if doc, key, ok := vh.bindingRecord(x, b); ok {
		vh.put(doc, key...)
	}
}

func (vh *vhost) forgetBinding(x *exchangeRecord, b exchange.Binding[destination]) {
	if _, key, ok := vh.bindingRecord(x, b); ok {
		vh.unput(key...)
	}
}

// recover brings back what the store holds: virtual hosts, policies, what delayed
// exchanges keep, exchanges, queues, then bindings. The messages stay where they are
// until they are wanted.
func (b *Broker) recover() error {
	st := b.cfg.Store
	if st == nil {
		return nil
	}
	err := st.Records(func(key string, _ []byte) error {
		if kind, _, _ := strings.Cut(key, "\x00"); !slices.Contains(kinds, kind) {
			return fmt.Errorf("broker: record %q in the store: of an unknown kind, maybe of a newer program", key)
		}
		return nil
	})
	if err != nil {
		return err
	}
	known := recovered{make(map[uint64]*queueRecord), make(map[uint64]*delayed)}
	for _, kind := range kinds {
		err := st.Records(func(key string, value []byte) error {
			if !strings.HasPrefix(key, kind+"\x00") {
				return nil
			}
			if err := b.recoverRecord(kind, value, &known); err != nil {
				return fmt.Errorf("broker: record %q in the store: %w", key, err)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	last, err := st.DropUnknown(func(id store.LogID) bool { return known.has(queue.QueueOf(id)) })
	if err != nil {
		return err
	}
	b.queueIDs.Store(max(b.queueIDs.Load(), queue.QueueOf(last)))
	for _, q := range known.queues {
		if err := q.Recover(); err != nil {
			return fmt.Errorf("broker: queue %q: %w", q.Name, err)
		}
	}
	for _, d := range known.delayed {
		if err := d.recover(); err != nil {
			return fmt.Errorf("broker: delayed exchange %q: %w", d.name, err)
		}
	}
	for _, vh := range b.vhosts {
		vh.recovering = false
	}
	for _, q := range known.queues {
		q.Resume()
	}
	for _, d := range known.delayed {
		d.resume()
	}
	return nil
}

// recovered is what has messages in the store, by ID.
type recovered struct {
	queues  map[uint64]*queueRecord
	delayed map[uint64]*delayed
}

func (r *recovered) has(id uint64) bool { return r.queues[id] != nil || r.delayed[id] != nil }

// claim refuses an ID that was given twice.
func (r *recovered) claim(id uint64) error {
	switch {
	case r.queues[id] != nil:
		return fmt.Errorf("queue %q has its ID %d", r.queues[id].Name, id)
	case r.delayed[id] != nil:
		return fmt.Errorf("delayed exchange %q has its ID %d", r.delayed[id].name, id)
	}
	return nil
}

func (b *Broker) recoverRecord(kind string, value []byte, known *recovered) error {
	switch kind {
	case kindVHost:
		var doc vhostDoc
		if err := decodeDoc(value, &doc); err != nil {
			return err
		}
		b.AddVHost(doc.Name).vh.recovering = true
		return nil
	case string(userPolicy), string(operatorPolicy):
		return b.recoverPolicy(policyKind(kind), value)
	case kindDelayed:
		return b.recoverDelayed(value, known)
	case kindExchange:
		var doc exchangeDoc
		if err := decodeDoc(value, &doc); err != nil {
			return err
		}
		vh, args, err := b.storedPlace(doc.VHost, doc.Args)
		if err != nil {
			return err
		}
		return vh.declareExchange(&amqp.ExchangeDeclare{
			Exchange: doc.Name, Type: doc.Type, Durable: !doc.Transient, AutoDelete: doc.AutoDelete, Internal: doc.Internal, Arguments: args,
		})
	case kindQueue:
		var doc queueDoc
		if err := decodeDoc(value, &doc); err != nil {
			return err
		}
		vh, args, err := b.storedPlace(doc.VHost, doc.Args)
		if err != nil {
			return err
		}
		if err := known.claim(doc.ID); err != nil {
			return err
		}
		if !doc.QuorumPriority.Known() {
			return fmt.Errorf("unknown rule %d for priorities", doc.QuorumPriority)
		}
		q := vh.newQueue(doc, args)
		vh.queues[doc.Name], known.queues[doc.ID] = q, q
		b.queueIDs.Store(max(b.queueIDs.Load(), doc.ID))
		return nil
	}
	var doc bindingDoc
	if err := decodeDoc(value, &doc); err != nil {
		return err
	}
	vh, args, err := b.storedPlace(doc.VHost, doc.Args)
	if err != nil {
		return err
	}
	return vh.bind(bindingRequest{
		source: doc.Source, destination: doc.Destination, key: doc.Key, args: args, toExchange: doc.ToExchange,
	}, nil)
}

// storedPlace finds the virtual host of a record and decodes its arguments.
func (b *Broker) storedPlace(name string, table []byte) (*vhost, amqp.Table, error) {
	vh := b.vhosts[name]
	if vh == nil {
		return nil, nil, fmt.Errorf("there is no virtual host %q", name)
	}
	args, _, err := amqp.DecodeTable(table)
	return vh, args, err
}

// retire ends delayed exchanges and queues, whose timers would keep the broker in
// memory, and then the store: what is pending is committed.
func (b *Broker) retire() error {
	b.endLocals()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, vh := range b.vhosts {
		vh.mu.RLock()
		waiting := slices.Collect(maps.Values(vh.delayed))
		vh.mu.RUnlock()
		for _, d := range waiting {
			d.stop() // what is going out needs the lock
		}
	}
	for _, vh := range b.vhosts {
		vh.mu.RLock()
		for _, q := range vh.queues {
			q.Stop()
		}
		vh.mu.RUnlock()
	}
	if b.cfg.Store == nil {
		return nil
	}
	return b.cfg.Store.Close()
}
