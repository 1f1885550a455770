package ledger

import (
	"time"

	"github.com/rabbetmq/rabbet/broker/tap"
)

// happened changes an entry as an event says.
func (p *posting) happened(e *tap.Event) {
	p.at = e.Time
	switch e.Kind {
	case tap.EventCommitted:
		p.tx = Committed
	case tap.EventRolledBack:
		p.tx = RolledBack
		for _, x := range e.Later {
			p.delayEnds(x, Undone)
		}
		for i := range p.routes[:p.inTx] {
			p.routes[i].become(Undone, e.Time)
		}
	case tap.EventDue:
		p.delayEnds(e.Exchange, Due)
		for _, q := range e.Queues {
			p.route(q).become(Waiting, e.Time)
		}
	case tap.EventCancelled:
		p.delayEnds(e.Exchange, goneAs[string(e.Reason)])
	case tap.EventDelivered:
		p.delivered(e)
	case tap.EventAcked:
		p.settled(e, Acked)
	case tap.EventRequeued:
		p.settled(e, Waiting)
	case tap.EventRejected:
		p.settled(e, Rejected)
	case tap.EventRefused:
		p.route(e.Queue).become(Refused, e.Time)
	case tap.EventGone:
		if r := p.route(e.Queue); r.State != Refused {
			r.become(goneAs[string(e.Reason)], e.Time)
		}
	}
}

// goneAs are the states of the reasons for which a message leaves a queue or a
// delayed exchange.
var goneAs = map[string]RouteState{
	"expired": Expired, "maxlen": Dropped, "delivery_limit": GivenUp, "purged": Purged, "deleted": GoneWithIt,
	"repeated":  Repeated,
	"cancelled": Cancelled,
}

// delayEnds notes the end of a delay.
func (p *posting) delayEnds(exchange string, as RouteState) {
	for i := range p.delays {
		if d := &p.delays[i]; d.Exchange == exchange && d.State == Waiting {
			d.State, d.Ended = as, p.at
			return
		}
	}
}

// route is what there is of a queue; a new one if it is not known.
func (p *posting) route(queue string) *Route {
	for i := range p.routes {
		if p.routes[i].Queue == queue {
			return &p.routes[i]
		}
	}
	p.routes = append(p.routes, Route{Queue: queue})
	return &p.routes[len(p.routes)-1]
}

func (p *posting) delivered(e *tap.Event) {
	a := Attempt{Time: e.Time, Channel: e.Channel, Consumer: e.ConsumerTag, Redelivered: e.Redelivered, State: Out}
	if e.Peer != nil {
		a.Connection, a.Peer = e.Peer.Name, e.Peer.Addr
	}
	if e.NoAck {
		a.State = Acked
	}
	if e.NoAck {
		a.Settled = e.Time
	}
	a.Fault = ActName(e.Act)
	r := p.route(e.Queue)
	r.become(a.State, e.Time)
	r.Deliveries = append(r.Deliveries, a)
}

// settled ends a delivery: the first to that client that is out.
func (p *posting) settled(e *tap.Event, state RouteState) {
	r := p.route(e.Queue)
	peer := ""
	if e.Peer != nil {
		peer = e.Peer.Addr
	}
	for i := range r.Deliveries {
		if a := &r.Deliveries[i]; a.State == Out && a.Peer == peer {
			a.State, a.Settled = state, e.Time
			break
		}
	}
	if r.State == Out || state != Waiting {
		r.become(state, e.Time)
	}
}

// become notes a change of state.
func (r *Route) become(s RouteState, at time.Time) { r.State, r.Changed = s, at }
