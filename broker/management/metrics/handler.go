package metrics

import (
	"net"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/access"
)

// Handler serves the three views: /metrics with sums, and figures of Go and of the process;
// /metrics/per-object with a value for each object; /metrics/detailed with the families
// that the parameters "family" name, in the virtual hosts that "vhost" names.
func Handler(b *broker.Broker, cfg Config) http.Handler {
	cfg.complete()
	h := &handler{b: b, cfg: &cfg}
	h.process = []prometheus.Collector{
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	}
	return h
}

type handler struct {
	b       *broker.Broker
	cfg     *Config
	process []prometheus.Collector
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	if h.cfg.Authenticate && !h.mayMonitor(w, r) {
		return
	}
	v := &view{b: h.b, cfg: h.cfg, prefix: "rabbitmq_", whole: true, objects: h.cfg.PerObject}
	registry := prometheus.NewRegistry()
	switch strings.TrimSuffix(r.URL.Path, "/") {
	case "/metrics", "/metrics/default":
		registry.MustRegister(h.process...)
	case "/metrics/per-object":
		v.objects = true
	case "/metrics/detailed":
		h.detail(v, r)
	default:
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte("Unknown Registry")) // a client that has gone
		return
	}
	registry.MustRegister(v)
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}).ServeHTTP(w, r)
}

// detail makes a view one of chosen families. Without any it is the identity alone.
func (h *handler) detail(v *view, r *http.Request) {
	v.prefix, v.objects, v.whole = "rabbitmq_detailed_", true, false
	v.wanted = make(map[family]bool)
	query := r.URL.Query()
	for _, name := range query["family"] {
		v.wanted[family(name)] = true
	}
	for _, name := range query["vhost"] {
		if v.only == nil {
			v.only = make(map[string]bool)
		}
		v.only[name] = true
	}
}

// mayMonitor reports whether the request has the login of a user who monitors, and answers
// if not.
func (h *handler) mayMonitor(w http.ResponseWriter, r *http.Request) bool {
	user, password, ok := r.BasicAuth()
	peer, err := net.ResolveTCPAddr("tcp", r.RemoteAddr)
	if ok && err == nil {
		id, err := h.b.Login(r.Context(), access.Credentials{User: user, Password: password, Peer: peer})
		if err == nil && (id.HasTag("monitoring") || id.HasTag(access.Administrator)) {
			return true
		}
	}
	w.Header().Set("WWW-Authenticate", `Basic realm="RabbitMQ Prometheus"`)
	w.WriteHeader(http.StatusUnauthorized)
	return false
}
