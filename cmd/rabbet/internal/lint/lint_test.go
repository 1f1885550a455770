package lint_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/lint"
)

// invisible are rules about what no API shows: a RabbitMQ takes the object and shows it
// as it was. Each is a fact of docs/profiles.md, or of a plugin's page.
var invisible = map[string]bool{"QUEUE-87": true, "DEDUP-1": true, "BASIC-66": true}

// An object that a running RabbitMQ refused, lost or altered is found, and no other is.
func TestCorpusAsRabbitMQHasIt(t *testing.T) {
	for version, target := range map[string]string{"4.0.5": "4.0", "4.3.6": "4.3"} {
		text, err := os.ReadFile("testdata/" + version + ".json")
		require.NoError(t, err)
		var verdicts map[string]verdict
		require.NoError(t, json.Unmarshal(text, &verdicts))
		all := corpus()
		require.GreaterOrEqual(t, len(all), 200)
		count := map[string]int{}
		for _, e := range all {
			v, ok := verdicts[e.ID]
			require.True(t, ok, "%s is not judged", e.ID)
			found, err := lint.Check(lint.Input{Definitions: []byte(e.Document), Source: "3.13.7"}, target)
			require.NoError(t, err)
			refused, changed := false, false
			for _, f := range found {
				assert.NotEmpty(t, f.Rule)
				assert.NotEmpty(t, f.Advice)
				refused = refused || f.Level.AtLeast(lint.Needs) && !invisible[f.Rule]
				changed = changed || f.Level == lint.Changed && !invisible[f.Rule]
			}
			switch {
			case v.Refused != "" || v.Missing:
				count["refused"]++
				assert.True(t, refused, "%s %s: RabbitMQ refuses it, %s; found %v", version, e.Document, v.Refused, found)
			case altered(t, e, v):
				count["altered"]++
				assert.True(t, changed, "%s %s: RabbitMQ alters it to %s limit %s; found %v", version, e.Document, v.After, v.Limit, found)
			default:
				count["kept"]++
				assert.False(t, refused || changed, "%s %s: RabbitMQ takes it as it is; found %v", version, e.Document, found)
			}
		}
		t.Logf("RabbitMQ %s: objects %d, refused %d, altered %d, kept %d", version, len(all), count["refused"], count["altered"], count["kept"])
	}
}

// altered reports whether what RabbitMQ has is not what it was given, as far as it says.
func altered(t *testing.T, e entry, v verdict) bool {
	var doc map[string][]map[string]any
	require.NoError(t, json.Unmarshal([]byte(e.Document), &doc))
	sent := doc[e.Section][len(doc[e.Section])-1]
	var have map[string]any
	if v.After != nil {
		require.NoError(t, json.Unmarshal(v.After, &have))
	}
	switch e.Section {
	case "vhosts":
		wanted, _ := sent["default_queue_type"].(string)
		metadata, _ := have["metadata"].(map[string]any)
		return (wanted == "quorum" || wanted == "stream") && metadata["default_queue_type"] != wanted || sent["tracing"] == true && have["tracing"] != true
	case "queues":
		args, _ := sent["arguments"].(map[string]any)
		if args["x-queue-type"] != "quorum" {
			return false
		}
		wanted, ok := args["x-delivery-limit"].(float64)
		if !ok {
			return string(v.Limit) == "20" // there was none in 3.13
		}
		var limit float64
		return wanted >= 0 && json.Unmarshal(v.Limit, &limit) == nil && limit != wanted
	}
	return false
}

func TestClientsThatUseWhatTheTargetLacks(t *testing.T) {
	clients := &lint.Clients{
		Connections: []lint.Connection{
			{Name: "small frames", Title: "billing", VHost: "/", FrameMax: 4096, Protocol: "AMQP 0-9-1"},
			{Name: "well", VHost: "/", FrameMax: 131072, Protocol: "AMQP 0-9-1"}, {Name: "old", VHost: "/", FrameMax: 131072, Protocol: "AMQP 0-8"},
		},
		Channels:  []lint.Channel{{Name: "global", VHost: "/", GlobalPrefetch: 10}, {Name: "each", VHost: "/"}},
		Consumers: []lint.Consumer{{Tag: "t"}, {Tag: "u", Arguments: map[string]any{"x-consumer-timeout": 5.0}, Classic: true}},
		Transient: []lint.TransientQueue{{"/", "q"}},
	}
	clients.Consumers[0].Queue.Name, clients.Consumers[0].Queue.VHost = "q", "/"
	for target, want := range map[string][]string{
		"3.13": nil, "4.0": {"CONN-3"}, "4.2": {"CONN-3", "CONN-23"}, "4.3": {"CONN-3", "CONN-23", "QUEUE-29", "QUEUE-51", "BASIC-48"},
	} {
		found, err := lint.Check(lint.Input{Clients: clients}, target)
		require.NoError(t, err)
		var rules []string
		for _, f := range found {
			rules = append(rules, f.Rule)
		}
		assert.ElementsMatch(t, want, rules, target)
	}
}

func TestPluginsOfTheTarget(t *testing.T) {
	document := []byte(`{"exchanges": [{"name": "x", "vhost": "/", "type": "x-consistent-hash", "durable": true}], "parameters": [
		{"vhost": "/", "component": "shovel", "name": "s", "value": {"src-uri": "amqp://", "src-queue": "a", "dest-uri": "amqp://", "dest-queue": "b"}}]}`)
	found, err := lint.Check(lint.Input{Definitions: document}, "4.2")
	require.NoError(t, err)
	assert.Equal(t, map[lint.Level]int{lint.Needs: 2}, lint.Count(found))
	found, err = lint.Check(lint.Input{Definitions: document, Plugins: []string{"rabbitmq_shovel", "rabbitmq_consistent_hash_exchange"}}, "4.2")
	require.NoError(t, err)
	assert.Empty(t, found)
}

// A shovel with an end of AMQP 1.0 is taken as it is, and noted: Rabbet never ran it.
func TestShovelOfAMQP10(t *testing.T) {
	document := []byte(`{"parameters": [{"vhost": "/", "component": "shovel", "name": "s",
		"value": {"src-protocol": "amqp10", "src-uri": "amqp://h", "src-address": "a", "dest-uri": "amqp://", "dest-queue": "b"}}]}`)
	found, err := lint.Check(lint.Input{Definitions: document, Plugins: []string{"rabbitmq_shovel"}}, "4.2")
	require.NoError(t, err)
	require.Len(t, found, 1)
	assert.Equal(t, lint.Note, found[0].Level)
	assert.Equal(t, "SHOVEL-2", found[0].Rule)
	assert.Contains(t, found[0].Text, "AMQP 1.0")
}

func TestConversionToQuorum(t *testing.T) {
	document := []byte(`{"queues": [{"name": "p", "vhost": "/", "durable": true, "arguments": {"x-max-priority": 10, "x-queue-mode": "lazy"}}, {"name": "t", "vhost": "/", "durable": false}]}`)
	for target, want := range map[string]map[lint.Level]int{
		"3.13": {lint.Changed: 1, lint.Note: 2}, "4.0": {lint.Changed: 1, lint.Note: 2}, "4.3": {lint.Refused: 1, lint.Note: 3},
	} {
		found, err := lint.Check(lint.Input{Definitions: document, Quorum: true}, target)
		require.NoError(t, err)
		assert.Equal(t, want, lint.Count(found), "%s %v", target, found)
	}
}

func TestFormats(t *testing.T) {
	list := []lint.Finding{
		{lint.Refused, "queue", "/", "q", "QUEUE-29", "is <refused>", "declare it durable"},
		{lint.Note, "queue", "/", "r", "QUEUE-91", "has no effect", "leave it out"},
	}
	var out bytes.Buffer
	require.NoError(t, lint.Write(&out, "text", "4.3", list, lint.Changed))
	assert.Equal(t, `refused  queue "q" in vhost "/"  [QUEUE-29]
         is <refused>
         do: declare it durable
note     queue "r" in vhost "/"  [QUEUE-91]
         has no effect
         do: leave it out
RabbitMQ 4.3: refused 1, needs 0, changed 0, notes 1
`, out.String())
	out.Reset()
	require.NoError(t, lint.Write(&out, "json", "4.3", list, lint.Changed))
	var doc struct{ Findings []lint.Finding }
	require.NoError(t, json.Unmarshal(out.Bytes(), &doc))
	assert.Equal(t, list, doc.Findings)
	out.Reset()
	require.NoError(t, lint.Write(&out, "junit", "4.3", list, lint.Changed))
	var suite struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
	}
	require.NoError(t, xml.Unmarshal(out.Bytes(), &suite))
	assert.Equal(t, 2, suite.Tests)
	assert.Equal(t, 1, suite.Failures)
	assert.Error(t, lint.Write(&out, "yaml", "4.3", list, lint.Changed))
	_, err := lint.Check(lint.Input{}, "5.0")
	assert.Error(t, err)
	_, err = lint.Check(lint.Input{Definitions: []byte("nonsense")}, "4.3")
	assert.Error(t, err)
}
