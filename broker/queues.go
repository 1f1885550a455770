package broker

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/queue"
)

// This file declares and deletes queues (QUEUE-1 to QUEUE-28).

// generatedName is prefix and 22 base64url characters of 16 random bytes
// (QUEUE-1, BASIC-24).
func generatedName(prefix string) string {
	var b [16]byte
	rand.Read(b[:])
	return prefix + base64.RawURLEncoding.EncodeToString(b[:])
}

// isGenerated tells whether a text could be what generatedName appends.
func isGenerated(s string) bool {
	b, err := base64.RawURLEncoding.DecodeString(s)
	return err == nil && len(b) == 16
}

// declareQueue creates a queue or checks that the existing one is equivalent,
// in RabbitMQ's order of checks (QUEUE-7).
func (vh *vhost) declareQueue(m *amqp.QueueDeclare, by *conn) (*queueRecord, error) {
	name := cleanName(m.Queue)
	if m.Passive { // QUEUE-3, QUEUE-6
		q, err := vh.queue(name, by)
		if err == nil {
			q.Touch()
		}
		return q, err
	}
	if name == "" {
		if err := checkServerNamed(m.Arguments); err != nil {
			return nil, err
		}
		name = generatedName("amq.gen-")
	} else if strings.HasPrefix(name, "amq.") { // QUEUE-2
		return nil, refuse(amqp.AccessRefused, "queue name '%s' contains reserved prefix 'amq.*'", name)
	}
	if _, typed := m.Arguments.Get("x-queue-type"); !typed && vh.profile.addsQueueType { // QUEUE-14
		m.Arguments = append(slices.Clone(m.Arguments), amqp.Field{Key: "x-queue-type", Value: classicQueue.name})
	}
	vh.mu.Lock()
	defer vh.mu.Unlock()
	if q := vh.queues[name]; q != nil {
		if err := q.checkEquivalent(vh, m, by); err != nil {
			return nil, err
		}
		q.Touch()
		return q, nil
	}
	if err := vh.profile.checkQueueArguments(m, name, vh.name); err != nil {
		return nil, err
	}
	q := vh.newQueue(queueDoc{
		VHost: vh.name, Name: name, ID: vh.nextQueueID(), Durable: m.Durable && !m.Exclusive, // QUEUE-17
		AutoDelete: m.AutoDelete, Args: amqp.AppendTable(nil, m.Arguments), QuorumPriority: vh.profile.quorumPriority,
	}, m.Arguments)
	if m.Exclusive {
		q.exclusive = by
		by.addExclusive(q)
	}
	vh.queues[name] = q
	q.Touch()
	return q, nil
}

// checkEquivalent compares a redeclaration with what is there (QUEUE-8 to
// QUEUE-13, QUEUE-17 to QUEUE-19).
func (q *queueRecord) checkEquivalent(vh *vhost, m *amqp.QueueDeclare, by *conn) error {
	if err := q.checkAccess(vh, by); err != nil {
		return err
	}
	if m.Exclusive != (q.exclusive != nil) { // QUEUE-19
		return errLocked(q.Name, vh.name)
	}
	resource := queueText(q.Name, vh.name)
	if !m.Exclusive && m.Durable != q.durable {
		return errInequivalent("durable", resource, strconv.FormatBool(m.Durable), strconv.FormatBool(q.durable))
	}
	if m.AutoDelete != q.AutoDelete {
		return errInequivalent("auto_delete", resource, strconv.FormatBool(m.AutoDelete), strconv.FormatBool(q.AutoDelete))
	}
	for _, name := range vh.profile.comparedArguments(q.args) {
		if err := checkArgument(name, resource, m.Arguments, q.args); err != nil {
			return err
		}
	}
	return nil
}

// deleteQueue removes a queue on a client's request and returns the number of
// ready messages that went with it; a missing queue is none (QUEUE-22).
func (vh *vhost) deleteQueue(name string, ifUnused, ifEmpty bool, by *conn, fx *queue.Effects) (int, error) {
	q, err := vh.queue(name, by)
	if err != nil {
		if asError(err).Code == amqp.NotFound {
			return 0, nil
		}
		return 0, err
	}
	if q.Quorum() && (ifUnused || ifEmpty) { // QUEUE-96
		flag := "if-unused"
		if !ifUnused {
			flag = "if-empty"
		}
		return 0, refuse(amqp.NotImplemented, "cannot delete %s. queue.delete operations with %s flag set are not "+
			"supported by quorum queues", queueText(q.Name, vh.name), flag)
	}
	n, err := vh.remove(q, ifUnused, ifEmpty, fx)
	switch {
	case errors.Is(err, queue.ErrNotEmpty):
		return 0, refuse(amqp.PreconditionFailed, "%s not empty", queueText(q.Name, vh.name)) // QUEUE-23
	case errors.Is(err, queue.ErrHasConsumer):
		return 0, refuse(amqp.PreconditionFailed, "%s in use", queueText(q.Name, vh.name)) // QUEUE-23
	}
	return n, nil
}

// remove ends a queue, its bindings and its consumers (QUEUE-28, BASIC-34).
func (vh *vhost) remove(q *queueRecord, ifUnused, ifEmpty bool, fx *queue.Effects) (int, error) {
	vh.mu.Lock()
	n, consumers, err := q.Delete(ifUnused, ifEmpty)
	if err != nil {
		vh.mu.Unlock()
		return 0, err
	}
	delete(vh.queues, q.Name)
	vh.changed()
	vh.forgetQueue(q)
	vh.unbindAll(destination{queue: q})
	vh.mu.Unlock()
	if q.exclusive != nil {
		q.exclusive.dropExclusive(q)
	}
	for _, s := range consumers {
		s.Receiver.(interface{ lostQueue(*queue.Effects) }).lostQueue(fx)
	}
	return n, nil
}

// removeIdle deletes auto-delete queues that lost their last consumer, unless
// one has come since (QUEUE-21).
func (vh *vhost) removeIdle(fx *queue.Effects) {
	for _, idle := range fx.TakeIdle() {
		vh.mu.RLock()
		q := vh.queues[idle.Name]
		vh.mu.RUnlock()
		if q != nil && q.Queue == idle {
			// Refused only if the queue is in use again, or gone.
			_, _ = vh.remove(q, true, false, fx)
		}
	}
}
