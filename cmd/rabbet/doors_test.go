package main

import (
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The management API is there without being asked for, and a port that is taken shuts
// it and nothing else, unless somebody chose the port.
func TestManagementDoor(t *testing.T) {
	s := start(t, []string{"RABBET_MANAGEMENT=0"}, "--memory")
	log := strings.Join(s.lines, "\n")
	_, rest, found := strings.Cut(log, "Management plugin: HTTP (non-TLS) listener started on port ")
	require.True(t, found, log)
	port := strings.Fields(rest)[0]
	request, err := http.NewRequest("GET", "http://127.0.0.1:"+port+"/api/overview", nil)
	require.NoError(t, err)
	request.SetBasicAuth("guest", "guest")
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	assert.Equal(t, 200, answer.StatusCode)
	http.DefaultClient.CloseIdleConnections()

	code, _, stderr := run(t, nil, "serve", "--memory", "--port", "0", "--management", port)
	assert.Equal(t, 1, code)
	assert.Equal(t, "rabbet: cannot listen on 127.0.0.1:"+port+": the address is in use, maybe by another broker\n", stderr)
	code, _ = s.stop(t, syscall.SIGTERM)
	assert.Zero(t, code)

	s = start(t, nil, "--memory", "--management", "off", "--prometheus", "off")
	assert.NotContains(t, strings.Join(s.lines, "\n"), "Management plugin")
	assert.Contains(t, s.lines[len(s.lines)-1], "; 0 plugins started.")
}

func TestManagementPortThatIsTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:15672")
	if err == nil {
		defer taken.Close()
	} // else somebody else has it, which is as good
	s := start(t, nil, "--memory")
	log := strings.Join(s.lines, "\n")
	assert.Regexp(t, `\[warning\] <\S+> Management plugin: HTTP \(non-TLS\) listener is not started: port 15672 is in use`, log)
}

func TestPrometheusDoor(t *testing.T) {
	s := start(t, []string{"RABBET_PROMETHEUS=0"}, "--memory", "--management", "off", "--config", write(t, "x.conf", "prometheus.path = /figures\n"))
	_, rest, found := strings.Cut(strings.Join(s.lines, "\n"), "Prometheus metrics: HTTP (non-TLS) listener started on port ")
	require.True(t, found, s.lines)
	get := func(path string) (int, string) {
		answer, err := http.Get("http://127.0.0.1:" + strings.Fields(rest)[0] + path)
		require.NoError(t, err)
		text, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		return answer.StatusCode, string(text)
	}
	code, text := get("/figures")
	assert.Equal(t, 200, code)
	assert.Contains(t, text, "rabbitmq_identity_info")
	code, _ = get("/figures/per-object")
	assert.Equal(t, 200, code)
	code, _ = get("/metrics")
	assert.Equal(t, 404, code)
	http.DefaultClient.CloseIdleConnections()
	code, _ = s.stop(t, syscall.SIGTERM)
	assert.Zero(t, code)
}
