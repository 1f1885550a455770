package lint_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var judgeURL = flag.String("judge", "", "URL of a fresh RabbitMQ's management API, whose verdicts on the corpus are recorded")

// A verdict is what a RabbitMQ made of an object. It was refused, with a reason; or the
// import was good and the object is missing; or it is there, as After says.
type verdict struct {
	Refused string          `json:"refused,omitempty"`
	Missing bool            `json:"missing,omitempty"`
	After   json.RawMessage `json:"after,omitempty"`
	// Limit is the delivery limit of a quorum queue.
	Limit json.RawMessage `json:"delivery_limit,omitempty"`
}

// A judge is a RabbitMQ.
type judge struct {
	t    *testing.T
	base string
}

func (j *judge) call(method, path string, body string) (int, []byte) {
	req, err := http.NewRequest(method, j.base+path, bytes.NewBufferString(body))
	require.NoError(j.t, err)
	req.Header.Set("content-type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(j.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(j.t, err)
	return resp.StatusCode, text
}

// try imports an entry and looks for its object.
func (j *judge) try(e entry) (v verdict) {
	status, text := j.call(http.MethodPost, "/api/definitions", e.Document)
	if status/100 != 2 {
		var why struct{ Reason json.RawMessage }
		require.NoError(j.t, json.Unmarshal(text, &why), "%s", text)
		v.Refused = string(why.Reason)
		var plain string
		if json.Unmarshal(why.Reason, &plain) == nil {
			v.Refused = plain
		}
		return v
	}
	_, text = j.call(http.MethodGet, "/api/definitions", "")
	var doc map[string]json.RawMessage
	require.NoError(j.t, json.Unmarshal(text, &doc))
	var list []json.RawMessage
	require.NoError(j.t, json.Unmarshal(doc[e.Section], &list))
	v.Missing = true
	for _, raw := range list {
		if bytes.Contains(raw, []byte(`"`+e.ID+`"`)) {
			v.After, v.Missing = raw, false
		}
	}
	if e.Section == "users" {
		v.After = nil // hashes are salted
	}
	if e.Section == "exchanges" { // an export leaves internal ones out
		status, text := j.call(http.MethodGet, "/api/exchanges/%2F/"+url.PathEscape(e.ID), "")
		if v.Missing = status != http.StatusOK; !v.Missing && v.After == nil {
			v.After = text
		}
	}
	return v
}

// limit is the delivery limit of a quorum queue, once the statistics know it.
func (j *judge) limit(name string) json.RawMessage {
	var q struct {
		Limit json.RawMessage `json:"delivery_limit"`
	}
	require.Eventually(j.t, func() bool {
		_, text := j.call(http.MethodGet, "/api/queues/%2F/"+url.PathEscape(name), "")
		require.NoError(j.t, json.Unmarshal(text, &q))
		return q.Limit != nil
	}, time.Minute, 100*time.Millisecond)
	return q.Limit
}

// The verdicts in testdata are RabbitMQ's own:
//
//	.ci/with-rabbitmq --suite forky --management sh -c 'go test ./cmd/rabbet/internal/lint -run TestJudge -judge "$RABBITMQ_MANAGEMENT_URL"'
func TestJudge(t *testing.T) {
	if *judgeURL == "" {
		t.Skip("no -judge: the verdicts stay as they are")
	}
	j := &judge{t, *judgeURL}
	_, text := j.call(http.MethodGet, "/api/overview", "")
	var about struct {
		Version string `json:"rabbitmq_version"`
	}
	require.NoError(t, json.Unmarshal(text, &about))
	verdicts := map[string]verdict{}
	for _, e := range corpus() {
		verdicts[e.ID] = j.try(e)
	}
	for name, v := range verdicts {
		if bytes.Contains(v.After, []byte(`"quorum"`)) && bytes.Contains(v.After, []byte(`"durable"`)) {
			v.Limit = j.limit(name)
			verdicts[name] = v
		}
	}
	out, err := json.MarshalIndent(verdicts, "", " ")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join("testdata", about.Version+".json"), append(out, '\n'), 0o600))
}
