package management

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/access"
)

// walked is a server whose routes are walked, with a user for each tag, whose name and
// password are the tag.
func walked(t *testing.T, profile string) *Server {
	b, err := broker.New(broker.Config{Profile: profile})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, b.Close()) })
	for _, tag := range []string{tagAdministrator, tagMonitoring, tagPolicymaker, tagManagement, "none"} {
		hash, by, err := b.HashPassword(tag, tag)
		require.NoError(t, err)
		require.NoError(t, b.SetUser(access.User{Name: tag, PasswordHash: hash, Hashing: by, Tags: []string{tag}}))
	}
	s, err := New(b, Config{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	return s
}

var inBraces = regexp.MustCompile(`\{[^}]*\}`)

// call calls a route with names for its variables that nothing has.
func call(s *Server, r *route, method, user string) *httptest.ResponseRecorder {
	path := strings.ReplaceAll(r.pattern, "{vhost}", "%2F")
	request := httptest.NewRequest(method, "/api"+inBraces.ReplaceAllString(path, "nothing"), nil)
	request.RemoteAddr = "127.0.0.1:40000"
	if user != "" {
		request.SetBasicAuth(user, user)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, request)
	return w
}

// open are the endpoints that answer without a login; RabbitMQ has no others. Those
// besides the login are of 4.x, for probes.
var open = map[string]bool{
	"HEAD /auth": true, "GET /auth": true, "POST /login": true, "HEAD /version": true, "GET /version": true,
	"HEAD /health/checks/is-in-service": true, "GET /health/checks/is-in-service": true,
	"HEAD /health/checks/ready-to-serve-clients": true, "GET /health/checks/ready-to-serve-clients": true,
	"HEAD /health/checks/below-node-connection-limit": true, "GET /health/checks/below-node-connection-limit": true,
	"HEAD /health/checks/reached-target-cluster-size": true, "GET /health/checks/reached-target-cluster-size": true,
}

// No endpoint answers without a login but those that RabbitMQ opens, nor to a user without
// a tag of the API.
func TestNoRouteWithoutLogin(t *testing.T) {
	for _, profile := range broker.Profiles() {
		s := walked(t, profile)
		for _, r := range s.routes.all() {
			for method := range r.methods {
				name := profile + ": " + method + " " + r.pattern
				if open[method+" "+r.pattern] {
					assert.Nil(t, r.methods[method].gate, name)
					continue
				}
				w := call(s, r, method, "")
				assert.Equal(t, http.StatusUnauthorized, w.Code, name)
				assert.Equal(t, challenge, w.Header().Get("WWW-Authenticate"), name)
				assert.Equal(t, http.StatusUnauthorized, call(s, r, method, "none").Code, name)
			}
		}
	}
}

// Methods that a route lacks are refused before the login, and the route says which
// it has; OPTIONS needs no login.
func TestMethodsOfRoutes(t *testing.T) {
	s := walked(t, "")
	for _, r := range s.routes.all() {
		for _, method := range methodOrder {
			name := method + " " + r.pattern
			w := call(s, r, method, "")
			switch {
			case method == http.MethodOptions:
				assert.Equal(t, http.StatusOK, w.Code, name)
				assert.Equal(t, r.allow, w.Header().Get("Allow"), name)
			case r.methods[method] == nil:
				assert.Equal(t, http.StatusMethodNotAllowed, w.Code, name)
				assert.Equal(t, r.allow, w.Header().Get("Allow"), name)
				assert.Empty(t, w.Body.String(), name)
			}
		}
	}
}

// The page that explains the API names all routes.
func TestHelpPage(t *testing.T) {
	s := walked(t, "")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest("GET", "/api/index.html", nil))
	assert.Equal(t, "text/html; charset=utf-8", w.Header().Get("Content-Type"))
	for _, r := range s.routes.all() {
		assert.Contains(t, w.Body.String(), "/api"+r.pattern)
	}
	w = httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest("GET", "/cli/", nil))
	assert.Equal(t, "/cli/index.html", w.Header().Get("Location"))
	w = httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest("GET", "/cli/index.html", nil))
	assert.Contains(t, w.Body.String(), "rabbitmqadmin")
}
