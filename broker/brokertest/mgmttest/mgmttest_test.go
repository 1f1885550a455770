package mgmttest_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/brokertest"
	"github.com/rabbetmq/rabbet/broker/brokertest/mgmttest"
)

func messages(t *testing.T, url string) int {
	r, err := http.NewRequest(http.MethodGet, url+"/api/queues/%2F/orders", nil)
	require.NoError(t, err)
	r.SetBasicAuth("guest", "guest")
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)
	var q struct{ Messages int }
	require.NoError(t, json.NewDecoder(response.Body).Decode(&q))
	return q.Messages
}

func TestStartServesTheBrokerThatThereIs(t *testing.T) {
	mq := brokertest.New(t, brokertest.Durable())
	url := mgmttest.Start(t, mq)
	mq.Declare(brokertest.Topology{Queues: []broker.Queue{{Name: "orders", Durable: true}}})
	mq.Publish("", "orders", []byte("one"), brokertest.Persistent())
	assert.Equal(t, 1, messages(t, url))
	mq.Restart()
	assert.Equal(t, 1, messages(t, url), "of the broker after the restart")
}
