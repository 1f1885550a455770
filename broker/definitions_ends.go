package broker

import (
	"fmt"
	"strings"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/topology"
)

// An end is what a binding in a document leads from or to.
type end struct {
	vhost, name string
	exchange    bool
}

// String is the end as RabbitMQ prints it in {resources_missing, …}.
func (e end) String() string {
	kind := "queue"
	if e.exchange {
		kind = "exchange"
	}
	return "{not_found,{resource," + amqp.FormatBinary([]byte(e.vhost)) + "," + kind + "," + amqp.FormatBinary([]byte(e.name)) + "}}"
}

// checkBindings refuses a binding without its ends as RabbitMQ does from 3.13 on; 3.10
// passes over it (EXCH-23).
func (c *definitionsCheck) checkBindings() {
	there := c.declaredEnds()
	has := func(e end) bool {
		known, looked := there[e]
		if !looked {
			known = c.existing(e)
			there[e] = known
		}
		return known
	}
	for i, x := range c.d.Bindings {
		vhost := c.place("bindings", i, x.VHost)
		_, err := amqp.TableOf(x.Arguments)
		c.note("bindings", i, err)
		if x.DestinationType != "queue" && x.DestinationType != "exchange" {
			c.note("bindings", i, fmt.Errorf("destination_type is queue or exchange, not %q", x.DestinationType))
			continue
		}
		var missing []string
		for _, e := range []end{{vhost, x.Source, true}, {vhost, x.Destination, x.DestinationType == "exchange"}} {
			if !has(e) {
				missing = append(missing, e.String())
			}
		}
		if len(missing) > 0 && c.knowsVHost(vhost) {
			c.note("bindings", i, rabbitText("{resources_missing,["+strings.Join(missing, ",")+"]}"))
		}
	}
}

// declaredEnds are those that the document itself brings. What is named amq. it does not.
func (c *definitionsCheck) declaredEnds() map[end]bool {
	there := make(map[end]bool, len(c.d.Queues)+len(c.d.Exchanges))
	add := func(vhost *string, name string, exchange bool) {
		switch {
		case name == "" || isSystemName(name):
		case c.only != nil:
			there[end{c.only.vh.Name, name, exchange}] = true
		case vhost != nil:
			there[end{*vhost, name, exchange}] = true
		}
	}
	for _, q := range c.d.Queues {
		add(q.VHost, q.Name, false)
	}
	for _, x := range c.d.Exchanges {
		add(x.VHost, x.Name, true)
	}
	return there
}

// existing reports whether the broker has an end, or will have: a virtual host that the
// document brings has the exchanges that every one has.
func (c *definitionsCheck) existing(e end) bool {
	v := c.b.vhost(e.vhost)
	switch {
	case v == nil:
		return e.exchange && topology.IsPredeclared(e.name)
	case e.exchange:
		return v.vh.Exchange(e.name) != nil
	}
	return v.vh.HasQueue(e.name)
}

// knowsVHost reports whether a virtual host is there, or comes with the document. One that
// is not has been complained about.
func (c *definitionsCheck) knowsVHost(name string) bool { return c.only != nil || c.vhosts[name] }
