package main

import (
	"io"
	"net/http"
	"net/http/httptest"
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
