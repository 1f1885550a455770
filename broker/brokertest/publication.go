package brokertest

import "github.com/rabbetmq/rabbet/broker/ledger"

// What the ledger tells is of package ledger.
type (
	// A Publication is one publish: a client's, the test's, or that of a dead letter.
	Publication = ledger.Publication
	// A Route is the history of a publication in one queue.
	Route = ledger.Route
	// A Postponement is the history of a publication in one delayed exchange.
	Postponement = ledger.Postponement
	// An Attempt is one delivery.
	Attempt = ledger.Attempt

	// ConfirmState is what a publisher was told.
	ConfirmState = ledger.ConfirmState
	// TxState is the outcome of the transaction that a publish was made in.
	TxState = ledger.TxState
	// RouteState is where a publication is, or how it left.
	RouteState = ledger.RouteState
)

// The states, see package ledger.
const (
	NotConfirmed = ledger.NotConfirmed
	Awaited      = ledger.Awaited
	Confirmed    = ledger.Confirmed
	Nacked       = ledger.Nacked

	NoTx       = ledger.NoTx
	TxOpen     = ledger.TxOpen
	Committed  = ledger.Committed
	RolledBack = ledger.RolledBack

	Waiting    = ledger.Waiting
	Out        = ledger.Out
	Acked      = ledger.Acked
	Rejected   = ledger.Rejected
	Expired    = ledger.Expired
	Dropped    = ledger.Dropped
	Refused    = ledger.Refused
	GivenUp    = ledger.GivenUp
	Repeated   = ledger.Repeated
	Due        = ledger.Due
	Cancelled  = ledger.Cancelled
	Purged     = ledger.Purged
	GoneWithIt = ledger.GoneWithIt
	Lost       = ledger.Lost
	Undone     = ledger.Undone
)

// WithLedger bounds the ledger to the last n publications; 0 is no ledger at all.
// By default it keeps all, with their bodies, until the test ends.
func WithLedger(n int) Option {
	return func(o *options) { o.ledger = &n }
}

// newLedger makes the ledger of an option; nil for none.
func newLedger(limit *int) *ledger.Ledger {
	switch {
	case limit == nil:
		return ledger.New(ledger.Config{})
	case *limit <= 0:
		return nil
	}
	return ledger.New(ledger.Config{Publications: *limit})
}
