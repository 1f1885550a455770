package main

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// declareArguments declares objects with an argument of each type, and a stream of five
// messages with one consumer.
func declareArguments(t *testing.T, url string) {
	conn, err := amqp.Dial(url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	ch, err := conn.Channel()
	require.NoError(t, err)
	for name, args := range map[string]amqp.Table{
		"array": {"y": []any{int64(5_000_000_000), "two", amqp.Table{"k": "v"}}}, "decimal": {"y": amqp.Decimal{Scale: 1, Value: 15}},
		"table": {"y": amqp.Table{"n": int16(1)}}, "void": {"y": nil}, "text": {"y": `a "b"`}, "number": {"x-message-ttl": int32(60000)},
		"bool": {"x-single-active-consumer": true}, "plain": nil, "stream": {"x-queue-type": "stream"},
	} {
		_, err = ch.QueueDeclare(name, true, false, false, false, args)
		require.NoError(t, err)
	}
	require.NoError(t, ch.ExchangeDeclare("x", "topic", true, false, false, false, amqp.Table{"half": 0.5}))
	require.NoError(t, ch.QueueBind("text", "rk", "amq.headers", false, amqp.Table{"x-match": "all", "n": int64(3), "b": true}))
	require.NoError(t, ch.Confirm(false))
	for range 5 {
		confirm, err := ch.PublishWithDeferredConfirm("", "stream", false, false, amqp.Publishing{Body: []byte("x")})
		require.NoError(t, err)
		require.True(t, confirm.Wait())
	}
	require.NoError(t, ch.Qos(10, 0, false))
	got, err := ch.Consume("stream", "c", false, false, false, false, amqp.Table{"x-stream-offset": "first"})
	require.NoError(t, err)
	for range 5 {
		_, ok := <-got
		require.True(t, ok)
	}
}

// argumentLists are calls and what RabbitMQ 3.10.8 answered, save for epoch, which 3.13 has.
// RabbitMQ lists objects in no order, so what is around them is left out of the lines.
var argumentLists = map[string]string{
	"rabbitmqctl list_queues name arguments policy leader exclusive_consumer_tag --formatter json": `
{"name":"array","arguments":[["y","array",{"long":5000000000,"longstr":"two","table":[["k","longstr","v"]]}]],"policy":"","leader":"","exclusive_consumer_tag":""}
{"name":"bool","arguments":[["x-single-active-consumer","bool",true]],"policy":"","leader":"","exclusive_consumer_tag":""}
{"name":"decimal","arguments":[["y","decimal",[1,15]]],"policy":"","leader":"","exclusive_consumer_tag":""}
{"name":"number","arguments":[["x-message-ttl","signedint",60000]],"policy":"","leader":"","exclusive_consumer_tag":""}
{"name":"plain","arguments":[],"policy":"","leader":"","exclusive_consumer_tag":""}
{"name":"stream","arguments":[["x-queue-type","longstr","stream"]],"policy":"","leader":"NODE","exclusive_consumer_tag":""}
{"name":"table","arguments":[["y","table",[["n","short",1]]]],"policy":"","leader":"","exclusive_consumer_tag":""}
{"name":"text","arguments":[["y","longstr","a \"b\""]],"policy":"","leader":"","exclusive_consumer_tag":""}
{"name":"void","arguments":[["y","void","undefined"]],"policy":"","leader":"","exclusive_consumer_tag":""}`,
	"rabbitmqctl list_queues name arguments --formatter csv": `
"array","[{""y"",[5000000000,""two"",[{""k"",""v""}]]}]"
"bool","[{""x-single-active-consumer"",true}]"
"decimal","[{""y"",{1,15}}]"
"name","arguments"
"number","[{""x-message-ttl"",60000}]"
"plain","[]"
"stream","[{""x-queue-type"",""stream""}]"
"table","[{""y"",[{""n"",1}]}]"
"text","[{""y"",""a \""b\""""}]"
"void","[{""y"",undefined}]"`,
	"rabbitmqctl list_exchanges name arguments policy --formatter json": `
{"name":"","arguments":[],"policy":""}
{"name":"amq.direct","arguments":[],"policy":""}
{"name":"amq.fanout","arguments":[],"policy":""}
{"name":"amq.headers","arguments":[],"policy":""}
{"name":"amq.match","arguments":[],"policy":""}
{"name":"amq.rabbitmq.trace","arguments":[],"policy":""}
{"name":"amq.topic","arguments":[],"policy":""}
{"name":"x","arguments":[["half","double",0.5]],"policy":""}`,
	"rabbitmqctl list_bindings source_name routing_key destination_kind arguments --formatter json": `
{"source_name":"amq.headers","routing_key":"rk","destination_kind":"queue","arguments":[["b","bool",true],["n","long",3],["x-match","longstr","all"]]}`,
	"rabbitmqctl list_connections ssl ssl_protocol --formatter json": `
{"ssl":false,"ssl_protocol":""}`,
	"rabbitmqctl list_vhosts name tags default_queue_type cluster_state --formatter json": `
{"name":"/","tags":[],"default_queue_type":"undefined","cluster_state":{"NODE":"running"}}`,
	"rabbitmqctl list_vhosts name tags default_queue_type cluster_state": `
/	[]	undefined	[{NODE, running}]
Listing vhosts ...
name	tags	default_queue_type	cluster_state`,
	"rabbitmq-streams stream_status stream --formatter json": `
{"role":"writer","node":"NODE","epoch":1,"offset":4,"committed_offset":4,"first_offset":0,"readers":1,"segments":1}`,
	"rabbitmq-streams stream_status array": `
Cannot get stream status of a classic queue
Error:
Status of stream array on node NODE ...`,
}

// TestListsShowArguments makes the calls to a broker, and to a RabbitMQ whose tools
// RABBITMQ_TOOL runs.
func TestListsShowArguments(t *testing.T) {
	b := newToolboxWith(t, "[].")
	declareArguments(t, "amqp://guest:guest@"+b.address+"/")
	run := os.Getenv("RABBITMQ_TOOL")
	if run != "" {
		declareArguments(t, os.Getenv("RABBITMQ_URL"))
	}
	for call, recorded := range argumentLists {
		words := strings.Fields(call)
		want := strings.Split(strings.TrimPrefix(recorded, "\n"), "\n")
		_, stdout, stderr := b.run(words...)
		assert.Equal(t, want, bareLines(stdout+stderr, "tools@localhost"), call)
		if run == "" {
			continue
		}
		out, _ := exec.Command(run, words...).CombinedOutput() // The text of a failure is compared.
		want = strings.Split(strings.ReplaceAll(strings.Join(want, "\n"), `"epoch":1,`, ""), "\n")
		assert.Equal(t, want, bareLines(string(out), os.Getenv("RABBITMQ_NODE")), "RabbitMQ: %s", call)
	}
}

// bareLines are the lines of a list in order, without what separates its objects, and
// without the default exchange's bindings.
func bareLines(output, node string) []string {
	var lines []string
	for line := range strings.Lines(escapes.ReplaceAllString(strings.ReplaceAll(output, node, "NODE"), "")) {
		line = strings.TrimSpace(line)
		switch {
		case line == "", line == "[", line == "]", strings.HasPrefix(strings.TrimPrefix(line, ","), `{"source_name":""`):
		default:
			lines = append(lines, strings.TrimPrefix(line, ","))
		}
	}
	slices.Sort(lines)
	return lines
}
