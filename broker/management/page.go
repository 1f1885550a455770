package management

import (
	_ "embed"
	"net/http"
	"strings"
)

// help is the page that explains the API.
//
//go:embed help.html
var help []byte

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
		h := q.w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'")
		_, _ = q.w.Write(help) // a client that has gone
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
