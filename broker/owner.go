package broker

import (
	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/broker/internal/ordered"
	"github.com/rabbetmq/rabbet/broker/internal/topology"
)

// An owner is a connection as its virtual host knows it: what it may do, and the exclusive
// queues that it has declared.
type owner struct {
	n       *node
	peer    *peer
	vhost   string // set by connection.open
	permits permits
	out     *outbound // its lock guards what follows

	exclusive ordered.Set[*topology.Queue]
}

// MayUse asks whether the connection's user may use a queue or an exchange.
func (o *owner) MayUse(kind access.Kind, name string, op access.Operation) error {
	if o.peer.kind == connTrusted {
		return nil
	}
	r := access.Resource{VHost: o.vhost, Kind: kind, Name: name}
	return o.permits.ask(o.n, permit{kind: kind, name: name, op: op}, func() error {
		return o.n.MayUse(o.n.life, o.peer.identity, r, op)
	})
}

// MayUseTopic asks whether the connection's user may use a routing key with a topic
// exchange.
func (o *owner) MayUseTopic(exchange, key string, op access.Operation) error {
	if o.peer.kind == connTrusted {
		return nil
	}
	x := access.Resource{VHost: o.vhost, Kind: access.Exchange, Name: exchange}
	return o.permits.ask(o.n, permit{kind: "topic", name: exchange, key: key, op: op}, func() error {
		return o.n.MayUseTopic(o.n.life, o.peer.identity, x, key, op)
	})
}

// permits are what a connection need not ask again an Authenticator that is not the
// broker's own, which is as fast as looking here. They belong to the reader.
type permits struct {
	generation uint64
	allowed    map[permit]struct{}
}

type permit struct {
	kind      access.Kind
	name, key string
	op        access.Operation
}

// maxPermits is how many a connection remembers.
const maxPermits = 1024

func (p *permits) ask(b *node, what permit, decide func() error) error {
	if !b.decisions.foreign {
		return decide()
	}
	generation := b.decisions.generation.Load()
	if p.generation != generation || len(p.allowed) >= maxPermits {
		p.generation, p.allowed = generation, nil
	}
	if _, ok := p.allowed[what]; ok {
		return nil
	}
	if err := decide(); err != nil {
		return err
	}
	if p.allowed == nil {
		p.allowed = make(map[permit]struct{})
	}
	p.allowed[what] = struct{}{}
	b.decisions.expire(b)
	return nil
}

// AddExclusive notes an exclusive queue, to be deleted with the connection.
func (o *owner) AddExclusive(q *topology.Queue) {
	o.out.mu.Lock()
	defer o.out.mu.Unlock()
	o.exclusive.Add(q)
}

// DropExclusive forgets an exclusive queue that is deleted.
func (o *owner) DropExclusive(q *topology.Queue) {
	o.out.mu.Lock()
	defer o.out.mu.Unlock()
	o.exclusive.Remove(q)
}

// Actor is how events know the connection (EVENT-3).
func (o *owner) Actor() (user, pid string) {
	return o.peer.identity.User, o.n.events.PID(o.peer.number, 0)
}
