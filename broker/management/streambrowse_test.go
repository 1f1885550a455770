package management_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
)

// A stream is read from an offset or a time on, as a consumer would, and keeps what was
// looked at (STREAM-27, STREAM-30).
func TestBrowseStream(t *testing.T) {
	a := newAPI(t)
	v, err := a.broker.VHost("/")
	require.NoError(t, err)
	for name, kind := range map[string]string{"log": "stream", "q": "classic"} {
		_, err := v.DeclareQueue(broker.Queue{Name: name, Durable: true, Args: map[string]any{"x-queue-type": kind}})
		require.NoError(t, err)
	}
	const at = "/api/rabbet/queues/%2F/log/messages"
	a.check("GET", at+"?offset=first", "", 200, `{"messages":[],"from":null,"next":null,"scanned":0,"total":0}`)
	for i := range 200 {
		_, err := v.Publish("", "log", broker.Message{Body: fmt.Appendf(nil, "message %d", i)})
		require.NoError(t, err)
	}
	const few = "&columns=messages.id,messages.position,messages.payload,from,next,scanned,total"
	a.check("GET", at+"?limit=1&offset=first"+few, "", 200,
		`{"messages":[{"id":"0","position":0,"payload":"message 0"}],"from":0,"next":1,"scanned":1,"total":200}`)
	a.check("GET", at+"?limit=1&offset=150"+few, "", 200,
		`{"messages":[{"id":"150","position":150,"payload":"message 150"}],"from":150,"next":151,"scanned":1,"total":200}`)
	a.check("GET", at+"?offset=199"+few, "", 200,
		`{"messages":[{"id":"199","position":199,"payload":"message 199"}],"from":199,"next":null,"scanned":1,"total":200}`)
	a.check("GET", at+"?offset=first&q=age+19&limit=3&columns=messages.id,next,scanned", "", 200,
		`{"messages":[{"id":"19"},{"id":"190"},{"id":"191"}],"next":192,"scanned":192}`)
	a.check("GET", at+"?limit=1&offset=1h&columns=messages.id", "", 200, `{"messages":[{"id":"0"}]}`)
	a.check("GET", at+"?limit=1&offset=2020-01-01T00:00:00Z&columns=messages.id", "", 200, `{"messages":[{"id":"0"}]}`)
	a.check("GET", at+"?limit=1&offset=2120-01-01T00:00:00%2B01:00&columns=messages.id", "", 200, `{"messages":[]}`)
	for _, nothing := range []string{"next", "200", "9000000000000000000"} {
		a.check("GET", at+"?offset="+nothing+"&columns=messages,next", "", 200, `{"messages":[],"next":null}`)
	}
	for _, bad := range []string{"", "yesterday", "1.5", "7", "first"} {
		path := at
		if bad == "7" || bad == "first" {
			path = "/api/rabbet/queues/%2F/q/messages" // no stream
		}
		a.check("GET", path+"?offset="+bad, "", 400, "")
	}
	a.check("GET", at+"/42?columns=payload", "", 200, `{"payload":"message 42"}`)
	for _, none := range []string{"200", "-1", "x"} {
		a.check("GET", at+"/"+none, "", 404, "")
	}
	a.check("DELETE", at+"/42", "", 400, "")
	info, ok := v.Queue("log")
	require.True(t, ok)
	assert.Equal(t, 200, info.Ready)
}

// STREAM-38: a stream has the counts of messages, and neither get nor purge; the texts are
// those of 3.10.8.
func TestStreamsAreNotConsumedOverHTTP(t *testing.T) {
	a := newAPI(t)
	v, err := a.broker.VHost("/")
	require.NoError(t, err)
	_, err = v.DeclareQueue(broker.Queue{Name: "log", Durable: true, Args: map[string]any{"x-queue-type": "stream"}})
	require.NoError(t, err)
	for range 3 {
		_, err := v.Publish("", "log", broker.Message{Body: []byte("x")})
		require.NoError(t, err)
	}
	const path, counts = "/api/queues/%2F/log", "?columns=messages,messages_ready,messages_unacknowledged,consumers,state,type"
	const want = `{"state":"running","type":"stream","consumers":0,"messages":3,"messages_ready":3,"messages_unacknowledged":0}`
	a.check("GET", path+counts, "", 200, want)
	assert.NotContains(t, a.do("GET", path, "").body, "head_message_timestamp")
	a.check("POST", path+"/get", `{"count":1,"ackmode":"ack_requeue_true","encoding":"auto"}`, 400,
		`{"error":"bad_request","reason":"540 basic.get not supported by stream queues queue 'log' in vhost '/'"}`)
	a.check("DELETE", path+"/contents", "", 400,
		`{"error":"bad_request","reason":"queue.purge not supported by stream queues queue 'log' in vhost '/'"}`)
	a.check("GET", path+counts, "", 200, want)
}
