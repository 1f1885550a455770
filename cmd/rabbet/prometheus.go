package main

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/management"
	"github.com/rabbetmq/rabbet/broker/management/metrics"
	"github.com/rabbetmq/rabbet/broker/shovel"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/settings"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/tlsconf"
	"github.com/rabbetmq/rabbet/delay"
)

// openPrometheus opens the door of the metrics.
func (s *service) openPrometheus(d *doors, b *broker.Broker, shovels *shovel.Manager) error {
	set := &s.set.Prometheus
	if !set.Enabled && !set.TLSEnabled {
		return nil
	}
	handler := metrics.Handler(b, metrics.Config{
		NodeName: s.set.NodeName, Started: s.start, FreeDisk: b.FreeDisk, HTTPLogins: d.management.Logins, Shovels: shovels,
		PerObject: set.PerObject, Authenticate: set.Authentication,
	})
	d.prometheus = &http.Server{
		Handler: atPath(set.Path, handler), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 64 << 10,
	}
	if set.Enabled {
		err := s.openDoor("Prometheus metrics: HTTP (non-TLS) listener", set.Address, set.SetByHand, func(address string) (net.Addr, error) {
			return s.serveMetrics(d, address, nil)
		})
		if err != nil {
			return err
		}
	}
	if !set.TLSEnabled {
		return nil
	}
	return s.openSecureMetrics(d, set)
}

// openSecureMetrics opens it over TLS.
func (s *service) openSecureMetrics(d *doors, set *settings.Prometheus) error {
	secure, err := tlsconf.Server(&set.TLS, "prometheus.ssl", delay.Real{}, s.log.Logger)
	if err != nil {
		return err
	}
	return s.openDoor("Prometheus metrics: HTTPS listener", set.TLSAddress, true, func(address string) (net.Addr, error) {
		return s.serveMetrics(d, address, secure)
	})
}

// serveMetrics listens, and serves in the background.
func (s *service) serveMetrics(d *doors, address string, secure *tls.Config) (net.Addr, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	kind, protocol := "HTTP (non-TLS)", "http/prometheus"
	if secure != nil {
		l, kind, protocol = tls.NewListener(l, secure), "HTTPS", "https/prometheus"
	}
	d.mu.Lock()
	d.metrics = append(d.metrics, management.Listener{
		Protocol: protocol, Addr: l.Addr().String(), Path: "/", Description: "RabbitMQ Prometheus",
	})
	d.mu.Unlock()
	go func() {
		if err := d.prometheus.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.log.Logger.Error("the listener of the metrics has ended", "error", err)
		}
	}()
	s.log.Logger.Info("Prometheus metrics: "+kind+" listener started on port "+port, "address", l.Addr().String())
	return l.Addr(), nil
}

// atPath serves below path what the handler has below /metrics.
func atPath(path string, handler http.Handler) http.Handler {
	path = "/" + strings.Trim(path, "/")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rest, ok := strings.CutPrefix(r.URL.Path, path)
		if !ok || rest != "" && rest[0] != '/' {
			http.NotFound(w, r)
			return
		}
		r = r.Clone(r.Context())
		r.URL.Path, r.URL.RawPath = "/metrics"+rest, ""
		handler.ServeHTTP(w, r)
	})
}
