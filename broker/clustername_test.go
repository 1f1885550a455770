package broker_test

import (
	"encoding/json"
	"testing"

	amqp091 "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
)

// The global parameter cluster_name wins over the configuration, also in what clients are
// told; logins are counted.
func TestClusterNameIsAParameter(t *testing.T) {
	b := start(t, broker.Config{ClusterName: "configured"})
	assert.Equal(t, "configured", b.ClusterName())
	require.NoError(t, b.SetGlobalParameter("cluster_name", json.RawMessage(`"given"`)))
	assert.Equal(t, "given", b.ClusterName())
	conn, err := amqp091.DialConfig("amqp://guest:guest@memory/", amqp091.Config{Dial: b.DialFunc})
	require.NoError(t, err)
	assert.Equal(t, "given", conn.Properties["cluster_name"])
	require.NoError(t, conn.Close())
	_, err = amqp091.DialConfig("amqp://guest:wrong@memory/", amqp091.Config{Dial: b.DialFunc})
	require.Error(t, err)
	assert.Equal(t, broker.LoginCount{Succeeded: 1, Failed: 1}, b.Logins())
	b.ResetLogins()
	assert.Zero(t, b.Logins())
	assert.True(t, b.DeleteGlobalParameter("cluster_name"))
	assert.Equal(t, "configured", b.ClusterName())
}
