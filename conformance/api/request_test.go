package api_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A request is a line of requests.txt:
//
//	[@USER] METHOD PATH [+HEADER=VALUE]... [BODY]
//
// The password of a user is its name; @- does not log in. Or it is !clients, from
// which on there are clients, or !gone, from which on there are none.
type request struct {
	line                     string // as it is written
	user, method, path, body string
	headers                  [][2]string
}

// readRequests reads the walk.
func readRequests(t *testing.T) []request {
	text, err := os.ReadFile("testdata/requests.txt")
	require.NoError(t, err)
	var walk []request
	seen := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		for n, first := 2, line; seen[line]; n++ { // the answer to a second one may be another
			line = fmt.Sprintf("%s  #%d", first, n)
		}
		seen[line] = true
		walk = append(walk, parseRequest(t, line))
	}
	return walk
}

func parseRequest(t *testing.T, line string) request {
	r := request{line: line, user: "guest"}
	rest, _, _ := strings.Cut(line, "  #")
	next := func() (word string) {
		word, rest, _ = strings.Cut(rest, " ")
		return word
	}
	if strings.HasPrefix(rest, "@") {
		r.user = strings.TrimPrefix(next(), "@")
	}
	if r.method = next(); strings.HasPrefix(r.method, "!") {
		return r
	}
	r.path = next()
	for strings.HasPrefix(rest, "+") {
		name, value, found := strings.Cut(strings.TrimPrefix(next(), "+"), "=")
		require.True(t, found, line)
		r.headers = append(r.headers, [2]string{name, value})
	}
	r.body = rest
	return r
}

// routes are the paths of the walk as the API knows them, without values for their
// variables that make no other route.
func routes(walk []request) []string {
	var all []string
	seen := map[string]bool{}
	for _, r := range walk {
		path, _, _ := strings.Cut(r.path, "?")
		if path = strings.TrimSuffix(path, "/"); path != "" && r.user == "guest" && !seen[path] && !strings.Contains(path, "nope") {
			seen[path] = true
			all = append(all, path)
		}
	}
	return all
}

// A target is an API that is walked.
type target struct {
	base string // of the API, without login
	amqp string // URL of the broker
	// names are what stands in braces in requests and recordings, and differs from
	// broker to broker.
	names map[string]string
}

// An answer is what matters of an HTTP answer.
type answer struct {
	status int
	header http.Header
	body   []byte
}

var braces = regexp.MustCompile(`\{[a-z]+\}`)

func (g *target) do(t *testing.T, r request) answer {
	path := braces.ReplaceAllStringFunc(r.path, func(name string) string {
		if value, ok := g.names[name]; ok {
			return url.PathEscape(value)
		}
		return name
	})
	q, err := http.NewRequestWithContext(t.Context(), r.method, g.base+path, bytes.NewBufferString(braces.ReplaceAllStringFunc(r.body, func(name string) string {
		if value, ok := g.names[name]; ok {
			return value
		}
		return name
	})))
	require.NoError(t, err)
	q.Close = r.method != http.MethodGet // RabbitMQ sends bodies where there should be none, which would be taken for the next answer
	if r.user != "-" {
		q.SetBasicAuth(r.user, r.user)
	}
	if r.body != "" {
		q.Header.Set("Content-Type", "application/json")
	}
	for _, h := range r.headers {
		q.Header.Set(h[0], h[1])
	}
	response, err := http.DefaultTransport.RoundTrip(q) // which follows no redirect
	if err != nil && strings.Contains(err.Error(), "malformed HTTP") {
		return answer{} // of a crash, as 3.10 answers some
	}
	require.NoError(t, err, r.line)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err, r.line)
	return answer{response.StatusCode, response.Header, body}
}

// unname puts the braces back for what differs from broker to broker.
func (g *target) unname(text string) string {
	for name, value := range g.names {
		text = strings.ReplaceAll(text, value, name)
		text = strings.ReplaceAll(text, url.PathEscape(value), name)
	}
	return text
}
