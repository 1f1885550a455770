package queue

import "github.com/rabbetmq/rabbet/amqp"

// What a quorum queue does differently, as one node shows it: it
// counts how often a message comes back, and gives up on one that does so too
// often.

// QuorumPriority is what the priority of messages means to a quorum queue
// (QUEUE-90). Items that come back go before all others, whatever theirs.
type QuorumPriority uint8

// The rules.
const (
	// NoPriority does not look at priorities.
	NoPriority QuorumPriority = iota
	// FairPriority takes two messages of a priority above 4 for each other one.
	FairPriority
	// StrictPriority has the levels 0 to 31, of which higher ones go first.
	StrictPriority
)

// Known reports whether it is one of the rules.
func (r QuorumPriority) Known() bool { return r <= StrictPriority }

// String says what a queue does by the rule.
func (r QuorumPriority) String() string {
	return [...]string{"ignored", "two above 4 for each other", "strict, 0 to 31"}[r]
}

const (
	defaultPriority = 4  // of a message without
	highestPriority = 31 // what is above counts as that
	fairTurns       = 3  // of which the last is for the lower level
	fairLevels      = 2  // above the lowest: the higher one, and what has come back
	strictLevels    = highestPriority + 1
)

// above is the number of levels above the lowest. The topmost holds what has come
// back, in order of return (QUEUE-93).
func (r QuorumPriority) above() int { return [...]int{0, fairLevels, strictLevels}[r] }

// level is where a message waits.
func (r QuorumPriority) level(m *Message) int {
	priority := defaultPriority
	if m.Props.Flags()&amqp.HasPriority != 0 {
		priority = min(int(m.Priority), highestPriority)
	}
	switch {
	case r == StrictPriority:
		return priority
	case priority > defaultPriority:
		return 1
	}
	return 0
}

// countReturns counts items that come back and discards those that have been
// delivered as often as they may (QUEUE-92, QUEUE-94). It returns the others.
func (q *Classic) countReturns(items []Item, why returnCause, fx *Effects) []Item {
	kept := items[:0]
	for _, it := range items {
		if q.env.CountFailures {
			it.Acquired++
		}
		if why != returnedUnharmed || !q.env.CountFailures {
			it.Returns++
		}
		if limit := q.set.DeliveryLimit; limit >= 0 && int64(it.Returns) > limit {
			q.discard(it, DeliveryLimit, fx)
			continue
		}
		kept = append(kept, it)
	}
	clear(items[len(kept):])
	return kept
}

// Quorum reports whether it is a quorum queue.
func (q *Classic) Quorum() bool { return q.quorum }
