package management_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/brokertest"
	"github.com/rabbetmq/rabbet/broker/brokertest/mgmttest"
	"github.com/rabbetmq/rabbet/broker/export"
)

// A queue is handed out with all that its messages have, and emptied only if nothing has
// happened in it.
func TestExportAndEmpty(t *testing.T) {
	mq := brokertest.New(t)
	base := mgmttest.Start(t, mq)
	call := func(method, path, body string) (*http.Response, []byte) {
		req, err := http.NewRequest(method, base+"/api/rabbet/queues/%2F/q/"+path, strings.NewReader(body))
		require.NoError(t, err)
		req.SetBasicAuth("guest", "guest")
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp, text
	}
	v, err := mq.Broker().VHost("/")
	require.NoError(t, err)
	_, err = v.DeclareQueue(broker.Queue{Name: "q", Durable: true})
	require.NoError(t, err)
	publish := func(body string) {
		p := amqp.Properties{Flags: amqp.HasPriority | amqp.HasContentType, ContentType: ""}
		_, err := v.Publish("", "q", broker.Message{Properties: p, Body: []byte(body)})
		require.NoError(t, err)
	}
	for i := range 3 {
		publish(fmt.Sprint(i))
	}
	resp, body := call(http.MethodGet, "export?from=1", "")
	require.Equal(t, 200, resp.StatusCode)
	assert.Equal(t, "3", resp.Header.Get("Rabbet-Ready"))
	r := bytes.NewReader(body)
	for i := 1; i < 3; i++ {
		m, err := export.Read(r)
		require.NoError(t, err)
		assert.Equal(t, fmt.Sprint(i), string(m.Body))
		assert.Equal(t, "q", m.Key)
		var p amqp.Properties
		require.NoError(t, p.Decode(m.Properties))
		assert.Equal(t, amqp.HasPriority|amqp.HasContentType, p.Flags, "an empty property is there")
	}
	_, err = export.Read(r)
	assert.ErrorIs(t, err, io.EOF)
	newest := resp.Header.Get("Rabbet-Newest")
	publish("late")
	resp, _ = call(http.MethodPost, "empty", `{"ready":3,"newest":`+newest+`}`)
	assert.Equal(t, http.StatusConflict, resp.StatusCode)
	resp, _ = call(http.MethodPut, "stand-still", `{"deliveries":false,"publishes":true}`)
	assert.Equal(t, http.StatusNoContent, resp.StatusCode)
	resp, body = call(http.MethodGet, "export?limit=0", "")
	assert.Empty(t, body)
	resp, _ = call(http.MethodPost, "empty", `{"ready":4,"newest":`+resp.Header.Get("Rabbet-Newest")+`}`)
	assert.Equal(t, http.StatusNoContent, resp.StatusCode)
	counts, err := v.Counts("q")
	require.NoError(t, err)
	assert.Zero(t, counts.Ready)
	for _, bad := range []string{"{}", `{"ready":"x","newest":1}`} {
		resp, _ = call(http.MethodPost, "empty", bad)
		assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
	}
}
