package main

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/machine"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/settings"
)

// config is what the settings say to the broker.
func (s *service) config() (broker.Config, error) {
	set := s.set
	cfg := broker.Config{
		Profile:       set.Profile,
		Logger:        s.log.Logger,
		ClusterName:   set.ClusterName,
		DefaultVHost:  set.Access.DefaultVHost,
		LoopbackUsers: set.Access.LoopbackUsers,
		DefaultTags:   set.Access.DefaultTags,
		VHostDefaults: s.vhostDefaults,
	}
	// The broker warns if the data folder has other users than those that are asked for:
	// not for its own defaults.
	if set.IsGiven("user") || set.IsGiven("password") {
		cfg.DefaultUser, cfg.DefaultPassword = set.Access.DefaultUser, set.Access.DefaultPassword
	}
	if set.Definitions.Path != "" {
		cfg.NoDefaults = true
		s.log.Logger.Warn("no default user and no default virtual host are created, because definitions are configured: who may log in is said there",
			"definitions", set.Definitions.Path)
	}
	p := set.Access.DefaultPermissions
	cfg.DefaultPermission = &access.Permission{Configure: p.Configure, Write: p.Write, Read: p.Read}
	cfg.SendTimeout = max(set.Listen.SendTimeout, time.Millisecond) // 0 is at once, as in Erlang
	if cfg.HandshakeTimeout = set.Listen.HandshakeTimeout; cfg.HandshakeTimeout < 0 {
		cfg.HandshakeTimeout = math.MaxInt64
	}
	if stamps := set.Stamps; stamps != (broker.Stamps{}) {
		stamps.NodeName = set.NodeName
		cfg.Stamps = &stamps
	}
	limit(&cfg, &set.Limits)
	s.plugIn(&cfg)
	if err := passwords(&cfg, &set.Access); err != nil {
		return cfg, err
	}
	logins(&cfg, &set.Access)
	return cfg, backends(&cfg, &set.Access)
}

// logins says how clients log in other than by their password.
func logins(cfg *broker.Config, a *settings.Access) {
	cfg.Mechanisms = a.Mechanisms
	if a.AnonymousUser == "none" { // no mechanism ANONYMOUS then
		cfg.Mechanisms = []string{"PLAIN", "AMQPLAIN"}
		if a.Mechanisms != nil {
			cfg.Mechanisms = slices.DeleteFunc(slices.Clone(a.Mechanisms), func(m string) bool { return m == "ANONYMOUS" })
		}
	}
	cfg.CertificateUser = access.CertificateUser{
		From: access.CertificatePart(a.CertLoginFrom), SANType: a.CertLoginSANType, SANIndex: int(a.CertLoginSANIndex),
	}
	if a.AnonymousUser != "none" {
		cfg.AnonymousUser, cfg.AnonymousPassword = a.AnonymousUser, a.AnonymousPassword
	}
}

// passwords says how passwords are kept and checked.
func passwords(cfg *broker.Config, a *settings.Access) error {
	cfg.PasswordHashing = access.Hashing("rabbit_password_hashing_" + a.PasswordHashing)
	if cfg.PasswordHashing == access.MD5 {
		return fmt.Errorf("password_hashing_module: nothing is hashed with md5 any more")
	}
	switch a.Validator {
	case "min_password_length":
		cfg.CheckPassword = func(_, password string) error {
			if len(password) < int(a.ValidatorMinLength) {
				return fmt.Errorf("minimum required password length is %d", a.ValidatorMinLength)
			}
			return nil
		}
	case "password_regexp":
		matches, err := broker.CompilePattern(a.ValidatorRegexp)
		if err != nil {
			return fmt.Errorf("bad value of credential_validator.regexp: %w", err)
		}
		cfg.CheckPassword = func(_, password string) error {
			if !matches(password) {
				return errors.New("provided password does not match the validator regular expression")
			}
			return nil
		}
	}
	return nil
}

// limit hands limits to a broker, whose zero values are its own defaults.
func limit(cfg *broker.Config, l *settings.Limits) {
	memory := machine.Memory()
	orNever := func(d time.Duration) time.Duration {
		if d == 0 {
			return -1
		}
		return d
	}
	cfg.MemoryLimit, cfg.DiskFreeLimit = l.MemoryLimit(memory), l.DiskFreeLimit(memory)
	if cfg.DiskFreeLimit == 0 {
		cfg.DiskFreeLimit = -1
	}
	cfg.MaxMessageSize = l.MaxMessageSize
	for _, most := range []struct {
		limit *int
		n     int64
	}{
		{&cfg.MaxConnections, l.Connections}, {&cfg.MaxChannels, l.ChannelsPerNode}, {&cfg.MaxVHosts, l.VHosts},
		{&cfg.MaxQueues, l.Queues}, {&cfg.MaxExchanges, l.Exchanges}, {&cfg.MaxConsumers, l.ConsumersPerChannel},
	} {
		switch *most.limit = int(most.n); most.n {
		case -1:
			*most.limit = 0
		case 0:
			*most.limit = -1
		}
	}
	cfg.InitialFrameMax = uint32(l.InitialFrameMax)
	cfg.ConsumerTimeout, cfg.Heartbeat = orNever(l.ConsumerTimeout), orNever(l.Heartbeat)
	cfg.ChannelMax, cfg.FrameMax = uint16(l.ChannelMax), uint32(l.FrameMax)
}
