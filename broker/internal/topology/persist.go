package topology

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

// The store keeps virtual hosts, policies, durable exchanges and queues, and the bindings whose both ends
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
	kindVHost, string(UserPolicy), string(OperatorPolicy), kindDelayed, kindExchange, kindQueue, kindBinding,
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

func (vh *VHost) put(doc any, key ...string) {
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

func (vh *VHost) unput(key ...string) {
	if vh.env.Store != nil {
		vh.env.Store.Delete(recordKey(key...))
	}
}

func (vh *VHost) persistVHost() { vh.put(vhostDoc{vh.Name}, kindVHost, vh.Name) }

func (vh *VHost) persistExchange(x *Exchange) {
	if x.kept {
		vh.put(exchangeDoc{vh.Name, x.Name, x.Kind, x.AutoDelete, x.Internal, amqp.AppendTable(nil, x.Args), !x.Durable},
			kindExchange, vh.Name, x.Name)
	}
}

func (vh *VHost) forgetExchange(x *Exchange) {
	if x.kept {
		vh.unput(kindExchange, vh.Name, x.Name)
	}
}

// newQueue makes a queue as described, and its record if it is durable.
func (vh *VHost) newQueue(doc queueDoc, args amqp.Table) *Queue {
	if doc.Durable {
		vh.put(doc, kindQueue, vh.Name, doc.Name)
	}
	return &Queue{
		Queue: queue.New(queue.Config{
			Name: doc.Name, AutoDelete: doc.AutoDelete, Env: vh.queueEnv, ID: doc.ID, Durable: doc.Durable,
			Quorum: queueTypeOf(args) == &quorumQueue, QuorumPriority: doc.QuorumPriority,
			MaxPriority: maxPriority(args), Settings: vh.settings(doc.Name, args),
		}),
		Durable: doc.Durable, Args: args,
	}
}

func (vh *VHost) forgetQueue(q *Queue) {
	if q.Durable {
		vh.unput(kindQueue, vh.Name, q.Name)
	}
}

// bindingRecord is the record of a binding, if it survives (PERSIST-4). The order
// in which a client wrote the arguments is not in it: who unbinds may have another.
func (vh *VHost) bindingRecord(x *Exchange, b exchange.Binding[destination]) (doc bindingDoc, key []string, ok bool) {
	doc = bindingDoc{VHost: vh.Name, Source: x.Name, Key: b.Key, Args: amqp.AppendTable(nil, exchange.Sorted(b.Args))}
	kind := kindQueue
	if q := b.Dest.queue; q != nil {
		doc.Destination, ok = q.Name, x.kept && q.Durable
	} else {
		doc.Destination, doc.ToExchange, ok = b.Dest.exchange.Name, true, x.kept && b.Dest.exchange.kept
		kind = kindExchange
	}
	return doc, []string{kindBinding, vh.Name, doc.Source, kind, doc.Destination, doc.Key, string(doc.Args)}, ok
}

func (vh *VHost) persistBinding(x *Exchange, b exchange.Binding[destination]) {
	if doc, key, ok := vh.bindingRecord(x, b); ok {
		vh.put(doc, key...)
	}
}

func (vh *VHost) forgetBinding(x *Exchange, b exchange.Binding[destination]) {
	if _, key, ok := vh.bindingRecord(x, b); ok {
		vh.unput(key...)
	}
}

// Recover brings back what the store holds: virtual hosts, policies, what delayed
// exchanges keep, exchanges, queues, then bindings. The messages stay where they are
// until they are wanted. Without a store there is nothing.
func Recover(env *Env) (map[string]*VHost, error) {
	r := recovered{env, make(map[string]*VHost), make(map[uint64]*Queue), make(map[uint64]*delayed)}
	if env.Store == nil {
		return r.vhosts, nil
	}
	if err := r.records(); err != nil {
		return nil, err
	}
	if err := r.messages(); err != nil {
		return nil, err
	}
	for _, vh := range r.vhosts {
		vh.recovering = false
	}
	for _, q := range r.queues {
		q.Resume()
	}
	for _, d := range r.delayed {
		d.resume()
	}
	return r.vhosts, nil
}

// recovered is what has been brought back, queues and delayed exchanges by ID.
type recovered struct {
	env     *Env
	vhosts  map[string]*VHost
	queues  map[uint64]*Queue
	delayed map[uint64]*delayed
}

// records brings back what there is a record of, a kind after the other.
func (r *recovered) records() error {
	err := r.env.Store.Records(func(key string, _ []byte) error {
		if kind, _, _ := strings.Cut(key, "\x00"); !slices.Contains(kinds, kind) {
			return fmt.Errorf("broker: record %q in the store: of an unknown kind, maybe of a newer program", key)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, kind := range kinds {
		err := r.env.Store.Records(func(key string, value []byte) error {
			if !strings.HasPrefix(key, kind+"\x00") {
				return nil
			}
			if err := r.record(kind, value); err != nil {
				return fmt.Errorf("broker: record %q in the store: %w", key, err)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// messages finds the messages of queues and delayed exchanges, and drops those of
// which there is neither.
func (r *recovered) messages() error {
	last, err := r.env.Store.DropUnknown(func(id store.LogID) bool { return r.has(queue.QueueOf(id)) })
	if err != nil {
		return err
	}
	r.given(queue.QueueOf(last))
	for _, q := range r.queues {
		if err := q.Recover(); err != nil {
			return fmt.Errorf("broker: queue %q: %w", q.Name, err)
		}
	}
	for _, d := range r.delayed {
		if err := d.recover(); err != nil {
			return fmt.Errorf("broker: delayed exchange %q: %w", d.name, err)
		}
	}
	return nil
}

// given notes that an ID is in use: the next one is above.
func (r *recovered) given(id uint64) { r.env.ids.Store(max(r.env.ids.Load(), id)) }

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

func (r *recovered) record(kind string, value []byte) error {
	switch kind {
	case kindVHost:
		var doc vhostDoc
		if err := decodeDoc(value, &doc); err != nil {
			return err
		}
		vh := makeVHost(doc.Name, r.env)
		vh.recovering = true
		r.vhosts[doc.Name] = vh
		return nil
	case string(UserPolicy), string(OperatorPolicy):
		return r.policy(PolicyKind(kind), value)
	case kindDelayed:
		return r.delayedExchange(value)
	case kindExchange:
		var doc exchangeDoc
		if err := decodeDoc(value, &doc); err != nil {
			return err
		}
		vh, args, err := r.place(doc.VHost, doc.Args)
		if err != nil {
			return err
		}
		return vh.DeclareExchange(&amqp.ExchangeDeclare{
			Exchange: doc.Name, Type: doc.Type, Durable: !doc.Transient, AutoDelete: doc.AutoDelete, Internal: doc.Internal, Arguments: args,
		})
	case kindQueue:
		var doc queueDoc
		if err := decodeDoc(value, &doc); err != nil {
			return err
		}
		vh, args, err := r.place(doc.VHost, doc.Args)
		if err != nil {
			return err
		}
		if err := r.claim(doc.ID); err != nil {
			return err
		}
		if !doc.QuorumPriority.Known() {
			return fmt.Errorf("unknown rule %d for priorities", doc.QuorumPriority)
		}
		q := vh.newQueue(doc, args)
		vh.queues[doc.Name], r.queues[doc.ID] = q, q
		r.given(doc.ID)
		return nil
	}
	var doc bindingDoc
	if err := decodeDoc(value, &doc); err != nil {
		return err
	}
	vh, args, err := r.place(doc.VHost, doc.Args)
	if err != nil {
		return err
	}
	return vh.Bind(Binding{
		Source: doc.Source, Destination: doc.Destination, Key: doc.Key, Args: args, ToExchange: doc.ToExchange,
	}, nil)
}

// place finds the virtual host of a record and decodes its arguments.
func (r *recovered) place(name string, table []byte) (*VHost, amqp.Table, error) {
	vh := r.vhosts[name]
	if vh == nil {
		return nil, nil, fmt.Errorf("there is no virtual host %q", name)
	}
	args, _, err := amqp.DecodeTable(table)
	return vh, args, err
}

// StopDelayed has delayed exchanges send nothing out any more. It returns when what
// is going out has gone.
func (vh *VHost) StopDelayed() {
	vh.mu.RLock()
	waiting := slices.Collect(maps.Values(vh.delayed))
	vh.mu.RUnlock()
	for _, d := range waiting {
		d.stop() // what is going out needs the lock
	}
}

// StopQueues stops the timers of the queues.
func (vh *VHost) StopQueues() {
	vh.mu.RLock()
	defer vh.mu.RUnlock()
	for _, q := range vh.queues {
		q.Stop()
	}
}
