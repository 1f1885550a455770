package management

import (
	"net/http"
	"strings"
)

// servePage answers what is not the API: the page, its help, and RabbitMQ's redirects.
func (s *Server) servePage(q *request, path string) {
	prefix := s.cfg.PathPrefix
	switch strings.TrimSuffix(path, "/") {
	case "/api", "/stats", "/doc/stats.html":
		q.redirect(prefix + "/api/index.html")
	case "/cli":
		q.redirect(prefix + "/cli/index.html")
	case "/mgmt":
		q.redirect(prefix + "/")
	case "/api/index.html":
		q.showHTML(s.help)
	case "/cli/index.html":
		q.showHTML([]byte(toolsPage))
	default:
		q.fromPage(path)
	}
}

func (q *request) redirect(to string) {
	q.w.Header().Set("Location", to)
	q.w.Header().Set("Content-Length", "0")
	q.w.WriteHeader(http.StatusMovedPermanently)
}

// fromPage lets the page and the metrics answer.
func (q *request) fromPage(path string) {
	cfg := &q.s.cfg
	switch {
	case cfg.Metrics != nil && (path == "/metrics" || strings.HasPrefix(path, "/metrics/")):
		http.StripPrefix(cfg.PathPrefix, cfg.Metrics).ServeHTTP(q.w, q.r)
	case cfg.Page != nil:
		http.StripPrefix(cfg.PathPrefix, cfg.Page).ServeHTTP(q.w, q.r)
	default:
		q.fail(errNotFound)
	}
}
