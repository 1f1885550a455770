package brokertest_test

import (
	"testing"

	amqp091 "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/broker/brokertest"
)

func TestUsersAndPermissions(t *testing.T) {
	mq := brokertest.New(t)
	mq.AddUser("ann", "secret", "monitoring")
	_, err := amqp091.Dial(mq.URLAs("ann", "secret"))
	require.Error(t, err, "she may enter no virtual host")
	mq.SetPermissions("ann", "^orders", "^orders", "")
	conn, err := amqp091.Dial(mq.URLAs("ann", "secret"))
	require.NoError(t, err)
	ch, err := conn.Channel()
	require.NoError(t, err)
	_, err = ch.QueueDeclare("orders", false, false, false, false, nil)
	require.NoError(t, err)
	_, _, err = ch.Get("orders", true)
	assert.ErrorContains(t, err, "read access to queue 'orders' in vhost '/' refused for user 'ann'")

	mq.SetLimits(access.Limits{access.MaxQueues: 1})
	ch, err = conn.Channel()
	require.NoError(t, err)
	_, err = ch.QueueDeclare("orders-2", false, false, false, false, nil)
	assert.ErrorContains(t, err, "queue limit in vhost '/' (1) is reached")

	mq.SetUserLimits("ann", access.Limits{access.MaxConnections: 1})
	_, err = amqp091.Dial(mq.URLAs("ann", "secret"))
	assert.Error(t, err)

	closed := conn.NotifyClose(make(chan *amqp091.Error, 1))
	mq.DeleteUser("ann")
	assert.Equal(t, "CONNECTION_FORCED - user 'ann' is deleted", (<-closed).Reason)
	_, err = amqp091.Dial(mq.URLAs("ann", "secret"))
	assert.Error(t, err)
}

func TestWithTLS(t *testing.T) {
	mq := brokertest.New(t, brokertest.WithTLS())
	assert.Regexp(t, `^amqps://guest:guest@127`, mq.URL())
	assert.Regexp(t, `^amqp://guest:guest@memory`, mq.MemoryURL())
	conn, err := amqp091.DialTLS(mq.URL(), mq.TLSConfig())
	require.NoError(t, err)
	ch, err := conn.Channel()
	require.NoError(t, err)
	_, err = ch.QueueDeclare("q", false, false, false, false, nil)
	require.NoError(t, err)
	require.NoError(t, ch.Publish("", "q", false, false, amqp091.Publishing{Body: make([]byte, 100_000)}))
	mq.RequireReady("q", 1)

	_, err = amqp091.DialTLS(mq.URL(), nil)
	assert.ErrorContains(t, err, "certificate", "nobody else trusts the authority")

	mq.AddUser("ann", "")
	mq.SetPermissions("ann", "", "", ".*")
	as, err := amqp091.DialTLS_ExternalAuth(mq.URL(), mq.TLSConfig("ann"))
	require.NoError(t, err)
	ch, err = as.Channel()
	require.NoError(t, err)
	d, ok, err := ch.Get("q", true)
	require.NoError(t, err)
	require.True(t, ok)
	assert.Len(t, d.Body, 100_000)
	_, err = amqp091.DialTLS_ExternalAuth(mq.URL(), mq.TLSConfig("bob"))
	assert.Error(t, err)

	closed := conn.NotifyClose(make(chan *amqp091.Error, 1))
	mq.Restart()
	assert.Equal(t, 320, (<-closed).Code)
	again, err := amqp091.DialTLS(mq.URL(), mq.TLSConfig())
	require.NoError(t, err)
	require.NoError(t, again.Close())
}
