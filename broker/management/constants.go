package management

import (
	"net/http"
	"slices"
	"strings"
)

// before4 reports whether the broker behaves as a version before 4.0.
func (s *Server) before4() bool { return strings.HasPrefix(s.broker.Version(), "3.") }

// A feature is a feature flag.
type feature struct{ name, stability, provider string }

// features are the flags of 3.13, all enabled. The experimental khepri_db is not among them:
// there is one store for what is declared.
var features = func() []feature {
	var list []feature
	for _, group := range []struct{ stability, provider, names string }{
		{"required", "rabbit", "classic_mirrored_queue_version classic_queue_type_delivery_support " +
			"direct_exchange_routing_v2 feature_flags_v2 implicit_default_bindings listener_records_in_ets " +
			"maintenance_mode_status"},
		{"stable", "rabbit", "message_containers message_containers_deaths_v2 quorum_queue_non_voters restart_streams " +
			"stream_filtering stream_sac_coordinator_unblock_group stream_update_config_command"},
		{"required", "rabbit", "quorum_queue stream_queue stream_single_active_consumer tracking_records_in_ets " +
			"user_limits virtual_host_metadata"},
		{"stable", "rabbitmq_management_agent", "detailed_queues_endpoint drop_unroutable_metric empty_basic_get_metric"},
	} {
		for name := range strings.FieldsSeq(group.names) {
			list = append(list, feature{name, group.stability, group.provider})
		}
	}
	return list
}()

func (q *request) listFeatures() error {
	return list(q, listing[feature]{items: append([]feature(nil), features...), write: func(e *encoder, f feature) bool {
		e.str("name", f.name)
		e.str("state", "enabled")
		e.str("stability", f.stability)
		e.str("provided_by", f.provider)
		e.str("desc", strings.ReplaceAll(f.name, "_", " "))
		e.str("doc_url", "")
		return true
	}})
}

func (q *request) enableFeature() error {
	for _, f := range features {
		if f.name == q.variable("name") {
			return q.done(false)
		}
	}
	return badRequest("unsupported")
}

// A deprecatedFeature is one that RabbitMQ means to give up, by the profile.
type deprecatedFeature struct {
	name, provider, docs string
	phases               [3]string // of 3.13, 4.2 and 4.3, "" where it is none
}

// announced is where RabbitMQ has announced most of them.
const announced = "https://blog.rabbitmq.com/posts/2021/08/4.0-deprecation-announcements/#"

// Of 4.3's deprecatedFeatures only the metrics of the management plugin are permitted (QUEUE-29, BASIC-48).
var deprecatedFeatures = []deprecatedFeature{
	{"amqp_address_v1", "rabbit", "https://www.rabbitmq.com/docs/amqp#addresses", [3]string{"", permitted, denied}},
	{"amqp_filter_set_bug", "rabbit", "", [3]string{"", permitted, denied}},
	{"classic_queue_mirroring", "rabbit", announced + "removal-of-classic-queue-mirroring", [3]string{permitted, removed, removed}},
	{"global_qos", "rabbit", announced + "removal-of-global-qos", [3]string{permitted, permitted, denied}},
	{
		metricsCollection, "rabbitmq_management_agent", announced + "disable-metrics-delivery-via-the-management-api--ui",
		[3]string{permitted, permitted, permitted},
	},
	{"queue_master_locator", "rabbit", "", [3]string{"", permitted, denied}},
	{"ram_node_type", "rabbit", announced + "removal-of-ram-nodes", [3]string{permitted, permitted, removed}},
	{
		"transient_nonexcl_queues", "rabbit", announced + "removal-of-transient-non-exclusive-queues", [3]string{permitted, permitted, permitted},
	},
}

const (
	metricsCollection = "management_metrics_collection"
	permitted         = "permitted_by_default"
	denied            = "denied_by_default"
	removed           = "removed"
)

func (q *request) listDeprecated() error {
	at := 2
	switch version := q.s.broker.Version(); {
	case q.s.before4():
		at = 0
	case strings.HasPrefix(version, "4.2"):
		at = 1
	}
	there := slices.DeleteFunc(slices.Clone(deprecatedFeatures), func(f deprecatedFeature) bool { return f.phases[at] == "" })
	return list(q, listing[deprecatedFeature]{items: there, write: func(e *encoder, f deprecatedFeature) bool {
		e.str("name", f.name)
		e.str("desc", "")
		e.str("deprecation_phase", f.phases[at])
		if at == 2 {
			state := "denied"
			if f.name == metricsCollection {
				state = "permitted"
			}
			e.str("state", state)
		}
		e.str("doc_url", f.docs)
		e.str("provided_by", f.provider)
		return true
	}})
}

// empty answers lists that have nothing in them here.
func (q *request) empty() error {
	return q.answer(http.StatusOK, func(e *encoder) error {
		e.buf = append(e.buf, "[]"...)
		return nil
	})
}

func (q *request) extensions() error {
	return q.answer(http.StatusOK, func(e *encoder) error {
		e.buf = append(e.buf, '[')
		e.open()
		e.str("javascript", "dispatcher.js")
		e.shut()
		e.buf = append(e.buf, ']')
		return nil
	})
}

func (q *request) clusterName() error {
	return q.reply(func(e *encoder) { e.str("name", q.s.broker.ClusterName()) })
}

func (q *request) version() error {
	return q.answer(http.StatusOK, func(e *encoder) error {
		e.buf = appendString(e.buf, q.s.broker.Version())
		return nil
	})
}

// nothing answers verbs that one node makes nothing of.
func (q *request) nothing() error { return q.done(false) }

func (q *request) quorumStatus() error {
	if err := q.requireQueue(); err != nil {
		return errNotFound
	}
	v, err := q.vhost()
	if err != nil {
		return err
	}
	switch info, _ := v.Queue(q.variable("queue")); info.Type {
	case "classic":
		return q.unhealthy("classic_queue_not_supported", nil)
	case "stream":
		return q.unhealthy("not_quorum_queue", nil)
	}
	return q.answer(http.StatusOK, func(e *encoder) error {
		e.buf = append(e.buf, '[')
		e.open()
		e.str("Node Name", q.s.cfg.NodeName)
		e.str("Raft State", "leader")
		e.str("Membership", "voter")
		for _, name := range []string{"Last Log Index", "Last Written", "Last Applied", "Commit Index"} {
			e.num(name, 0)
		}
		e.num("Snapshot Index", -1)
		e.num("Term", 1)
		e.num("Machine Version", 3)
		e.shut()
		e.buf = append(e.buf, ']')
		return nil
	})
}

// addReplica takes the node that there is.
func (q *request) addReplica() error {
	if err := q.requireQueue(); err != nil {
		return err
	}
	body, err := q.require("node")
	if err != nil {
		return err
	}
	node, err := body.text("node", "")
	if err != nil {
		return err
	}
	if node != q.s.cfg.NodeName {
		return q.unhealthy("node_not_running", nil)
	}
	return q.done(false)
}

// deleteReplica refuses to delete the only one.
func (q *request) deleteReplica() error {
	if err := q.requireQueue(); err != nil {
		return err
	}
	return q.unhealthy("last_node", nil)
}

func (q *request) growReplicas() error {
	if err := q.requireNode(); err != nil {
		return err
	}
	if _, err := q.body(); err != nil {
		return err
	}
	return q.done(false)
}

func (q *request) startVHost() error {
	if _, err := q.vhost(); err != nil {
		return err
	}
	if node := q.variable("node"); node != q.s.cfg.NodeName {
		return badRequest("Request to node " + node + " failed with nodedown")
	}
	return q.done(false)
}

// tracking answers for streams, which no client of theirs tracks here.
func (q *request) tracking() error {
	return q.reply(func(e *encoder) {
		for _, name := range []string{"offsets", "writers"} {
			if e.object(name) {
				e.end()
			}
		}
	})
}

// reset begins all statistics anew.
func (q *request) reset() error {
	if err := q.requireNode(); err != nil {
		return err
	}
	q.s.broker.ResetStats()
	q.s.samples.reset()
	return q.done(false)
}

// configuration is the settings in effect, a line each.
func (q *request) configuration() error {
	text := strings.Join(q.s.nodeInfo().Settings, "\n") + "\n"
	q.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	q.w.Header().Set("Cache-Control", "no-cache")
	_, err := q.w.Write([]byte(text))
	return err
}
