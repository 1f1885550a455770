package topology

import "github.com/rabbetmq/rabbet/amqp"

// Events of virtual hosts (EVENT-4).

// TellCreated tells of a virtual host that has been made, and of its exchanges.
func (vh *VHost) TellCreated(node string) {
	if !vh.env.Events.Wanted() {
		return
	}
	vh.mu.RLock()
	defer vh.mu.RUnlock()
	for _, p := range predeclared {
		vh.tellExchangeCreated(vh.exchanges[p.name], InternalUser)
	}
	vh.tellAbout("vhost.created", node, false)
}

// TellUpdated tells what describes the virtual host now.
func (vh *VHost) TellUpdated(node string, tracing bool) {
	if vh.env.Events.Wanted() {
		vh.mu.RLock()
		defer vh.mu.RUnlock()
		vh.tellAbout("vhost.updated", node, tracing)
	}
}

// tellAbout is called with the lock held, for reading at least.
func (pr *parameters) tellAbout(key, node string, tracing bool) {
	tags := ""
	for i, tag := range pr.about.Tags {
		if i > 0 {
			tags += ", "
		}
		tags += tag
	}
	kind := pr.about.DefaultQueueType
	if kind == "" {
		kind = "undefined"
	}
	metadata := "#{description => " + amqp.FormatTerm(pr.about.Description) + ",tags => " + tagsTerm(pr.about.Tags) + "}"
	pr.env.Events.Tell(key, amqp.Table{
		{Key: "name", Value: pr.Name}, {Key: "description", Value: pr.about.Description}, {Key: "tags", Value: tags},
		{Key: "default_queue_type", Value: kind}, {Key: "metadata", Value: metadata}, {Key: "tracing", Value: tracing},
		{Key: "cluster_state", Value: amqp.Table{{Key: node, Value: "running"}}}, performer(InternalUser),
	})
}

// tagsTerm is how Erlang prints a list of tags. That of none is an empty text, as
// add_vhost has it.
func tagsTerm(tags []string) string {
	if len(tags) == 0 {
		return "<<>>"
	}
	text := "["
	for i, tag := range tags {
		if i > 0 {
			text += ","
		}
		text += tag
	}
	return text + "]"
}

// TellDeleted tells that a virtual host is gone.
func (ns *names) TellDeleted(node string) {
	if e := &ns.env.Events; e.Wanted() {
		e.Tell("vhost.deleted", amqp.Table{{Key: "name", Value: ns.Name}, performer(InternalUser)})
		e.Tell("vhost.down", amqp.Table{{Key: "name", Value: ns.Name}, {Key: "node", Value: node}, performer(InternalUser)})
	}
}
