package broker

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/broker/definitions"
	"github.com/rabbetmq/rabbet/broker/internal/topology"
)

// checkRoom looks whether there may be so many virtual hosts, exchanges and queues more, by
// the limits that hold once the document's own are set.
func (c *definitionsCheck) checkRoom() {
	fresh := 0
	for _, v := range c.d.VHosts {
		if c.only == nil && c.b.vhost(v.Name) == nil {
			fresh++
			c.checkDefaults(v.Name)
		}
	}
	if limit, have := c.b.cfg.MaxVHosts, len(c.b.VHosts()); fresh > 0 && reached(limit, have+fresh-1) {
		c.refuse("vhosts", "vhost limit of %d would be exceeded", max(0, limit))
	}
	queues := 0
	for _, vhost := range slices.Sorted(maps.Keys(c.added)) {
		n, have := len(c.added[vhost]), 0
		queues += n
		if v := c.b.vhost(vhost); v != nil {
			have = v.vh.QueueCount()
		}
		limit, limited := c.limitsOf(vhost)[access.MaxQueues]
		if limited && limit >= 0 && n > 0 && have+n > limit {
			c.refuse("queues", "Adding %d queue(s) to virtual host \"%s\" would exceed the limit of %d queue(s).\n\n"+
				"This virtual host currently has %d queue(s) defined.\n\nImport aborted!", n, vhost, limit, have)
		}
	}
	exchanges := c.exchanges + fresh*topology.Predeclared
	if err := c.b.env.CheckRoom(queues, exchanges); err != nil {
		c.refuse("document", "%s", err)
	}
}

// checkDefaults sees that a new virtual host can be given what all of them get.
func (c *definitionsCheck) checkDefaults(vhost string) {
	if c.b.cfg.VHostDefaults == nil {
		return
	}
	d, err := c.b.cfg.VHostDefaults(vhost)
	if err != nil {
		c.refuse("vhosts", "%s", err)
	}
	for _, p := range d.OperatorPolicies {
		if err := c.b.env.CheckPolicy(topology.OperatorPolicy, topology.Policy(p)); err != nil {
			c.refuse("vhosts", "operator policy '%s': %s", p.Name, err)
		}
	}
}

func (c *definitionsCheck) refuse(section, format string, args ...any) {
	c.problems = append(c.problems, definitions.Problem{Path: section, Text: fmt.Sprintf(format, args...)})
}

// limitsOf are the limits that a virtual host will have when its queues are declared.
func (c *definitionsCheck) limitsOf(vhost string) access.Limits {
	limits := access.Limits{}
	if v := c.b.vhost(vhost); v != nil {
		maps.Copy(limits, v.Limits())
	} else if c.b.cfg.VHostDefaults != nil {
		d, _ := c.b.cfg.VHostDefaults(vhost) // checkDefaults has looked at the error
		maps.Copy(limits, d.Limits)
	}
	for _, v := range c.d.VHosts {
		if c.only == nil && v.Name == vhost {
			maps.Copy(limits, v.Limits)
		}
	}
	for _, p := range c.d.Parameters {
		of := vhost
		if c.only == nil && p.VHost != nil {
			of = *p.VHost
		}
		if p.Component == topology.LimitsComponent && of == vhost {
			set := access.Limits{}
			if json.Unmarshal(p.Value, &set) == nil { // else it has been refused
				limits = set
			}
		}
	}
	return limits
}
