package management

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func testRouter() *router {
	r := &router{}
	handle := map[string]*endpoint{http.MethodGet: {}, http.MethodHead: {}, http.MethodPut: {}, http.MethodDelete: {}}
	for _, pattern := range []string{
		"/queues", "/queues/detailed", "/queues/{vhost}", "/queues/{vhost}/{queue}", "/queues/{vhost}/{queue}/get",
		"/queues/quorum/{vhost}/{queue}/status", "/exchanges/{vhost}/{exchange}/bindings/source",
		"/connections/{connection}", "/connections/username/{username}", "/connections/{connection}/channels",
		"/users/bulk-delete", "/users/{user}",
	} {
		r.add(pattern, handle)
	}
	return r
}

func TestRouterFindsRoutesByEscapedPath(t *testing.T) {
	r := testRouter()
	for _, c := range []struct {
		path, pattern string
		values        []string
	}{
		{"/queues", "/queues", nil},
		{"/queues/", "/queues", nil},
		{"/queues/%2F", "/queues/{vhost}", []string{"/"}},
		{"/queues/%2f/", "/queues/{vhost}", []string{"/"}},
		{"/queues//", "/queues/{vhost}", []string{""}},
		{"/queues/%2F/q", "/queues/{vhost}/{queue}", []string{"/", "q"}},
		{"/queues/a%2Fb/x%20y+z", "/queues/{vhost}/{queue}", []string{"a/b", "x y+z"}},
		{"/queues/v/%2E%2E", "/queues/{vhost}/{queue}", []string{"v", ".."}},
		{"/queues/v/..", "/queues/{vhost}/{queue}", []string{"v", ".."}},
		{"/queues/detailed", "/queues/detailed", nil},
		{"/queues/detailed/q", "/queues/{vhost}/{queue}", []string{"detailed", "q"}},
		{"/queues/quorum/q/get", "/queues/{vhost}/{queue}/get", []string{"quorum", "q"}},
		{"/queues/quorum/%2F/q/status", "/queues/quorum/{vhost}/{queue}/status", []string{"/", "q"}},
		{"/exchanges/v//bindings/source", "/exchanges/{vhost}/{exchange}/bindings/source", []string{"v", ""}},
		{"/connections/username", "/connections/{connection}", []string{"username"}},
		{"/connections/username/u", "/connections/username/{username}", []string{"u"}},
		{"/connections/127.0.0.1%3A1%20-%3E%20127.0.0.1%3A2/channels", "/connections/{connection}/channels",
			[]string{"127.0.0.1:1 -> 127.0.0.1:2"}},
		{"/users/bulk-delete", "/users/bulk-delete", nil},
	} {
		found, values, err := r.match(c.path)
		require.NoError(t, err, c.path)
		require.NotNil(t, found, c.path)
		assert.Equal(t, c.pattern, found.pattern, c.path)
		assert.ElementsMatch(t, c.values, values, c.path)
	}
	for _, path := range []string{"/", "", "/nope", "/queues/v/q/x", "/queues/v/q/get/x", strings.Repeat("/a", 100)} {
		found, _, err := r.match(path)
		require.NoError(t, err, path)
		assert.Nil(t, found, path)
	}
	_, _, err := r.match("/queues/%zz")
	assert.Error(t, err)
}

func TestRouterAllowsInRabbitMQsOrder(t *testing.T) {
	found, _, err := testRouter().match("/queues/v/q")
	require.NoError(t, err)
	assert.Equal(t, "HEAD, GET, PUT, DELETE, OPTIONS", found.allow)
}

func FuzzRouter(f *testing.F) {
	for _, path := range []string{"/queues/%2F/q", "/queues//", "/exchanges/v//bindings/source", "/%", "/a/../b", "/%00"} {
		f.Add(path)
	}
	r := testRouter()
	f.Fuzz(func(t *testing.T, path string) {
		found, values, err := r.match(path)
		if err != nil || found == nil {
			return
		}
		require.Len(t, values, len(found.variables))
		// What the values are escaped to leads to the same route with the same values.
		rebuilt := found.pattern
		for i, name := range found.variables {
			rebuilt = strings.Replace(rebuilt, "{"+name+"}", url.PathEscape(values[i]), 1)
		}
		again, back, err := r.match(rebuilt + "/")
		require.NoError(t, err)
		require.NotNil(t, again)
		assert.Equal(t, values, back)
	})
}

func FuzzQuery(f *testing.F) {
	for _, query := range []string{"page=1&page_size=2", "columns=a.b,c", "sort=a..b", "%zz=1&a=%", "name=(&use_regex=true", "page=-1"} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		values, err := parseQuery(raw)
		if err != nil {
			return
		}
		q := &request{query: values, s: &Server{}}
		q.columns()
		_, _ = q.page()
		_, _ = q.nameFilter()
		l := listing[int]{items: []int{2, 1}, write: func(e *encoder, n int) bool {
			e.num("n", int64(n))
			if e.object("a") {
				e.str("b", "x")
				e.end()
			}
			return true
		}}
		sorted(q, &l)
		assert.Len(t, l.items, 2)
	})
}
