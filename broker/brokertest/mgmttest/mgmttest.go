// Package mgmttest serves RabbitMQ's management API of a test's broker, for code under
// test that uses it: health checks, provisioning, libraries such as rabbit-hole.
//
//	mq := brokertest.New(t)
//	client, err := rabbithole.NewClient(mgmttest.Start(t, mq), "guest", "guest")
//
// It is a package of its own so that brokertest links no net/http.
package mgmttest

import (
	"net/http"
	"net/http/httptest"
	"sync"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/brokertest"
	"github.com/rabbetmq/rabbet/broker/management"
)

// Start serves the management API of a test's broker on a free port of loopback until
// the test ends, and returns its URL, such as "http://127.0.0.1:34567". Restarts of the
// broker keep it.
func Start(tb brokertest.TB, mq *brokertest.Broker) string {
	tb.Helper()
	h := &handler{tb: tb, mq: mq}
	server := httptest.NewServer(h)
	tb.Cleanup(func() {
		server.Close()
		h.end()
	})
	return server.URL
}

// A handler answers with the API of whatever broker the test has at the moment.
type handler struct {
	tb brokertest.TB
	mq *brokertest.Broker

	mu     sync.Mutex
	of     *broker.Broker
	server *management.Server
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	server, err := h.current()
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	server.ServeHTTP(w, r)
}

// current is the API of the broker that there is now.
func (h *handler) current() (*management.Server, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.mq.Broker()
	if h.server != nil && h.of == now {
		return h.server, nil
	}
	if h.server != nil {
		if err := h.server.Close(); err != nil {
			return nil, err
		}
	}
	server, err := management.New(now, management.Config{Clock: now.Clock()})
	if err != nil {
		return nil, err
	}
	h.of, h.server = now, server
	return server, nil
}

func (h *handler) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.server == nil {
		return
	}
	if err := h.server.Close(); err != nil {
		h.tb.Logf("mgmttest: %v", err)
	}
}
