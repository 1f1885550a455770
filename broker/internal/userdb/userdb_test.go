package userdb

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/broker/internal/pattern"
	"github.com/rabbetmq/rabbet/delay"
)

var ctx = context.Background()

// journal writes down what it is told.
type journal struct{ lines []string }

func (j *journal) add(format string, args ...any) {
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
}
func (j *journal) PutUser(u access.User)               { j.add("user %s %v %v", u.Name, u.Tags, u.Limits) }
func (j *journal) DeleteUser(name string)              { j.add("no user %s", name) }
func (j *journal) PutPermission(p access.Permission)   { j.add("permission %s", p) }
func (j *journal) DeletePermission(user, vhost string) { j.add("no permission %s %s", user, vhost) }
func (j *journal) PutTopicPermission(p access.TopicPermission) {
	j.add("topic %s", p)
}
func (j *journal) DeleteTopicPermission(user, vhost, x string) {
	j.add("no topic %s %s %s", user, vhost, x)
}

func account(t *testing.T, name, password string, tags ...string) access.User {
	hash, err := access.HashPassword(password, "")
	require.NoError(t, err)
	return access.User{Name: name, PasswordHash: hash, Hashing: access.SHA256, Tags: tags}
}

func TestUsersLogInWithTheirPassword(t *testing.T) {
	db := New(Hooks{})
	db.SetUser(account(t, "ann", "secret", "impersonator"))
	db.SetUser(access.User{Name: "cert"})

	id, err := db.Login(ctx, access.Credentials{User: "ann", Password: "secret"})
	require.NoError(t, err)
	assert.Equal(t, "ann", id.User)
	assert.True(t, id.HasTag(access.Impersonator))

	for _, c := range []access.Credentials{ // CONN-15: a failed login; CONN-20: no login without a hash
		{User: "ann", Password: "Secret"}, {User: "ann"}, {User: "bob", Password: "secret"}, {User: "bob", Password: "nobody"},
		{User: "bob", Checked: true}, {User: "cert"}, {User: "cert", Password: "nobody"}, {},
	} {
		_, err := db.Login(ctx, c)
		var refused *access.LoginError
		if assert.ErrorAs(t, err, &refused, "%+v", c) {
			assert.Equal(t, "user '"+c.User+"' - invalid credentials", refused.Reason)
		}
	}
	id, err = db.Login(ctx, access.Credentials{User: "cert", Checked: true}) // TLS-19: its password does not matter
	require.NoError(t, err)
	assert.Equal(t, "cert", id.User)
}

func TestUsersOfUnknownNamesCostTheSameTime(t *testing.T) {
	db := New(Hooks{})
	db.SetUser(account(t, "ann", "secret"))
	const rounds, logins = 40, 200
	cheapest := map[string]time.Duration{"ann": time.Hour, "bob": time.Hour}
	for range rounds {
		for user := range cheapest {
			begin := delay.Real{}.Now()
			for range logins {
				_, _ = db.Login(ctx, access.Credentials{User: user, Password: "wrong!"})
			}
			cheapest[user] = min(cheapest[user], delay.Real{}.Now().Sub(begin)/logins)
		}
	}
	known, unknown := cheapest["ann"], cheapest["bob"]
	t.Logf("known %v, unknown %v", known, unknown)
	assert.InDelta(t, float64(known), float64(unknown), 0.5*float64(known))
}

func TestPermissions(t *testing.T) {
	db := New(Hooks{})
	db.SetUser(account(t, "ann", "x"))
	ann := access.Identity{User: "ann"}
	assert.ErrorIs(t, db.EnterVHost(ctx, ann, "v", nil), access.ErrRefused)
	require.NoError(t, db.SetPermission(access.Permission{User: "ann", VHost: "v", Configure: "", Write: "^o", Read: "^(?!amq\\.).*"}))
	assert.NoError(t, db.EnterVHost(ctx, ann, "v", nil))
	assert.ErrorIs(t, db.EnterVHost(ctx, ann, "w", nil), access.ErrRefused)

	use := func(name string, op access.Operation) bool {
		err := db.UseResource(ctx, ann, access.Resource{VHost: "v", Kind: access.Queue, Name: name}, op)
		if err != nil {
			assert.ErrorIs(t, err, access.ErrRefused)
		}
		return err == nil
	}
	assert.False(t, use("o", access.Configure), "PERM-1: the empty expression is nothing")
	assert.True(t, use("", access.Configure))
	assert.True(t, use("orders", access.Write))
	assert.False(t, use("new.orders", access.Write))
	assert.True(t, use("orders", access.Read))
	assert.False(t, use("amq.topic", access.Read))

	// PERM-16: three empty expressions are a way in.
	require.NoError(t, db.SetPermission(access.Permission{User: "ann", VHost: "w"}))
	assert.NoError(t, db.EnterVHost(ctx, ann, "w", nil))

	assert.Equal(t, []access.Permission{
		{User: "ann", VHost: "v", Write: "^o", Read: "^(?!amq\\.).*"}, {User: "ann", VHost: "w"},
	}, db.Permissions("", ""))
	assert.Len(t, db.Permissions("", "w"), 1)
	assert.Empty(t, db.Permissions("bob", ""))

	assert.True(t, db.DeletePermission("ann", "v"))
	assert.False(t, db.DeletePermission("ann", "v"))
	assert.False(t, use("orders", access.Write))
	assert.Equal(t, 1, db.patterns.Len(), "unused patterns are forgotten")
}

func TestTopicPermissions(t *testing.T) {
	db := New(Hooks{})
	db.SetUser(account(t, "a.n", "x"))
	may := func(x, key string, op access.Operation) bool {
		return db.UseTopic(ctx, access.Identity{User: "a.n"}, access.Resource{VHost: "v", Kind: access.Exchange, Name: x}, key, op) == nil
	}
	assert.True(t, may("t", "anything", access.Write), "PERM-11: no record is no restriction")
	require.NoError(t, db.SetTopicPermission(access.TopicPermission{
		User: "a.n", VHost: "v", Exchange: "t", Write: "^{vhost}\\.{username}\\.", Read: "^{username}$",
	}))
	assert.True(t, may("t", "v.a.n.x", access.Write))
	assert.True(t, may("t", "v.aXn.x", access.Write), "PERM-13: names are not quoted")
	assert.False(t, may("t", "w.a.n.x", access.Write))
	assert.True(t, may("t", "a.n", access.Read))
	assert.False(t, may("t", "#", access.Read))
	assert.True(t, may("u", "anything", access.Write))
	assert.Equal(t, []access.TopicPermission{
		{User: "a.n", VHost: "v", Exchange: "t", Write: "^{vhost}\\.{username}\\.", Read: "^{username}$"},
	}, db.TopicPermissions("a.n", "v"))
	assert.False(t, db.DeleteTopicPermission("a.n", "v", "u"))
	assert.True(t, db.DeleteTopicPermission("a.n", "v", "t"))
	assert.True(t, may("t", "anything", access.Write))
}

func TestWhatCannotBeSetIsRefused(t *testing.T) {
	db := New(Hooks{})
	assert.ErrorIs(t, db.SetPermission(access.Permission{User: "ann", VHost: "v"}), ErrNoUser)
	assert.ErrorIs(t, db.SetTopicPermission(access.TopicPermission{User: "ann", VHost: "v"}), ErrNoUser)
	db.SetUser(account(t, "ann", "x"))
	var bad *pattern.Error
	require.ErrorAs(t, db.SetPermission(access.Permission{User: "ann", VHost: "v", Write: "a("}), &bad)
	assert.Equal(t, `{"missing )",2}`, bad.Error())
	require.ErrorAs(t, db.SetTopicPermission(access.TopicPermission{User: "ann", VHost: "v", Read: "*"}), &bad)
	assert.Empty(t, db.Permissions("", ""))
}

func TestChangesAreJournaledAndTold(t *testing.T) {
	var j journal
	changes := 0
	db := New(Hooks{Journal: &j, Changed: func() { changes++ }})
	db.SetUser(access.User{Name: "ann", Tags: []string{"management"}, Limits: access.Limits{access.MaxChannels: 3}})
	db.SetUser(access.User{Name: "ann"})
	require.True(t, db.ChangeLimits("ann", func(l access.Limits) { l[access.MaxConnections] = -1 }))
	require.False(t, db.ChangeLimits("bob", func(access.Limits) {}))
	require.NoError(t, db.SetPermission(access.Permission{User: "ann", VHost: "v", Read: ".*"}))
	require.NoError(t, db.SetPermission(access.Permission{User: "ann", VHost: "w"}))
	require.NoError(t, db.SetTopicPermission(access.TopicPermission{User: "ann", VHost: "w", Exchange: "x"}))
	db.ForgetVHost("w")
	require.True(t, db.DeleteUser("ann"))
	require.False(t, db.DeleteUser("ann"))
	assert.Equal(t, []string{
		"user ann [management] map[max-channels:3]", "user ann [] map[max-channels:3]",
		"user ann [] map[max-channels:3 max-connections:-1]",
		"permission {ann v   .*}", "permission {ann w   }", "topic {ann w x  }", "no permission ann w", "no topic ann w x",
		"no permission ann v", "no user ann",
	}, j.lines)
	assert.Equal(t, 7, changes)
	assert.Zero(t, db.patterns.Len())
}

func TestLimits(t *testing.T) {
	db := New(Hooks{})
	db.LoadUser(access.User{Name: "ann", Limits: access.Limits{access.MaxChannels: 0, access.MaxConnections: -1}})
	n, limited := db.Limit("ann", access.MaxChannels)
	assert.True(t, limited)
	assert.Zero(t, n)
	_, limited = db.Limit("ann", access.MaxConnections)
	assert.False(t, limited, "negative is no limit")
	_, limited = db.Limit("bob", access.MaxConnections)
	assert.False(t, limited)
	u, ok := db.User("ann")
	require.True(t, ok)
	u.Limits[access.MaxChannels] = 7
	n, _ = db.Limit("ann", access.MaxChannels)
	assert.Zero(t, n, "what is returned is a copy")
}

// Ten thousand users and a hundred thousand permissions load within a second, for no
// more than 200 bytes each beside names and patterns.
func TestManyUsersAndPermissions(t *testing.T) {
	const users, each = 10_000, 10
	accounts := make([]access.User, users)
	permissions := make([]access.Permission, 0, users*each)
	vhosts := make([]string, each)
	for i := range vhosts {
		vhosts[i] = fmt.Sprintf("vhost-%03d", i)
	}
	for i := range accounts {
		accounts[i] = access.User{Name: fmt.Sprintf("user-%05d", i), PasswordHash: "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR", Hashing: access.SHA256}
		for _, v := range vhosts {
			permissions = append(permissions, access.Permission{User: accounts[i].Name, VHost: v, Configure: "^u", Write: ".*", Read: fmt.Sprintf("^user-%d", i%100)})
		}
	}
	before := heap()
	begin := delay.Real{}.Now()
	db := New(Hooks{})
	for _, u := range accounts {
		db.LoadUser(u)
	}
	for _, p := range permissions {
		require.NoError(t, db.LoadPermission(p))
	}
	took := delay.Real{}.Now().Sub(begin)
	perRecord := float64(heap()-before) / (users + users*each)
	t.Logf("%d users and %d permissions in %v, %.0f bytes each", users, len(permissions), took, perRecord)
	assert.Less(t, took, 10*time.Second, "35 ms on a machine that has time")
	assert.Less(t, perRecord, 200.0)
	assert.Equal(t, 102, db.patterns.Len())

	before = heap()
	for _, u := range accounts {
		u.Name += "'"
		db.LoadUser(u)
	}
	names := float64(users * 16)
	perUser := (float64(heap()-before) - names) / users
	t.Logf("%.0f bytes a user without permissions", perUser)
	assert.Less(t, perUser, 200.0)
	runtime.KeepAlive(permissions)
	runtime.KeepAlive(db)
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func BenchmarkUseResource(b *testing.B) {
	for _, expr := range []string{".*", "^orders", "^(?!amq\\.).*"} {
		b.Run(expr, func(b *testing.B) {
			db := New(Hooks{})
			db.SetUser(access.User{Name: "ann"})
			require.NoError(b, db.SetPermission(access.Permission{User: "ann", VHost: "/", Read: expr}))
			b.ReportAllocs()
			for b.Loop() {
				_ = db.UseResource(ctx, access.Identity{User: "ann"}, access.Resource{VHost: "/", Kind: access.Queue, Name: "orders"}, access.Read)
			}
		})
	}
}

func BenchmarkLogin(b *testing.B) {
	db := New(Hooks{})
	hash, err := access.HashPassword("secret", "")
	require.NoError(b, err)
	db.SetUser(access.User{Name: "ann", PasswordHash: hash, Hashing: access.SHA256})
	for b.Loop() {
		_, _ = db.Login(ctx, access.Credentials{User: "ann", Password: "secret"})
	}
}
