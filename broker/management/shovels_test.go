package management_test

import (
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/management"
	"github.com/rabbetmq/rabbet/broker/shovel"
)

// newShovelAPI is an API of a broker whose shovels run.
func newShovelAPI(t *testing.T) *api {
	b, err := broker.New(broker.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, b.Close()) })
	m := shovel.Start(b, shovel.Config{})
	t.Cleanup(m.Close)
	s, err := management.New(b, management.Config{Shovels: m})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	return &api{t: t, broker: b, server: s, user: "guest"}
}

// What RabbitMQ 3.10.8 answered, save node and time, with the two counters of 4.x at the end.
const runningShovel = `[{"node":"rabbit@localhost","timestamp":"T","name":"dir","vhost":"/","type":"dynamic","state":"running",` +
	`"src_uri":"amqp:///%2f","src_protocol":"amqp091","dest_protocol":"amqp091","dest_uri":"amqp://",` +
	`"src_exchange":"amq.topic","src_exchange_key":"a.#","dest_queue":"dd","forwarded":0,"pending":0}]`

var timestamp = regexp.MustCompile(`"timestamp":"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"`)

// SHOVEL-1, SHOVEL-9, SHOVEL-10.
func TestShovels(t *testing.T) {
	a := newShovelAPI(t)
	put := a.do(http.MethodPut, "/api/parameters/shovel/%2F/dir",
		`{"value":{"src-uri":"amqp:///%2f","dest-uri":"amqp://","src-exchange":"amq.topic","src-exchange-key":"a.#","dest-queue":"dd"}}`)
	assert.Equal(t, http.StatusCreated, put.StatusCode)
	list := func() string {
		return timestamp.ReplaceAllString(a.do(http.MethodGet, "/api/shovels/%2F", "").body, `"timestamp":"T"`)
	}
	require.Eventually(t, func() bool { return list() == runningShovel }, 10*time.Second, time.Millisecond, list())
	direct := a.do(http.MethodGet, "/api/connections?columns=type,protocol,user", "")
	assert.JSONEq(t, `[{"type":"direct","protocol":"Direct 0-9-1","user":"none"},{"type":"direct","protocol":"Direct 0-9-1","user":"none"}]`, direct.body)
	for path, code := range map[string]int{
		"/shovels": 200, "/shovels/none": 404, "/shovels/vhost/%2F/dir": 200, "/shovels/vhost/%2F/none": 404, "/federation-links": 200,
	} {
		assert.Equal(t, code, a.do(http.MethodGet, "/api"+path, "").StatusCode, path)
	}
	assert.Contains(t, a.do(http.MethodGet, "/api/shovels/vhost/%2F/dir", "").body, `"component":"shovel"`)
	for _, d := range []struct {
		path string
		code int
	}{
		{"/shovels/vhost/%2F/none/restart", 404}, {"/shovels/vhost/%2F/dir/restart", 204}, {"/shovels/vhost/%2F/dir", 204},
		{"/shovels/vhost/%2F/dir", 204}, {"/shovels/vhost/none/dir", 404},
	} {
		assert.Equal(t, d.code, a.do(http.MethodDelete, "/api"+d.path, "").StatusCode, d.path)
	}
	assert.Equal(t, "[]", list())
	refused := a.do(http.MethodPut, "/api/parameters/shovel/%2F/s", `{"value":{"src-queue":"q","src-uri":"amqp:///nope","dest-uri":"amqp://"}}`)
	assert.Equal(t, http.StatusBadRequest, refused.StatusCode)
	assert.Contains(t, refused.body, `Validation failed\n\nuser \"guest\" may not connect to vhost \"nope\"\n`)
}

func TestPasswordsOfShovelsAreNotShown(t *testing.T) {
	a := newShovelAPI(t)
	const value = `{"src-uri":"amqp://u:s3cret@127.0.0.1:1","dest-uri":"amqp://","src-queue":"q","reconnect-delay":3600}`
	require.Equal(t, http.StatusCreated, a.do(http.MethodPut, "/api/parameters/shovel/%2F/s", `{"value":`+value+`}`).StatusCode)
	for _, path := range []string{"/parameters", "/parameters/shovel/%2F/s", "/definitions", "/definitions/%2F", "/shovels", "/shovels/vhost/%2F/s"} {
		assert.NotContains(t, a.do(http.MethodGet, "/api"+path, "").body, "s3cret", path)
	}
	assert.Contains(t, a.do(http.MethodGet, "/api/definitions?credentials=show", "").body, "u:s3cret@")
	v, err := a.broker.VHost("/")
	require.NoError(t, err)
	stored := func() string { p, _ := v.Parameter("shovel", "s"); return string(p.Value) }
	exported := a.do(http.MethodGet, "/api/definitions", "").body
	require.Equal(t, http.StatusNoContent, a.do(http.MethodPost, "/api/definitions", exported).StatusCode)
	assert.JSONEq(t, value, stored(), "an import of what was exported keeps the password")
	shown := a.do(http.MethodGet, "/api/parameters/shovel/%2F/s", "").body
	require.Equal(t, http.StatusNoContent, a.do(http.MethodPut, "/api/parameters/shovel/%2F/s", shown).StatusCode)
	assert.JSONEq(t, value, stored())
}
