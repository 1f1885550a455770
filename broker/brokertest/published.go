package brokertest

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/rabbetmq/rabbet/amqp"
)

// A PublicationMatch says which publications are meant. Any function of that
// form will do.
type PublicationMatch func(*Publication) bool

// ToExchange means what was published to an exchange; "" is the default one.
func ToExchange(name string) PublicationMatch {
	return func(p *Publication) bool { return p.Exchange == name }
}

// ToQueue means what was routed to a queue.
func ToQueue(name string) PublicationMatch {
	return func(p *Publication) bool {
		return slices.ContainsFunc(p.Routes, func(r Route) bool { return r.Queue == name })
	}
}

// WithKey means what was published with a routing key.
func WithKey(key string) PublicationMatch {
	return func(p *Publication) bool { return p.Key == key }
}

// WithBody means messages with this body.
func WithBody(body string) PublicationMatch {
	return func(p *Publication) bool { return string(p.Body) == body }
}

// WithHeader means messages with this value of a header. An integer is the same
// in all its types.
func WithHeader(key string, value any) PublicationMatch {
	return func(p *Publication) bool {
		have, there := p.Properties.Headers.Get(key)
		if a, ok := amqp.AsInt(have); ok {
			b, ok := amqp.AsInt(value)
			if b2, isInt := value.(int); isInt {
				b, ok = int64(b2), true
			}
			return ok && a == b
		}
		return there && reflect.DeepEqual(have, value)
	}
}

// FromConnection means what came from connections of a name, or an address.
func FromConnection(name string) PublicationMatch {
	return func(p *Publication) bool { return p.Peer != "" && (p.Connection == name || p.Peer == name) }
}

// InState means what is in a state in one queue at least.
func InState(s RouteState) PublicationMatch {
	return func(p *Publication) bool {
		return slices.ContainsFunc(p.Routes, func(r Route) bool { return r.State == s })
	}
}

// Published returns the publications of the virtual host that match in every
// respect, in their order, dead letters included. The bodies are shared with the
// broker: do not write to them.
func (v *VHost) Published(match ...PublicationMatch) []Publication {
	v.tb.Helper()
	list, err := v.core.Published(match...)
	check(v.tb, err)
	return list
}

// Published fails with ErrNoLedger if there is none.
func (v *ServerVHost) Published(match ...PublicationMatch) ([]Publication, error) {
	l := v.s.ledger
	if l == nil {
		return nil, ErrNoLedger
	}
	info, err := v.Info()
	if err != nil {
		return nil, err
	}
	var list []Publication
	for p := range l.All() {
		if p.VHost != info.Name {
			continue
		}
		if !slices.ContainsFunc(match, func(fits PublicationMatch) bool { return !fits(p) }) {
			list = append(list, *p)
		}
	}
	return list, nil
}

// RequirePublished requires that something was published that matches, for which
// it waits a while, and returns all that does.
func (v *VHost) RequirePublished(match ...PublicationMatch) []Publication {
	v.tb.Helper()
	ctx, cancel := v.patience(context.Background())
	defer cancel()
	var list []Publication
	err := v.core.s.wait(ctx, func() bool {
		list = v.Published(match...)
		return len(list) > 0
	})
	if err != nil {
		v.tb.Fatalf("nothing was published that matches%s\n%s", err, publications(v.Published()))
	}
	return list
}

// RequireNoUnroutable requires that each publication so far has found a queue, dead
// letters too.
func (v *VHost) RequireNoUnroutable() {
	v.tb.Helper()
	if list := v.Published((*Publication).Unroutable); len(list) > 0 {
		v.tb.Fatalf("%s found no queue:\n%s", plural(len(list), "publication"), publications(list))
	}
}

// publications is a table for humans.
func publications(list []Publication) string {
	if len(list) == 0 {
		return "  nothing was published\n"
	}
	t := newTable("#", "from", "exchange", "key", "body", "fate", "properties")
	skipped := max(0, len(list)-shownMessages)
	for _, p := range list[skipped:] {
		t.row(strconv.FormatUint(p.ID, 10), from(&p), name(p.Exchange), name(p.Key), body(p.Body),
			fate(&p), properties(&p.Properties))
	}
	text := "  published:\n"
	if skipped > 0 {
		text += fmt.Sprintf("    %d before, and\n", skipped)
	}
	return text + t.String()
}

func from(p *Publication) string {
	switch {
	case p.Of != 0 && p.DeadFrom == "": // of a delayed exchange
		return fmt.Sprintf("#%d, %s", p.Of, p.Reason)
	case p.Of != 0:
		return fmt.Sprintf("#%d, %s in %s", p.Of, p.Reason, name(p.DeadFrom))
	case p.Peer == "":
		return "the test"
	}
	return client(p.Connection, p.Peer) + " channel " + strconv.Itoa(int(p.Channel))
}

// fate sums the history of a publication up in a line.
func fate(p *Publication) string {
	var parts []string
	for _, r := range p.Routes {
		parts = append(parts, routeFate(&r))
	}
	for _, d := range p.Delays {
		switch {
		case d.State == Waiting:
			parts = append(parts, name(d.Exchange)+": delayed")
		case d.DeadLetter != 0:
			parts = append(parts, name(d.Exchange)+": due, unroutable"+ledTo(d.DeadLetter))
		case d.State != Due: // then the routes say where it went
			parts = append(parts, name(d.Exchange)+": "+string(d.State))
		}
	}
	switch {
	case p.Err != nil:
		parts = append(parts, "refused: "+p.Err.Error())
	case p.Returned:
		parts = append(parts, "unroutable, returned")
	case p.Unroutable():
		parts = append(parts, "unroutable")
	}
	if p.Fault != "" {
		parts = append(parts, "fault: "+p.Fault)
	}
	if p.Tx != NoTx {
		parts = append(parts, "transaction "+string(p.Tx))
	}
	if p.Confirm == Awaited {
		parts = append(parts, "not confirmed")
	} else if p.Confirm != NotConfirmed {
		parts = append(parts, string(p.Confirm))
	}
	return strings.Join(parts, "; ")
}

func routeFate(r *Route) string {
	text := name(r.Queue) + ": " + string(r.State)
	if n := len(r.Deliveries); n > 0 {
		a := r.Deliveries[n-1]
		who := "the test"
		if a.Peer != "" {
			who = client(a.Connection, a.Peer)
		}
		text += " (" + who
		if n > 1 {
			text += ", delivered " + strconv.Itoa(n) + " times"
		}
		if a.Fault != "" {
			text += ", fault: " + a.Fault
		}
		text += ")"
	}
	return text + ledTo(r.DeadLetter)
}

// ledTo points to a dead letter, if there is one.
func ledTo(letter uint64) string {
	if letter == 0 {
		return ""
	}
	return " → #" + strconv.FormatUint(letter, 10)
}
