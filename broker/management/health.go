package management

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/access"
)

// healthy answers a check that found nothing wrong.
func (q *request) healthy() error {
	return q.reply(func(e *encoder) { e.str("status", "ok") })
}

// unhealthy answers a failed check.
func (q *request) unhealthy(reason string, write func(*encoder)) error {
	return q.answer(http.StatusServiceUnavailable, func(e *encoder) error {
		e.open()
		e.str("status", "failed")
		e.str("reason", reason)
		if write != nil {
			write(e)
		}
		e.shut()
		return nil
	})
}

func (q *request) checkAlarms() error {
	return q.checkAlarmsOf("There are alarms in effect in the cluster")
}

func (q *request) checkLocalAlarms() error {
	return q.checkAlarmsOf("There are alarms in effect on the node")
}

// alarms are the resources that are short, by RabbitMQ's names.
func (s *Server) alarms() []string {
	var names []string
	on := s.broker.Alarms()
	if on&broker.MemoryAlarm != 0 {
		names = append(names, "memory")
	}
	if on&broker.DiskAlarm != 0 {
		names = append(names, "disk")
	}
	return names
}

func (q *request) checkAlarmsOf(reason string) error {
	names := q.s.alarms()
	if len(names) == 0 {
		return q.healthy()
	}
	return q.unhealthy(reason, func(e *encoder) {
		if !e.array("alarms") {
			return
		}
		for _, name := range names {
			e.open()
			e.str("node", q.s.cfg.NodeName)
			e.str("resource", name)
			e.shut()
		}
		e.endArray()
	})
}

// checkNode is RabbitMQ's old check.
func (q *request) checkNode() error {
	if err := q.requireNode(); err != nil {
		return err
	}
	if names := q.s.alarms(); len(names) > 0 {
		return q.unhealthy("resource alarm(s) in effect:["+strings.Join(names, ",")+"]", nil)
	}
	return q.healthy()
}

// requireNode refuses the name of another node than the one that there is.
func (q *request) requireNode() error {
	if q.route.has("node") && q.variable("node") != q.s.cfg.NodeName {
		return errNotFound
	}
	return nil
}

func (q *request) checkPort() error {
	port, err := strconv.Atoi(q.variable("port"))
	if err != nil {
		return badRequest("Invalid port")
	}
	var ports []any
	for _, l := range q.s.allListeners() {
		_, p := splitAddress(l.Addr)
		if p == port {
			return q.reply(func(e *encoder) {
				e.str("status", "ok")
				e.num("port", int64(port))
			})
		}
		ports = append(ports, p)
	}
	return q.unhealthy("No active listener", func(e *encoder) {
		e.num("missing", int64(port))
		e.value("ports", ports)
	})
}

// protocolAliases are words for the protocols of listeners.
var protocolAliases = map[string]string{
	"amqp091": "amqp", "amqp0.9.1": "amqp", "amqp0-9-1": "amqp", "amqp0_9_1": "amqp",
	"amqp10": "amqp", "amqp1.0": "amqp", "amqp1-0": "amqp", "amqp1_0": "amqp", "amqps": "amqp/ssl",
	"mqtt3.1": "mqtt", "mqtt3.1.1": "mqtt", "mqtt31": "mqtt", "mqtt311": "mqtt", "mqtt3_1": "mqtt", "mqtt3_1_1": "mqtt",
	"mqtts": "mqtt/ssl", "mqtt+tls": "mqtt/ssl", "mqtt+ssl": "mqtt/ssl",
	"stomp1.0": "stomp", "stomp1.1": "stomp", "stomp1.2": "stomp", "stomp10": "stomp", "stomp11": "stomp",
	"stomp12": "stomp", "stomp1_0": "stomp", "stomp1_1": "stomp", "stomp1_2": "stomp",
	"stomps": "stomp/ssl", "stomp+tls": "stomp/ssl", "stomp+ssl": "stomp/ssl",
	"http1": "http", "http1.1": "http", "http_api": "http", "management": "http", "management_ui": "http", "ui": "http",
	"cli": "clustering", "distribution": "clustering",
	"webmqtt": "http/web-mqtt", "web-mqtt": "http/web-mqtt", "web_mqtt": "http/web-mqtt",
	"webstomp": "http/web-stomp", "web-stomp": "http/web-stomp", "web_stomp": "http/web-stomp",
	"webmqtt/tls": "https/web-mqtt", "web-mqtt/tls": "https/web-mqtt", "webmqtt/ssl": "https/web-mqtt",
	"web-mqtt/ssl": "https/web-mqtt", "webmqtt+tls": "https/web-mqtt", "web-mqtt+tls": "https/web-mqtt",
	"webmqtt+ssl": "https/web-mqtt", "web-mqtt+ssl": "https/web-mqtt",
	"webstomp/tls": "https/web-stomp", "web-stomp/tls": "https/web-stomp", "webstomp/ssl": "https/web-stomp",
	"web-stomp/ssl": "https/web-stomp", "webstomp+tls": "https/web-stomp", "web-stomp+tls": "https/web-stomp",
	"webstomp+ssl": "https/web-stomp", "web-stomp+ssl": "https/web-stomp",
}

func protocolName(word string) string {
	word = strings.ToLower(word)
	if name, ok := protocolAliases[word]; ok {
		return name
	}
	return word
}

func (q *request) checkProtocol() error {
	var open []string
	for _, l := range q.s.allListeners() {
		open = append(open, l.Protocol)
	}
	words := []string{q.variable("protocol")}
	if !q.s.before4() {
		words = strings.Split(words[0], ",")
	}
	var missing []string
	for i, word := range words {
		words[i] = protocolName(strings.TrimSpace(word))
		if !slices.Contains(open, words[i]) {
			missing = append(missing, words[i])
		}
	}
	if missing == nil {
		return q.reply(func(e *encoder) {
			e.str("status", "ok")
			if q.s.before4() {
				e.str("protocol", words[0])
				return
			}
			e.strs("protocols", open)
		})
	}
	return q.unhealthy("No active listener", func(e *encoder) {
		if !q.s.before4() {
			e.strs("missing", missing)
		} else {
			e.str("missing", missing[0])
		}
		e.strs("protocols", open)
	})
}

// units are the units of time that the check of certificates knows, in days.
var units = map[string]int{"days": 1, "weeks": 7, "months": 30, "years": 365}

func (q *request) checkCertificates() error {
	within, err := strconv.Atoi(q.variable("within"))
	days, known := units[q.variable("unit")]
	switch {
	case err != nil || within < 0:
		return badRequest("Invalid expiration value.")
	case !known:
		return badRequest("Time unit not recognised. Supported units: days, weeks, months, years.")
	}
	limit := q.s.wall.Now().AddDate(0, 0, within*days)
	var expiring []Listener
	for _, l := range q.s.allListeners() {
		if slices.ContainsFunc(l.Certificates, func(c Certificate) bool { return len(c.endBy(limit)) > 0 }) {
			expiring = append(expiring, l)
		}
	}
	if len(expiring) == 0 {
		return q.healthy()
	}
	return q.unhealthy("Certificates expiring", func(e *encoder) {
		if !e.array("expired") {
			return
		}
		for _, l := range expiring {
			e.open()
			q.writeExpiring(e, l, limit)
			e.shut()
		}
		e.endArray()
	})
}

// endBy are those of the ends that come before a time.
func (c Certificate) endBy(limit time.Time) []string {
	var list []string
	for _, at := range c.Expires {
		if at.Before(limit) {
			list = append(list, at.UTC().Format("2006-01-02 15:04:05"))
		}
	}
	return list
}

func (q *request) writeExpiring(e *encoder, l Listener, limit time.Time) {
	host, port := splitAddress(l.Addr)
	e.str("node", q.s.cfg.NodeName)
	e.str("interface", host)
	e.num("port", int64(port))
	e.str("protocol", l.Protocol)
	for _, c := range l.Certificates {
		field := "certfile"
		if c.CA {
			field = "cacertfile"
		}
		e.str(field, c.File)
		e.strs(field+"_expires_on", c.endBy(limit))
	}
}

// soleNode answers checks for which one node is never critical.
func (q *request) soleNode() error {
	return q.reply(func(e *encoder) {
		e.str("status", "ok")
		e.str("reason", "single node cluster")
	})
}

// checkService is whether clients can be served.
func (q *request) checkService() error {
	for _, l := range q.s.allListeners() {
		if strings.HasPrefix(l.Protocol, "amqp") {
			return q.healthy()
		}
	}
	return q.unhealthy("no active listeners for AMQP/AMQPS", nil)
}

// aliveQueue is the queue that the test of aliveness uses, and leaves behind.
const aliveQueue = "aliveness-test"

// testAliveness declares a queue, publishes to it and gets the message back.
func (q *request) testAliveness() error {
	v, err := q.vhost()
	if err != nil {
		return err
	}
	if !q.s.before4() {
		return q.healthy()
	}
	for _, op := range []access.Operation{access.Configure, access.Write, access.Read} {
		if err := q.mayQueue(aliveQueue, op); err != nil {
			return err
		}
	}
	if _, err := v.DeclareQueue(broker.Queue{Name: aliveQueue}); err != nil {
		return channelRefusal(err)
	}
	if _, err := v.Publish("", aliveQueue, broker.Message{Body: []byte("test_message")}); err != nil {
		return channelRefusal(err)
	}
	if _, _, err := v.Get(aliveQueue, true); err != nil {
		return channelRefusal(err)
	}
	return q.healthy()
}
