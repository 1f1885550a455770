// Tests of the HTTP Admin, before a server that answers as RabbitMQ 3.10 was seen
// to answer.

package conformance

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// answering is an Admin whose broker answers so, and what it was asked for.
func answering(t *testing.T, status int, body string) (admin Admin, asked *[]string) {
	asked = new([]string)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, _ := io.ReadAll(r.Body)
		user, password, _ := r.BasicAuth()
		*asked = append(*asked, user+":"+password+" "+r.Method+" "+r.URL.EscapedPath()+" "+string(content))
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	admin, err := NewHTTPAdmin(server.URL + "/")
	require.NoError(t, err)
	return admin, asked
}

func TestHTTPAdminAsks(t *testing.T) {
	admin, asked := answering(t, http.StatusCreated, "")
	ctx := context.Background()
	require.NoError(t, admin.PutPolicy(ctx, "/", Policy{Name: "a b", Pattern: "^q", Priority: 3, ApplyTo: "queues", Definition: map[string]any{"max-length": 2}}))
	require.NoError(t, admin.PutOperatorPolicy(ctx, "v", Policy{Name: "p"}))
	require.NoError(t, admin.CreateVHost(ctx, "v/w", "someone"))
	require.NoError(t, admin.CreateUser(ctx, "u", "secret"))
	require.NoError(t, admin.DeleteUser(ctx, "u"))
	assert.Equal(t, []string{
		`guest:guest PUT /api/policies/%2F/a%20b {"apply-to":"queues","definition":{"max-length":2},"pattern":"^q","priority":3}`,
		`guest:guest PUT /api/operator-policies/v/p {"definition":{},"pattern":"","priority":0}`,
		`guest:guest PUT /api/vhosts/v%2Fw {}`,
		`guest:guest PUT /api/permissions/v%2Fw/someone {"configure":".*","read":".*","write":".*"}`,
		`guest:guest PUT /api/users/u {"password":"secret","tags":""}`,
		`guest:guest DELETE /api/users/u `,
	}, *asked)
}

func TestHTTPAdminRefused(t *testing.T) {
	for _, tc := range []struct {
		status       int
		body, reason string
	}{
		{400, `{"error":"bad_request","reason":"Validation failed\n\n&lt;&lt;\"x\"&gt;&gt; is not a valid maximum length\n"}`,
			"Validation failed\n\n<<\"x\">> is not a valid maximum length\n"},
		{404, `{"error":"not_found","reason":"vhost_not_found"}`, "vhost_not_found"},
		{400, `{"error":"bad_request","reason":["not_boolean","yes"]}`, `["not_boolean","yes"]`},
		{502, "<html>bad gateway</html>", "<html>bad gateway</html>"},
	} {
		admin, _ := answering(t, tc.status, tc.body)
		err := admin.PutPolicy(context.Background(), "/", Policy{Name: "p"})
		assert.Equal(t, &AdminError{Status: tc.status, Reason: tc.reason}, err)
	}
	gone, _ := answering(t, http.StatusNotFound, `{"error":"Object Not Found","reason":"Not Found"}`)
	assert.NoError(t, gone.DeletePolicy(context.Background(), "/", "p"), "it may be gone already")
	failing, _ := answering(t, http.StatusUnauthorized, `{"error":"not_authorised","reason":"Login failed"}`)
	assert.EqualError(t, failing.DeleteVHost(context.Background(), "v"), "401: Login failed")
}

func TestHTTPAdminAddresses(t *testing.T) {
	for _, bad := range []string{"", "127.0.0.1:15672", "amqp://127.0.0.1/", "http://", "http://%zz"} {
		_, err := NewHTTPAdmin(bad)
		assert.Error(t, err, bad)
	}
	admin, err := NewHTTPAdmin("https://someone:secret@host/prefix/")
	require.NoError(t, err)
	assert.Equal(t, "https://host/prefix", admin.(*httpAdmin).base)
}

func TestShellHooks(t *testing.T) {
	ctx := context.Background()
	assert.Nil(t, Shell(""))
	assert.Nil(t, ShellAlarm(""))
	assert.NoError(t, Shell("true")(ctx))
	assert.ErrorContains(t, Shell("echo why; exit 3")(ctx), "exit status 3: why")
	says := ShellAlarm("f() { echo $1 is $2; exit 1; }; f")
	assert.ErrorContains(t, says(ctx, "memory", true), "memory is on")
	assert.ErrorContains(t, says(ctx, "disk", false), "disk is off")
}
