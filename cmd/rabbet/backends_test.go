package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The HTTP backend behind its cache decides beside the broker's own users.
func TestHTTPBackend(t *testing.T) {
	var mu sync.Mutex
	asked := map[string]int{}
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked[r.URL.Path]++
		mu.Unlock()
		answer := "allow"
		switch {
		case r.URL.Path == "/user" && (r.FormValue("username") != "alice" || r.FormValue("password") != "pw"), r.FormValue("name") == "secret":
			answer = "deny"
		}
		_, _ = io.WriteString(w, answer)
	}))
	defer service.Close()
	path := write(t, "x.conf", "auth_backends.1 = internal\nauth_backends.2 = cache\nauth_cache.cached_backend = http\nauth_cache.cache_ttl = 600000\nauth_http.http_method = post\n"+
		"auth_http.user_path = "+service.URL+"/user\nauth_http.vhost_path = "+service.URL+"/vhost\nauth_http.resource_path = "+service.URL+"/resource\nauth_http.topic_path = "+service.URL+"/topic\n")
	s := start(t, nil, "serve", "--memory", "--management", "off", "--config", path)
	for range 2 {
		conn, err := amqp.Dial("amqp://alice:pw@" + s.address + "/")
		require.NoError(t, err)
		ch, err := conn.Channel()
		require.NoError(t, err)
		_, err = ch.QueueDeclare("open", false, false, false, false, nil)
		require.NoError(t, err)
		_, err = ch.QueueDeclare("secret", false, false, false, false, nil)
		require.Error(t, err)
		assert.Contains(t, err.Error(), "configure access to queue 'secret' in vhost '/' refused for user 'alice'") // AUTHHTTP-11: text
		require.NoError(t, conn.Close())
	}
	_, err := amqp.Dial("amqp://alice:wrong@" + s.address + "/")
	assert.ErrorContains(t, err, "username or password not allowed")
	conn, err := amqp.Dial("amqp://guest:guest@" + s.address + "/")
	require.NoError(t, err, "internal comes first")
	require.NoError(t, conn.Close())
	mu.Lock()
	defer mu.Unlock()
	assert.Equal(t, 2, asked["/user"], "once for alice, once for the wrong password")
	assert.Equal(t, 1, asked["/vhost"])
}

// A judge is an HTTP backend that answers allow, unless it was told otherwise, and keeps what
// it was asked.
type judge struct {
	*httptest.Server
	mu      sync.Mutex
	answers map[string]string // by question; the first line is the status where it is not 200
	asked   []string
}

// startJudge starts a judge and a broker whose only backend it is.
func startJudge(t *testing.T) (j *judge, s *server, api string) {
	j = &judge{answers: map[string]string{}}
	j.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		question := strings.TrimPrefix(r.URL.Path, "/")
		for _, name := range []string{"username", "password", "vhost", "resource", "name", "permission", "routing_key"} {
			if _, sent := r.URL.Query()[name]; sent {
				question += " " + r.FormValue(name)
			}
		}
		j.mu.Lock()
		defer j.mu.Unlock()
		j.asked = append(j.asked, question)
		answer, told := j.answers[question]
		switch {
		case !told:
			answer = "allow"
		case answer == "oops":
			w.WriteHeader(http.StatusInternalServerError)
		}
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(j.Close)
	conf := "auth_backends.1 = http\n"
	for _, path := range []string{"user", "vhost", "resource", "topic"} {
		conf += "auth_http." + path + "_path = " + j.URL + "/" + path + "\n"
	}
	port := freePort(t)
	s = start(t, nil, "serve", "--memory", "--management", fmt.Sprint(port), "--config", write(t, "x.conf", conf))
	return j, s, fmt.Sprintf("127.0.0.1:%d", port)
}

// answer says what a question gets.
func (j *judge) answer(question, answer string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.answers[question] = answer
}

// questions are those since the last call. A name that the server has made is "made".
func (j *judge) questions() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	list := j.asked
	j.asked = nil
	for i := range list {
		list[i] = regexp.MustCompile(`amq\.gen-\S+`).ReplaceAllString(list[i], "made")
	}
	return list
}

// What the backend is asked in which order: AUTHHTTP-5, AUTHHTTP-14, AUTHHTTP-15, AUTHHTTP-16
// and AUTHHTTP-17.
func TestHTTPBackendIsAsked(t *testing.T) {
	j, s, _ := startJudge(t)
	conn, err := amqp.Dial("amqp://guest:@" + s.address + "/")
	require.NoError(t, err, "guest is asked for like others, and an empty password is sent on")
	defer conn.Close()
	assert.Equal(t, []string{"user guest ", "vhost guest /"}, j.questions())
	plain, err := amqp.DialConfig("amqp://"+s.address+"/", amqp.Config{SASL: []amqp.Authentication{&amqp.AMQPlainAuth{Username: "guest", Password: ""}}})
	require.NoError(t, err)
	require.NoError(t, plain.Close())
	assert.Equal(t, []string{"user guest ", "vhost guest /"}, j.questions(), "AMQPLAIN is asked for as PLAIN is")

	ch, err := conn.Channel()
	require.NoError(t, err)
	q, err := ch.QueueDeclare("", false, false, true, false, nil)
	require.NoError(t, err)
	require.NoError(t, ch.ExchangeDeclare("t1", "topic", false, false, false, false, nil))
	assert.Equal(t, []string{"resource guest / queue made configure", "resource guest / exchange t1 configure"}, j.questions())
	require.NoError(t, ch.QueueBind(q.Name, "a.#", "t1", false, nil))
	assert.Equal(t, []string{
		"resource guest / queue made write", "resource guest / exchange t1 read", "topic guest / topic t1 read a.#",
	}, j.questions())
	require.NoError(t, ch.Confirm(false))
	publish := func(exchange, key string) []string {
		sent, err := ch.PublishWithDeferredConfirm(exchange, key, false, false, amqp.Publishing{})
		require.NoError(t, err)
		require.True(t, sent.Wait())
		return j.questions()
	}
	assert.Equal(t, []string{"resource guest / exchange t1 write", "topic guest / topic t1 write a.b"}, publish("t1", "a.b"))
	assert.Empty(t, publish("t1", "a.b"), "what is remembered is not asked again")
	assert.Contains(t, publish("t1", "a.c"), "topic guest / topic t1 write a.c", "another key is")
	assert.Equal(t, []string{"resource guest / exchange amq.default write"}, publish("", q.Name))
	_, err = ch.QueueDeclarePassive(q.Name, false, false, true, false, nil)
	require.NoError(t, err)
	assert.Empty(t, j.questions(), "a passive declare asks nothing")
}

// What a client reads of a no and of a failure: AUTHHTTP-8, AUTHHTTP-9, AUTHHTTP-10,
// AUTHHTTP-12 and AUTHHTTP-13.
func TestHTTPBackendRefuses(t *testing.T) {
	j, s, _ := startJudge(t)
	j.answer("vhost line /", "allow\n")
	j.answer("user no pw", "deny")
	j.answer("user odd pw", "sure")
	j.answer("user broken pw", "oops")
	j.answer("vhost outside /", "deny")
	j.answer("vhost unlucky /", "oops")
	dial := func(user, vhost string) (*amqp.Connection, error) {
		return amqp.Dial("amqp://" + user + ":pw@" + s.address + "/" + vhost)
	}
	for user, want := range map[string]string{
		"no": "username or password not allowed", "odd": "username or password not allowed", "broken": "username or password not allowed",
		"outside": "access to vhost '/' refused for user 'outside'",
		"unlucky": `access to vhost '/' refused for user 'unlucky', backend rabbit_auth_backend_http returned an error: {500,\"oops\"}`,
	} {
		_, err := dial(user, "")
		assert.ErrorContains(t, err, want)
	}
	j.questions()
	_, err := dial("anyone", "nowhere")
	assert.ErrorContains(t, err, "vhost nowhere not found")
	assert.Equal(t, []string{"user anyone pw"}, j.questions(), "nobody asks for a virtual host that does not exist")
	conn, err := dial("line", "")
	require.NoError(t, err, "a newline at the end is taken for none, on purpose")
	defer conn.Close()

	j.answer("resource line / queue odd configure", "perhaps")
	j.answer("topic line / topic amq.topic write a.b", "deny")
	refused := func(do func(ch *amqp.Channel)) *amqp.Error {
		ch, err := conn.Channel()
		require.NoError(t, err)
		closed := ch.NotifyClose(make(chan *amqp.Error, 1))
		do(ch)
		return <-closed
	}
	got := refused(func(ch *amqp.Channel) { _, _ = ch.QueueDeclare("odd", false, false, false, false, nil) })
	assert.Equal(t, 403, got.Code, "RabbitMQ crashes the connection")
	assert.Contains(t, got.Reason, `backend rabbit_auth_backend_http returned an error: {bad_response,"perhaps"}`)
	got = refused(func(ch *amqp.Channel) { _ = ch.Publish("amq.topic", "a.b", false, false, amqp.Publishing{}) })
	assert.Equal(t, 403, got.Code)
	assert.Equal(t, "ACCESS_REFUSED - write access to topic 'a.b' in exchange 'amq.topic' in vhost '/' refused for user 'line'", got.Reason)
}

// AUTHHTTP-18: each request to the management API asks anew, with the virtual host of its
// path.
func TestHTTPBackendOfTheAPI(t *testing.T) {
	j, _, api := startJudge(t)
	j.answer("user admin pw", "allow administrator odd")
	j.answer("user manager pw /", "allow management")
	j.answer("user no pw", "deny")
	j.answer("user broken pw", "oops")
	get := func(user, path string) (status int, body string) {
		resp, err := http.Get("http://" + user + ":pw@" + api + path)
		require.NoError(t, err)
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, string(text)
	}
	for user, want := range map[string]string{
		"plain":  `{"error":"not_authorised","reason":"Not management user"}`,
		"no":     `{"error":"not_authorized","reason":"Not_Authorized"}`,
		"broken": `{"error":"not_authorized","reason":"Not_Authorized"}`,
	} {
		status, body := get(user, "/api/whoami")
		assert.Equal(t, 401, status)
		assert.JSONEq(t, want, body, user)
	}
	j.questions()
	status, body := get("admin", "/api/whoami")
	assert.Equal(t, 200, status, body)
	assert.Contains(t, body, `"tags":["administrator","odd"]`)
	assert.Equal(t, []string{"user admin pw"}, j.questions())
	status, _ = get("manager", "/api/queues/%2F")
	assert.Equal(t, 200, status)
	assert.Equal(t, []string{"user manager pw /", "vhost manager /"}, slices.Compact(j.questions()))
}

// AUTHHTTP-25: 3.13 does not know the command.
func TestNoCommandEmptiesTheCache(t *testing.T) {
	code, _, stderr := run(t, nil, "ctl", "clear_auth_backend_cache")
	assert.Equal(t, 64, code)
	assert.Contains(t, stderr, "Command 'clear_auth_backend_cache' not found.")
}
