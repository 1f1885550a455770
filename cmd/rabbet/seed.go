package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/access"
)

// vhostDefaults is what the settings say of a new virtual host: the type of queues,
// limits, operator policies and users.
func (s *service) vhostDefaults(vhost string) (d broker.VHostDefaults, err error) {
	if kind := s.set.Limits.DefaultQueueType; kind != "classic" {
		d.QueueType = kind
	}
	for _, seed := range []func(*broker.VHostDefaults, string) error{s.seedLimits, s.seedPolicies, s.seedUsers} {
		if err := seed(&d, vhost); err != nil {
			return d, err
		}
	}
	return d, nil
}

func (s *service) seedLimits(d *broker.VHostDefaults, vhost string) error {
	for _, id := range slices.Sorted(maps.Keys(s.set.Limits.VHostLimits)) {
		l := s.set.Limits.VHostLimits[id]
		matches, err := matchesVHost("default_limits.vhosts."+id+".pattern", l.Pattern, vhost)
		if err != nil {
			return err
		}
		if !matches {
			continue
		}
		d.Limits = access.Limits{}
		for name, most := range map[string]int64{access.MaxConnections: l.MaxConnections, access.MaxQueues: l.Queues} {
			if most >= 0 {
				d.Limits[name] = int(most)
			}
		}
		return nil // the first that matches
	}
	return nil
}

func (s *service) seedPolicies(d *broker.VHostDefaults, vhost string) error {
	for _, id := range slices.Sorted(maps.Keys(s.set.Limits.OperatorPolicies)) {
		p := s.set.Limits.OperatorPolicies[id]
		matches, err := matchesVHost("default_policies.operator."+id+".vhost_pattern", p.VHostPattern, vhost)
		if err != nil {
			return err
		}
		if matches {
			d.OperatorPolicies = append(d.OperatorPolicies, broker.Policy{Name: id, Pattern: p.QueuePattern, ApplyTo: p.ApplyTo, Definition: p.Definition})
		}
	}
	return nil
}

func (s *service) seedUsers(d *broker.VHostDefaults, vhost string) error {
	for _, name := range slices.Sorted(maps.Keys(s.set.Access.Users)) {
		u := s.set.Access.Users[name]
		matches, err := matchesVHost("default_users."+name+".vhost_pattern", u.VHostPattern, vhost)
		if err != nil {
			return err
		}
		if matches {
			d.Users = append(d.Users, broker.VHostUser{
				Name: name, Password: u.Password, Tags: u.Tags, Configure: u.Configure, Write: u.Write, Read: u.Read,
			})
		}
	}
	return nil
}

// matchesVHost matches the name of a virtual host with a pattern of PCRE; an empty
// pattern matches every one.
func matchesVHost(key, pattern, vhost string) (bool, error) {
	matches, err := broker.CompilePattern(pattern)
	if err != nil {
		return false, fmt.Errorf("bad value of %s: %w", key, err)
	}
	return matches(vhost), nil
}
