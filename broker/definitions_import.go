package broker

import (
	"context"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/broker/definitions"
	"github.com/rabbetmq/rabbet/broker/internal/topology"
)

// ImportOptions say how definitions are imported.
type ImportOptions struct {
	// Progress, unless nil, is told now and then how many elements of a section are
	// done.
	Progress func(section string, done, total int)
}

// ImportDefinitions creates what a document has and the broker has not. Users,
// permissions, parameters, policies and what describes a virtual host are replaced;
// queues, exchanges and bindings that are there stay as they are; nothing is deleted
// (PERSIST-17). It returns when all is stored. Unlike RabbitMQ it looks at the whole document first and, if anything in
// it is wrong, changes nothing: the error is definitions.Problems.
func (b *Broker) ImportDefinitions(ctx context.Context, d *definitions.Document, o ImportOptions) error {
	if err := b.env.Closed(); err != nil {
		return err
	}
	c, err := b.checkDefinitions(d, nil)
	if err != nil {
		return err
	}
	im := importer{ctx: ctx, b: b, d: d, check: c, progress: o.Progress}
	for _, step := range []func() error{
		im.users, im.vhosts, im.permissions, im.topicPermissions, im.exchanges, im.globalParameters,
		im.policies, im.parameters, im.queues, im.bindings, b.env.AwaitStore,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// ImportDefinitions is Broker.ImportDefinitions for what belongs into a virtual host:
// users, virtual hosts and permissions in the document are passed over (PERSIST-18).
func (v *VHost) ImportDefinitions(ctx context.Context, d *definitions.Document, o ImportOptions) error {
	if err := v.vh.Closed(); err != nil {
		return err
	}
	c, err := v.b.checkDefinitions(d, v)
	if err != nil {
		return err
	}
	im := importer{ctx: ctx, b: v.b, d: d, check: c, only: v, progress: o.Progress}
	for _, step := range []func() error{im.exchanges, im.policies, im.parameters, im.queues, im.bindings, v.b.env.AwaitStore} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// An importer applies a document that has been checked. What fails all the same, because
// somebody else changes the broker meanwhile, ends it.
type importer struct {
	ctx      context.Context
	b        *Broker
	d        *definitions.Document
	check    *definitionsCheck
	only     *VHost
	progress func(section string, done, total int)
}

// reportEvery is after how many elements progress is reported.
const reportEvery = 1000

// each applies the elements of a section.
func each[T any](im *importer, section string, list []T, apply func(T) error) error {
	for i, v := range list {
		if i%reportEvery == 0 {
			if err := im.ctx.Err(); err != nil {
				return err
			}
			im.report(section, i, len(list))
		}
		if err := apply(v); err != nil {
			return definitions.Problems{{Path: section, Text: err.Error()}}
		}
	}
	im.report(section, len(list), len(list))
	return nil
}

func (im *importer) report(section string, done, total int) {
	if im.progress != nil && total > 0 {
		im.progress(section, done, total)
	}
}

// in is the virtual host of an element.
func (im *importer) in(name *string) (*VHost, error) {
	if im.only != nil {
		return im.only, nil
	}
	v := im.b.vhost(*name)
	if v == nil {
		return nil, ErrNoVHost
	}
	return v, nil
}

func (im *importer) users() error {
	return each(im, "users", im.d.Users, func(u definitions.User) error {
		account := access.User{Name: u.Name, Hashing: im.d.DefaultHashing(), Tags: u.Tags, Limits: u.Limits}
		if u.Hashing != "" {
			account.Hashing = access.Hashing(u.Hashing)
		}
		switch {
		case u.PasswordHash != nil:
			account.PasswordHash = *u.PasswordHash
		case u.Password != nil:
			var err error
			if account.PasswordHash, account.Hashing, err = im.b.HashPassword(u.Name, *u.Password); err != nil {
				return err
			}
		}
		return im.b.SetUser(account)
	})
}

func (im *importer) vhosts() error {
	return each(im, "vhosts", im.d.VHosts, func(v definitions.VHost) error {
		s := VHostSettings{Description: v.Description, Tags: v.Tags, DefaultQueueType: v.DefaultQueueType, Tracing: v.Tracing}
		created, err := im.b.CreateVHost(v.Name, s)
		if err == nil && v.Limits != nil {
			err = created.SetLimits(v.Limits)
		}
		return err
	})
}

func (im *importer) permissions() error {
	return each(im, "permissions", im.d.Permissions, func(p definitions.Permission) error {
		return im.b.SetPermission(access.Permission{
			User: p.User, VHost: *p.VHost, Configure: p.Configure, Write: p.Write, Read: p.Read,
		})
	})
}

func (im *importer) topicPermissions() error {
	return each(im, "topic_permissions", im.d.TopicPermissions, func(p definitions.TopicPermission) error {
		return im.b.SetTopicPermission(access.TopicPermission{
			User: p.User, VHost: *p.VHost, Exchange: p.Exchange, Write: p.Write, Read: p.Read,
		})
	})
}

func (im *importer) globalParameters() error {
	return each(im, "global_parameters", im.d.GlobalParameters, func(p definitions.GlobalParameter) error {
		return im.b.SetGlobalParameter(p.Name, p.Value)
	})
}

// policies sets all policies of a virtual host together: they are applied once.
func (im *importer) policies() error {
	byVHost := make(map[*VHost][]topology.Policy)
	var order []*VHost
	for _, p := range im.d.Policies {
		v, err := im.in(p.VHost)
		if err != nil {
			return err
		}
		if byVHost[v] == nil {
			order = append(order, v)
		}
		byVHost[v] = append(byVHost[v], policyOf(p))
	}
	return each(im, "policies", order, func(v *VHost) error {
		return v.vh.SetPolicies(topology.UserPolicy, byVHost[v])
	})
}

func (im *importer) parameters() error {
	im.b.components.changing.Lock()
	defer im.b.components.changing.Unlock()
	i := -1
	return each(im, "parameters", im.d.Parameters, func(p definitions.Parameter) error {
		i++
		v, err := im.in(p.VHost)
		if err != nil {
			return err
		}
		return im.check.sets[i](v.vh)
	})
}

func (im *importer) exchanges() error {
	return each(im, "exchanges", im.d.Exchanges, func(x definitions.Exchange) error {
		v, err := im.in(x.VHost)
		if err != nil || x.Name == "" || isSystemName(x.Name) || v.vh.Exchange(x.Name) != nil {
			return err
		}
		m, err := declarationOfExchange(x)
		if err != nil {
			return err
		}
		return v.vh.DeclareExchange(m, nil)
	})
}

func (im *importer) queues() error {
	return each(im, "queues", im.d.Queues, func(q definitions.Queue) error {
		v, err := im.in(q.VHost)
		if err != nil {
			return err
		}
		if isSystemName(q.Name) {
			im.b.log.Warn("definitions: a queue whose name begins with amq. is left out", "queue", q.Name, "vhost", v.vh.Name)
			return nil
		}
		if v.vh.HasQueue(q.Name) {
			return nil
		}
		m, err := declarationOfQueue(q)
		if err != nil {
			return err
		}
		_, err = v.vh.DeclareQueue(m, nil)
		return err
	})
}

func (im *importer) bindings() error {
	return each(im, "bindings", im.d.Bindings, func(b definitions.Binding) error {
		if b.Source == "" { // every queue has that binding, and 4.3 takes others without an effect
			return nil
		}
		v, err := im.in(b.VHost)
		if err != nil {
			return err
		}
		args, err := amqp.TableOf(b.Arguments)
		if err != nil {
			return err
		}
		return v.vh.Bind(topology.Binding{
			Source: b.Source, Destination: b.Destination, Key: b.RoutingKey, Args: args, ToExchange: b.DestinationType == "exchange",
		}, nil)
	})
}
