package inprocess_test

import (
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/rabbetmq/rabbet/conformance"
	"github.com/rabbetmq/rabbet/conformance/inprocess"
)

func TestMain(m *testing.M) {
	// The clock of the backtracking engine outlives a match by a second.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/dlclark/regexp2/v2.runClock"))
}

func started(t *testing.T, dir string) *inprocess.Broker {
	b, err := inprocess.Start(inprocess.Config{Dir: dir})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, b.Close()) })
	return b
}

// With a durable, auto-delete queue that has a consumer: it is there after a kill,
// since nobody was left to delete it.
func TestKill(t *testing.T) {
	b := started(t, t.TempDir())
	url := b.URL()
	conn, err := amqp.Dial(url)
	require.NoError(t, err)
	closed := conn.NotifyClose(make(chan *amqp.Error, 1))
	ch, err := conn.Channel()
	require.NoError(t, err)
	_, err = ch.QueueDeclare("q", true, true, false, false, nil)
	require.NoError(t, err)
	require.NoError(t, ch.Confirm(false))
	confirm, err := ch.PublishWithDeferredConfirm("", "q", false, false, amqp.Publishing{DeliveryMode: amqp.Persistent, Body: []byte("kept")})
	require.NoError(t, err)
	require.True(t, confirm.Wait())
	_, err = ch.Consume("q", "", false, false, false, false, nil)
	require.NoError(t, err)

	require.NoError(t, b.Kill(t.Context()))
	end := <-closed
	assert.NotEqual(t, amqp.ConnectionForced, end.Code, "a broker that is dead says nothing")
	assert.Equal(t, url, b.URL())
	conn, err = amqp.Dial(url)
	require.NoError(t, err)
	defer conn.Close()
	ch, err = conn.Channel()
	require.NoError(t, err)
	d, ok, err := ch.Get("q", true)
	require.NoError(t, err)
	assert.True(t, ok)
	assert.Equal(t, "kept", string(d.Body))
}

func TestHooks(t *testing.T) {
	inMemory := started(t, "").Hooks(conformance.Options{Pattern: "x"})
	assert.Nil(t, inMemory.Restart)
	assert.Nil(t, inMemory.Kill)
	assert.Equal(t, "x", inMemory.Pattern)
	assert.NoError(t, inMemory.Alarm(t.Context(), "disk", true))

	durable := started(t, t.TempDir())
	o := durable.Hooks(conformance.Options{})
	assert.ErrorIs(t, o.Alarm(t.Context(), "disk", true), conformance.ErrNotOffered)
	assert.NoError(t, o.Alarm(t.Context(), "memory", true))
	_, err := inprocess.Start(inprocess.Config{Dir: t.TempDir() + "/\x00"})
	assert.Error(t, err)
}

func TestAdminRefuses(t *testing.T) {
	admin := started(t, "").Hooks(conformance.Options{}).Admin
	var refusal *conformance.AdminError
	require.ErrorAs(t, admin.PutPolicy(t.Context(), "/", conformance.Policy{Name: "p", Pattern: "q"}), &refusal)
	assert.Equal(t, conformance.AdminError{Status: 400, Reason: "Validation failed\n\nno policy provided\n"}, *refusal)
	require.ErrorAs(t, admin.DeletePolicy(t.Context(), "nowhere", "p"), &refusal)
	assert.Equal(t, conformance.AdminError{Status: 404, Reason: "vhost_not_found"}, *refusal)
	require.ErrorAs(t, admin.SetPermissions(t.Context(), "/", "nobody", conformance.Permissions{}), &refusal)
	assert.Equal(t, conformance.AdminError{Status: 400, Reason: "vhost_or_user_not_found"}, *refusal)
	require.ErrorAs(t, admin.SetVHostLimit(t.Context(), "/", "max-stars", 1), &refusal)
	assert.Equal(t, conformance.AdminError{Status: 400, Reason: `Unrecognised terms [{<<"max-stars">>,1}] in limits`}, *refusal)
}

// The port of a broker that restarts or is killed is nobody else's meanwhile: what asks for
// it is refused, also while there is no broker.
func TestPortIsKept(t *testing.T) {
	b := started(t, t.TempDir())
	u, err := url.Parse(b.URL())
	require.NoError(t, err)
	var thief sync.WaitGroup
	var over atomic.Bool
	thief.Go(func() {
		for !over.Load() {
			if l, err := net.Listen("tcp", u.Host); !assert.Error(t, err) {
				assert.NoError(t, l.Close())
				return
			}
		}
	})
	o := b.Hooks(conformance.Options{})
	for range 20 {
		assert.NoError(t, o.Restart(t.Context()))
		assert.NoError(t, o.Kill(t.Context()))
	}
	over.Store(true)
	thief.Wait()
}
