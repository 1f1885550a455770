// Package ledger keeps the life of messages: each publish, where it was routed, its
// deliveries, and how it ended. A test's broker keeps all of its history in one; a
// broker in production traces what a filter chooses, within bounds.
//
//	l := ledger.New(ledger.Config{Publications: 1000})
//	stop := vhost.Trace(l.Recorder())
package ledger
