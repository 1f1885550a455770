package topology

import (
	"sync"

	"github.com/rabbetmq/rabbet/exchange"
	"github.com/rabbetmq/rabbet/queue"
)

// recentMessages are the last messages of an x-recent-history exchange. They are in memory
// alone (RECENT-3).
type recentMessages struct {
	mu   sync.Mutex
	kept exchange.History[*queue.Message]
}

// remember adds a message unless it asks not to be kept (RECENT-3).
func (h *recentMessages) remember(m *queue.Message) {
	if v, _ := m.Props.Headers().Lookup("x-recent-history-no-store"); v == true {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.kept.Add(m)
}

func (h *recentMessages) messages() []*queue.Message {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.kept.Messages()
}
