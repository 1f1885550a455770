package broker

import "sync/atomic"

// What publishers have left behind, together.

// A backlog is what publishers have left in queues with consumers that do not keep up.
type backlog struct{ messages, bytes atomic.Int64 }

// A share is a connection's part of the backlog; its reader's own.
type share struct {
	of              *backlog
	messages, bytes int64
}

// is changes the share.
func (s *share) is(messages, bytes int64) {
	if messages != s.messages || bytes != s.bytes {
		s.of.messages.Add(messages - s.messages)
		s.of.bytes.Add(bytes - s.bytes)
		s.messages, s.bytes = messages, bytes
	}
}

// idle takes note that the client has sent nothing more.
func (s *share) idle() { s.is(0, 0) }
