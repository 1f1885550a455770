package management

import (
	"cmp"
	"runtime"
	"slices"
	"strconv"

	"github.com/rabbetmq/rabbet/broker"
)

// erlangVersion is the runtime that RabbitMQ's tools expect: clients want one, and some
// take it apart.
const erlangVersion = "26.2.5"

func (q *request) overview() error {
	w, err := q.windows()
	if err != nil {
		return err
	}
	return q.reply(func(e *encoder) {
		q.writeProduct(e)
		if q.statsDisabled() {
			q.writeStaticTotals(e)
			return
		}
		q.writeTotals(e, w)
		if q.isMonitor() {
			e.str("node", q.s.cfg.NodeName)
			q.s.writeListeners(e)
			q.s.writeContexts(e, "contexts")
		}
	})
}

func (q *request) writeProduct(e *encoder) {
	version := q.s.broker.Version()
	e.str("management_version", version)
	e.str("rates_mode", q.s.cfg.RatesMode)
	if e.object("sample_retention_policies") {
		e.value("global", []any{600, 3600, 28800, 86400})
		e.value("basic", []any{600, 3600})
		e.value("detailed", []any{600})
		e.end()
	}
	q.s.writeExchangeTypes(e)
	e.str("product_version", version)
	e.str("product_name", "RabbitMQ")
	e.str("rabbitmq_version", version)
	e.str("cluster_name", q.s.broker.ClusterName())
	e.str("erlang_version", erlangVersion)
	e.str("erlang_full_version", "Erlang/OTP 26 [erts-14.2.5] ["+runtime.Version()+"] [64-bit] [smp:"+
		strconv.Itoa(runtime.GOMAXPROCS(0))+"]")
	e.str("release_series_support_status", "supported")
	if !q.s.before4() {
		for _, tags := range []string{"cluster_tags", "node_tags"} {
			if e.object(tags) {
				e.end()
			}
		}
		e.str("default_queue_type", "classic")
	}
	e.boolean("disable_stats", q.statsDisabled())
	e.boolean("is_op_policy_updating_enabled", !q.s.cfg.FixedOperatorPolicies)
	e.boolean("enable_queue_totals", q.flag("enable_queue_totals") || q.s.cfg.EnableQueueTotals)
}

// writeExchangeTypes lists the types that can be declared, those of plugins too, as a
// RabbitMQ with these plugins does.
func (s *Server) writeExchangeTypes(e *encoder) {
	if !e.array("exchange_types") {
		return
	}
	for _, t := range s.broker.ExchangeTypes() {
		e.open()
		e.str("name", t.Name)
		e.str("description", t.Description)
		e.boolean("enabled", true)
		e.shut()
	}
	e.endArray()
}

// writeStaticTotals writes what there is where there are no statistics.
func (q *request) writeStaticTotals(e *encoder) {
	e.str("node", q.s.cfg.NodeName)
	if !e.object("object_totals") {
		return
	}
	t := q.visibleTotals()
	e.num("queues", int64(t.Queues))
	e.num("exchanges", int64(t.Exchanges))
	if q.isMonitor() {
		e.num("connections", int64(t.Connections))
	}
	e.end()
}

// visibleTotals are the figures of what the user may see.
func (q *request) visibleTotals() broker.Totals {
	if q.isMonitor() {
		return q.s.broker.Totals()
	}
	var t broker.Totals
	for _, p := range q.s.open(q.s.broker.VHosts()) {
		if q.mayEnter(p.name) {
			of := p.Totals()
			t.Add(&of)
		}
	}
	t.Connections, t.Channels, t.Consumers = 0, 0, 0
	for _, c := range q.s.broker.Connections() {
		if c.User == q.login.User {
			t.Connections++
			t.Channels += len(c.Channels)
			for i := range c.Channels {
				t.Consumers += len(c.Channels[i].Consumers)
			}
		}
	}
	return t
}

func (q *request) writeTotals(e *encoder, w windows) {
	t := q.visibleTotals()
	write := func(r recorded) {
		r.messageStats(e, &t.Messages, w.messages, true)
		if e.object("churn_rates") {
			r.churn(e, &t.Churn, w.messages)
			e.end()
		}
		if e.object("queue_totals") {
			r.lengths(e, t.Ready, t.Unacked, t.Away, w.lengths)
			e.end()
		}
	}
	if q.isMonitor() {
		q.s.lookAtOverview(write)
	} else {
		write(recorded{rates: q.s.cfg.RatesMode != ratesNone})
	}
	if e.object("object_totals") {
		e.num("channels", int64(t.Channels))
		e.num("connections", int64(t.Connections))
		e.num("consumers", int64(t.Consumers))
		e.num("exchanges", int64(t.Exchanges))
		e.num("queues", int64(t.Queues))
		e.end()
	}
	e.num("statistics_db_event_queue", 0)
}

// churn writes what comes and goes.
func (r recorded) churn(e *encoder, c *broker.ChurnStats, w *window) {
	r.figure(e, "channel_closed", c.ChannelsClosed, figureChannelClosed, w)
	r.figure(e, "channel_created", c.ChannelsCreated, figureChannelCreated, w)
	r.figure(e, "connection_closed", c.ConnectionsClosed, figureConnectionClosed, w)
	r.figure(e, "connection_created", c.ConnectionsCreated, figureConnectionCreated, w)
	r.figure(e, "queue_created", c.QueuesCreated, figureQueueCreated, w)
	r.figure(e, "queue_declared", c.QueuesDeclared, figureQueueDeclared, w)
	r.figure(e, "queue_deleted", c.QueuesDeleted, figureQueueDeleted, w)
}

// allListeners are those of the broker, of this server and of the rest of the program.
func (s *Server) allListeners() []Listener {
	var list []Listener
	for _, l := range s.broker.Listeners() {
		protocol := "amqp"
		if l.TLS {
			protocol = "amqp/ssl"
		}
		list = append(list, Listener{Protocol: protocol, Addr: l.Addr.String()})
	}
	s.mu.Lock()
	list = append(list, s.listeners...)
	s.mu.Unlock()
	if s.cfg.Listeners != nil {
		list = append(list, s.cfg.Listeners()...)
	}
	slices.SortStableFunc(list, func(a, b Listener) int {
		_, p := splitAddress(a.Addr)
		_, o := splitAddress(b.Addr)
		return cmp.Or(cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(p, o))
	})
	return list
}

func (s *Server) writeListeners(e *encoder) {
	if !e.array("listeners") {
		return
	}
	for _, l := range s.allListeners() {
		host, port := splitAddress(l.Addr)
		e.open()
		e.str("node", s.cfg.NodeName)
		e.str("protocol", l.Protocol)
		e.str("ip_address", host)
		e.num("port", int64(port))
		if e.object("socket_opts") {
			e.num("backlog", 128)
			e.boolean("nodelay", true)
			if l.Protocol == "amqp/ssl" {
				s.cfg.TLS.write(e)
			}
			e.end()
		}
		e.shut()
	}
	e.endArray()
}

// write writes the options, if there are any.
func (o *TLSOptions) write(e *encoder) {
	if o == nil {
		return
	}
	if len(o.Versions) > 0 {
		e.strs("versions", o.Versions)
	}
	for _, file := range [...]struct{ name, path string }{{"certfile", o.CertFile}, {"keyfile", o.KeyFile}, {"cacertfile", o.CACertFile}} {
		if file.path != "" {
			e.str(file.name, file.path)
		}
	}
	e.str("verify", o.Verify)
	e.boolean("fail_if_no_peer_cert", o.FailIfNoPeerCert)
	e.num("depth", o.Depth)
}

// writeContexts writes the listeners of the web.
func (s *Server) writeContexts(e *encoder, field string) {
	if !e.array(field) {
		return
	}
	for _, l := range s.allListeners() {
		if l.Path == "" {
			continue
		}
		host, port := splitAddress(l.Addr)
		e.open()
		e.strs("ssl_opts", nil)
		e.str("node", s.cfg.NodeName)
		e.str("description", l.Description)
		e.str("path", l.Path)
		e.str("ip", host)
		e.str("port", strconv.Itoa(port))
		e.str("protocol", l.Protocol)
		e.shut()
	}
	e.endArray()
}
