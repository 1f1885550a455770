// rabbet serve --test-control: a broker for tests in other processes, with the
// control that rules it.

package main

import (
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/brokertest"
	"github.com/rabbetmq/rabbet/broker/brokertest/control"
	"github.com/rabbetmq/rabbet/delay"
)

// serveTests runs a broker and its control until a signal ends it.
func serveTests(o *serveOptions, log, always *slog.Logger, start time.Time) error {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)

	s, err := control.Start(o.testControl, log, o.testOptions(log)...)
	if err != nil {
		return err
	}
	address, err := s.Broker.Addr()
	if err != nil {
		return err
	}
	always.Info("Test control", "url", "http://"+s.Addr().String()+"/")
	always.Info("Server startup complete", "address", address.String(), "version", version(),
		"took", delay.Real{}.Now().Sub(start).Round(100*time.Microsecond).String())
	always.Info("Shutting down", "signal", <-signals)
	if err := s.Close(); err != nil {
		return err
	}
	always.Info("Stopped")
	return nil
}

// testOptions are the flags as brokertest has them. A data folder that was not
// asked for by a flag is not touched: a reset would empty it.
func (o *serveOptions) testOptions(log *slog.Logger) []brokertest.Option {
	opts := []brokertest.Option{
		brokertest.WithUser(o.user, o.password),
		brokertest.WithVHost(o.vhost),
		brokertest.WithAddr(net.JoinHostPort(o.ip, o.port)),
		brokertest.WithConfig(func(cfg *broker.Config) {
			cfg.Logger = log
			o.limits(cfg)
			cfg.GuestFromAnywhere, cfg.Profile = o.guestFromAnywhere, o.profile
		}),
	}
	switch {
	case o.memory:
	case o.dataDirGiven:
		opts = append(opts, brokertest.WithDataDir(o.dataDir))
	default:
		opts = append(opts, brokertest.Durable())
	}
	if o.manualClock {
		opts = append(opts, brokertest.WithManualClock())
	}
	return opts
}
