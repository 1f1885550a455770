package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The forms in which test libraries and scripts call rabbitmqadmin, with the texts of
// RabbitMQ 3.10.8's.
func TestAdmin(t *testing.T) {
	b := newToolbox(t)
	require.NoError(t, os.Symlink(binary, filepath.Join(b.dir, "rabbitmqadmin")))
	m := regexp.MustCompile(`listener started on port (\d+)`).FindStringSubmatch(strings.Join(b.lines, "\n"))
	require.NotNil(t, m)
	exported := filepath.Join(t.TempDir(), "definitions.json")
	for _, step := range []struct {
		words string
		code  int
		out   string
	}{
		{"declare queue name=q durable=true", 0, "queue declared\n"},
		{`declare queue name=quorum queue_type=quorum arguments={"x-delivery-limit":3}`, 0, "queue declared\n"},
		{"declare exchange name=x type=topic", 0, "exchange declared\n"},
		{"declare binding source=x destination=q routing_key=a.#", 0, "binding declared\n"},
		{"declare vhost name=v", 0, "vhost declared\n"},
		{"declare user name=u password=p tags=management", 0, "user declared\n"},
		{"declare permission vhost=v user=u configure=.* write=.* read=.*", 0, "permission declared\n"},
		{`declare policy --vhost=v name=p pattern=^q definition={"max-length":10} apply-to=queues`, 0, "policy declared\n"},
		{`declare operator_policy name=o pattern=^q definition={"max-length":10}`, 0, "operator_policy declared\n"},
		{"declare vhost_limit vhost=v name=max-queues value=5", 0, "vhost_limit declared\n"},
		{"publish exchange=x routing_key=a.b payload=hello", 0, "Message published\n"},
		{"publish exchange=x routing_key=z payload=hello", 0, "Message published but NOT routed\n"},
		{"list queues", 0, "+--------+----------+\n|  name  | messages |\n+--------+----------+\n| q      | 1        |\n| quorum | 0        |\n+--------+----------+\n"},
		{"-f tsv list queues name durable", 0, "name\tdurable\nq\tTrue\nquorum\tTrue\n"},
		{"--format=bash list queues", 0, "q quorum\n"},
		{"-f kvp list exchanges --vhost v name type", 0, ""},
		{"list connections", 0, "No items\n"},
		{"-q purge queue name=q", 0, ""},
		{"export " + exported, 0, "Exported definitions for 127.0.0.1 to \"" + exported + "\"\n"},
		{"delete queue name=q", 0, "queue deleted\n"},
		{"import " + exported, 0, "Uploaded definitions from \"127.0.0.1\" to " + exported + ". The import process may take some time. Consult server logs to track progress.\n"},
		{"get queue=q", 0, "No items\n"},
		{"delete queue name=nope", 1, "*** Not found: /api/queues/%2F/nope\n"},
		{"-u guest -p wrong list queues", 1, "*** Access refused: /api/queues\n"},
		{"declare queue durable=true", 1, "*** mandatory argument \"name\" is required\n"},
		{"frobnicate", 1, ""},
	} {
		words := append([]string{"rabbitmqadmin", "-H", "127.0.0.1", "-P", m[1]}, strings.Fields(step.words)...)
		code, stdout, stderr := b.run(words...)
		assert.Equal(t, step.code, code, "%s: %s", step.words, stderr)
		if step.out != "" {
			assert.Equal(t, step.out, stdout+stderr, step.words)
		}
	}
	b.stop(t, syscall.SIGTERM)
}
