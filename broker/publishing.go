package broker

import (
	"slices"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/message"
	"github.com/rabbetmq/rabbet/broker/internal/topology"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/store"
)

// A publishing is what the publishes of a connection share, up to the end of a batch. It
// belongs to the reader.
type publishing struct {
	out   *outbound
	fx    *queue.Effects
	store *store.Store // nil without

	batch       publishBatch
	publisher   topology.Publisher // from connection.open on
	checker     message.Checker
	keys        []string          // scratch
	scratch     []*topology.Queue // scratch
	routes      map[string]*route
	routeQueues int         // the queues in routes, each as often as it is there
	counting    []*channel  // those that have counted publishes in this batch
	run         exchangeRun // of publishes in this batch
	confirms    []*channel  // those with confirms to send at the end of the batch
}

// handOver sends a routed message to its queues.
func (p *publishing) handOver(ch *channel, m *queue.Message, to topology.Route) {
	p.publisher.Pass(m, to)
	if len(to.Queues) > 0 {
		p.batch.origin = append(p.batch.origin, origin{ch, ch.published})
	}
}

// flushPublishes hands over the run of messages that is held back. Every other method
// does it first, so that a channel's effects are in order (BASIC-68).
func (p *publishing) flushPublishes() { p.publisher.Flush() }

// handedOver takes note of what full queues have rejected of a run.
func (p *publishing) handedOver(refused []int) {
	b := &p.batch
	for _, i := range refused {
		b.origin[i].ch.refused(b.origin[i].seq)
	}
	clear(b.origin)
	b.origin = b.origin[:0]
}

// endRun adds a run to what its exchange has counted.
func (p *publishing) endRun() {
	if p.run.in > 0 && p.run.x != nil {
		p.run.x.Count(p.run.in, p.run.out)
	}
	p.run = exchangeRun{}
}

// endCounts shows others what the batch has counted.
func (p *publishing) endCounts() {
	if len(p.counting) == 0 {
		return
	}
	p.endRun()
	for i, ch := range p.counting {
		ch.stats.endBatch()
		p.counting[i] = nil
	}
	p.counting = p.counting[:0]
}

// resolve finds where a publish goes and remembers it if that depends on nothing
// but the topology.
func (p *publishing) resolve(rt *route, x *topology.Exchange, extra []string, headers amqp.RawTable, props amqp.RawProperties) (topology.Route, error) {
	p.keys = append(append(p.keys[:0], rt.key), extra...)
	if len(extra) > 0 {
		to, err := p.publisher.Find(p.scratch[:0], x, p.keys, headers, props)
		p.scratch = to.Queues
		return to, err
	}
	held := cap(rt.Queues)
	to, err := p.publisher.Find(rt.Queues[:0], x, p.keys, headers, props)
	rt.Route = to
	rt.Delays = nil // a route with delays does not last
	p.routeQueues += cap(rt.Queues) - held
	return to, err
}

// sendConfirms answers what the batch has published.
func (p *publishing) sendConfirms() {
	p.flushPublishes()
	for i, ch := range p.confirms {
		p.confirms[i] = nil
		ch.toConfirm = false
		ch.numbered.Store(ch.published)
		if ch.closing { // BASIC-23: no confirm follows a close
			continue
		}
		a := answer{ch: ch, from: ch.confirmed, to: ch.published}
		if len(ch.early) > 0 {
			a.early, ch.early = slices.Clone(ch.early), ch.early[:0]
		}
		if a.from == a.to && len(ch.confirmFaults) == 0 {
			continue // ackUnroutable was quicker
		}
		ch.confirmed = ch.published
		if len(ch.nacks) > 0 { // several queues may have rejected one message
			slices.Sort(ch.nacks)
			a.nacks = slices.Clone(slices.Compact(ch.nacks))
			ch.nacks = ch.nacks[:0]
		}
		if len(ch.confirmFaults) > 0 {
			a.confirmFaults = ch.takeConfirmFaults(a.to)
		}
		if p.fx.Logged || ch.awaiting.Load() > 0 {
			ch.awaiting.Add(1)
			waiting := a // so that a needs no memory of its own when nothing waits
			p.store.NotifySafe(&waiting)
			continue
		}
		p.out.mu.Lock()
		a.send(p.fx)
		p.out.mu.Unlock()
	}
	p.confirms = p.confirms[:0]
}

// A commitSignal lets the reader wait for a commit.
type commitSignal chan error

// Committed passes the outcome on.
func (s commitSignal) Committed(err error) { s <- err }

// awaitStore passes on what others wait for, and blocks until the store has committed all
// that it was given.
func (p *publishing) awaitStore() error {
	p.fx.Flush()
	done := make(commitSignal, 1)
	p.store.Notify(done)
	return <-done
}
