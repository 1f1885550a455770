package management_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/access"
)

func (a *api) object(method, path, body string) map[string]any {
	a.t.Helper()
	got := a.do(method, path, body)
	require.Equal(a.t, http.StatusOK, got.StatusCode, got.body)
	var v map[string]any
	require.NoError(a.t, json.Unmarshal([]byte(got.body), &v), got.body)
	return v
}

func TestTrace(t *testing.T) {
	a := newAPI(t)
	v, err := a.broker.VHost("")
	require.NoError(t, err)
	for name, args := range map[string]map[string]any{
		"orders": {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"}, "dead": nil,
	} {
		_, err := v.DeclareQueue(broker.Queue{Name: name, Args: args})
		require.NoError(t, err)
	}
	publish := func(key, body string) {
		_, err := v.Publish("", key, broker.Message{Body: []byte(body)})
		require.NoError(t, err)
	}
	const trace = "/api/rabbet/traces/%2F"
	a.check("GET", trace, "", 404, "")
	publish("orders", "before")
	a.check("PUT", trace, `{"filter":{"exchange":"amq.default","routing_key":"ord*s.#"},"payload_bytes":4}`, 201, "")
	a.check("PUT", trace, `{"filter":{"routing_key":"orders.#"},"payload_bytes":4}`, 204, "")
	publish("orders", "a long body")
	publish("nowhere", "x")
	_, err = v.Purge("dead")
	require.NoError(t, err)
	d, ok, err := v.Get("orders", false)
	require.True(t, ok && err == nil)
	require.NoError(t, d.Ack()) // the one before the trace
	d, ok, err = v.Get("orders", false)
	require.True(t, ok && err == nil)
	require.NoError(t, d.Nack(false))

	list := a.object("GET", trace+"/messages", "")["messages"].([]any)
	require.Len(t, list, 2)
	letter, order := list[0].(map[string]any), list[1].(map[string]any)
	assert.Equal(t, "queued", letter["state"])
	assert.Equal(t, "dead-lettered", order["state"])
	m := a.object("GET", trace+"/messages/"+order["id"].(string), "")
	assert.Equal(t, "a lo", m["payload"])
	assert.Equal(t, 11.0, m["payload_bytes"])
	assert.Equal(t, true, m["truncated"])
	var kinds []string
	for _, e := range m["events"].([]any) {
		kinds = append(kinds, e.(map[string]any)["type"].(string))
	}
	assert.Equal(t, []string{"published", "queued", "delivered", "rejected", "dead-lettered"}, kinds)
	assert.Equal(t, order["id"], a.object("GET", trace+"/messages/"+letter["id"].(string), "")["dead_letter_of"])

	about := a.object("GET", trace, "")
	assert.Equal(t, 2.0, about["kept"])
	page := a.object("GET", trace+"/messages?limit=1", "")
	assert.Equal(t, letter["id"], page["next"])
	assert.Len(t, a.object("GET", trace+"/messages?before="+page["next"].(string), "")["messages"], 1)
	assert.Empty(t, a.object("GET", trace+"/messages?since="+a.numberOf(trace, "change"), "")["messages"])
	assert.Len(t, a.object("GET", trace+"/messages?q=LONG&state=dead-lettered", "")["messages"], 0, "what is not kept cannot be searched")
	assert.Len(t, a.object("GET", trace+"/messages?queue=dead", "")["messages"], 1)
	export := a.do("GET", trace+"/export", "")
	assert.Equal(t, 2, strings.Count(export.body, "\n"))
	a.check("GET", trace+"/messages/99", "", 404, "")
	a.check("GET", trace+"/messages?before=x", "", 400, "")
	a.check("PUT", trace, `{"capacity":0}`, 400, "")
	a.check("DELETE", trace, "", 204, "")
	a.check("DELETE", trace, "", 404, "")
	a.check("GET", "/api/rabbet/traces", "", 200, "[]")
}

func (a *api) numberOf(path, field string) string {
	a.t.Helper()
	return a.do("GET", path, "").json(a.t).(map[string]any)[field].(json.Number).String()
}

// What a user may not read is not shown, and a virtual host that is made anew is not traced.
func TestTraceAccess(t *testing.T) {
	a := newAPI(t)
	_, err := a.broker.CreateVHost("v", broker.VHostSettings{})
	require.NoError(t, err)
	v, err := a.broker.VHost("v")
	require.NoError(t, err)
	for _, name := range []string{"mine", "theirs"} {
		_, err := v.DeclareQueue(broker.Queue{Name: name})
		require.NoError(t, err)
	}
	for _, user := range []access.User{{Name: "maker", Tags: []string{"policymaker"}}, {Name: "viewer", Tags: []string{"management"}}} {
		user.PasswordHash, user.Hashing, err = a.broker.HashPassword(user.Name, user.Name)
		require.NoError(t, err)
		require.NoError(t, a.broker.SetUser(user))
		require.NoError(t, a.broker.SetPermission(access.Permission{User: user.Name, VHost: "v", Read: "^mine$"}))
	}
	const trace = "/api/rabbet/traces/v"
	a.user = "viewer"
	a.check("PUT", trace, "", 401, "")
	a.user = "maker"
	a.check("PUT", "/api/rabbet/traces/%2F", "", 401, "")
	a.check("PUT", trace, "", 201, "")
	for _, key := range []string{"mine", "theirs", "nobody's"} {
		_, err := v.Publish("", key, broker.Message{})
		require.NoError(t, err)
	}
	a.user = "viewer"
	assert.Len(t, a.object("GET", trace+"/messages", "")["messages"], 1)
	a.check("GET", trace+"/messages/2", "", 401, "")
	assert.Equal(t, 1, strings.Count(a.do("GET", trace+"/export", "").body, "\n"))
	a.check("DELETE", trace, "", 401, "")
	_, err = a.broker.DeleteVHost("v")
	require.NoError(t, err)
	_, err = a.broker.CreateVHost("v", broker.VHostSettings{})
	require.NoError(t, err)
	a.user = "guest"
	a.check("GET", trace, "", 404, "")
}
