package topology

import (
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/broker/internal/profile"
	"github.com/rabbetmq/rabbet/broker/internal/records"
	"github.com/rabbetmq/rabbet/broker/internal/refusal"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/queue/stream"
)

// GeneratedName is prefix and 22 base64url characters of 16 random bytes
// (QUEUE-1, BASIC-24).
func GeneratedName(prefix string) string {
	var b [16]byte
	rand.Read(b[:])
	return prefix + base64.RawURLEncoding.EncodeToString(b[:])
}

// DeclareQueue creates a queue or checks that the existing one is equivalent,
// in RabbitMQ's order of checks (QUEUE-7).
func (vh *VHost) DeclareQueue(m *amqp.QueueDeclare, by Owner) (*Queue, error) {
	vh.env.Queues.Declared.Add(1)
	name := cleanName(m.Queue)
	if m.Passive { // QUEUE-3, QUEUE-6: existence is all that counts
		if err := vh.mayLook(by, access.Queue, name); err != nil {
			return nil, err
		}
		q, err := vh.Queue(name, by)
		if err == nil {
			q.Touch()
		}
		return q, err
	}
	if name == "" {
		if err := profile.CheckServerNamed(m.Arguments); err != nil {
			return nil, err
		}
		name = GeneratedName("amq.gen-")
	} else if strings.HasPrefix(name, "amq.") { // QUEUE-2: 403 for amq.
		return nil, amqp.Errorf(amqp.AccessRefused, "queue name '%s' contains reserved prefix 'amq.*'", name)
	}
	if err := mayUse(by, access.Queue, name, access.Configure); err != nil { // PERM-2: configure; PERM-3: by the server's name, too
		return nil, err
	}
	vh.addQueueType(m)
	if q, err := vh.redeclareQueue(name, m, by); q != nil || err != nil {
		return q, err
	}
	if err := mayPassOn(by, access.Queue, name, "x-dead-letter-exchange", m.Arguments); err != nil { // PERM-2: more with a dead-letter exchange
		return nil, err
	}
	q, err := vh.createQueue(name, m, by)
	if err == nil {
		vh.warnOfStrategy(q)
	}
	return q, err
}

// addQueueType gives a declaration that names no type of queue that of the virtual host,
// if the queue can be of it, or by the profile that of all (QUEUE-14).
func (vh *VHost) addQueueType(m *amqp.QueueDeclare) {
	if _, typed := m.Arguments.Get("x-queue-type"); typed {
		return
	}
	kind := vh.About().DefaultQueueType
	if kind != "" && kind != profile.ClassicQueue.Name && (!m.Durable || m.Exclusive || m.AutoDelete) {
		kind = profile.ClassicQueue.Name
	}
	if kind == "" && vh.profile.AddsQueueType {
		kind = profile.ClassicQueue.Name
	}
	if kind != "" {
		m.Arguments = append(slices.Clone(m.Arguments), amqp.Field{Key: "x-queue-type", Value: kind})
		slices.SortStableFunc(m.Arguments, func(a, b amqp.Field) int { return strings.Compare(a.Key, b.Key) }) // QUEUE-43: the first by name is refused
	}
}

// redeclareQueue compares a declaration with the queue of that name, if there is one.
// If there is none it looks whether there may be one more.
func (vh *VHost) redeclareQueue(name string, m *amqp.QueueDeclare, by Owner) (*Queue, error) {
	vh.mu.RLock()
	defer vh.mu.RUnlock()
	q := vh.queues[name]
	if q == nil {
		return nil, vh.checkQueueLimit(name)
	}
	if err := q.checkEquivalent(vh, m, by); err != nil {
		return nil, err
	}
	q.Touch()
	return q, nil
}

// createQueue creates a queue that was not there a moment ago.
func (vh *VHost) createQueue(name string, m *amqp.QueueDeclare, by Owner) (*Queue, error) {
	vh.mu.Lock()
	defer vh.mu.Unlock()
	if q := vh.queues[name]; q != nil {
		if err := q.checkEquivalent(vh, m, by); err != nil {
			return nil, err
		}
		q.Touch()
		return q, nil
	}
	if err := cmp.Or(vh.checkSealed(), vh.checkQueueLimit(name)); err != nil {
		return nil, err
	}
	if err := vh.profile.CheckQueueArguments(m, refusal.QueueText(name, vh.Name)); err != nil {
		return nil, err
	}
	if err := vh.checkAllQueues(name); err != nil { // after the arguments, unlike LIMIT-2
		return nil, err
	}
	q := vh.newQueue(&records.Queue{
		VHost: records.Text(vh.Name), Name: records.Text(name), ID: vh.env.nextID(),
		Durable:    m.Durable && !m.Exclusive, // QUEUE-17: an exclusive queue is never durable
		AutoDelete: m.AutoDelete, Args: records.ArgsOf(m.Arguments), QuorumPriority: vh.profile.QuorumPriority,
	}, m.Arguments)
	if m.Exclusive {
		q.Exclusive = by
		by.AddExclusive(q)
	}
	vh.addQueue(q)
	vh.env.Queues.Created.Add(1)
	vh.tellQueueCreated(q, userOf(by))
	q.Touch()
	return q, nil
}

// checkEquivalent compares a redeclaration with what is there (QUEUE-8 to
// QUEUE-13, QUEUE-17 to QUEUE-19).
func (q *Queue) checkEquivalent(vh *VHost, m *amqp.QueueDeclare, by Owner) error {
	if err := q.checkAccess(vh.Name, by); err != nil {
		return err
	}
	if m.Exclusive != (q.Exclusive != nil) { // QUEUE-19: 405 for another exclusive flag
		return refusal.Locked(q.Name, vh.Name)
	}
	resource := refusal.QueueText(q.Name, vh.Name)
	if !m.Exclusive && m.Durable != q.Durable {
		return refusal.Inequivalent("durable", resource, strconv.FormatBool(m.Durable), strconv.FormatBool(q.Durable))
	}
	if m.AutoDelete != q.AutoDelete {
		return refusal.Inequivalent("auto_delete", resource, strconv.FormatBool(m.AutoDelete), strconv.FormatBool(q.AutoDelete))
	}
	for _, name := range vh.profile.ComparedArguments(q.Args) {
		if err := vh.profile.CheckQueueArgument(name, resource, m.Arguments, q.Args); err != nil {
			return err
		}
	}
	return nil
}

// DeleteQueue removes a queue on a client's request and returns the number of
// ready messages that went with it; a missing queue is none (QUEUE-22).
func (vh *VHost) DeleteQueue(name string, ifUnused, ifEmpty bool, by Owner, fx *queue.Effects) (int, error) {
	name = cleanName(name)
	if err := mayUse(by, access.Queue, name, access.Configure); err != nil { // PERM-6: configure, before existence
		return 0, err
	}
	q, err := vh.Queue(name, by)
	if err != nil {
		if amqp.AsError(err).Code == amqp.NotFound {
			return 0, nil
		}
		return 0, err
	}
	if q.Quorum() && (ifUnused || ifEmpty) { // QUEUE-96: neither if-unused nor if-empty
		flag := "if-unused"
		if !ifUnused {
			flag = "if-empty"
		}
		return 0, amqp.Errorf(amqp.NotImplemented, "cannot delete %s. queue.delete operations with %s flag set are not "+
			"supported by quorum queues", refusal.QueueText(q.Name, vh.Name), flag)
	}
	n, err := vh.Remove(q, ifUnused, ifEmpty, by, fx)
	switch {
	case errors.Is(err, queue.ErrNotEmpty):
		return 0, amqp.Errorf(amqp.PreconditionFailed, "%s not empty", refusal.QueueText(q.Name, vh.Name)) // QUEUE-23: if-empty is refused
	case errors.Is(err, queue.ErrHasConsumer):
		return 0, amqp.Errorf(amqp.PreconditionFailed, "%s in use", refusal.QueueText(q.Name, vh.Name)) // QUEUE-23: if-unused is refused
	}
	return n, nil
}

// Remove ends a queue, its bindings and its consumers (QUEUE-28, BASIC-34), on behalf of
// by.
func (vh *VHost) Remove(q *Queue, ifUnused, ifEmpty bool, by Owner, fx *queue.Effects) (int, error) {
	vh.mu.Lock()
	n, consumers, err := q.Delete(ifUnused, ifEmpty)
	if err != nil {
		vh.mu.Unlock()
		return 0, err
	}
	vh.removeQueue(q)
	vh.env.Queues.Deleted.Add(1)
	vh.changed()
	vh.forgetQueue(q)
	vh.removeExchanges(vh.unbindAll(nil, destination{queue: q}, InternalUser), InternalUser)
	vh.tellQueueDeleted(q, userOf(by))
	vh.mu.Unlock()
	q.Forget()
	if q.Exclusive != nil {
		q.Exclusive.DropExclusive(q)
	}
	fx.Orphans = append(fx.Orphans, consumers...)
	return n, nil
}

// removeIdle deletes auto-delete queues that lost their last consumer, unless
// one has come since (QUEUE-21).
func (vh *VHost) removeIdle(fx *queue.Effects) {
	for _, idle := range fx.TakeIdle() {
		vh.mu.RLock()
		q := vh.queues[idle.Name()]
		vh.mu.RUnlock()
		if q != nil && q.Queue == idle {
			// Refused only if the queue is in use again, or gone.
			_, _ = vh.Remove(q, true, false, nil, fx)
		}
	}
}

// newQueue makes a queue as described, and its record if it is durable.
func (vh *VHost) newQueue(doc *records.Queue, args amqp.Table) *Queue {
	if doc.Durable {
		vh.put(doc)
	}
	cfg := configOf(doc, args)
	cfg.Env, cfg.Settings = vh.queueEnv, vh.settings(cfg.Name, args)
	var q queue.Queue
	if profile.QueueTypeOf(args) == &profile.StreamQueue {
		q = stream.New(stream.Config{
			Name: cfg.Name, Env: cfg.Env, ID: cfg.ID, Settings: cfg.Settings, MemoryLimit: vh.env.StreamMemory,
		})
	} else {
		classic := queue.New(cfg)
		if doc.Still || doc.Closed {
			classic.StandStill(!doc.Still, !doc.Closed, &queue.Effects{}) // it has neither consumers nor messages yet
		}
		q = classic
	}
	return &Queue{
		Queue: q, Name: cfg.Name, Durable: doc.Durable, AutoDelete: doc.AutoDelete, Args: args, id: doc.ID, rule: doc.QuorumPriority,
	}
}
