// Package ledger records the life of messages: each publish, where it was routed, its
// deliveries, and how it ended. A test's broker records its whole history in a Ledger; a
// trace records the messages that its filter matches, within bounds.
//
//	l := ledger.New(ledger.Config{Publications: 1000})
//	stop := vhost.Trace(l.Recorder())
package ledger
