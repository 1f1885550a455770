package broker_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"testing"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/store"
)

// reopened starts a broker with the data folder.
func reopened(t *testing.T, dir string, cfg broker.Config) *broker.Broker {
	st, err := store.Open(dir, store.Options{Sync: store.SyncNone})
	require.NoError(t, err)
	cfg.Store = st
	b, err := broker.New(cfg)
	require.NoError(t, err)
	return b
}

func addUser(t *testing.T, b *broker.Broker, name string) {
	hash, by, err := b.HashPassword(name, name)
	require.NoError(t, err)
	require.NoError(t, b.SetUser(access.User{Name: name, PasswordHash: hash, Hashing: by}))
	require.NoError(t, b.SetPermission(access.Permission{User: name, VHost: "/", Configure: ".*", Write: ".*", Read: ".*"}))
}

func dialAs(b *broker.Broker, user string) (*amqp091.Connection, error) {
	return amqp091.DialConfig(fmt.Sprintf("amqp://%s:%s@memory/", user, user), amqp091.Config{Dial: b.DialFunc})
}

// A restart keeps users, permissions, parameters, limits and what describes a virtual
// host, and what has been deleted stays away (PERSIST-8).
func TestRestartKeepsAccounts(t *testing.T) {
	dir := t.TempDir()
	b := reopened(t, dir, broker.Config{})
	addUser(t, b, "ann")
	addUser(t, b, "gone")
	require.NoError(t, b.SetUserLimits("ann", access.Limits{access.MaxChannels: 3}))
	require.NoError(t, b.SetTopicPermission(access.TopicPermission{User: "ann", VHost: "/", Exchange: "amq.topic", Write: "^a", Read: ""}))
	v, err := b.CreateVHost("orders", broker.VHostSettings{Description: "What is ordered", Tags: []string{"a"}, DefaultQueueType: "quorum"})
	require.NoError(t, err)
	require.NoError(t, v.SetLimits(access.Limits{access.MaxQueues: 7}))
	require.NoError(t, v.SetParameter("shovel", "s", []byte(`{"src-uri":"amqp://"}`)))
	require.NoError(t, v.SetPolicy(broker.Policy{Name: "p", Pattern: `^(?!amq\.).*`, Definition: map[string]any{"max-length": 5}}))
	require.NoError(t, b.SetGlobalParameter("mine", []byte(`[1]`)))
	_, err = b.CreateVHost("away", broker.VHostSettings{})
	require.NoError(t, err)
	deleted, err := b.DeleteVHost("away")
	require.NoError(t, err)
	assert.True(t, deleted)
	assert.True(t, b.DeleteUser("gone"))
	before := encoded(t, b.Definitions())
	require.NoError(t, b.Close())

	b = reopened(t, dir, broker.Config{})
	defer b.Close()
	assert.Equal(t, before, encoded(t, b.Definitions()))
	assert.Equal(t, []string{"/", "orders"}, b.VHosts())
	v, err = b.VHost("orders")
	require.NoError(t, err)
	assert.Equal(t, broker.VHostSettings{Description: "What is ordered", Tags: []string{"a"}, DefaultQueueType: "quorum"}, v.Settings())
	assert.Equal(t, access.Limits{access.MaxQueues: 7}, v.Limits())
	q, err := v.DeclareQueue(broker.Queue{Name: "q", Durable: true})
	require.NoError(t, err)
	for _, info := range b.Snapshot().VHosts[1].Queues {
		assert.Equal(t, "quorum", info.Args["x-queue-type"], q) // QUEUE-14: the default type is added
	}
	_, err = dialAs(b, "gone")
	assert.Error(t, err)
	c, err := dialAs(b, "ann")
	require.NoError(t, err)
	require.NoError(t, c.Close())
}

// Only the first start makes the default user; the log says so where another is asked for.
func TestDefaultUserIsMadeAtTheFirstStart(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, reopened(t, dir, broker.Config{DefaultUser: "first", DefaultPassword: "first"}).Close())
	var log logBuffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	b := reopened(t, dir, broker.Config{DefaultUser: "second", DefaultPassword: "second", Logger: logger})
	log.line(t, "the default user is not created", "second")
	assert.Len(t, b.Users(), 1)
	require.NoError(t, b.Close())
	b = reopened(t, dir, broker.Config{DefaultUser: "first", DefaultPassword: "other", Logger: logger})
	log.line(t, "the default user keeps its password", "first")
	_, err := b.Login(context.Background(), access.Credentials{User: "first", Password: "first"})
	assert.NoError(t, err)
	require.NoError(t, b.Close())
	b = reopened(t, t.TempDir(), broker.Config{NoDefaults: true})
	assert.Empty(t, b.Users())
	assert.Empty(t, b.VHosts())
	require.NoError(t, b.Close())
}

// Who deletes every user has none at the next start either, as in RabbitMQ: not guest again.
func TestDefaultUserStaysDeleted(t *testing.T) {
	dir := t.TempDir()
	b := reopened(t, dir, broker.Config{})
	require.True(t, b.DeleteUser("guest"))
	require.NoError(t, b.Close())
	var log logBuffer
	b = reopened(t, dir, broker.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	assert.Empty(t, b.Users())
	assert.Equal(t, []string{"/"}, b.VHosts())
	log.line(t, "the default user is not created", "no users")
	_, err := b.DeleteVHost("/")
	require.NoError(t, err)
	require.NoError(t, b.Close())
	b = reopened(t, dir, broker.Config{})
	assert.Len(t, b.Users(), 1, "with neither users nor virtual hosts it is a first start")
	require.NoError(t, b.Close())
}

// A revocation counts from the next operation on, also on a channel that has published
// the same a moment before.
func TestRevocationCountsAtOnce(t *testing.T) {
	b := start(t, broker.Config{})
	addUser(t, b, "ann")
	c, err := dialAs(b, "ann")
	require.NoError(t, err)
	defer c.Close()
	for round := range 20 {
		require.NoError(t, b.SetPermission(access.Permission{User: "ann", VHost: "/", Configure: ".*", Write: ".*", Read: ".*"}))
		ch, err := c.Channel()
		require.NoError(t, err)
		_, err = ch.QueueDeclare("q", false, false, false, false, nil)
		require.NoError(t, err)
		closed := ch.NotifyClose(make(chan *amqp091.Error, 1))
		require.NoError(t, ch.Confirm(false))
		confirms := ch.NotifyPublish(make(chan amqp091.Confirmation, 10))
		for range 3 {
			require.NoError(t, ch.Publish("", "q", false, false, amqp091.Publishing{}))
		}
		for range 3 {
			receive(t, confirms)
		}
		require.NoError(t, b.SetPermission(access.Permission{User: "ann", VHost: "/", Configure: ".*", Write: "^nothing$", Read: ".*"}))
		require.NoError(t, ch.Publish("", "q", false, false, amqp091.Publishing{}))
		refusal := receive(t, closed)
		require.NotNil(t, refusal, round)
		assert.Equal(t, "ACCESS_REFUSED - write access to exchange 'amq.default' in vhost '/' refused for user 'ann'", refusal.Reason)
	}
	v := vhost(t, b)
	n, err := v.Counts("q")
	require.NoError(t, err)
	assert.Equal(t, 60, n.Ready)
}

// nobodyElse lets in who knows the word, and counts what it is asked.
type nobodyElse struct {
	asked chan string
	fail  error
}

func (a nobodyElse) Login(_ context.Context, c access.Credentials) (access.Identity, error) {
	if c.Password != "sesame" {
		return access.Identity{}, &access.LoginError{User: c.User, Reason: "does not know the word"}
	}
	return access.Identity{User: c.User}, nil
}

func (a nobodyElse) EnterVHost(context.Context, access.Identity, string, net.Addr) error { return nil }

func (a nobodyElse) UseResource(_ context.Context, _ access.Identity, r access.Resource, op access.Operation) error {
	a.asked <- string(op) + " " + r.Name
	if r.Name == "broken" {
		return a.fail
	}
	if r.Name == "private" {
		return access.ErrRefused
	}
	return nil
}

func (a nobodyElse) UseTopic(_ context.Context, _ access.Identity, x access.Resource, key string, op access.Operation) error {
	a.asked <- string(op) + " " + x.Name + " " + key
	return nil
}

func TestAuthenticatorDecides(t *testing.T) {
	a := nobodyElse{asked: make(chan string, 100), fail: errors.New("is away")}
	clock := delay.NewManual(time.Unix(1_000_000_000, 0))
	b := start(t, broker.Config{Clock: clock, PeerClock: delay.Real{}, Authenticator: func(access.Authenticator) access.Authenticator { return a }})
	_, err := amqp091.DialConfig("amqp://guest:guest@memory/", amqp091.Config{Dial: b.DialFunc})
	assert.ErrorContains(t, err, "403")
	c, err := amqp091.DialConfig("amqp://ali:sesame@memory/", amqp091.Config{Dial: b.DialFunc})
	require.NoError(t, err)
	defer c.Close()
	ch, err := c.Channel()
	require.NoError(t, err)
	use := func() {
		for range 3 {
			_, err = ch.QueueDeclare("q", false, false, false, false, nil)
			require.NoError(t, err)
			require.NoError(t, ch.QueueBind("q", "k", "amq.topic", false, nil))
			require.NoError(t, ch.Publish("amq.topic", "k", false, false, amqp091.Publishing{}))
		}
	}
	use()
	want := []string{"configure q", "write q", "read amq.topic", "read amq.topic k", "write amq.topic", "write amq.topic k"}
	_, err = ch.QueueDeclarePassive("q", false, false, false, false, nil)
	require.NoError(t, err)
	var asked []string
	for range want {
		asked = append(asked, receive(t, a.asked))
	}
	assert.Equal(t, want, asked, "each once (AUTHHTTP-15)")
	clock.Advance(15 * time.Second)
	use()
	_, err = ch.QueueDeclarePassive("q", false, false, false, false, nil)
	require.NoError(t, err)
	assert.Len(t, a.asked, len(want), "and anew after a while")

	closed := ch.NotifyClose(make(chan *amqp091.Error, 1))
	_, err = ch.QueueDeclare("private", false, false, false, false, nil)
	assert.Error(t, err)
	assert.Equal(t, "ACCESS_REFUSED - configure access to queue 'private' in vhost '/' refused for user 'ali'", receive(t, closed).Reason)
	ch, err = c.Channel()
	require.NoError(t, err)
	closed = ch.NotifyClose(make(chan *amqp091.Error, 1))
	_, err = ch.QueueDeclare("broken", false, false, false, false, nil)
	assert.Error(t, err)
	assert.Equal(t, "ACCESS_REFUSED - configure access to queue 'broken' in vhost '/' refused for user 'ali', backend is away", receive(t, closed).Reason)
}

func TestLimitsOfTheBroker(t *testing.T) {
	b := start(t, broker.Config{MaxConnections: 1, MaxChannels: 2, MaxVHosts: 2, ClusterName: "rabbit@here"})
	c, err := dialAs(b, "guest")
	require.NoError(t, err)
	_, err = dialAs(b, "guest")
	assert.Error(t, err)
	for range 2 {
		_, err := c.Channel()
		require.NoError(t, err)
	}
	closed := c.NotifyClose(make(chan *amqp091.Error, 1))
	_, err = c.Channel()
	assert.Error(t, err)
	assert.Equal(t, "NOT_ALLOWED - number of channels opened on node 'rabbit@here' has reached the maximum allowed limit of (2)", receive(t, closed).Reason) // LIMIT-5: 530 at the limit
	eventually(t, "a connection to be free", func() bool {
		c, err := dialAs(b, "guest")
		if err == nil {
			err = c.Close()
		}
		return err == nil
	})
	_, err = b.CreateVHost("two", broker.VHostSettings{})
	require.NoError(t, err)
	_, err = b.CreateVHost("three", broker.VHostSettings{})
	var refusal *broker.Error
	require.ErrorAs(t, err, &refusal)
	assert.Equal(t, amqp.PreconditionFailed, refusal.Code)
	assert.Equal(t, "cannot create vhost 'three': vhost limit of 2 is reached", refusal.Text)
}

// A virtual host that is deleted takes everything along, and one of its name is new.
func TestDeleteVHost(t *testing.T) {
	dir := t.TempDir()
	b := reopened(t, dir, broker.Config{})
	v := b.AddVHost("v")
	for i := range 300 {
		name := fmt.Sprintf("q%d", i)
		_, err := v.DeclareQueue(broker.Queue{Name: name, Durable: true})
		require.NoError(t, err)
		require.NoError(t, v.Bind(broker.Binding{Source: "amq.fanout", Destination: name}))
	}
	require.NoError(t, v.DeclareExchange(broker.Exchange{Name: "later", Type: "x-delayed-message", Durable: true, Args: map[string]any{"x-delayed-type": "fanout"}}))
	_, err := v.Publish("later", "", broker.Message{Properties: amqp.Properties{Headers: amqp.Table{{Key: "x-delay", Value: int64(600000)}}}})
	require.NoError(t, err)
	_, err = v.Publish("amq.fanout", "", broker.Message{Properties: amqp.Properties{DeliveryMode: 2}, Body: []byte("x")})
	require.NoError(t, err)
	conn, err := amqp091.DialConfig("amqp://guest:guest@memory/v", amqp091.Config{Dial: b.DialFunc})
	require.NoError(t, err)
	closed := conn.NotifyClose(make(chan *amqp091.Error, 1))
	found, err := b.DeleteVHost("v")
	require.NoError(t, err)
	assert.True(t, found)
	assert.Equal(t, "CONNECTION_FORCED - vhost 'v' is deleted", receive(t, closed).Reason) // CONN-74: its connections end
	found, err = b.DeleteVHost("v")
	require.NoError(t, err)
	assert.False(t, found)
	_, err = v.DeclareQueue(broker.Queue{Name: "q"})
	assert.ErrorContains(t, err, "vhost v not found", "what is left of it is of no use")
	assert.ErrorContains(t, v.SetPolicy(broker.Policy{Name: "p", Definition: map[string]any{"expires": 1}}), "vhost v not found")
	assert.Empty(t, b.Permissions("", "v"))
	fresh := b.AddVHost("v")
	assert.Empty(t, fresh.Definitions().Queues)
	require.NoError(t, b.Close())
	b = reopened(t, dir, broker.Config{})
	defer b.Close()
	v, err = b.VHost("v")
	require.NoError(t, err)
	assert.Empty(t, v.Definitions().Queues)

	_, err = b.CreateVHost("kept", broker.VHostSettings{Protected: true})
	require.NoError(t, err)
	_, err = b.DeleteVHost("kept")
	assert.ErrorContains(t, err, "protected from deletion")
}

// A limit of 0 in the configuration is one of a negative number here: nothing comes
// (LIMIT-5, LIMIT-7, BASIC-33).
func TestLimitsOfNothing(t *testing.T) {
	b := start(t, broker.Config{MaxConnections: -1})
	_, err := dialAs(b, "guest")
	assert.ErrorContains(t, err, "node connection limit (0) is reached")

	b = start(t, broker.Config{MaxChannels: -1})
	c, err := dialAs(b, "guest")
	require.NoError(t, err)
	_, err = c.Channel()
	assert.Error(t, err)

	b = start(t, broker.Config{MaxQueues: -1, MaxExchanges: 9, MaxConsumers: 1, MaxVHosts: -1})
	refused := func(text string, do func(*amqp091.Channel) error) {
		t.Helper()
		c, err := dialAs(b, "guest")
		require.NoError(t, err)
		defer c.Close()
		ch, err := c.Channel()
		require.NoError(t, err)
		assert.ErrorContains(t, do(ch), text)
	}
	refused("cannot declare queue 'q': queue limit in cluster (0) is reached", func(ch *amqp091.Channel) error {
		_, err := ch.QueueDeclare("q", true, false, false, false, nil)
		return err
	})
	refused("cannot declare exchange 'c' in vhost '/': exchange limit of 9 is reached", func(ch *amqp091.Channel) error {
		for _, name := range []string{"a", "b", "a"} { // and 7 that are predeclared
			require.NoError(t, ch.ExchangeDeclare(name, "direct", true, false, false, false, nil))
		}
		return ch.ExchangeDeclare("c", "direct", true, false, false, false, nil)
	})
	_, err = b.CreateVHost("v", broker.VHostSettings{})
	assert.ErrorContains(t, err, "vhost limit of 0 is reached")
}

// A virtual host that goes takes its queues and exchanges out of what the broker may have
// (LIMIT-5, LIMIT-7).
func TestLimitsOfTheBrokerForgetAVirtualHost(t *testing.T) {
	b := start(t, broker.Config{MaxQueues: 1, MaxExchanges: 15})
	for range 3 {
		v := b.AddVHost("v")
		require.NoError(t, v.DeclareExchange(broker.Exchange{Name: "x", Type: "direct"}))
		_, err := v.DeclareQueue(broker.Queue{Name: "q"})
		require.NoError(t, err)
		_, err = b.DeleteVHost("v")
		require.NoError(t, err)
	}
}

// VHostDefaults count for each new virtual host, and for no other.
func TestVHostDefaults(t *testing.T) {
	var made []string
	b := start(t, broker.Config{VHostDefaults: func(vhost string) (broker.VHostDefaults, error) {
		made = append(made, vhost)
		d := broker.VHostDefaults{QueueType: "quorum", Limits: access.Limits{access.MaxQueues: 0}}
		d.Users = []broker.VHostUser{{Name: "ben", Password: "ben", Configure: "^" + vhost}}
		switch vhost {
		case "refused":
			return d, errors.New("not this one")
		case "nonsense":
			d.OperatorPolicies = []broker.Policy{{Name: "p", Pattern: "(", ApplyTo: "queues", Definition: map[string]any{"max-length": 1}}}
		}
		return d, nil
	}})
	for range 2 {
		v, err := b.CreateVHost("a", broker.VHostSettings{Description: "of a"})
		require.NoError(t, err)
		assert.Equal(t, access.Limits{access.MaxQueues: 0}, v.Limits())
	}
	b.AddVHost("b")
	v, err := b.CreateVHost("c", broker.VHostSettings{DefaultQueueType: "stream"})
	require.NoError(t, err)
	assert.Equal(t, "stream", v.Settings().DefaultQueueType)
	_, err = b.CreateVHost("refused", broker.VHostSettings{})
	assert.EqualError(t, err, "not this one")
	_, err = b.CreateVHost("nonsense", broker.VHostSettings{})
	assert.ErrorContains(t, err, "operator policy 'p': ")
	assert.Equal(t, []string{"/", "a", "b", "c", "refused", "nonsense"}, made)
	var of []string
	for _, p := range b.Permissions("ben", "") {
		of = append(of, p.VHost+" "+p.Configure)
	}
	assert.Equal(t, []string{"/ ^/", "a ^a", "b ^b", "c ^c"}, of)
	u, _ := b.User("ben")
	assert.True(t, access.CheckPassword("ben", u.PasswordHash, u.Hashing))
}
