package broker

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/rabbetmq/rabbet/broker/internal/topology"
	"github.com/rabbetmq/rabbet/broker/internal/unacked"
	"github.com/rabbetmq/rabbet/queue"
)

// A settler tells queues what has become of the deliveries of a connection, and lets those
// consumers go on that have room again. It belongs to the reader.
type settler struct {
	out    *outbound
	fx     *queue.Effects
	record *recording
	byTag  bool // the order in which consumers of a channel give back, which the profile says

	scratch  []unacked.Delivery[consumer]
	items    []queue.Item
	unparked []*consumer // may go on
}

// giveCredit counts deliveries as no longer out, lists the consumers that may go on by
// their own limit, and returns how many count by the shared one. Called with the lock
// held.
func (st *settler) giveCredit(out []unacked.Delivery[consumer]) (shared int) {
	for i := range out {
		u := &out[i]
		if u.Shared {
			shared++
		}
		if s := u.Consumer; s != nil {
			s.unacked--
			st.unparkOne(s)
		}
	}
	return shared
}

// giveShared gives room by the shared limit, to those that it held up. The consumers
// that had room by their own go on before.
func (st *settler) giveShared(ch *channel, n int) {
	if n == 0 {
		return
	}
	st.out.mu.Lock()
	ch.shared.out -= n
	st.listParked(ch)
	st.out.mu.Unlock()
	st.unparkTogether()
}

// finish tells the queues of deliveries that were taken, and lets consumers
// go on. The list is used up.
func (st *settler) finish(ch *channel, out []unacked.Delivery[consumer], v verdict) {
	if v != verdictAck && v != verdictAckInTx {
		st.finishReturns(ch, out, v)
		return
	}
	st.out.mu.Lock()
	shared := st.giveCredit(out)
	st.out.mu.Unlock()
	st.finishAcks(ch, out, v, shared)
}

// finishAcks is finish for acks whose credit is given already.
func (st *settler) finishAcks(ch *channel, out []unacked.Delivery[consumer], v verdict, shared int) {
	if st.record.on() {
		st.record.settled(out, settledAs[v])
	}
	st.byQueue(out, func(q *topology.Queue, items []queue.Item) { v.tell(q, items, st.fx) })
	st.reuse(out)
	st.unpark()
	st.giveShared(ch, shared)
}

// finishReturns is finish for what is rejected or given back.
func (st *settler) finishReturns(ch *channel, out []unacked.Delivery[consumer], v verdict) {
	if st.record.on() {
		st.record.settled(out, settledAs[v])
	}
	shared := st.finishByConsumer(out, v)
	st.reuse(out)
	st.giveShared(ch, shared)
}

// finishByConsumer gives back or drops what each consumer had in a call of its own, in
// the order of queues and tags: so does RabbitMQ, which shows in where the messages
// go then (BASIC-58, BASIC-60). What basic.get has fetched comes first. A consumer
// that has room again is in turn for what it gave back, and for nothing before.
func (st *settler) finishByConsumer(out []unacked.Delivery[consumer], v verdict) (shared int) {
	slices.SortStableFunc(out, func(a, b unacked.Delivery[consumer]) int {
		return cmp.Or(strings.Compare(a.Queue.Name, b.Queue.Name), strings.Compare(a.Consumer.tagOrNone(), b.Consumer.tagOrNone()))
	})
	for rest := out; len(rest) > 0; {
		q, tag := rest[0].Queue, rest[0].Consumer.tagOrNone()
		items := st.items[:0]
		n := 0
		for n < len(rest) && rest[n].Queue == q && rest[n].Consumer.tagOrNone() == tag {
			items = append(items, rest[n].Item)
			n++
		}
		st.out.mu.Lock()
		shared += st.giveCredit(rest[:n])
		st.out.mu.Unlock()
		for _, s := range st.unparked {
			q.Rejoin(&s.Subscription)
		}
		v.tell(q, items, st.fx)
		st.unpark()
		clear(items)
		st.items, rest = items, rest[n:]
	}
	clear(out)
	return shared
}

// listParked lists a channel's parked consumers that may go on, in the order in which
// they were parked (BASIC-36). Called with the lock held.
func (st *settler) listParked(ch *channel) {
	listed := len(st.unparked)
	for _, s := range ch.consumers {
		st.unparkOne(s)
	}
	if list := st.unparked[listed:]; len(list) > 1 {
		slices.SortFunc(list, func(a, b *consumer) int { return cmp.Compare(a.parkedAt, b.parkedAt) })
	}
}

// unparkOne lists a consumer for unpark if it may go on. Called with the lock
// held.
func (st *settler) unparkOne(s *consumer) {
	if s.parked && !s.cancelled && s.hasCredit() {
		s.parked = false
		st.unparked = append(st.unparked, s)
	}
}

// unpark lets the listed consumers go on, one after the other in the order of queues
// and tags (BASIC-56). Called without the lock.
func (st *settler) unpark() {
	if len(st.unparked) > 1 {
		slices.SortFunc(st.unparked, func(a, b *consumer) int {
			return cmp.Or(strings.Compare(a.from.Name, b.from.Name), strings.Compare(a.tag, b.tag))
		})
	}
	for i, s := range st.unparked {
		st.unparked[i] = nil
		s.from.Unpark(&s.Subscription, st.fx)
	}
	st.unparked = st.unparked[:0]
}

// unparkTogether lets the listed consumers go on: all of a queue are in turn before it
// hands anything out, so that the highest priority is first (BASIC-37). It begins
// with any of the queues, so that none is always last (BASIC-45). Called without the
// lock.
func (st *settler) unparkTogether() {
	list := st.unparked
	for _, s := range list {
		s.from.Rejoin(&s.Subscription)
	}
	if len(list) > 1 { // one of each queue is enough
		seen := make(map[*topology.Queue]bool, len(list))
		list = slices.DeleteFunc(list, func(s *consumer) bool {
			was := seen[s.from]
			seen[s.from] = true
			return was
		})
		first := rand.IntN(len(list))
		slices.Reverse(list[:first])
		slices.Reverse(list[first:])
		slices.Reverse(list)
	}
	for _, s := range list {
		s.from.Unpark(&s.Subscription, st.fx)
	}
	clear(st.unparked)
	st.unparked = st.unparked[:0]
}

// requeue returns items to their queues, a call a queue.
func (st *settler) requeue(out []unacked.Delivery[consumer]) {
	st.byQueue(out, func(q *topology.Queue, items []queue.Item) {
		q.Requeue(slices.Clone(items), st.fx)
	})
}

// orderByConsumer puts deliveries in the order in which a channel that ends gives those
// of quorum queues back: consumer by consumer (QUEUE-93). Classic queues have an order of
// their own.
func (st *settler) orderByConsumer(out []unacked.Delivery[consumer]) {
	if !slices.ContainsFunc(out, func(u unacked.Delivery[consumer]) bool { return u.Queue != nil && u.Queue.Quorum() }) {
		return
	}
	slices.SortStableFunc(out, func(a, b unacked.Delivery[consumer]) int {
		if st.byTag {
			return strings.Compare(a.Consumer.tagOrNone(), b.Consumer.tagOrNone())
		}
		return cmp.Compare(a.Consumer.order(), b.Consumer.order())
	})
}

// byQueue calls visit once for each queue with that queue's items, in order.
// It uses up the list; the items are valid during the call.
func (st *settler) byQueue(out []unacked.Delivery[consumer], visit func(*topology.Queue, []queue.Item)) {
	for rounds := 0; len(out) > 0; rounds++ {
		if rounds == manyQueues {
			visitMany(out, visit)
			return
		}
		q, rest := out[0].Queue, out[:0]
		items := st.items[:0]
		for _, u := range out {
			if u.Queue == q {
				items = append(items, u.Item)
			} else {
				rest = append(rest, u)
			}
		}
		visit(q, items)
		clear(items)
		st.items = items
		clear(out[len(rest):])
		out = rest
	}
}

// manyQueues is the number of queues from which deliveries are grouped by a map.
const manyQueues = 16

func visitMany(out []unacked.Delivery[consumer], visit func(*topology.Queue, []queue.Item)) {
	byQueue := make(map[*topology.Queue][]queue.Item)
	var order []*topology.Queue
	for _, u := range out {
		if byQueue[u.Queue] == nil {
			order = append(order, u.Queue)
		}
		byQueue[u.Queue] = append(byQueue[u.Queue], u.Item)
	}
	clear(out)
	for _, q := range order {
		visit(q, byQueue[q])
	}
}

// reuse keeps the memory of a list that byQueue has used up.
func (st *settler) reuse(out []unacked.Delivery[consumer]) {
	st.scratch = out[:0]
	if cap(out) > unacked.KeptEntries {
		st.scratch, st.items = nil, nil
	}
}
