package management

import (
	"strings"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/access"
)

// A queueRef is a queue in a list.
type queueRef struct {
	at   place
	name string
}

// A detail is how much of a queue is shown.
type detail uint8

const (
	detailReduced detail = iota // a list: without nulls and what costs an effort
	detailFull                  // a list with columns, or the detailed one
	detailSingle                // the queue alone, with its consumers
)

func (q *request) listQueues() error {
	d := detailReduced
	if q.query.Has("columns") {
		d = detailFull
	}
	return q.queuesIn(d)
}

func (q *request) listQueuesDetailed() error { return q.queuesIn(detailFull) }

func (q *request) queuesIn(d detail) error {
	at, err := q.places()
	if err != nil {
		return err
	}
	w, err := q.windows()
	if err != nil {
		return err
	}
	var refs []queueRef
	for _, p := range at {
		for _, name := range p.QueueNames() {
			refs = append(refs, queueRef{p, name})
		}
	}
	show := q.queueWriter(d, w)
	return list(q, listing[queueRef]{
		items: refs,
		name:  func(r queueRef) string { return r.name },
		write: func(e *encoder, r queueRef) bool {
			info, ok := r.at.Queue(r.name)
			if ok {
				show(e, r.at, info)
			}
			return ok
		},
	})
}

func (q *request) getQueue() error {
	v, err := q.vhost()
	if err != nil {
		return err
	}
	info, ok := v.Queue(q.variable("queue"))
	if !ok {
		return errNotFound
	}
	w, err := q.windows()
	if err != nil {
		return err
	}
	at := place{q.variable("vhost"), v}
	return q.reply(func(e *encoder) { q.queueWriter(detailSingle, w)(e, at, info) })
}

// queueWriter chooses what is written of queues.
func (q *request) queueWriter(d detail, w windows) func(*encoder, place, broker.QueueInfo) {
	if q.statsDisabled() {
		totals := q.flag("enable_queue_totals") || q.s.cfg.EnableQueueTotals
		return func(e *encoder, at place, info broker.QueueInfo) { q.writeStaticQueue(e, at, info, d, totals) }
	}
	return func(e *encoder, at place, info broker.QueueInfo) { q.writeQueue(e, at, info, d, w) }
}

// statsDisabled reports whether the answer has no statistics.
func (q *request) statsDisabled() bool { return q.s.cfg.DisableStats || q.flag("disable_stats") }

// writeStaticQueue writes what a queue is without what happens in it.
func (q *request) writeStaticQueue(e *encoder, at place, info broker.QueueInfo, d detail, totals bool) {
	q.writeQueueIdentity(e, at, info)
	if d != detailSingle && info.Policy != "" {
		e.str("policy", info.Policy)
	}
	if totals {
		e.num("messages", int64(info.Ready+info.Unacked+info.Away))
		e.num("messages_ready", int64(info.Ready))
		e.num("messages_unacknowledged", int64(info.Unacked))
	}
}

func (q *request) writeQueueIdentity(e *encoder, at place, info broker.QueueInfo) {
	e.arguments("arguments", info.Args)
	e.boolean("auto_delete", info.AutoDelete)
	e.boolean("durable", info.Durable)
	e.boolean("exclusive", info.Exclusive)
	if info.Type != "classic" {
		e.str("leader", q.s.cfg.NodeName)
		e.strs("members", []string{q.s.cfg.NodeName})
		e.strs("online", []string{q.s.cfg.NodeName})
	}
	e.str("name", info.Name)
	e.str("node", q.s.cfg.NodeName)
	e.str("state", "running")
	e.str("type", info.Type)
	e.str("vhost", at.name)
	if info.Owner != "" {
		writePeerOf(e, "owner_pid_details", info.Owner)
	}
}

// writePeerOf writes the connection that a name of RabbitMQ's stands for.
func writePeerOf(e *encoder, field, connection string) {
	if !e.object(field) {
		return
	}
	peer, _, _ := strings.Cut(connection, " -> ")
	host, port := splitAddress(peer)
	e.str("name", connection)
	e.str("peer_host", host)
	e.num("peer_port", int64(port))
	e.end()
}

func (q *request) writeQueue(e *encoder, at place, info broker.QueueInfo, d detail, w windows) {
	full := d != detailReduced
	q.writeQueueIdentity(e, at, info)
	e.num("consumers", int64(info.Consumers))
	e.float("consumer_capacity", consumerCapacity(info))
	e.float("consumer_utilisation", consumerCapacity(info))
	e.value("effective_policy_definition", info.Definition)
	if full || info.Policy != "" {
		e.strOrNull("policy", info.Policy)
	}
	if full || info.OperatorPolicy != "" {
		e.strOrNull("operator_policy", info.OperatorPolicy)
	}
	q.s.lookAtQueue(at, info, w, func(r recorded) {
		r.lengths(e, info.Ready, info.Unacked, info.Away, w.lengths)
		r.messageStats(e, &info.Stats, w.messages, false)
	})
	writeQueueBytes(e, info)
	zeroDetails(e, "reductions")
	if full {
		e.num("reductions", 0)
		writeNoGarbage(e)
		writeQueueExtras(e, info)
	}
	if d == detailSingle {
		q.writeConsumersOf(e, at, info.Name)
		e.strs("incoming", nil)
		e.strs("deliveries", nil)
	}
}

// consumerCapacity is the share of time in which the queue could deliver at once: 1 if
// nothing waits while there are consumers.
func consumerCapacity(info broker.QueueInfo) float64 {
	switch {
	case info.Consumers == 0:
		return 0
	case info.Ready == 0:
		return 1
	}
	return 0
}

// writeQueueBytes writes the figures of bytes. In memory is what has not been paged out,
// on the disk as well or not.
func writeQueueBytes(e *encoder, info broker.QueueInfo) {
	e.num("memory", queueMemory(info))
	e.num("message_bytes", info.ReadyBytes+info.UnackedBytes+info.LettersBytes+info.DelayedBytes)
	e.num("message_bytes_ready", info.ReadyBytes)
	e.num("message_bytes_unacknowledged", info.UnackedBytes)
	e.num("message_bytes_ram", info.ReadyBytes-info.PagedOutBytes+info.UnackedBytes)
	e.num("message_bytes_persistent", info.PersistentBytes)
	e.num("messages_persistent", int64(info.Persistent))
	e.num("messages_ram", int64(info.Ready-info.PagedOut+info.Unacked))
	if info.Type == "classic" {
		e.num("message_bytes_paged_out", info.PagedOutBytes)
		e.num("messages_paged_out", int64(info.PagedOut))
		e.num("messages_ready_ram", int64(info.Ready-info.PagedOut))
		e.num("messages_unacknowledged_ram", int64(info.Unacked))
	} else {
		e.num("message_bytes_dlx", info.LettersBytes)
		e.num("messages_dlx", int64(info.Letters))
	}
	if info.Retry != "" {
		writeDelayed(e, info)
	}
}

// writeDelayed writes what waits to come back, as 4.3 does (RETRY-8).
func writeDelayed(e *encoder, info broker.QueueInfo) {
	e.str("delayed_retry", info.Retry)
	e.num("messages_delayed", int64(info.Delayed))
	if info.Delayed > 0 {
		e.num("next_delayed_at", millis(info.NextDelayed))
		e.num("last_delayed_at", millis(info.LastDelayed))
	}
}

// Memory in bytes of an empty queue, and of a message in one beside its body.
const (
	emptyQueueMemory = 1 << 10
	messageMemory    = 200
)

// queueMemory estimates the memory that a queue holds.
func queueMemory(info broker.QueueInfo) int64 {
	return emptyQueueMemory + int64(info.Ready+info.Unacked)*messageMemory + info.ReadyBytes + info.UnackedBytes
}

// writeQueueExtras writes what only full descriptions have.
func writeQueueExtras(e *encoder, info broker.QueueInfo) {
	if info.Type == "classic" {
		e.null("head_message_timestamp")
		e.strOrNull("exclusive_consumer_tag", info.ExclusiveConsumer)
		e.strOrNull("single_active_consumer_tag", info.SingleActiveConsumer)
		e.null("recoverable_slaves")
		if _, priorities := info.Args["x-max-priority"]; !priorities {
			e.num("storage_version", 1)
		}
		return
	}
	e.strOrNull("single_active_consumer_ctag", info.SingleActiveConsumer)
	if e.object("open_files") {
		e.end()
	}
}

// writeNoGarbage writes what Erlang would say of its garbage collector. Go has one for
// all.
func writeNoGarbage(e *encoder) {
	if !e.object("garbage_collection") {
		return
	}
	for _, name := range []string{"fullsweep_after", "max_heap_size", "min_bin_vheap_size", "min_heap_size", "minor_gcs"} {
		e.num(name, 0)
	}
	e.end()
}

func (q *request) putQueue() error {
	v, err := q.vhost()
	if err != nil {
		return errVHostNotFound
	}
	body, err := q.body()
	if err != nil {
		return err
	}
	d := broker.Queue{Name: q.variable("queue")}
	if d.Durable, err = body.boolean("durable", false); err != nil {
		return err
	}
	if d.AutoDelete, err = body.boolean("auto_delete", false); err != nil {
		return err
	}
	if d.Args, err = body.arguments("arguments"); err != nil {
		return err
	}
	if node, err := body.text("node", q.s.cfg.NodeName); err != nil {
		return err
	} else if node != q.s.cfg.NodeName {
		return badRequest("Node " + node + " could not be contacted")
	}
	if len(d.Name) > maxName {
		return badRequest("queue, value should not be longer than 255 bytes, actually was " + d.Name + "\n")
	}
	if err := q.mayDeclareQueue(d); err != nil {
		return err
	}
	_, existed := v.Queue(d.Name)
	if _, err := v.DeclareQueue(d); err != nil {
		return refusal(err)
	}
	return q.done(!existed)
}

// maxName is the length in bytes of the longest name.
const maxName = 255

// mayDeclareQueue asks for the permissions that a client needs: to configure the queue
// and, if it has dead letters, to read from it and to write where they go.
func (q *request) mayDeclareQueue(d broker.Queue) error {
	if err := q.mayQueue(d.Name, access.Configure); err != nil {
		return err
	}
	target, ok := d.Args["x-dead-letter-exchange"].(string)
	if !ok {
		return nil
	}
	if err := q.mayQueue(d.Name, access.Read); err != nil {
		return err
	}
	return q.mayExchange(target, access.Write)
}

func (q *request) deleteQueue() error {
	v, name, err := q.namedQueue()
	if err != nil {
		return err
	}
	if err := q.mayQueue(name, access.Configure); err != nil {
		return err
	}
	if _, err := v.DeleteQueueIf(name, q.flag("if-unused"), q.flag("if-empty")); err != nil {
		return refusal(err)
	}
	return q.done(false)
}

// mayQueue asks for a permission on a queue of the virtual host in the path.
func (q *request) mayQueue(name string, op access.Operation) error {
	return q.mayUse(access.Resource{VHost: q.variable("vhost"), Kind: access.Queue, Name: name}, op)
}

// mayUse is may with the refusal that the API gives.
func (q *request) mayUse(r access.Resource, op access.Operation) error {
	if err := q.may(r, op); err != nil {
		return refusal(err)
	}
	return nil
}

// mayExchange is mayQueue for an exchange.
func (q *request) mayExchange(name string, op access.Operation) error {
	if name == "" {
		name = access.DefaultExchange
	}
	return q.mayUse(access.Resource{VHost: q.variable("vhost"), Kind: access.Exchange, Name: name}, op)
}

func (q *request) purgeQueue() error {
	v, name, err := q.namedQueue()
	if err != nil {
		return err
	}
	if err := q.mayQueue(name, access.Read); err != nil {
		return err
	}
	if _, err := v.Purge(name); err != nil {
		return refusal(err)
	}
	return q.done(false)
}

// actOnQueue takes RabbitMQ's verbs of mirrored queues, which one node makes nothing of.
func (q *request) actOnQueue() error {
	if err := q.requireQueue(); err != nil {
		return err
	}
	body, err := q.require("action")
	if err != nil {
		return err
	}
	action, err := body.text("action", "")
	if err != nil {
		return err
	}
	if !q.s.before4() || action != "sync" && action != "cancel_sync" {
		return badRequest([]any{"unknown", action})
	}
	return q.done(false)
}

// requireQueue is the refusal of routes that act on a queue which is not there.
func (q *request) requireQueue() error {
	v, err := q.vhost()
	if err != nil {
		return errVHostNotFound
	}
	if _, ok := v.Queue(q.variable("queue")); !ok {
		return notFound("queue_not_found")
	}
	return nil
}
