// The walk of the HTTP API: the requests of testdata/requests.txt, answered by Rabbet,
// are compared with what RabbitMQ answered. Differences are in testdata/differences.txt,
// with reasons. Against a RabbitMQ that runs:
//
//	go test ./conformance/api -management http://guest:guest@127.0.0.1:15672 -url amqp://guest:guest@127.0.0.1/
//
// checks that the recordings are true; with -update it makes them.
package api_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	managementURL = flag.String("management", "", "URL of a RabbitMQ's management API, with an administrator's login")
	amqpURL       = flag.String("url", "", "its AMQP URL")
	update        = flag.Bool("update", false, "records what it answers")
)

// profiles are the profiles of Rabbet that are compared with recordings.
var profiles = map[string]string{"3.10.8": "3.13", "4.0.5": "4.2", "4.3.6": "4.3"}

// TestRabbetAnswersAsRabbitMQ compares Rabbet with the recordings.
func TestRabbetAnswersAsRabbitMQ(t *testing.T) {
	known := readDifferences(t)
	for _, version := range slices.Sorted(maps.Keys(profiles)) {
		t.Run(version, func(t *testing.T) {
			want := readRecording(t, version)
			require.NotNil(t, want)
			got, _ := play(t, startRabbet(t, profiles[version]), nil)
			for _, line := range slices.Sorted(maps.Keys(got)) {
				for _, fact := range unsteady(known, line, compare(want[line], got[line])) {
					explained := false
					for _, d := range known {
						if d.covers(version, line, fact) {
							d.used[version], explained = true, true
						}
					}
					assert.True(t, explained, "%s\n  %s\n  RabbitMQ: %s\n  Rabbet:   %s", line, fact, want[line][fact], got[line][fact])
				}
			}
		})
	}
	for _, d := range known {
		for version := range profiles {
			assert.True(t, d.versions[0] == "~" || !d.isOf(version) || d.used[version] || slices.Contains(d.versions, "*") && len(d.used) > 0,
				"there is no such difference from %s any more: %s", version, d.text)
		}
	}
}

// TestRecordingIsTrue compares a RabbitMQ that runs with the recording of its version.
func TestRecordingIsTrue(t *testing.T) {
	if *managementURL == "" {
		t.Skip("no -management")
	}
	u, err := url.Parse(*managementURL)
	require.NoError(t, err)
	u.User = nil
	g := &target{base: u.String(), amqp: *amqpURL, names: map[string]string{}}
	version := g.overview(t)["rabbitmq_version"].(string)
	want := readRecording(t, version)
	known := readDifferences(t)
	late := func(line string, f facts) bool { return len(unsteady(known, line, compare(want[line], f))) > 0 }
	if want == nil || *update {
		late = nil
	}
	got, order := play(t, g, late)
	if *update {
		got.write(t, version, order)
		return
	}
	if want == nil {
		t.Skipf("nobody has recorded %s", version)
	}
	for _, line := range order {
		for _, fact := range unsteady(known, line, compare(want[line], got[line])) {
			assert.Fail(t, "the recording is not true", "%s\n  %s\n  recorded: %s\n  now:      %s", line, fact, want[line][fact], got[line][fact])
		}
	}
}

// TestWalkIsWhole looks for the routes of access.txt in the walk: it has one of each.
func TestWalkIsWhole(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "broker", "management", "testdata", "access.txt"))
	require.NoError(t, err)
	paths := routes(readRequests(t))
	for line := range strings.Lines(string(text)) {
		for _, route := range strings.Fields(line) {
			if !strings.HasPrefix(route, "/") || strings.HasPrefix(route, "/rabbet") {
				continue
			}
			pattern := strings.Split("/api"+route, "/")
			assert.True(t, slices.ContainsFunc(paths, func(path string) bool {
				segments := strings.Split(path, "/")
				return slices.EqualFunc(pattern, segments, func(p, s string) bool { return p == s || strings.HasPrefix(p, "{") })
			}), "no request of the walk is of %s", route)
		}
	}
}

// compare names the facts in which two answers differ.
func compare(want, got facts) []string {
	var differ []string
	for what, value := range want {
		if got[what] != value {
			differ = append(differ, what)
		}
	}
	for what := range got {
		if _, ok := want[what]; !ok {
			differ = append(differ, what)
		}
	}
	slices.Sort(differ)
	return differ
}

// play walks a target. An answer to GET that is late, if late says so, is asked for again:
// RabbitMQ's statistics are seconds old.
func play(t *testing.T, g *target, late func(line string, f facts) bool) (recording, []string) {
	got, order := recording{}, []string(nil)
	note := func(line string, f facts) { got[line], order = f, append(order, line) }
	var clients *clients
	walk := readRequests(t)
	g.names["{node}"] = g.overview(t)["node"].(string)
	for _, r := range walk {
		switch r.method {
		case "!clients":
			clients = g.connect(t)
			continue
		case "!gone":
			clients.close()
			g.eventually(t, "/api/connections", func(v any) bool { return len(v.([]any)) == 0 })
			continue
		}
		f := g.factsOf(g.do(t, r))
		if r.method == http.MethodGet && late != nil {
			assert.Eventually(t, func() bool { f = g.factsOf(g.do(t, r)); return !late(r.line, f) }, 20*time.Second, 200*time.Millisecond, r.line)
		}
		note(r.line, f)
		if r.method == http.MethodGet && r.user == "guest" && f["status"] != "301" {
			r.method = http.MethodHead
			note("HEAD of "+r.line, facts{"status": g.factsOf(g.do(t, r))["status"]})
		}
	}
	for _, path := range routes(walk) {
		f := facts{}
		for _, method := range []string{"HEAD", "GET", "PUT", "POST", "DELETE", "OPTIONS"} {
			a := g.do(t, request{user: "-", method: method, path: path, line: path})
			f[method] = fmt.Sprint(a.status)
			if method == http.MethodOptions {
				f[method] += " " + a.header.Get("Allow")
			}
		}
		note("methods of "+path, f)
	}
	return got, order
}

func (g *target) overview(t *testing.T) map[string]any {
	v, ok := g.get(t, "/api/overview").(map[string]any)
	require.True(t, ok)
	return v
}

// get decodes what a path answers an administrator.
func (g *target) get(t *testing.T, path string) any {
	a := g.do(t, request{user: "guest", method: http.MethodGet, path: path, line: path})
	require.Equal(t, http.StatusOK, a.status, "%s: %s", path, a.body)
	var v any
	require.NoError(t, json.Unmarshal(a.body, &v), path)
	return v
}

func (g *target) eventually(t *testing.T, path string, true func(any) bool) {
	t.Helper()
	var last any
	require.Eventually(t, func() bool { last = g.get(t, path); return true(last) }, 30*time.Second, 50*time.Millisecond, "%s: %v", path, fmt.Sprint(last))
}
