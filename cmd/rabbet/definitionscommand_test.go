package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const exported = `{"rabbit_version":"3.13.7","users":[{"name":"anna","password_hash":"kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR","hashing_algorithm":"rabbit_password_hashing_sha256","tags":["administrator"],"limits":{}}],
"vhosts":[{"name":"shop"}],"permissions":[{"user":"anna","vhost":"shop","configure":".*","write":".*","read":".*"}],"topic_permissions":[],"parameters":[],"global_parameters":[],"policies":[],
"queues":[{"name":"orders","vhost":"shop","durable":true,"auto_delete":false,"arguments":{}}],"exchanges":[],"bindings":[]}`

// requests are those that an API got.
type requests struct {
	mu   sync.Mutex
	list []string
}

func (r *requests) add(request string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, request)
}

func (r *requests) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.list)
}

// last is the newest request.
func (r *requests) last() string { return r.all()[len(r.all())-1] }

// newAPI answers as RabbitMQ's API does, and remembers what it got.
func newAPI(t *testing.T, got *requests) string {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if user+password != "annapw" {
			w.WriteHeader(401)
			_, _ = io.WriteString(w, `{"error":"not_authorized","reason":"Login failed"}`)
			return
		}
		body, _ := io.ReadAll(r.Body) // What is missing shows in the test.
		got.add(r.Method + " " + r.URL.EscapedPath() + " " + string(body))
		if r.Method == http.MethodGet {
			_, _ = io.WriteString(w, exported)
		}
	}))
	t.Cleanup(api.Close)
	return strings.Replace(api.URL, "http://", "http://anna:pw@", 1) + "/prefix/"
}

func TestDefinitionsCommand(t *testing.T) {
	var got requests
	url := newAPI(t, &got)
	file := filepath.Join(t.TempDir(), "out.json")
	code, stdout, stderr := run(t, nil, "definitions", "export", file, "--url", url)
	require.Zero(t, code, stderr)
	assert.Empty(t, stdout)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.True(t, json.Valid(text))
	assert.Contains(t, string(text), `"orders"`)
	assert.Equal(t, "GET /prefix/api/definitions ", got.all()[0])

	code, stdout, _ = run(t, nil, "definitions", "diff", file, "--url", url)
	assert.Zero(t, code)
	assert.Equal(t, "to create 0, to replace 0, that differ and stay 0\n", stdout)
	more := write(t, "more.json", strings.Replace(exported, `"name":"orders"`, `"name":"invoices"`, 1))
	_, stdout, _ = run(t, nil, "definitions", "diff", more, "--url", url)
	assert.Equal(t, "+ queue \"invoices\" in vhost \"shop\"\nto create 1, to replace 0, that differ and stay 0\n", stdout)
	code, stdout, _ = run(t, nil, "definitions", "import", more, "--url", url)
	assert.Zero(t, code)
	assert.Equal(t, "imported: vhosts 1, users 1, policies 0, queues 1, exchanges 0, bindings 0\n", stdout)
	assert.Contains(t, got.last(), `POST /prefix/api/definitions {"rabbit_version"`)
	code, _, _ = run(t, nil, "definitions", "export", "-", "--vhost", "a/b", "--url", url)
	assert.Zero(t, code)
	assert.Equal(t, "GET /prefix/api/definitions/a%2Fb ", got.last())

	calls := len(got.all())
	code, stdout, stderr = run(t, nil, "definitions", "import", write(t, "bad.json", `{"queues":[{"name":1},{"vhost":"/"}]}`), "--url", url)
	assert.Equal(t, 1, code)
	assert.Contains(t, stdout, "fault: queues[")
	assert.Contains(t, stderr, "bad.json has faults: ")
	assert.Len(t, got.all(), calls, "nothing was sent")
	code, _, stderr = run(t, nil, "definitions", "export", "-", "--url", strings.Replace(url, ":pw@", ":wrong@", 1))
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "answers 401 Unauthorized: Login failed")
	assert.NotContains(t, stderr, "wrong")
	code, _, stderr = run(t, nil, "definitions", "export", "-", "--url", "ftp://x")
	assert.Equal(t, 2, code, stderr)
	code, _, stderr = run(t, []string{"RABBET_MANAGEMENT=127.0.0.1:1"}, "definitions", "export", "-")
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "no management API answers at 127.0.0.1:1: ")
}

// What Rabbet exports it imports, and finds nothing to change.
func TestDefinitionsOfRabbet(t *testing.T) {
	s := start(t, []string{"RABBET_MANAGEMENT=0"}, "--memory")
	port := regexp.MustCompile(`listener started on port (\d+)`).FindStringSubmatch(strings.Join(s.lines, "\n"))
	require.NotNil(t, port)
	env := []string{"RABBET_MANAGEMENT=127.0.0.1:" + port[1]}
	file := write(t, "in.json", exported)
	code, out, stderr := run(t, env, "definitions", "import", file)
	require.Zero(t, code, stderr)
	assert.Contains(t, out, "queues 1")
	code, out, stderr = run(t, env, "definitions", "diff", file)
	require.Zero(t, code, stderr)
	assert.Equal(t, "to create 0, to replace 0, that differ and stay 0\n", out)
	code, out, stderr = run(t, env, "definitions", "export", "-")
	require.Zero(t, code, stderr)
	assert.Contains(t, out, `"orders"`)
}

// An export names what versions of RabbitMQ refuse, by the rules of graduate lint, and
// leaves nothing out.
func TestExportWarns(t *testing.T) {
	b := newToolbox(t, "--memory")
	_, rest, found := strings.Cut(strings.Join(b.lines, "\n"), "Management plugin: HTTP (non-TLS) listener started on port ")
	require.True(t, found)
	url := "http://guest:guest@127.0.0.1:" + strings.Fields(rest)[0]
	doc := write(t, "in.json", `{"vhosts":[{"name":"v"}],"queues":[
		{"name":"passing","vhost":"v","durable":false,"auto_delete":false,"arguments":{}},
		{"name":"plain","vhost":"v","durable":true,"auto_delete":false,"arguments":{}}],
		"exchanges":[{"name":"later","vhost":"v","type":"x-delayed-message","durable":true,"auto_delete":false,"arguments":{"x-delayed-type":"direct"}}]}`)
	code, _, stderr := run(t, nil, "definitions", "import", doc, "--url", url)
	require.Zero(t, code, stderr)
	const transient = "warning: RabbitMQ 4.3: queue \"passing\" in vhost \"v\": "
	const delayed = "warning: RabbitMQ 3.13, 4.0, 4.2: exchange \"later\" in vhost \"v\": the plugin rabbitmq_delayed_message_exchange has its exchange type: it is refused without\n"
	for _, of := range [][]string{nil, {"--vhost", "v"}} {
		code, stdout, stderr := run(t, nil, append([]string{"definitions", "export", "-", "--url", url}, of...)...)
		require.Zero(t, code, stderr)
		assert.Contains(t, stdout, `"passing"`)
		assert.Contains(t, stdout, `"later"`)
		assert.Contains(t, stderr, transient)
		assert.Contains(t, stderr, delayed)
		assert.Contains(t, stderr, "warning: RabbitMQ 4.3: exchange \"later\" in vhost \"v\": ")
		assert.NotContains(t, stderr, "plain")
	}
	_, _, stderr = run(t, nil, "definitions", "export", "-", "--url", url, "--target", "4.0")
	assert.Equal(t, strings.Replace(delayed, "3.13, 4.0, 4.2", "4.0", 1), stderr)
	_, _, stderr = run(t, nil, "definitions", "export", "-", "--url", url, "--target", "none")
	assert.Empty(t, stderr)
	file := filepath.Join(t.TempDir(), "out.json")
	code, _, stderr = b.run("rabbitmqctl", "export_definitions", file)
	require.Zero(t, code, stderr)
	assert.Contains(t, stderr, transient)
	assert.Contains(t, stderr, delayed)
	_, _, stderr = b.run("rabbitmqctl", "-q", "export_definitions", file)
	assert.Empty(t, stderr)
	code, _, _ = run(t, nil, "definitions", "export", "-", "--url", url, "--target", "5.0")
	assert.Equal(t, 2, code)
}
