package management_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
)

// A publish that a full queue rejects is told of (QUEUE-65).
func TestPublishRejected(t *testing.T) {
	a := newAPI(t)
	v, err := a.broker.VHost("")
	require.NoError(t, err)
	_, err = v.DeclareQueue(broker.Queue{Name: "full", Args: map[string]any{"x-max-length": 1, "x-overflow": "reject-publish"}})
	require.NoError(t, err)
	const body = `{"properties":{},"routing_key":"full","payload":"m","payload_encoding":"string"}`
	const path = "/api/exchanges/%2F/amq.default/publish"
	a.check("POST", path, body, 200, `{"routed":true}`)
	a.check("POST", path, body, 400,
		`{"error":"bad_request","reason":"rejected Unable to publish message. Check queue limits."}`)
}
