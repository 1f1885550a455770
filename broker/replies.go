package broker

import (
	"encoding/base64"
	"strings"
	"sync"

	"github.com/rabbetmq/rabbet/queue"
)

// replyTo is the pseudo-queue's name.
const replyTo = "amq.rabbitmq.reply-to"

// A requester takes direct replies.
type requester interface {
	take(m *queue.Message, fx *queue.Effects)
}

// replies knows the requesters of a broker by their generated names.
type replies struct {
	mu     sync.RWMutex
	byName map[string]requester
}

func (rs *replies) get(name string) requester {
	rs.mu.RLock()
	defer rs.mu.RUnlock()
	return rs.byName[name]
}

func (rs *replies) set(name string, r requester) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if r == nil {
		delete(rs.byName, name)
		return
	}
	if rs.byName == nil {
		rs.byName = make(map[string]requester)
	}
	rs.byName[name] = r
}

// deliver hands a reply to its requester, if there is one still (BASIC-73).
func (rs *replies) deliver(name string, m *queue.Message, fx *queue.Effects) {
	if r := rs.get(name); r != nil {
		r.take(m, fx)
	}
}

// isVolatile reports whether a name is the address of a requester that lives, where that
// is a queue (BASIC-78).
func (b *node) isVolatile(name string) bool {
	return b.profile.RepliesAreQueued && strings.HasPrefix(name, replyTo) && b.replies.get(name) != nil
}

// isReplyName reports whether a name is of the form that requesters are given,
// whether or not there is such a requester.
func isReplyName(name string) bool {
	parts, ok := strings.CutPrefix(name, replyTo+".")
	whose, secret, two := strings.Cut(parts, ".")
	isBase64 := func(s string) bool {
		_, err := base64.StdEncoding.DecodeString(s)
		return s != "" && err == nil
	}
	return ok && two && isBase64(whose) && isBase64(secret)
}
