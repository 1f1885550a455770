package main

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// liveCalls are the calls that are made to a real RabbitMQ too, in their order. A call
// costs it two seconds of a processor, so these are few: the transcripts have the rest.
var liveCalls = []string{
	"rabbitmqctl list_users --formatter erlang -s", "rabbitmqctl add_user u p", "rabbitmqctl set_permissions u a b c", "rabbitmqctl list_permissions --formatter json",
	"rabbitmqctl add_vhost x", "rabbitmqctl list_vhosts name tracing --formatter csv",
	"rabbitmqctl set_policy p ^q {\"max-length\":10} --apply-to queues", "rabbitmqctl list_policies",
	"rabbitmqctl list_queues nope", "rabbitmqctl list_exchanges --formatter pretty_table",
	"rabbitmqctl set_vm_memory_high_watermark absolute 1MB", "rabbitmq-diagnostics check_local_alarms --formatter json",
	"rabbitmq-diagnostics alarms", "rabbitmqctl set_vm_memory_high_watermark 0.4",
	"rabbitmq-diagnostics -q ping", "rabbitmq-diagnostics is_running --formatter json", "rabbitmq-queues quorum_status nope",
	"rabbitmq-plugins enable rabbitmq_event_exchange", "rabbitmq-plugins is_enabled rabbitmq_event_exchange",
	"rabbitmqctl stop_app", "rabbitmqctl list_users", "rabbitmqctl reset", "rabbitmqctl start_app",
}

// TestToolsAgainstRabbitMQ makes the same calls to a RabbitMQ, whose tools RABBITMQ_TOOL
// runs, and to a broker of its own.
func TestToolsAgainstRabbitMQ(t *testing.T) {
	run := os.Getenv("RABBITMQ_TOOL")
	if run == "" {
		t.Skip("RABBITMQ_TOOL is not set: .ci/with-rabbitmq sets it")
	}
	b := newToolboxWith(t, "[].")
	differences := readDifferences(t)
	node := os.Getenv("RABBITMQ_NODE")
	for _, call := range liveCalls {
		words := strings.Fields(call)
		want := transcript{words: words}
		var code int
		var stdout, stderr string
		var both sync.WaitGroup
		both.Go(func() { code, stdout, stderr = b.run(words...) })
		var out, errs bytes.Buffer
		cmd := exec.Command(run, words...)
		cmd.Stdout, cmd.Stderr = &out, &errs
		if err := cmd.Run(); err != nil {
			require.IsType(t, &exec.ExitError{}, err, call)
		}
		both.Wait()
		want.code, want.out, want.err = cmd.ProcessState.ExitCode(), linesOf(out.String(), node, words), linesOf(errs.String(), node, words)
		compare(t, &want, differences[call], code, linesOf(stdout, "tools@localhost", words), linesOf(stderr, "tools@localhost", words))
	}
	code, _ := b.stop(t, syscall.SIGTERM)
	assert.Zero(t, code)
}
