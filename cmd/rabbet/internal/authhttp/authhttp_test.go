package authhttp

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/delay"
)

// A service answers each path with a status and a text, and remembers the questions.
type service struct {
	*httptest.Server
	mu      sync.Mutex
	answers map[string]string
	status  int
	asked   []string
}

func newService(t *testing.T) *service {
	s := &service{answers: map[string]string{}, status: 200}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // What is missing shows in the question.
		s.mu.Lock()
		defer s.mu.Unlock()
		s.asked = append(s.asked, r.Method+" "+r.URL.Path+" "+r.URL.RawQuery+string(body))
		w.WriteHeader(s.status)
		_, _ = io.WriteString(w, s.answers[r.URL.Path])
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *service) set(status int, path, answer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status, s.answers[path] = status, answer
}

func (s *service) last() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[len(s.asked)-1]
}

func (s *service) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

func (s *service) backend(t *testing.T, method string) *Backend {
	b := New(Config{Method: method, UserPath: s.URL + "/user", VHostPath: s.URL + "/vhost", ResourcePath: s.URL + "/resource", TopicPath: s.URL + "/topic",
		RequestTimeout: time.Minute, ConnectTimeout: time.Minute})
	t.Cleanup(b.Close)
	return b
}

var alice = access.Identity{User: "alice", Tags: []string{"administrator", "monitoring"}}

// AUTHHTTP-3, AUTHHTTP-4: the forms, to the byte.
func TestForms(t *testing.T) {
	s := newService(t)
	b := s.backend(t, "post")
	ctx := t.Context()
	for path := range map[string]bool{"/user": true, "/vhost": true, "/resource": true, "/topic": true} {
		s.set(200, path, "allow")
	}
	_, err := b.Login(ctx, access.Credentials{User: "alice", Password: "p w&ü"})
	require.NoError(t, err)
	assert.Equal(t, "POST /user username=alice&password=p+w%26%C3%BC", s.last())
	_, err = b.Login(ctx, access.Credentials{User: "alice", Checked: true, Mechanism: "EXTERNAL"})
	require.NoError(t, err)
	assert.Equal(t, "POST /user username=alice", s.last())
	_, err = b.Login(ctx, access.Credentials{User: "", Password: "", VHost: "/"})
	require.NoError(t, err)
	assert.Equal(t, "POST /user username=&password=&vhost=%2F", s.last())
	require.NoError(t, b.EnterVHost(ctx, alice, "/", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 4}))
	assert.Equal(t, "POST /vhost username=alice&vhost=%2F&ip=127.0.0.1&tags=administrator+monitoring", s.last())
	require.NoError(t, b.UseResource(ctx, access.Identity{User: "bob"}, access.Resource{VHost: "v", Kind: access.Queue, Name: "q1"}, access.Configure))
	assert.Equal(t, "POST /resource username=bob&vhost=v&resource=queue&name=q1&permission=configure&tags=", s.last())
	require.NoError(t, b.UseTopic(ctx, alice, access.Resource{VHost: "/", Kind: access.Exchange, Name: "t1"}, "a.b", access.Write))
	assert.Equal(t, "POST /topic username=alice&vhost=%2F&resource=topic&name=t1&permission=write&tags=administrator+monitoring"+
		"&routing_key=a.b&variable_map.username=alice&variable_map.vhost=%2F", s.last())
	_, err = s.backend(t, "get").Login(ctx, access.Credentials{User: "alice", Password: "pw"})
	require.NoError(t, err)
	assert.Equal(t, "GET /user username=alice&password=pw", s.last())
}

// AUTHHTTP-6 and AUTHHTTP-7, and the texts of AUTHHTTP-9 to AUTHHTTP-12: what counts as yes, no and neither.
func TestAnswers(t *testing.T) {
	s := newService(t)
	b := s.backend(t, "post")
	for answer, want := range map[string][]string{
		"allow": {}, "ALLOW  Management ": {"management"}, "allow administrator monitoring": {"administrator", "monitoring"},
		"allow,administrator": {",administrator"}, "allow\n": {},
	} {
		s.set(201, "/user", answer)
		id, err := b.Login(t.Context(), access.Credentials{User: "alice"})
		require.NoError(t, err, answer)
		assert.ElementsMatch(t, want, id.Tags, answer)
	}
	login := func(status int, answer string) error {
		s.set(status, "/user", answer)
		_, err := b.Login(t.Context(), access.Credentials{User: "gus", Password: "hidden"})
		return err
	}
	no := &access.LoginError{}
	require.ErrorAs(t, login(200, "deny"), &no)
	assert.Equal(t, "Denied by the backing HTTP service", no.Reason)
	assert.EqualError(t, login(200, "sure"), `rabbit_auth_backend_http failed authenticating gus: {bad_response,"sure"}`)
	assert.EqualError(t, login(500, "oops"), `rabbit_auth_backend_http failed authenticating gus: {500,"oops"}`)
	assert.ErrorContains(t, login(302, "allow"), `{302,"allow"}`)
	use := func(status int, answer string) error {
		s.set(status, "/resource", answer)
		return b.UseResource(t.Context(), alice, access.Resource{}, access.Read)
	}
	assert.NoError(t, use(200, "allow"))
	assert.ErrorIs(t, use(200, "deny"), access.ErrRefused)
	assert.EqualError(t, use(500, "boom"), `rabbit_auth_backend_http returned an error: {500,"boom"}`)
	assert.EqualError(t, use(200, "perhaps"), `rabbit_auth_backend_http returned an error: {bad_response,"perhaps"}`)
	s.Close()
	for _, method := range []string{"get", "post"} {
		_, err := s.backend(t, method).Login(t.Context(), access.Credentials{User: "gus", Password: "hidden"})
		assert.ErrorContains(t, err, "connection refused")
		assert.NotContains(t, err.Error(), "hidden")
	}
}

// AUTHHTTP-23 and AUTHHTTP-24: what is kept, and for how long.
func TestCache(t *testing.T) {
	s := newService(t)
	clock := delay.NewManual(time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC))
	login := func(c *Cache, password string) error {
		_, err := c.Login(t.Context(), access.Credentials{User: "alice", Password: password})
		return err
	}
	c := NewCache(s.backend(t, "post"), 15*time.Second, false, clock)
	s.set(200, "/user", "allow")
	require.NoError(t, login(c, "pw"))
	s.set(200, "/user", "deny")
	require.NoError(t, login(c, "pw"), "kept")
	assert.Error(t, login(c, "new"), "another question")
	assert.Equal(t, 2, s.count())
	clock.Advance(15 * time.Second)
	assert.Error(t, login(c, "pw"), "over")
	assert.Error(t, login(c, "pw"), "a refusal is not kept")
	assert.Equal(t, 4, s.count())

	c = NewCache(s.backend(t, "post"), 15*time.Second, true, clock)
	assert.Error(t, login(c, "pw"))
	assert.Error(t, login(c, "pw"), "kept now")
	assert.Equal(t, 5, s.count())
	s.set(500, "/user", "oops")
	assert.Error(t, login(c, "other"))
	s.set(200, "/user", "allow")
	assert.NoError(t, login(c, "other"), "AUTHHTTP-24: a failure is never kept")

	s.set(200, "/resource", "allow")
	q := access.Resource{VHost: "/", Kind: access.Queue, Name: "q"}
	before := s.count()
	for range 3 {
		require.NoError(t, c.UseResource(t.Context(), alice, q, access.Read))
	}
	assert.Equal(t, before+1, s.count())
	require.NoError(t, c.UseResource(t.Context(), alice, q, access.Write))
	assert.Equal(t, before+2, s.count())
}
