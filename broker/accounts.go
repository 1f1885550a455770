package broker

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"

	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/broker/internal/records"
	"github.com/rabbetmq/rabbet/broker/internal/topology"
	"github.com/rabbetmq/rabbet/broker/internal/userdb"
)

// loadAccounts brings back users, permissions and global parameters, and creates the
// defaults where there are no users.
func (b *Broker) loadAccounts(set records.Set) error {
	hooks := userdb.Hooks{
		Changed: b.ForgetDecisions,
		TimedOut: func(pattern string) {
			b.log.Warn("a pattern takes too long to match and counts as not matching", "pattern", pattern)
		},
	}
	if b.cfg.Store != nil {
		hooks.Journal = topology.Journal{Env: b.env}
	}
	b.users = userdb.New(hooks)
	b.auth = b.users
	b.Accounts.db, b.hashing, b.checkPassword = b.users, b.cfg.PasswordHashing, b.cfg.CheckPassword
	b.Accounts.closed = b.env.Closed
	b.Accounts.told, b.globals.told = b.events, b.events
	b.exists = func(vhost string) bool { return b.vhost(vhost) != nil }
	b.closeOf = func(user, reason string) { b.CloseConnections(user, reason) }
	b.globals.name, b.globals.journal, b.globals.values = b.cfg.ClusterName, topology.Journal{Env: b.env}, make(map[string]json.RawMessage)
	for _, load := range []func() error{
		func() error { return records.Each(set, records.KindUser, b.Accounts.loadUser) },
		func() error { return records.Each(set, records.KindPermission, b.Accounts.loadPermission) },
		func() error { return records.Each(set, records.KindTopicPermission, b.Accounts.loadTopicPermission) },
		func() error {
			return records.Each(set, records.KindGlobalParameter, func(doc *records.GlobalParameter) error {
				b.globals.values[string(doc.Name)] = doc.Value
				return nil
			})
		},
	} {
		if err := load(); err != nil {
			return err
		}
	}
	if err := b.defaults(); err != nil {
		return err
	}
	b.nameCluster() // after the users: it tells the next start that there were some
	return nil
}

// defaults makes what a first start makes. Who deletes all users has none at the next
// start either, as in RabbitMQ; a store from a time without users has no name of a cluster.
func (b *Broker) defaults() error {
	_, named := b.globals.values[clusterIDParameter]
	switch {
	case b.users.Len() > 0:
		b.compareDefaults()
	case b.cfg.NoDefaults:
	case named && len(b.vhosts) > 0:
		b.log.Warn("the default user is not created: the data folder has virtual hosts already, and no users")
	case b.cfg.Store == nil:
		return b.createDefaults()
	default:
		// At once: where there is a user, the next start makes nothing that is missing.
		var err error
		b.cfg.Store.AtOnce(func() { err = b.createDefaults() })
		return err
	}
	return nil
}

func (a *Accounts) loadUser(doc *records.User) error {
	tags := make([]string, len(doc.Tags))
	for i, tag := range doc.Tags {
		tags[i] = string(tag)
	}
	a.db.LoadUser(access.User{
		Name: string(doc.Name), PasswordHash: string(doc.Hash), Hashing: doc.Hashing, Tags: tags, Limits: doc.Limits,
	})
	return nil
}

func (a *Accounts) loadPermission(doc *records.Permission) error {
	return a.db.LoadPermission(access.Permission{
		User: string(doc.User), VHost: string(doc.VHost),
		Configure: string(doc.Configure), Write: string(doc.Write), Read: string(doc.Read),
	})
}

func (a *Accounts) loadTopicPermission(doc *records.TopicPermission) error {
	return a.db.LoadTopicPermission(access.TopicPermission{
		User: string(doc.User), VHost: string(doc.VHost), Exchange: string(doc.Exchange),
		Write: string(doc.Write), Read: string(doc.Read),
	})
}

// createDefaults makes what a first start makes. Virtual hosts of a store from a time
// without users were the default user's, all of them.
func (b *Broker) createDefaults() error {
	cfg := &b.cfg
	by := cmp.Or(cfg.PasswordHashing, access.SHA256)
	hash, err := access.HashPassword(cfg.DefaultPassword, by)
	if err != nil {
		return err
	}
	tags := cfg.DefaultTags
	if tags == nil {
		tags = []string{access.Administrator}
	}
	b.users.SetUser(access.User{Name: cfg.DefaultUser, PasswordHash: hash, Hashing: by, Tags: tags})
	existing := slices.Sorted(maps.Keys(b.vhosts))
	v, created := b.createVHost(cfg.DefaultVHost, &VHostSettings{Description: "Default virtual host"})
	permission := access.Permission{Configure: ".*", Write: ".*", Read: ".*"}
	if cfg.DefaultPermission != nil {
		permission = *cfg.DefaultPermission
	}
	permission.User = cfg.DefaultUser
	for _, name := range append(existing, cfg.DefaultVHost) {
		permission.VHost = name
		if err := b.users.SetPermission(permission); err != nil {
			return err
		}
	}
	if created {
		return b.furnish(v)
	}
	return nil
}

// compareDefaults says that a default user is not created where there are users, if it
// was asked for and is not as they are.
func (b *Broker) compareDefaults() {
	if !b.cfg.userGiven {
		return
	}
	u, found := b.users.User(b.cfg.DefaultUser)
	switch {
	case !found:
		b.log.Warn("the default user is not created: the data folder has users already", "user", b.cfg.DefaultUser)
	case !access.CheckPassword(b.cfg.DefaultPassword, u.PasswordHash, u.Hashing):
		b.log.Warn("the default user keeps its password: the data folder has users already", "user", u.Name)
	}
}
