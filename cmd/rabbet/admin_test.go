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

// An adminStep is a call of rabbitmqadmin and the outcome of it; "" is any output, " " none.
type adminStep struct {
	words string
	code  int
	out   string
}

// runAdmin makes calls, one after the other, against a broker of its own. FILE is a path.
func runAdmin(t *testing.T, steps []adminStep) {
	b := newToolbox(t)
	require.NoError(t, os.Symlink(binary, filepath.Join(b.dir, "rabbitmqadmin")))
	m := regexp.MustCompile(`listener started on port (\d+)`).FindStringSubmatch(strings.Join(b.lines, "\n"))
	require.NotNil(t, m)
	file := filepath.Join(t.TempDir(), "definitions.json")
	for _, step := range steps {
		words := append([]string{"rabbitmqadmin", "-H", "127.0.0.1", "-P", m[1]}, strings.Fields(strings.ReplaceAll(step.words, "FILE", file))...)
		code, stdout, stderr := b.run(words...)
		assert.Equal(t, step.code, code, "%s: %s", step.words, stderr)
		switch step.out {
		case "":
		case " ":
			assert.Empty(t, stdout+stderr, step.words)
		default:
			assert.Equal(t, strings.ReplaceAll(step.out, "FILE", file), stdout+stderr, step.words)
		}
	}
	b.stop(t, syscall.SIGTERM)
}

// The second version's commands print nothing when they succeed, and have exit codes of
// their own.
func TestAdminOfTheSecondVersion(t *testing.T) {
	const nothing = " "
	steps := []adminStep{
		{"queues declare --name q --type quorum --durable true --auto-delete false --arguments {\"x-delivery-limit\":3}", 0, nothing},
		{"declare queue --name=c", 0, nothing},
		{"streams declare --name s --arguments {\"x-max-age\":\"1D\"}", 0, nothing},
		{"exchanges declare --name x --type topic", 0, nothing},
		{"bindings declare --source x --destination-type queue --destination c --routing-key a.#", 0, nothing},
		{"vhosts declare --name v --description text", 0, nothing},
		{"users declare --name u --password p --tags management", 0, nothing},
		{"--vhost v permissions declare --user u --configure .* --write .* --read .*", 0, nothing},
		{"policies declare --name p --pattern ^q --definition {\"max-length\":10} --apply-to queues --priority 2", 0, nothing},
		{"operator_policies declare --name o --pattern ^q --definition {\"max-length\":10} --apply-to queues", 0, nothing},
		{"parameters declare --component federation-upstream --name f --value {\"uri\":\"amqp://h\"}", 0, nothing},
		{"-V v vhost_limits declare --name max-queues --value 5", 0, nothing},
		{"user_limits declare --user u --name max-channels --value 5", 0, nothing},
		{"publish message --exchange x --routing-key a.b --payload hello", 0, nothing},
		{"publish message -e x -k a.b -m again", 0, nothing},
		{"get messages --queue c --count 2 --ack-mode ack_requeue_true", 0, ""},
		{"queues list", 0, ""},
		{"--non-interactive queues list", 0, "c 2\nq 0\ns 0\n"},
		{"--non-interactive queues show --name c", 0, "c 2\n"},
		{"queues purge --name c", 0, nothing},
		{"definitions export --file FILE", 0, nothing},
		{"bindings delete --source x --destination-type queue --destination c --routing-key a.#", 0, nothing},
		{"queues delete --name c", 0, nothing},
		{"queues delete --name c", 65, "Not found: /api/queues/%2F/c\n"},
		{"queues delete --name c --idempotently", 0, nothing},
		{"definitions import --file FILE", 0, nothing},
		{"--non-interactive bindings list", 0, ""},
		{"health_check local_alarms", 0, "health check passed\n"},
		{"--quiet health_check cluster_wide_alarms", 0, nothing},
		{"health_check port_listener --port 1", 69, ""},
		{"health_check nonsense", 64, ""},
		{"queues declare --type quorum", 65, "mandatory argument \"name\" is required\n"},
		{"queues frobnicate", 64, ""},
		{"-P 1 queues list", 74, ""},
	}
	runAdmin(t, steps)
}

// The forms in which test libraries and scripts call rabbitmqadmin, with the texts of
// RabbitMQ 3.10.8's.
func TestAdmin(t *testing.T) {
	runAdmin(t, []adminStep{
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
		{"export FILE", 0, "Exported definitions for 127.0.0.1 to \"FILE\"\n"},
		{"delete queue name=q", 0, "queue deleted\n"},
		{"import FILE", 0, "Uploaded definitions from \"127.0.0.1\" to FILE. The import process may take some time. Consult server logs to track progress.\n"},
		{"get queue=q", 0, "No items\n"},
		{"delete queue name=nope", 1, "*** Not found: /api/queues/%2F/nope\n"},
		{"-u guest -p wrong list queues", 1, "*** Access refused: /api/queues\n"},
		{"declare queue durable=true", 1, "*** mandatory argument \"name\" is required\n"},
		{"frobnicate", 1, ""},
	})
}
