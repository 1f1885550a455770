package broker

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/broker/definitions"
	"github.com/rabbetmq/rabbet/broker/internal/topology"
	"github.com/rabbetmq/rabbet/broker/internal/userdb"
)

// A definitionsCheck goes through a document and collects all that keeps it from being
// applied, while nothing is applied yet.
type definitionsCheck struct {
	b        *Broker
	d        *definitions.Document
	only     *VHost // of a document of a single virtual host
	dry      topology.DryRun
	problems definitions.Problems

	users     map[string]bool // those that there will be, where they have been looked for
	vhosts    map[string]bool
	added     map[string]map[string]bool // queues, by virtual host
	exchanges int                        // that are added, at most
	sets      []func(*topology.VHost) error
}

func (b *Broker) checkDefinitions(d *definitions.Document, only *VHost) (*definitionsCheck, error) {
	c := &definitionsCheck{
		b: b, d: d, only: only, dry: topology.NewDryRun(b.env),
		users: make(map[string]bool), vhosts: make(map[string]bool), added: make(map[string]map[string]bool),
	}
	if only == nil {
		for i, u := range d.Users {
			c.users[u.Name] = true
			c.note("users", i, b.checkUser(u))
		}
		for i, v := range d.VHosts {
			c.vhosts[v.Name] = true
			c.checkVHost(i, v)
		}
		c.checkPermissions()
	}
	c.checkParameters()
	c.checkExchanges()
	c.checkQueues()
	c.checkRoom()
	c.checkBindings()
	if len(c.problems) > 0 {
		return nil, c.problems
	}
	return c, nil
}

// note adds a problem, if there is one.
func (c *definitionsCheck) note(section string, i int, err error) {
	if err == nil {
		return
	}
	text := err.Error()
	if e, ok := err.(*amqp.Error); ok {
		text = strings.TrimRight(e.Text, "\n")
	}
	c.problems = append(c.problems, definitions.Problem{Path: fmt.Sprintf("%s[%d]", section, i), Text: text})
}

// place checks the virtual host of an element and returns its name.
func (c *definitionsCheck) place(section string, i int, vhost *string) string {
	switch {
	case c.only != nil:
		return c.only.vh.Name
	case vhost == nil && (section == "queues" || section == "exchanges" || section == "bindings"):
		c.note(section, i, fmt.Errorf("the virtual host field is missing, as in an export of a single virtual host"))
	case vhost == nil:
		c.note(section, i, rabbitText("Virtual host does not exist and is not specified in definitions file."))
	default:
		known, looked := c.vhosts[*vhost]
		if !looked {
			known = c.b.vhost(*vhost) != nil
			c.vhosts[*vhost] = known
		}
		if !known {
			c.note(section, i, rabbitText(fmt.Sprintf("Please create virtual host %q prior to importing definitions.", *vhost)))
		}
		return *vhost
	}
	return ""
}

// checkUser checks an account by itself.
func (a *Accounts) checkUser(u definitions.User) error {
	switch {
	case u.Name == "":
		return fmt.Errorf("name is missing")
	case u.Password != nil && u.PasswordHash != nil:
		return fmt.Errorf("both_password_and_password_hash_are_provided")
	}
	if u.PasswordHash != nil {
		if _, err := base64.StdEncoding.DecodeString(*u.PasswordHash); err != nil {
			return fmt.Errorf("password_hash is not base64")
		}
	}
	if u.Password != nil && a.checkPassword != nil {
		if err := a.checkPassword(u.Name, *u.Password); err != nil {
			return err
		}
	}
	if _, err := access.ParseHashing(u.Hashing); err != nil {
		return err
	}
	return checkLimits(u.Limits, "user-limits", access.MaxConnections, access.MaxChannels)
}

func (c *definitionsCheck) checkVHost(i int, v definitions.VHost) {
	if v.Name == "" {
		c.note("vhosts", i, fmt.Errorf("name is missing"))
	}
	s := VHostSettings{DefaultQueueType: v.DefaultQueueType}
	c.note("vhosts", i, s.check())
	c.note("vhosts", i, checkLimits(v.Limits, "limits", access.MaxConnections, access.MaxQueues))
	c.note("vhosts", i, checkNames(v.Name))
}

func (c *definitionsCheck) checkPermissions() {
	for i, p := range c.d.Permissions {
		c.place("permissions", i, p.VHost)
		c.checkUserOf("permissions", i, p.User)
		c.note("permissions", i, invalidPattern(userdb.CheckPatterns(p.Configure, p.Write, p.Read)))
	}
	for i, p := range c.d.TopicPermissions {
		c.place("topic_permissions", i, p.VHost)
		c.checkUserOf("topic_permissions", i, p.User)
		c.note("topic_permissions", i, invalidPattern(userdb.CheckPatterns(p.Write, p.Read)))
	}
}

func invalidPattern(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("a pattern is not a regular expression: %w", err)
}

func (c *definitionsCheck) checkUserOf(section string, i int, name string) {
	known, looked := c.users[name]
	if !looked {
		_, known = c.b.User(name)
		c.users[name] = known
	}
	if !known {
		c.note(section, i, fmt.Errorf("user %q does not exist", name))
	}
}

func (c *definitionsCheck) checkParameters() {
	c.b.components.changing.Lock()
	defer c.b.components.changing.Unlock()
	for i, p := range c.d.Parameters {
		vhost := c.place("parameters", i, p.VHost)
		set, err := c.b.components.check(Parameter{p.Component, vhost, p.Name, p.Value}, nil)
		c.note("parameters", i, err)
		c.sets = append(c.sets, set)
	}
	for i, p := range c.d.GlobalParameters {
		if p.Name == "" {
			c.note("global_parameters", i, fmt.Errorf("name is missing"))
		}
		if len(p.Value) == 0 {
			c.note("global_parameters", i, fmt.Errorf("value is missing"))
		}
	}
	for i, p := range c.d.Policies {
		c.place("policies", i, p.VHost)
		if p.Name == "" {
			c.note("policies", i, fmt.Errorf("name is missing"))
		}
		c.note("policies", i, c.b.env.CheckPolicy(topology.UserPolicy, policyOf(p)))
	}
}

func policyOf(p definitions.Policy) topology.Policy {
	return topology.Policy{Name: p.Name, Pattern: p.Pattern, ApplyTo: p.ApplyTo, Priority: p.Priority, Definition: p.Definition}
}

func (c *definitionsCheck) checkExchanges() {
	for i, x := range c.d.Exchanges {
		vhost := c.place("exchanges", i, x.VHost)
		if x.Name == "" || isSystemName(x.Name) { // passed over
			continue
		}
		m, err := declarationOfExchange(x)
		if err == nil && c.existingExchange(vhost, x.Name) == nil {
			err = c.dry.Exchange(m, vhost)
			c.exchanges++
		}
		c.note("exchanges", i, err)
	}
}

func (c *definitionsCheck) existingExchange(vhost, name string) *topology.Exchange {
	if v := c.b.vhost(vhost); v != nil {
		return v.vh.Exchange(name)
	}
	return nil
}

func declarationOfExchange(x definitions.Exchange) (*amqp.ExchangeDeclare, error) {
	if err := checkNames(x.Name); err != nil {
		return nil, err
	}
	args, err := amqp.TableOf(x.Arguments)
	return &amqp.ExchangeDeclare{
		Exchange: x.Name, Type: x.Type, Durable: x.Durable, AutoDelete: x.AutoDelete, Internal: x.Internal, Arguments: args,
	}, err
}

func declarationOfQueue(q definitions.Queue) (*amqp.QueueDeclare, error) {
	if err := checkNames(q.Name); err != nil {
		return nil, err
	}
	args, err := amqp.TableOf(q.Arguments)
	return &amqp.QueueDeclare{Queue: q.Name, Durable: q.Durable, AutoDelete: q.AutoDelete, Arguments: args}, err
}

func (c *definitionsCheck) checkQueues() {
	for i, q := range c.d.Queues {
		vhost := c.place("queues", i, q.VHost)
		if isSystemName(q.Name) { // passed over
			continue
		}
		v := c.b.vhost(vhost)
		if v != nil && v.vh.HasQueue(q.Name) {
			continue
		}
		if c.added[vhost] == nil {
			c.added[vhost] = make(map[string]bool)
		}
		c.added[vhost][q.Name] = true
		m, err := declarationOfQueue(q)
		switch {
		case err != nil:
		case q.Name == "":
			err = fmt.Errorf("name is missing")
		default:
			err = c.dry.Queue(m, vhost)
		}
		c.note("queues", i, err)
	}
}

// A rabbitText is an error in RabbitMQ's words, to the letter.
type rabbitText string

func (t rabbitText) Error() string { return string(t) }
