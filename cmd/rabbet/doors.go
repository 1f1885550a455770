package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/management"
	"github.com/rabbetmq/rabbet/broker/management/ui"
	"github.com/rabbetmq/rabbet/broker/shovel"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/settings"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/tlsconf"
	"github.com/rabbetmq/rabbet/delay"
)

// doorPatience is how long requests may take that are under way at the end.
const doorPatience = time.Second

// doors are what listens beside AMQP. The management API is there even if it does not
// listen: the command-line tools use it over the control socket.
type doors struct {
	management *management.Server
	prometheus *http.Server // nil if it is shut

	mu      sync.Mutex
	metrics []management.Listener // of prometheus
}

// listeners are those that the management API does not know by itself.
func (d *doors) listeners() []management.Listener {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.metrics)
}

// Close closes all doors.
func (d *doors) Close() error {
	if d.management == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), doorPatience)
	defer cancel()
	if d.prometheus != nil {
		_ = d.prometheus.Shutdown(ctx) // A scrape that is cut off is tried again.
	}
	if err := d.management.Shutdown(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// openDoors opens what the settings want open. A port that is taken leaves its door
// shut, with a line in the log, unless somebody chose the port: then the start fails.
func (s *service) openDoors(b *broker.Broker, shovels *shovel.Manager) (*doors, error) {
	d := &doors{}
	set := &s.set.Management
	cfg := s.managementConfig(b)
	cfg.Shovels, cfg.Listeners = shovels, d.listeners
	m, err := management.New(b, cfg)
	if err != nil {
		return nil, err
	}
	d.management = m
	if set.Enabled {
		err := s.openDoor("Management plugin: HTTP (non-TLS) listener", set.Address, set.SetByHand, m.Listen)
		if err != nil {
			return nil, errors.Join(err, d.Close())
		}
	}
	if set.TLSEnabled {
		if err := s.openSecureDoor(m); err != nil {
			return nil, errors.Join(err, d.Close())
		}
	}
	if err := s.openPrometheus(d, b, shovels); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// openSecureDoor opens the management API over TLS.
func (s *service) openSecureDoor(m *management.Server) error {
	set := &s.set.Management
	secure, err := tlsconf.Server(&set.TLS, "management.ssl", delay.Real{}, s.log.Logger)
	if err != nil {
		return err
	}
	shown := management.Listener{Protocol: "https", Certificates: []management.Certificate{{File: set.TLS.CertFile}}}
	return s.openDoor("Management plugin: HTTPS listener", set.TLSAddress, true, func(address string) (net.Addr, error) {
		return m.ListenTLS(address, secure, shown)
	})
}

// openDoor opens one door.
func (s *service) openDoor(name string, at settings.Address, byHand bool, open func(string) (net.Addr, error)) error {
	address := net.JoinHostPort(at.Host, strconv.Itoa(at.Port))
	_, err := open(address)
	switch {
	case err == nil: // The server has said so.
	case errors.Is(err, syscall.EADDRINUSE) && !byHand:
		s.log.Logger.Warn(name+" is not started: port "+strconv.Itoa(at.Port)+" is in use", "address", at.String())
	default:
		return listenError(at.String(), err)
	}
	return nil
}

// managementConfig is what the settings say to the management API.
func (s *service) managementConfig(b *broker.Broker) management.Config {
	set := &s.set.Management
	cfg := management.Config{
		Logger:                s.log.Logger,
		NodeName:              s.set.NodeName,
		PathPrefix:            set.PathPrefix,
		Page:                  ui.Handler(),
		MaxBodySize:           set.MaxBodySize,
		LoginSessionTimeout:   set.LoginSession,
		Origins:               set.Origins,
		OriginMaxAge:          time.Duration(set.OriginsMaxAge) * time.Second,
		DisableStats:          set.DisableStats,
		RatesMode:             set.RatesMode,
		FixedOperatorPolicies: set.NoOperatorPolicies,
		Headers:               map[string]string{},
		Node: func() management.NodeInfo {
			return management.NodeInfo{
				DataDir: s.set.DataDir, LogFiles: s.log.Places, ConfigFiles: s.set.Files, EnabledPlugins: s.plugins(),
				Settings: strings.Split(strings.TrimSpace(s.set.Print()), "\n"), FreeDisk: b.FreeDisk(),
			}
		},
	}
	if len(s.set.Listen.TLS) > 0 {
		tls := &s.set.TLS
		cfg.TLS = &management.TLSOptions{
			Versions: tls.Versions, CertFile: tls.CertFile, KeyFile: tls.KeyFile, CACertFile: tls.CACertFile,
			Verify: tls.Verify, FailIfNoPeerCert: tls.FailIfNoPeerCert, Depth: tls.Depth,
		}
	}
	for header, value := range map[string]string{
		"content-security-policy": set.CSP, "strict-transport-security": set.HSTS, "x-content-type-options": set.ContentTypeOptions,
		"x-xss-protection": set.XSSProtection, "x-frame-options": set.FrameOptions,
	} {
		if value != "" {
			cfg.Headers[header] = value
		}
	}
	return cfg
}
