package main

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"

	"github.com/dlclark/regexp2/v2"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/settings"
)

// isFirstStart reports whether nothing is kept yet.
func isFirstStart(set *settings.Settings) bool {
	if set.Memory {
		return true
	}
	entries, err := os.ReadDir(set.DataDir)
	return err != nil || !slices.ContainsFunc(entries, func(e os.DirEntry) bool { return !e.IsDir() || e.Name() != "log" })
}

// seed gives the virtual hosts of the first start what the settings say of new ones:
// users, limits, operator policies, and the type of queues.
func (s *service) seed(b *broker.Broker) error {
	for _, name := range b.VHosts() {
		v, err := b.VHost(name)
		if err != nil {
			return err
		}
		if kind := s.set.Limits.DefaultQueueType; kind != "classic" {
			about := v.Settings()
			about.DefaultQueueType = kind
			if err := v.SetSettings(about); err != nil {
				return fmt.Errorf("default_queue_type: %w", err)
			}
		}
		for _, step := range []func(*broker.Broker, *broker.VHost, string) error{s.seedUsers, s.seedLimits, s.seedPolicies} {
			if err := step(b, v, name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *service) seedUsers(b *broker.Broker, _ *broker.VHost, vhost string) error {
	for _, user := range slices.Sorted(maps.Keys(s.set.Access.Users)) {
		u := s.set.Access.Users[user]
		key := "default_users." + user
		matches, err := matchesVHost(key+".vhost_pattern", u.VHostPattern, vhost)
		if err != nil {
			return err
		}
		if !matches {
			continue
		}
		if _, exists := b.User(user); !exists {
			account := access.User{Name: user, Tags: u.Tags}
			if u.Password != "" {
				if account.PasswordHash, account.Hashing, err = b.HashPassword(user, u.Password); err != nil {
					return fmt.Errorf("%s.password: %w", key, err)
				}
			}
			if err := b.SetUser(account); err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
		}
		if err := b.SetPermission(access.Permission{User: user, VHost: vhost, Configure: u.Configure, Write: u.Write, Read: u.Read}); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return nil
}

func (s *service) seedLimits(_ *broker.Broker, v *broker.VHost, vhost string) error {
	for _, id := range slices.Sorted(maps.Keys(s.set.Limits.VHostLimits)) {
		l := s.set.Limits.VHostLimits[id]
		key := "default_limits.vhosts." + id
		matches, err := matchesVHost(key+".pattern", l.Pattern, vhost)
		if err != nil {
			return err
		}
		if !matches {
			continue
		}
		limits := access.Limits{}
		for name, most := range map[string]int64{access.MaxConnections: l.MaxConnections, access.MaxQueues: l.Queues} {
			if most >= 0 {
				limits[name] = int(most)
			}
		}
		if err := v.SetLimits(limits); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		return nil // the first that matches
	}
	return nil
}

func (s *service) seedPolicies(_ *broker.Broker, v *broker.VHost, vhost string) error {
	for _, id := range slices.Sorted(maps.Keys(s.set.Limits.OperatorPolicies)) {
		p := s.set.Limits.OperatorPolicies[id]
		key := "default_policies.operator." + id
		matches, err := matchesVHost(key+".vhost_pattern", p.VHostPattern, vhost)
		if err != nil {
			return err
		}
		if !matches {
			continue
		}
		err = v.SetOperatorPolicy(broker.Policy{Name: id, Pattern: p.QueuePattern, ApplyTo: p.ApplyTo, Definition: p.Definition})
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return nil
}

// matchesVHost matches the name of a virtual host with a pattern of PCRE; an empty
// pattern matches every one.
func matchesVHost(key, pattern, vhost string) (bool, error) {
	if simple, err := regexp.Compile(pattern); err == nil {
		return simple.MatchString(vhost), nil
	}
	expr, err := regexp2.Compile(pattern)
	if err != nil {
		return false, fmt.Errorf("bad value of %s: %w", key, err)
	}
	return expr.MatchString(vhost)
}
