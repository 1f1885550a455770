package ctl

import (
	"net/http"
	"slices"
	"strings"
)

// A listing is one of the lists of the API as a table.
type listing struct {
	path     func(c *call) string
	standard []string          // columns that are shown if none are named
	also     []string          // further ones
	fields   map[string]string // the API's field of a column, where the names differ
	show     map[string]func(row map[string]any) any
	atoms    []string // columns that are atoms in Erlang
	typed    string   // the column of arguments, which come with their types
}

func perVHost(kind string) func(*call) string {
	return func(c *call) string { return apiPath(kind, c.opts.vhostName()) }
}

func everywhere(kind string) func(*call) string {
	return func(*call) string { return "/api/" + kind }
}

// peer is one end of a connection's or channel's connection_details.
func detail(key string) func(map[string]any) any {
	return func(row map[string]any) any {
		d, _ := row["connection_details"].(map[string]any)
		return d[key]
	}
}

func within(object, key string) func(map[string]any) any {
	return func(row map[string]any) any {
		d, _ := row[object].(map[string]any)
		return d[key]
	}
}

func asJSON(key string) func(map[string]any) any {
	return func(row map[string]any) any { return jsonText(row[key]) }
}

func fixed(value any) func(map[string]any) any { return func(map[string]any) any { return value } }

var queueColumns = strings.Fields(`name durable auto_delete arguments policy pid owner_pid exclusive exclusive_consumer_pid
	exclusive_consumer_tag messages_ready messages_unacknowledged messages messages_ready_ram messages_unacknowledged_ram
	messages_ram messages_persistent message_bytes message_bytes_ready message_bytes_unacknowledged message_bytes_ram
	message_bytes_persistent head_message_timestamp disk_reads disk_writes consumers consumer_utilisation consumer_capacity
	memory state type vhost operator_policy effective_policy_definition leader members online confirm_on`)

var connectionColumns = strings.Fields(`pid name port host peer_port peer_host ssl ssl_protocol ssl_key_exchange ssl_cipher ssl_hash
	peer_cert_subject peer_cert_issuer peer_cert_validity state channels protocol auth_mechanism user vhost timeout frame_max
	channel_max client_properties recv_oct recv_cnt send_oct send_cnt send_pend connected_at user_provided_name`)

var channelColumns = strings.Fields(`pid connection name number user vhost transactional confirm consumer_count messages_unacknowledged
	messages_uncommitted acks_uncommitted messages_unconfirmed prefetch_count global_prefetch_count state`)

var listings = map[string]*listing{
	"list_queues": {path: perVHost("queues"), standard: []string{"name", "messages"}, also: queueColumns,
		atoms: []string{"type", "state", "leader", "members", "online"}, fields: map[string]string{"pid": "node"},
		show: map[string]func(map[string]any) any{"owner_pid": within("owner_pid_details", "name")}, typed: "arguments"},
	"list_exchanges": {path: perVHost("exchanges"), standard: []string{"name", "type"},
		also: strings.Fields("name type durable auto_delete internal arguments policy vhost"), atoms: []string{"type"}, typed: "arguments"},
	"list_bindings": {path: perVHost("bindings"), standard: strings.Fields("source_name source_kind destination_name destination_kind routing_key arguments"),
		fields: map[string]string{"source_name": "source", "destination_name": "destination", "destination_kind": "destination_type"},
		show:   map[string]func(map[string]any) any{"source_kind": fixed("exchange")}, also: []string{"vhost"}, atoms: []string{"source_kind", "destination_kind"}, typed: "arguments"},
	"list_connections": {path: everywhere("connections"), standard: []string{"user", "peer_host", "peer_port", "state"}, also: connectionColumns,
		fields: map[string]string{"pid": "name"}, typed: "client_properties"},
	"list_channels": {path: everywhere("channels"), standard: []string{"pid", "user", "consumer_count", "messages_unacknowledged"}, also: channelColumns,
		fields: map[string]string{"pid": "name"}, show: map[string]func(map[string]any) any{"connection": detail("name")}},
	"list_consumers": {path: perVHost("consumers"), standard: strings.Fields("queue_name channel_pid consumer_tag ack_required prefetch_count active arguments"),
		also: []string{"activity_status"}, show: map[string]func(map[string]any) any{"queue_name": within("queue", "name"), "channel_pid": within("channel_details", "name")}, typed: "arguments"},
	"list_users": {path: everywhere("users"), atoms: []string{"tags"}, standard: []string{"user", "tags"}, fields: map[string]string{"user": "name"}},
	"list_vhosts": {path: everywhere("vhosts"), standard: []string{"name"}, also: []string{"tracing", "description", "tags", "default_queue_type", "cluster_state"},
		atoms: []string{"tags", "cluster_state"}, show: map[string]func(map[string]any) any{"default_queue_type": queueTypeOf}},
	"list_permissions": {path: func(c *call) string { return apiPath("vhosts", c.opts.vhostName(), "permissions") },
		standard: []string{"user", "configure", "write", "read"}, also: []string{"vhost"}},
	"list_user_permissions": {path: func(c *call) string { return apiPath("users", c.args[0], "permissions") },
		standard: []string{"vhost", "configure", "write", "read"}},
	"list_topic_permissions": {path: func(c *call) string { return apiPath("vhosts", c.opts.vhostName(), "topic-permissions") },
		standard: []string{"user", "exchange", "write", "read"}},
	"list_user_topic_permissions": {path: func(c *call) string { return apiPath("users", c.args[0], "topic-permissions") },
		standard: []string{"vhost", "exchange", "write", "read"}},
	"list_policies": {path: perVHost("policies"), standard: []string{"vhost", "name", "pattern", "apply-to", "definition", "priority"},
		show: map[string]func(map[string]any) any{"definition": asJSON("definition")}},
	"list_operator_policies": {path: perVHost("operator-policies"), standard: []string{"vhost", "name", "pattern", "apply-to", "definition", "priority"},
		show: map[string]func(map[string]any) any{"definition": asJSON("definition")}},
	"list_parameters":          {path: everywhere("parameters"), standard: []string{"component", "name", "value"}, also: []string{"vhost"}, show: map[string]func(map[string]any) any{"value": asJSON("value")}},
	"list_global_parameters":   {path: everywhere("global-parameters"), standard: []string{"name", "value"}, show: map[string]func(map[string]any) any{"value": asJSON("value")}},
	"list_feature_flags":       {path: everywhere("feature-flags"), standard: []string{"name", "state"}, also: []string{"stability", "provided_by", "desc", "doc_url"}},
	"list_deprecated_features": {path: everywhere("deprecated-features"), standard: []string{"name", "deprecation_phase"}, also: []string{"provided_by", "desc", "doc_url"}},
}

func listVerb(name, usage, summary, text string, wait bool, args int, options ...string) *verb {
	v := &verb{name: name, tools: withQueues[:2], usage: usage, summary: summary, min: args, max: -1, options: options, check: checkColumns, banner: banner(text), run: list}
	if wait {
		v.banner = timed(text)
	}
	return v
}

var listVerbs = []*verb{
	listVerb("list_queues", "[--vhost <vhost>] [--online] [--offline] [--local] [--no-table-headers] [<column>, ...] [--timeout <timeout>]", "Lists queues and their properties", "Listing queues for vhost %v ...", true, 0),
	listVerb("list_exchanges", "[--vhost <vhost>] [--no-table-headers] [<column> ...]", "Lists exchanges", "Listing exchanges for vhost %v ...", false, 0),
	listVerb("list_bindings", "[--vhost <vhost>] [--no-table-headers] [<column> ...]", "Lists all bindings on a vhost", "Listing bindings for vhost %v...", false, 0),
	listVerb("list_connections", "[--no-table-headers] [<column> ...]", "Lists AMQP 0.9.1 connections for the node", "Listing connections ...", false, 0),
	listVerb("list_channels", "[--no-table-headers] [<column> ...]", "Lists all channels in the node", "Listing channels ...", false, 0),
	listVerb("list_consumers", "[--vhost <vhost>] [--no-table-headers] [<column> ...]", "Lists all consumers for a vhost", "Listing consumers in vhost %v ...", false, 0),
	listVerb("list_users", "[--no-table-headers] [--timeout <timeout>]", "List user names and tags", "Listing users ...", false, 0),
	listVerb("list_vhosts", "[--no-table-headers] [<column> ...] [--timeout <timeout>]", "Lists virtual hosts", "Listing vhosts ...", false, 0),
	listVerb("list_permissions", "[--vhost <vhost>] [--no-table-headers]", "Lists user permissions in a virtual host", `Listing permissions for vhost "%v" ...`, false, 0),
	listVerb("list_user_permissions", "[--no-table-headers] <username>", "Lists permissions of a user across all virtual hosts", `Listing permissions for user "%0" ...`, false, 1),
	listVerb("list_topic_permissions", "[--vhost <vhost>] [--no-table-headers]", "Lists topic permissions in a virtual host", `Listing topic permissions for vhost "%v" ...`, false, 0),
	listVerb("list_user_topic_permissions", "[--no-table-headers] <username>", "Lists user topic permissions", `Listing topic permissions for user "%0" ...`, false, 1),
	listVerb("list_policies", "[--vhost <vhost>] [--no-table-headers]", "Lists all policies in a virtual host", `Listing policies for vhost "%v" ...`, false, 0),
	listVerb("list_operator_policies", "[--vhost <vhost>] [--no-table-headers]", "Lists operator policy overrides for a virtual host", `Listing operator policy overrides for vhost "%v" ...`, false, 0),
	listVerb("list_parameters", "[--vhost <vhost>] [--no-table-headers]", "Lists runtime parameters for a virtual host", `Listing runtime parameters for vhost "%v" ...`, false, 0),
	listVerb("list_global_parameters", "[--no-table-headers]", "Lists global runtime parameters", "Listing global runtime parameters ...", false, 0),
	listVerb("list_feature_flags", "[<column> ...]", "Lists feature flags", "Listing feature flags ...", false, 0),
	listVerb("list_deprecated_features", "[--used] [<column> ...]", "Lists deprecated features", "Listing deprecated features ...", false, 0, "used"),
}

// checkColumns refuses columns that the listing does not have.
func checkColumns(c *call) error {
	for _, name := range columnsOf(c.args[c.verb.min:]) {
		if !listings[c.verb.name].knows(name) {
			return c.misused("Info key(s) "+name+" are not supported", append([]string{c.verb.name}, c.args...))
		}
	}
	return nil
}

// list prints a listing, with the columns that are named.
func list(c *call) error {
	l := listings[c.verb.name]
	columns := columnsOf(c.args[c.verb.min:])
	if len(columns) == 0 {
		columns = l.standard
	}
	var rows []map[string]any
	path := l.path(c)
	if l.typed != "" {
		path += "?typed_arguments=true"
	}
	err := c.node.get(path, &rows)
	switch {
	case isRefused(err, http.StatusNotFound) && strings.HasPrefix(c.verb.name, "list_user_"):
		return noUser(c.args[0])
	case isRefused(err, http.StatusNotFound): // of a virtual host that is not there
		return failed(exitData, "Virtual host '%s' does not exist", c.opts.vhostName())
	case err != nil:
		return err
	}
	t := &table{columns: columns, blank: c.verb.name == "list_parameters"}
	for _, row := range rows {
		if c.verb.name == "list_parameters" && row["vhost"] != c.opts.vhostName() {
			continue
		}
		values := make([]any, len(columns))
		for i, name := range columns {
			values[i] = l.value(row, name)
		}
		t.add(values...)
	}
	return c.show(t)
}

// columnsOf are the columns of the arguments, which may be joined by commas.
func columnsOf(args []string) []string {
	var columns []string
	for _, arg := range args {
		for name := range strings.SplitSeq(arg, ",") {
			if name != "" {
				columns = append(columns, name)
			}
		}
	}
	return columns
}

func (l *listing) knows(name string) bool {
	for _, known := range [][]string{l.standard, l.also} {
		for _, k := range known {
			if k == name {
				return true
			}
		}
	}
	return false
}

func (l *listing) value(row map[string]any, column string) any {
	field := column
	if f, ok := l.fields[column]; ok {
		field = f
	}
	value := row[field]
	if show := l.show[column]; show != nil {
		value = show(row)
	}
	switch {
	case column == l.typed:
		return argumentsOf(value)
	case value == nil: // not known, or of another type of queue
		return atom("")
	case slices.Contains(l.atoms, column):
		return asAtoms(value)
	}
	return value
}

// queueTypeOf is a virtual host's default type of queues, an atom if there is none.
func queueTypeOf(row map[string]any) any {
	if kind := row["default_queue_type"]; kind != "undefined" {
		return kind
	}
	return atom("undefined")
}
