package definitions_test

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/broker/definitions"
)

// The files in testdata are what RabbitMQ has exported: 3.10.8 by HTTP, whole and of one
// virtual host, and by rabbitmqctl.
func TestExportsOfRabbitMQ(t *testing.T) {
	for _, name := range []string{"http-3.10.8.json", "vhost-3.10.8.json", "ctl-3.10.8.json"} {
		data, err := os.ReadFile("testdata/" + name)
		require.NoError(t, err)
		d, err := definitions.Decode(data)
		require.NoError(t, err, name)
		var limited *definitions.VHost
		for i, v := range d.VHosts {
			if v.Limits != nil {
				limited = &d.VHosts[i]
			}
		}
		if name == "ctl-3.10.8.json" {
			assert.Equal(t, access.Limits{"max-queues": 100}, limited.Limits)
			limited.Limits = nil // the form that is written has them as a parameter
		}
		assert.Equal(t, "3.10.8", d.Version)
		assert.NotEmpty(t, d.Queues, name)
		var out bytes.Buffer
		require.NoError(t, d.Encode(&out, d.VHosts == nil))
		again, err := definitions.Decode(out.Bytes())
		require.NoError(t, err)
		assert.Equal(t, d, again, "%s: what is written is read as it was", name)
		var second bytes.Buffer
		require.NoError(t, again.Encode(&second, d.VHosts == nil))
		assert.Equal(t, out.String(), second.String(), "%s: the form is canonical", name)
	}
}

func TestDecodeTakesWhatVersionsWriteDifferently(t *testing.T) {
	d, err := definitions.Decode([]byte("\xef\xbb\xbf" + `{
	  "rabbit_version": "4.3.0", "something": {"new": [1, 2]},
	  "users": [
	    {"name": "a", "tags": "administrator, monitoring", "password": "x", "limits": []},
	    {"name": "b", "tags": ["x,y"], "password_hash": "", "hashing_algorithm": "rabbit_password_hashing_sha512", "limits": {"max-channels": 3}},
	    {"name": "c", "administrator": true}],
	  "vhosts": [
	    {"name": "v", "description": "d", "tags": ["t"], "default_queue_type": "undefined", "metadata": {"description": "d", "tags": ["t"]}},
	    {"name": "w", "limits": [], "metadata": {"description": "m", "tags": ["t", "u"], "default_queue_type": "quorum"}}],
	  "queues": [{"name": "q", "vhost": "v"}, {"name": "r", "vhost": "v", "durable": false, "auto_delete": true, "arguments": {"x-max-length": 10, "f": 1.5, "l": [1, {"a": 2}], "n": null}}],
	  "exchanges": [{"name": "x", "vhost": "v", "type": "topic", "arguments": []}],
	  "bindings": [{"source": "x", "vhost": "v", "destination": "q", "routing_key": "k"}],
	  "policies": [{"vhost": "v", "name": "p", "pattern": "^(?!amq\\.).*", "definition": {"max-length": 7}}],
	  "parameters": null
	}`))
	require.NoError(t, err)
	assert.Equal(t, "4.3.0", d.Version)
	assert.Equal(t, definitions.Tags{"administrator", "monitoring"}, d.Users[0].Tags)
	assert.Nil(t, d.Users[0].Limits)
	assert.Equal(t, definitions.Tags{"x,y"}, d.Users[1].Tags)
	assert.Equal(t, access.Limits{"max-channels": 3}, d.Users[1].Limits)
	assert.Equal(t, definitions.Tags{"administrator"}, d.Users[2].Tags)
	assert.Equal(t, definitions.VHost{Name: "v", Description: "d", Tags: definitions.Tags{"t"}}, d.VHosts[0])
	assert.Equal(t, definitions.VHost{Name: "w", Description: "m", Tags: definitions.Tags{"t", "u"}, DefaultQueueType: "quorum"}, d.VHosts[1])
	assert.True(t, d.Queues[0].Durable)
	assert.False(t, d.Queues[1].Durable)
	assert.Equal(t, definitions.Arguments{
		"x-max-length": int64(10), "f": 1.5, "l": []any{int64(1), map[string]any{"a": int64(2)}}, "n": nil,
	}, d.Queues[1].Arguments)
	assert.Nil(t, d.Exchanges[0].Arguments)
	assert.Equal(t, "queue", d.Bindings[0].DestinationType)
	assert.Equal(t, "all", d.Policies[0].ApplyTo)
	assert.Equal(t, int64(7), d.Policies[0].Definition["max-length"])
	assert.Nil(t, d.Parameters)
}

func TestDecodeNamesEveryFaultWithItsPlace(t *testing.T) {
	_, err := definitions.Decode([]byte(`{
 "users": {"name": "not a list"},
 "queues": [
  {"name": "q", "vhost": "v", "durable": "yes"},
  {"name": "ok", "vhost": "v"},
  7,
  {"name": "r", "vhost": "v", "arguments": {"x": 123456789012345678901234567890}}
 ],
 "policies": [{"name": "p", "priority": "high"}]
}`))
	var problems definitions.Problems
	require.ErrorAs(t, err, &problems)
	var lines []string
	for _, p := range problems {
		lines = append(lines, p.String())
	}
	assert.Equal(t, []string{
		"users (line 2): a list is expected",
		"queues[0] (line 4): durable cannot be a string",
		"queues[2] (line 6): an object is expected, not a number",
		`queues[3] (line 7): argument "x": 123456789012345678901234567890 is too large`,
		"policies[0] (line 9): priority cannot be a string",
	}, lines)
	assert.Equal(t, lines[0]+" (and 4 more)", err.Error())
}

func TestDecodeRefusesWhatIsNoDocument(t *testing.T) {
	for text, want := range map[string]string{
		`[]`:                   "document (line 1): a JSON object is expected",
		"{\n\"queues\": [":     "document (line 2): the document ends in the middle",
		`{"queues": [{"name":`: "document (line 1): the document ends in the middle",
		`{} {}`:                "document (line 1): there is something after its end",
		`{"a" 1}`:              "document (line 1): expected colon after object key",
		`nonsense`:             "document (line 1): invalid character 'o' in literal null (expecting 'u')",
	} {
		_, err := definitions.Decode([]byte(text))
		if assert.Error(t, err, text) {
			assert.Equal(t, want, err.Error(), text)
		}
	}
	d, err := definitions.Decode([]byte(" \n"))
	require.NoError(t, err)
	assert.Equal(t, &definitions.Document{}, d, "RabbitMQ takes nothing for an empty document")
}

func FuzzDecode(f *testing.F) {
	for _, name := range []string{"http-3.10.8.json", "vhost-3.10.8.json", "ctl-3.10.8.json"} {
		data, err := os.ReadFile("testdata/" + name)
		require.NoError(f, err)
		f.Add(data)
	}
	f.Add([]byte(`{"users":[{"tags":"a,b","limits":[]}],"vhosts":[{"metadata":{}}],"queues":[{"arguments":{"a":[1.5e3,{}]}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := definitions.Decode(data)
		if err != nil {
			return
		}
		var out bytes.Buffer
		if err := d.Encode(&out, false); err != nil {
			t.Fatal(err)
		}
		if !json.Valid(out.Bytes()) {
			t.Fatalf("not JSON: %s", out.Bytes())
		}
		again, err := definitions.Decode(out.Bytes())
		if err != nil {
			t.Fatalf("%v: %s", err, out.Bytes())
		}
		var second bytes.Buffer
		if err := again.Encode(&second, false); err != nil || !bytes.Equal(out.Bytes(), second.Bytes()) {
			t.Fatalf("not canonical:\n%s\n%s", out.Bytes(), second.Bytes())
		}
	})
}
