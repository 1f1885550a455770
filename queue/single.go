package queue

// Serves reports whether a consumer may get deliveries, and does not wait for the
// active one to end (BASIC-40).
func (q *Classic) Serves(s *Subscription) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return !q.set.SingleActive || s == q.active
}

// SingleActive reports whether only one of the queue's consumers gets messages.
func (q *Classic) SingleActive() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.set.SingleActive
}

// Favoured is the consumer that keeps others from being served: the active one where one
// alone is (BASIC-40), or one that is exclusive (BASIC-29); nil if there is none.
func (q *Classic) Favoured() (s *Subscription, single bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.set.SingleActive {
		return q.active, true
	}
	if s = q.subs.first(); s != nil && s.Exclusive && !q.quorum {
		return s, false
	}
	return nil, false
}

// succeed names who is active once a consumer has left that was, or was to be: the
// first of the highest priority, at once (BASIC-40, BASIC-41).
func (q *Classic) succeed(left *Subscription, fx *Effects) {
	next := q.subs.first()
	q.heir = nil
	if left == q.active {
		q.active = next
	} else if next.Priority > q.active.Priority {
		q.heir = next
	}
	q.unpark(q.active, fx)
}

// inherit has a new consumer of a quorum queue take over from an active one of lower
// priority, where versions do so: at once, or when what is out has come back. Until then
// the active one gets nothing more (BASIC-40).
func (q *Classic) inherit(s *Subscription, fx *Effects) {
	switch {
	case !q.quorum || !q.env.HigherTakesOver || !q.set.SingleActive || s.gone || s == q.active:
		return
	case s.Priority <= q.active.Priority || q.heir != nil && s.Priority <= q.heir.Priority:
		return
	}
	q.heir = s
	if q.active.waiting {
		q.rota.remove(q.active)
	}
	q.takeOver()
	q.dispatch(fx)
	q.flush()
}

// takeOver makes the heir the active consumer once nothing is out. Called with the lock
// held; a dispatch has to follow.
func (q *Classic) takeOver() {
	if q.heir != nil && q.unacked.count == 0 {
		q.active, q.heir = q.heir, nil
		q.rejoin(q.active)
	}
}
