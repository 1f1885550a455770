package management_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/management"
	"github.com/rabbetmq/rabbet/delay"
)

func TestMain(m *testing.M) {
	// The engine of patterns that look ahead has a clock, which ends a second after its last use.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/dlclark/regexp2/v2.runClock"))
}

// An api is a broker and its API, called without a network.
type api struct {
	t      *testing.T
	broker *broker.Broker
	server *management.Server
	user   string // and password; "" does not log in
}

func newAPI(t *testing.T, configs ...management.Config) *api {
	b, err := broker.New(broker.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, b.Close()) })
	var cfg management.Config
	if len(configs) > 0 {
		cfg = configs[0]
	}
	s, err := management.New(b, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	return &api{t: t, broker: b, server: s, user: "guest"}
}

// An answer is what came back.
type answer struct {
	*http.Response
	body string
}

// json decodes the body.
func (a answer) json(t *testing.T) any {
	var v any
	d := json.NewDecoder(strings.NewReader(a.body))
	d.UseNumber()
	require.NoError(t, d.Decode(&v), a.body)
	return v
}

func (a *api) do(method, path, body string, headers ...string) answer {
	a.t.Helper()
	r := httptest.NewRequest(method, path, bytes.NewBufferString(body))
	r.RemoteAddr = "127.0.0.1:40000"
	if a.user != "" {
		r.SetBasicAuth(a.user, a.user)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	a.server.ServeHTTP(w, r)
	response := w.Result()
	raw, err := io.ReadAll(response.Body)
	require.NoError(a.t, err)
	return answer{response, string(raw)}
}

// check requires a status and, unless it is "", a body.
func (a *api) check(method, path, body string, status int, want string) {
	a.t.Helper()
	got := a.do(method, path, body)
	assert.Equal(a.t, status, got.StatusCode, "%s %s: %s", method, path, got.body)
	if want != "" {
		assert.Equal(a.t, want, got.body, "%s %s", method, path)
	}
}

func TestOrderOfChecks(t *testing.T) {
	a := newAPI(t)
	a.user = ""
	got := a.do("POST", "/api/overview", "")
	assert.Equal(t, http.StatusMethodNotAllowed, got.StatusCode, "before the login")
	assert.Equal(t, "HEAD, GET, OPTIONS", got.Header.Get("Allow"))
	assert.Empty(t, got.body)
	got = a.do("GET", "/api/queues/%2F/nope", "")
	assert.Equal(t, http.StatusUnauthorized, got.StatusCode, "before the object")
	assert.Equal(t, `Basic realm="RabbitMQ Management"`, got.Header.Get("WWW-Authenticate"))
	assert.Empty(t, got.body)
	assert.Empty(t, a.do("GET", "/api/overview", "", "X-Requested-With", "x").Header.Get("WWW-Authenticate"),
		"a page with a form of its own wants no dialog")
	assert.Equal(t, http.StatusOK, a.do("OPTIONS", "/api/overview", "").StatusCode, "needs no login")
	got = a.do("GET", "/api/nope", "")
	assert.Equal(t, http.StatusNotFound, got.StatusCode)
	assert.JSONEq(t, `{"error":"Object Not Found","reason":"Not Found"}`, got.body)

	a.user = "guess"
	got = a.do("GET", "/api/overview", "")
	assert.Equal(t, http.StatusUnauthorized, got.StatusCode)
	assert.JSONEq(t, `{"error":"not_authorized","reason":"Not_Authorized"}`, got.body)
	assert.Empty(t, got.Header.Get("WWW-Authenticate"))

	a.user = "guest"
	assert.Equal(t, http.StatusNotAcceptable, a.do("GET", "/api/overview", "", "Accept", "text/html").StatusCode)
	assert.Equal(t, http.StatusOK, a.do("GET", "/api/overview", "", "Accept", "application/bert, application/json;q=0.1").StatusCode)
}

func TestQueuesLiveAndDie(t *testing.T) {
	a := newAPI(t)
	a.check("PUT", "/api/queues/%2F/q", `{"durable":true,"arguments":{"x-max-length":5}}`, 201, "")
	a.check("PUT", "/api/queues/%2F/q", `{"durable":"true","arguments":{"x-max-length":5}}`, 204, "")
	a.check("PUT", "/api/queues/%2F/q", `{"durable":false}`, 400,
		`{"error":"bad_request","reason":"inequivalent arg 'durable' for queue 'q' in vhost '/': received 'false' but current is 'true'"}`)
	a.check("PUT", "/api/queues/%2F/q", `{"durable":"yes"}`, 400, `{"error":"bad_request","reason":["not_boolean","yes"]}`)
	a.check("PUT", "/api/queues/%2F/amq.q", ``, 401, `{"error":"not_authorised","reason":"Access refused."}`)
	a.check("PUT", "/api/queues/nope/q", ``, 404, `{"error":"not_found","reason":"vhost_not_found"}`)
	a.check("PUT", "/api/queues/%2F/q2", `[]`, 400, `{"error":"bad_request","reason":"not_json"}`)
	a.check("PUT", "/api/queues/%2F/q2", `{"arguments":{"x":null}}`, 400, `{"error":"bad_request","reason":"null_not_allowed"}`)

	a.check("POST", "/api/exchanges/%2F/amq.default/publish",
		`{"properties":{},"routing_key":"q","payload":"aGk=","payload_encoding":"base64"}`, 200, `{"routed":true}`)
	a.check("POST", "/api/exchanges/%2F//publish",
		`{"properties":{},"routing_key":"nope","payload":"x","payload_encoding":"string"}`, 200, `{"routed":false}`)
	a.check("POST", "/api/exchanges/%2F/nope/publish", `{}`, 404, `{"error":"not_found","reason":"exchange_not_found"}`)
	a.check("POST", "/api/queues/%2F/q/get", `{"count":"2","ackmode":"ack_requeue_true","encoding":"auto"}`, 200,
		`[{"payload_bytes":2,"redelivered":false,"exchange":"","routing_key":"q","message_count":0,"properties":[],`+
			`"payload":"hi","payload_encoding":"string"}]`)
	a.check("POST", "/api/queues/%2F/q/get", `{"count":1,"ackmode":"reject_requeue_true","encoding":"base64","truncate":1}`, 200,
		`[{"payload_bytes":2,"redelivered":true,"exchange":"","routing_key":"q","message_count":0,"properties":[],`+
			`"payload":"aA==","payload_encoding":"base64"}]`)
	a.check("POST", "/api/queues/%2F/q/get", `{}`, 400,
		`{"error":"bad_request","reason":"[{key_missing,ackmode},{key_missing,count},{key_missing,encoding}]"}`)
	a.check("POST", "/api/queues/%2F/nope/get", `{}`, 404, `{"error":"not_found","reason":"queue_not_found"}`)

	a.check("DELETE", "/api/queues/%2F/q?if-empty=true", "", 400,
		`{"error":"bad_request","reason":"queue 'q' in vhost '/' not empty"}`)
	a.check("DELETE", "/api/queues/%2F/q/contents", "", 204, "")
	a.check("DELETE", "/api/queues/%2F/q?if-empty=true", "", 204, "")
	a.check("DELETE", "/api/queues/%2F/q", "", 404, "")
}

func TestBindingsGoByTheirPropertiesKey(t *testing.T) {
	a := newAPI(t)
	a.check("PUT", "/api/queues/%2F/q", "", 201, "")
	got := a.do("POST", "/api/bindings/%2F/e/amq.direct/q/q", `{"routing_key":"a/b c~d%e"}`)
	assert.Equal(t, http.StatusCreated, got.StatusCode)
	assert.Equal(t, "q/a%252Fb%2Bc%257Ed%2525e", got.Header.Get("Location"))
	for key, path := range map[string]string{
		"a/b c~d%e": "a%252Fb%2Bc%257Ed%2525e", "": "~", "~": "%257E", "k.#": "k.%2523",
	} {
		body, _ := json.Marshal(map[string]string{"routing_key": key})
		a.check("POST", "/api/bindings/%2F/e/amq.topic/q/q", string(body), 201, "")
		at := "/api/bindings/%2F/e/amq.topic/q/q/" + path
		found := a.do("GET", at, "").json(t).(map[string]any)
		assert.Equal(t, key, found["routing_key"], path)
		a.check("DELETE", at, "", 204, "")
		a.check("GET", at, "", 404, "")
	}
	got = a.do("POST", "/api/bindings/%2F/e/amq.headers/q/q", `{"arguments":{"a":1}}`)
	at := "/api/bindings/%2F/e/amq.headers/q/" + got.Header.Get("Location")
	a.check("GET", at, "", 200, "")
	a.check("DELETE", at, "", 204, "")
	a.check("POST", "/api/bindings/%2F/e/amq.default/q/q", "", 401, `{"error":"not_authorised","reason":"Access refused."}`)
	a.check("POST", "/api/bindings/%2F/e/amq.direct/q/nope", "", 404, `{"error":"not_found","reason":"no queue 'nope' in vhost '/'"}`)
	a.check("GET", "/api/queues/%2F/q/bindings?columns=routing_key,source", "", 200,
		`[{"source":"","routing_key":"q"},{"source":"amq.direct","routing_key":"a/b c~d%e"}]`)
}

func TestListsAreSortedFilteredAndPaged(t *testing.T) {
	a := newAPI(t)
	v, err := a.broker.VHost("/")
	require.NoError(t, err)
	for i, name := range []string{"b", "a", "Ab", "c"} {
		_, err := v.DeclareQueue(broker.Queue{Name: name})
		require.NoError(t, err)
		for range i {
			_, err := v.Publish("", name, broker.Message{})
			require.NoError(t, err)
		}
	}
	names := func(query string) string {
		return a.do("GET", "/api/queues?columns=name"+query, "").body
	}
	assert.Equal(t, `[{"name":"Ab"},{"name":"a"},{"name":"b"},{"name":"c"}]`, names(""))
	assert.Equal(t, `[{"name":"c"},{"name":"b"},{"name":"a"},{"name":"Ab"}]`, names("&sort_reverse=true"))
	assert.Equal(t, `[{"name":"b"},{"name":"a"},{"name":"Ab"},{"name":"c"}]`, names("&sort=messages"))
	assert.Equal(t, `[{"name":"Ab"},{"name":"a"},{"name":"b"},{"name":"c"}]`, names("&sort=no.such.field"))
	assert.Equal(t, names(""), names("&sort="))
	assert.Equal(t, `{"filtered_count":2,"item_count":2,"items":[{"name":"c"},{"name":"Ab"}],"page":1,"page_count":2,`+
		`"page_size":2,"total_count":4}`, strings.Replace(names("&page=1&page_size=2&sort=messages&sort_reverse=true"),
		`"filtered_count":4`, `"filtered_count":2`, 1))
	assert.Equal(t, `{"filtered_count":3,"item_count":1,"items":[{"name":"b"}],"page":2,"page_count":2,"page_size":2,"total_count":4}`,
		names("&page=2&page_size=2&name=%5E(%3F!C)&use_regex=true"))
	assert.Equal(t, `{"filtered_count":0,"item_count":0,"items":[],"page":1,"page_count":0,"page_size":100,"total_count":4}`,
		names("&page=1&name=nope"))
	for query, reason := range map[string]string{
		"&page=0&page_size=5":            "invalid_pagination_parameters\",\"reason\":\"Invalid pagination parameters: page number 0, page size 5",
		"&page=1&page_size=501":          "invalid_pagination_parameters\",\"reason\":\"Invalid pagination parameters: page number 1, page size 501",
		"&page=9&page_size=2":            "page_out_of_range\",\"reason\":\"Page out of range, page: 9 page size: 2, len: 4",
		"&page=x":                        "bad_request\",\"reason\":\"Pagination parameters are invalid",
		"&page=1&name=(&use_regex=true":  "bad_request\",\"reason\":\"Pagination parameters are invalid",
		"&lengths_age=60&lengths_incr=0": "invalid_range_parameters\",\"reason\":\"Invalid range parameters: age 60, incr 0",
	} {
		assert.Equal(t, `{"error":"`+reason+`"}`, names(query), query)
	}
	assert.Equal(t, `{"filtered_count":4,"item_count":0,"items":[],"page":3,"page_count":2,"page_size":2,"total_count":4}`,
		names("&page=3&page_size=2"), "one page beyond the last is empty")
}

func TestVHostHeaderFilters(t *testing.T) {
	a := newAPI(t)
	a.broker.AddVHost("v")
	a.check("PUT", "/api/queues/v/q", "", 201, "")
	got := a.do("GET", "/api/queues?columns=name", "", "X-Vhost", "v")
	assert.Equal(t, `[{"name":"q"}]`, got.body)
	assert.Equal(t, `[]`, a.do("GET", "/api/queues", "", "X-Vhost", "/").body)
	assert.Equal(t, http.StatusNotFound, a.do("GET", "/api/queues", "", "X-Vhost", "nope").StatusCode)
	assert.Equal(t, `[]`, a.do("GET", "/api/queues/%2F?columns=name", "", "X-Vhost", "v").body, "the path wins")
}

func TestAnswersThatNeedNoBroker(t *testing.T) {
	a := newAPI(t)
	a.check("GET", "/api/whoami", "", 200, `{"name":"guest","tags":["administrator"],"is_internal_user":true}`)
	a.check("GET", "/api/aliveness-test/%2F", "", 200, `{"status":"ok"}`)
	a.check("GET", "/api/extensions", "", 200, `[{"javascript":"dispatcher.js"}]`)
	a.check("GET", "/api/nodes/nope", "", 404, "")
	a.check("GET", "/api/health/checks/port-listener/x", "", 400, `{"error":"bad_request","reason":"Invalid port"}`)
	a.check("GET", "/api/health/checks/protocol-listener/MQTT311", "", 503,
		`{"status":"failed","reason":"No active listener","missing":"mqtt","protocols":[]}`)
	a.check("GET", "/api/health/checks/alarms", "", 200, `{"status":"ok"}`)
	a.broker.SetAlarm(broker.MemoryAlarm, true)
	a.check("GET", "/api/health/checks/alarms", "", 503, `{"status":"failed","reason":"There are alarms in effect in the cluster",`+
		`"alarms":[{"node":"rabbit@localhost","resource":"memory"}]}`)
}

func TestOrigins(t *testing.T) {
	a := newAPI(t, management.Config{Origins: []string{"https://a.example"}, PathPrefix: "/p/"})
	got := a.do("OPTIONS", "/p/api/queues/%2F/q", "", "Origin", "https://a.example", "Access-Control-Request-Headers", "authorization")
	assert.Equal(t, "https://a.example", got.Header.Get("Access-Control-Allow-Origin"))
	assert.Equal(t, "HEAD, GET, PUT, DELETE, OPTIONS", got.Header.Get("Access-Control-Allow-Methods"))
	assert.Equal(t, "authorization", got.Header.Get("Access-Control-Allow-Headers"))
	assert.Equal(t, "1800", got.Header.Get("Access-Control-Max-Age"))
	got = a.do("GET", "/p/api/whoami", "", "Origin", "https://b.example")
	assert.Equal(t, http.StatusOK, got.StatusCode)
	assert.Empty(t, got.Header.Get("Access-Control-Allow-Origin"))
	assert.Equal(t, http.StatusMovedPermanently, a.do("GET", "/", "").StatusCode)
}

func TestBodiesAreBounded(t *testing.T) {
	a := newAPI(t, management.Config{MaxBodySize: 10})
	a.check("PUT", "/api/queues/%2F/q", `{"durable":true}`, 400,
		`{"error":"bad_request","reason":"Exceeded HTTP request body size limit"}`)
}

func TestRatesComeFromSamples(t *testing.T) {
	clock := delay.NewManual(time.Unix(1_000_000_000, 0))
	b, err := broker.New(broker.Config{Clock: clock, PeerClock: delay.Real{}})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, b.Close()) })
	s, err := management.New(b, management.Config{Clock: clock})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	a := &api{t: t, broker: b, server: s, user: "guest"}
	v, err := b.VHost("/")
	require.NoError(t, err)
	_, err = v.DeclareQueue(broker.Queue{Name: "q"})
	require.NoError(t, err)
	const path = "/api/queues/%2F/q?columns=messages,messages_details,message_stats.publish,message_stats.publish_details" +
		"&lengths_age=20&lengths_incr=5&msg_rates_age=10&msg_rates_incr=5"
	a.check("GET", path, "", 200, "")
	for range 2 {
		for range 50 {
			_, err := v.Publish("", "q", broker.Message{})
			require.NoError(t, err)
		}
		clock.Advance(5 * time.Second)
	}
	a.check("GET", path, "", 200, `{"messages":100,"messages_details":{"rate":10.0,"samples":[`+
		`{"sample":100,"timestamp":1000000010000},{"sample":50,"timestamp":1000000005000},{"sample":0,"timestamp":1000000000000},`+
		`{"sample":0,"timestamp":999999995000},{"sample":0,"timestamp":999999990000}],"avg_rate":5.0,"avg":30.0},`+
		`"message_stats":{"publish":100,"publish_details":{"rate":10.0,"samples":[{"sample":100,"timestamp":1000000010000},`+
		`{"sample":50,"timestamp":1000000005000},{"sample":0,"timestamp":1000000000000}],"avg_rate":10.0,"avg":50.0}}}`)
	a.check("GET", "/api/overview?columns=message_stats.publish_details,queue_totals.messages_details", "", 200,
		`{"message_stats":{"publish_details":{"rate":10.0}},"queue_totals":{"messages_details":{"rate":10.0}}}`)
	a.check("DELETE", "/api/reset", "", 204, "")
	a.check("GET", "/api/overview?columns=message_stats.publish,queue_totals.messages", "", 200,
		`{"message_stats":{"publish":0},"queue_totals":{"messages":100}}`)
}

func TestExtensionsShowAndMoveMessages(t *testing.T) {
	a := newAPI(t)
	v, err := a.broker.VHost("/")
	require.NoError(t, err)
	for _, name := range []string{"q", "other"} {
		_, err := v.DeclareQueue(broker.Queue{Name: name})
		require.NoError(t, err)
	}
	for _, body := range []string{"one", "two", "three"} {
		_, err := v.Publish("", "q", broker.Message{Body: []byte(body)})
		require.NoError(t, err)
	}
	const at = "/api/rabbet/queues/%2F/q/"
	a.check("GET", at+"messages?limit=1&from=1&columns=messages.id,messages.payload,next,total", "", 200,
		`{"messages":[{"id":"2","payload":"two"}],"next":2,"total":3}`)
	a.check("GET", at+"messages?q=THR&columns=messages.position,next,scanned", "", 200,
		`{"messages":[{"position":2}],"next":null,"scanned":3}`)
	a.check("GET", at+"messages/3?columns=payload", "", 200, `{"payload":"three"}`)
	a.check("POST", at+"move", `{"ids":["2","99"],"destination":{"queue":"other"}}`, 200,
		`{"moved":1,"missing":["99"],"unroutable":[]}`)
	a.check("POST", at+"move", `{"destination":{"exchange":"amq.topic"}}`, 200, `{"moved":0,"missing":[],"unroutable":["1","3"]}`)
	a.check("POST", at+"move", `{"destination":{"queue":"nope"}}`, 404, "")
	a.check("DELETE", at+"messages/1", "", 204, "")
	a.check("DELETE", at+"messages/1", "", 404, "")
	_, ok, err := v.Get("q", false)
	require.NoError(t, err)
	require.True(t, ok)
	a.check("GET", at+"unacked?columns=unacked.payload,unacked.delivery_tag,total", "", 200,
		`{"unacked":[{"payload":"three","delivery_tag":5}],"total":1}`)
	a.check("GET", "/api/queues/%2F/other?columns=messages", "", 200, `{"messages":1}`)
}

func TestExtensionsRetryDeadLetters(t *testing.T) {
	a := newAPI(t)
	v, err := a.broker.VHost("/")
	require.NoError(t, err)
	for _, q := range []broker.Queue{
		{Name: "dead"}, {Name: "work", Args: map[string]any{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"}},
	} {
		_, err := v.DeclareQueue(q)
		require.NoError(t, err)
	}
	require.NoError(t, v.Bind(broker.Binding{Source: "amq.topic", Destination: "work", Key: "a.*"}))
	for _, body := range []string{"one", "two"} {
		_, err := v.Publish("amq.topic", "a.b", broker.Message{Body: []byte(body)})
		require.NoError(t, err)
		d, _, err := v.Get("work", false)
		require.NoError(t, err)
		require.NoError(t, d.Nack(false))
	}
	got := a.do("GET", "/api/rabbet/deadletters?columns=queues.name,queues.sources,queues.groups.queue,queues.groups.reason,queues.groups.count,"+
		"queues.groups.routing_key", "")
	assert.Equal(t, `{"queues":[{"name":"dead","sources":["work"],"groups":[{"queue":"work","reason":"rejected",`+
		`"routing_key":"a.b","count":2}]}]}`, got.body)
	a.check("POST", "/api/rabbet/retry", `{"queue":"dead","filter":{"queue":"work"},"dry_run":true}`, 200,
		`{"retried":0,"plan":[{"id":"1","exchange":"amq.topic","routing_key":"a.b"},{"id":"2","exchange":"amq.topic","routing_key":"a.b"}],"failed":[]}`)
	a.check("POST", "/api/rabbet/retry", `{"queue":"dead","ids":["2"],"edit":{"payload":"better","properties":{"type":"t"}}}`, 200,
		`{"retried":1,"plan":[],"failed":[]}`)
	d, ok, err := v.Get("work", true)
	require.NoError(t, err)
	require.True(t, ok)
	assert.Equal(t, "better", string(d.Body))
	count, _ := d.Properties.Headers.Get("x-rabbet-retry-count")
	assert.EqualValues(t, 1, count)
	_, kept := d.Properties.Headers.Get("x-death")
	assert.True(t, kept)
	a.check("GET", "/api/queues/%2F/dead?columns=messages", "", 200, `{"messages":1}`)
}

func TestExtensionsPreview(t *testing.T) {
	a := newAPI(t)
	a.check("PUT", "/api/queues/%2F/q", "", 201, "")
	a.check("PUT", "/api/exchanges/%2F/x", `{"type":"topic","arguments":{"alternate-exchange":"amq.fanout"}}`, 201, "")
	a.check("POST", "/api/bindings/%2F/e/amq.fanout/q/q", "", 201, "")
	a.check("POST", "/api/rabbet/route-test", `{"exchange":"x","routing_key":"k"}`, 200,
		`{"routed":true,"queues":["q"],"delayed":[],"alternate":true,"steps":[`+
			`{"exchange":"x","type":"topic","via":"publish","routing_key":"k"},`+
			`{"exchange":"amq.fanout","type":"fanout","via":"alternate","routing_key":"k"}]}`)
	a.check("POST", "/api/rabbet/policies/preview", `{"name":"p","pattern":"^q","definition":{"max-length":5}}`, 200,
		`{"matched":1,"changes":[{"type":"queue","vhost":"/","name":"q","before":{"policy":null,"definition":{}},`+
			`"after":{"policy":"p","definition":{"max-length":5}}}]}`)
	a.check("POST", "/api/rabbet/policies/preview", `{"name":"p","pattern":"^q","definition":{"nope":5}}`, 400, "")
	a.check("POST", "/api/rabbet/permission-test",
		`{"user":"guest","permission":"write","resource":"exchange","name":"x"}`, 200,
		`{"allowed":true,"reason":"user 'guest' may write exchange 'x'","pattern":".*","topic_pattern":null}`)
	got := a.do("GET", "/api/rabbet/topology/%2F?columns=vhosts.edges.from,vhosts.edges.to,vhosts.edges.type", "")
	assert.Equal(t, `{"vhosts":[{"edges":[{"from":"x/amq.fanout","to":"q/q","type":"binding"},`+
		`{"from":"x/x","to":"x/amq.fanout","type":"alternate"}]}]}`, got.body)
}

func TestStreamsOfEventsAndNumbers(t *testing.T) {
	a := newAPI(t)
	server := httptest.NewServer(a.server)
	defer server.Close()
	follow := func(path string) *bufio.Scanner {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
		require.NoError(t, err)
		r.SetBasicAuth("guest", "guest")
		response, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		t.Cleanup(func() { response.Body.Close() })
		require.Equal(t, http.StatusOK, response.StatusCode)
		return bufio.NewScanner(response.Body)
	}
	next := func(s *bufio.Scanner, prefix string) string {
		for s.Scan() {
			if after, ok := strings.CutPrefix(s.Text(), prefix); ok {
				return after
			}
		}
		t.Fatal("the stream has ended")
		return ""
	}
	events := follow("/api/rabbet/events?type=queue.created&type=queue.deleted")
	a.check("PUT", "/api/queues/%2F/q", "", 201, "")
	assert.Equal(t, "queue.created", next(events, "event: "))
	assert.Contains(t, next(events, "data: "), `"vhost":"/","name":"q"`)

	numbers := follow("/api/rabbet/live?subscribe=queues/%252F/q&subscribe=queues/%252F/nope&interval=250")
	data := next(numbers, "data: ")
	assert.Contains(t, data, `"queues/%2F/q":{"consumers":0,"messages":0`)
	assert.Contains(t, data, `"queues/%2F/nope":null`)
	a.check("GET", "/api/rabbet/live?subscribe=users/guest", "", 400, "")
	require.NoError(t, a.server.Close())
	for events.Scan() { // the server ends its streams
	}
}

func TestDefinitionsGoRound(t *testing.T) {
	a := newAPI(t)
	a.check("PUT", "/api/vhosts/v", `{"description":"d"}`, 201, "")
	a.check("PUT", "/api/queues/v/q", `{"durable":true}`, 201, "")
	a.check("PUT", "/api/users/u", `{"tags":"management","password":"secret"}`, 201, "")
	got := a.do("GET", "/api/definitions?download=a%22b.json", "")
	assert.Equal(t, `attachment; filename="a_b.json"`, got.Header.Get("Content-Disposition"))

	other := newAPI(t)
	preview := other.do("POST", "/api/rabbet/definitions/preview?columns=counts,refused", got.body)
	assert.Contains(t, preview.body, `"refused":[]`)
	other.check("GET", "/api/vhosts/v", "", 404, "")
	form := "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"d\"\r\n\r\n" + got.body + "\r\n--x--\r\n"
	assert.Equal(t, http.StatusNoContent,
		other.do("POST", "/api/definitions", form, "Content-Type", "multipart/form-data; boundary=x").StatusCode)
	other.check("GET", "/api/queues/v/q?columns=durable", "", 200, `{"durable":true}`)
	assert.Equal(t, got.body, other.do("GET", "/api/definitions", "").body)
	other.check("POST", "/api/definitions", `[]`, 400, `{"error":"bad_request","reason":"failed_to_parse_json"}`)
	other.check("POST", "/api/definitions", ``, 204, "")
	other.check("GET", "/api/definitions/nope", "", 400, `{"error":"bad_request","reason":"vhost_not_found"}`)
	other.check("POST", "/api/definitions/nope", "{}", 404, `{"error":"not_found","reason":"vhost_not_found"}`)
}
