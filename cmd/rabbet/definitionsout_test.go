package main

import (
	"bytes"
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker/definitions"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/defdiff"
)

// outgoing has something of each kind that RabbitMQ takes from 3.10 to 4.3 without plugins.
// A global parameter is a text: rabbitmqctl of 3.10 exports an object as a list of pairs, and
// that of 4.3 crashes when it exports a list with a number.
const outgoing = `{"users":[
{"name":"anna","password_hash":"kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR","hashing_algorithm":"rabbit_password_hashing_sha256","tags":["administrator","policymaker"],"limits":{"max-channels":7}},
{"name":"no password","password_hash":"","hashing_algorithm":"rabbit_password_hashing_sha512","tags":[],"limits":{}}],
"vhosts":[{"name":"shop/ü","metadata":{"description":"what is sold","tags":["a","b"],"default_queue_type":"quorum"}},{"name":"other"}],
"permissions":[{"user":"anna","vhost":"shop/ü","configure":"^(?!amq\\.).*","write":".*","read":""},{"user":"no password","vhost":"other","configure":"","write":"","read":""}],
"topic_permissions":[{"user":"anna","vhost":"shop/ü","exchange":"topics","write":"^{username}\\.","read":".*"}],
"parameters":[{"vhost":"shop/ü","component":"vhost-limits","name":"limits","value":{"max-queues":100,"max-connections":-1}},
{"vhost":"shop/ü","component":"operator_policy","name":"short","value":{"pattern":".*","apply-to":"queues","definition":{"max-length":500},"priority":1}}],
"global_parameters":[{"name":"anything","value":"text"}],
"policies":[{"vhost":"shop/ü","name":"dead","pattern":"^((?!dlq).)*$","apply-to":"queues","priority":3,"definition":{"dead-letter-exchange":"dlx","message-ttl":60000,"max-length-bytes":1000000,"overflow":"reject-publish"}},
{"vhost":"shop/ü","name":"alternate","pattern":"^t","apply-to":"exchanges","priority":0,"definition":{"alternate-exchange":"dlx"}},
{"vhost":"other","name":"all","pattern":".*","apply-to":"all","priority":-1,"definition":{"expires":3600000}}],
"queues":[
{"name":"classic","vhost":"shop/ü","durable":true,"auto_delete":false,"arguments":{"x-queue-type":"classic","x-max-priority":5,"x-message-ttl":1000,"x-dead-letter-exchange":"dlx","x-dead-letter-routing-key":"k ü","x-single-active-consumer":true}},
{"name":"quorum","vhost":"shop/ü","durable":true,"auto_delete":false,"arguments":{"x-queue-type":"quorum","x-delivery-limit":3,"x-dead-letter-strategy":"at-least-once","x-overflow":"reject-publish"}},
{"name":"stream","vhost":"shop/ü","durable":true,"auto_delete":false,"arguments":{"x-queue-type":"stream","x-max-age":"1D","x-max-length-bytes":2000000000}},
{"name":"goes","vhost":"other","durable":true,"auto_delete":true,"arguments":{"x-queue-type":"classic","x-expires":1000000}}],
"exchanges":[
{"name":"dlx","vhost":"shop/ü","type":"fanout","durable":true,"auto_delete":false,"internal":false,"arguments":{}},
{"name":"topics","vhost":"shop/ü","type":"topic","durable":true,"auto_delete":false,"internal":false,"arguments":{"alternate-exchange":"dlx"}},
{"name":"heads","vhost":"shop/ü","type":"headers","durable":true,"auto_delete":false,"internal":false,"arguments":{}},
{"name":"direct","vhost":"other","type":"direct","durable":true,"auto_delete":false,"internal":false,"arguments":{}}],
"bindings":[
{"source":"topics","vhost":"shop/ü","destination":"classic","destination_type":"queue","routing_key":"a.*.#","arguments":{}},
{"source":"topics","vhost":"shop/ü","destination":"heads","destination_type":"exchange","routing_key":"#","arguments":{}},
{"source":"heads","vhost":"shop/ü","destination":"quorum","destination_type":"queue","routing_key":"","arguments":{"x-match":"any","n":5,"s":"ü","b":true}},
{"source":"amq.direct","vhost":"other","destination":"goes","destination_type":"queue","routing_key":"k","arguments":{}}]}`

// What goes out comes in: a RabbitMQ imports an export of Rabbet's with its own tool, and
// then exports the same. .ci/definitions-test runs it beside three versions.
func TestDefinitionsGoToRabbitMQ(t *testing.T) {
	ctl := os.Getenv("RABBITMQ_CTL")
	if ctl == "" {
		t.Skip("needs RABBITMQ_CTL, the rabbitmqctl of a RabbitMQ: see .ci/definitions-test")
	}
	b := newToolbox(t, "--memory")
	code, _, stderr := b.run("rabbitmqctl", "import_definitions", write(t, "outgoing.json", outgoing))
	require.Zero(t, code, stderr)
	_, rest, found := strings.Cut(strings.Join(b.lines, "\n"), "Management plugin: HTTP (non-TLS) listener started on port ")
	require.True(t, found)
	code, text, stderr := run(t, nil, "definitions", "export", "-", "--url", "http://guest:guest@127.0.0.1:"+strings.Fields(rest)[0])
	require.Zero(t, code, stderr)
	assert.Empty(t, stderr, "nothing to warn of")
	sent, err := definitions.Decode([]byte(text))
	require.NoError(t, err)
	assert.Len(t, sent.Queues, 4)

	theirs := func(words ...string) []byte {
		cmd := exec.Command(ctl, words...)
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		require.NoError(t, cmd.Run(), "%v: %s%s", words, out.String(), errs.String())
		return out.Bytes()
	}
	// Their tool runs in the folder that it stands in. Newer ones do not end reading standard input.
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(ctl), "sent.json"), []byte(text), 0o644))
	theirs("import_definitions", "sent.json", "--format", "json")
	back, err := definitions.Decode(theirs("-q", "export_definitions", "-", "--format", "json"))
	require.NoError(t, err)
	for _, d := range []*definitions.Document{sent, back} {
		for i := range d.VHosts { // 4.x names the node's own default for each that has none
			d.VHosts[i].DefaultQueueType = cmp.Or(d.VHosts[i].DefaultQueueType, "classic")
		}
	}
	for _, change := range defdiff.Compare(sent, back) {
		if change.Object == `global parameter "internal_cluster_id"` { // each broker has its own
			continue
		}
		t.Errorf("RabbitMQ has not what was sent: %v", change)
	}
}
