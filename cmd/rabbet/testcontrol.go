// rabbet serve --test-control: a broker for tests in other processes, with the
// control that rules it.

package main

import (
	"errors"
	"net"
	"strconv"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/brokertest"
	"github.com/rabbetmq/rabbet/broker/brokertest/control"
)

// serveTests runs a broker and its control until a signal, or the end of the command,
// ends it.
func (s *service) serveTests() error {
	if l := s.set.Listen; len(l.TCP) != 1 || len(l.TLS)+len(l.Unix) > 0 {
		return usagef("with --test-control the broker listens on one address, without TLS")
	}
	if s.set.Definitions.Path != "" {
		return usagef("--test-control declares what a test needs: --definitions is for a broker without it")
	}
	own, err := s.config()
	if err != nil {
		return err
	}
	c, err := control.Start(s.set.TestControl, s.log.Logger, s.testOptions(&own)...)
	if err != nil {
		return err
	}
	address, err := c.Broker.Addr()
	if err != nil {
		return errors.Join(err, c.Close())
	}
	s.log.Always.Info("Test control", "url", "http://"+c.Addr().String()+"/")
	s.startupComplete(address.String())
	url := ""
	if tcp, ok := address.(*net.TCPAddr); ok {
		url = amqpURL("amqp", &s.set.Settings, tcp)
	}
	result := s.wait(url, nil)
	if err := c.Close(); err != nil {
		return errors.Join(err, result)
	}
	s.log.Always.Info("Stopped")
	return result
}

// testOptions are the flags as brokertest has them. A data folder that was not
// asked for by a flag is not touched: a reset would empty it.
func (s *service) testOptions(own *broker.Config) []brokertest.Option {
	set := s.set
	opts := []brokertest.Option{
		brokertest.WithUser(set.Access.DefaultUser, set.Access.DefaultPassword),
		brokertest.WithVHost(set.Access.DefaultVHost),
		brokertest.WithAddr(net.JoinHostPort(set.Listen.TCP[0].Host, strconv.Itoa(set.Listen.TCP[0].Port))),
		brokertest.WithConfig(func(cfg *broker.Config) {
			cfg.Logger, cfg.LoopbackUsers, cfg.Profile = own.Logger, own.LoopbackUsers, own.Profile
			cfg.VHostDefaults = own.VHostDefaults
			limit(cfg, &set.Limits)
		}),
	}
	switch {
	case set.Memory:
	case set.IsFlag("data-dir"):
		opts = append(opts, brokertest.WithDataDir(set.DataDir))
	default:
		opts = append(opts, brokertest.Durable())
	}
	if set.ManualClock {
		opts = append(opts, brokertest.WithManualClock())
	}
	return opts
}
