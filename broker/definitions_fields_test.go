package broker_test

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
)

// fieldsOf is a document with its objects in the order of their texts.
func fieldsOf(t *testing.T, text []byte) map[string]any {
	var d map[string]any
	require.NoError(t, json.Unmarshal(text, &d))
	for _, section := range d {
		if list, ok := section.([]any); ok {
			slices.SortFunc(list, func(a, b any) int {
				x, _ := json.Marshal(a)
				y, _ := json.Marshal(b)
				return slices.Compare(x, y)
			})
		}
	}
	return d
}

// PERSIST-11, PERSIST-12, PERSIST-13, PERSIST-14, PERSIST-15, PERSIST-18: what RabbitMQ 3.10.8 has exported goes out with the
// same sections, fields and values, save what 3.13 adds: the format, and what describes a
// virtual host. An export of one virtual host names it nowhere, as in 4.0.5.
func TestExportHasRabbitMQsFields(t *testing.T) {
	for _, name := range []string{"http-3.10.8.json", "vhost-3.10.8.json"} {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile("definitions/testdata/" + name)
			require.NoError(t, err)
			want, b := fieldsOf(t, text), start(t, broker.Config{NoDefaults: true})
			var out bytes.Buffer
			if name == "vhost-3.10.8.json" {
				v := b.AddVHost("orders")
				require.NoError(t, v.ImportDefinitions(context.Background(), document(t, name), broker.ImportOptions{}))
				require.NoError(t, v.Definitions().Encode(&out, true))
				for _, section := range []string{"parameters", "policies"} {
					for _, o := range want[section].([]any) {
						delete(o.(map[string]any), "vhost")
					}
				}
			} else {
				require.NoError(t, b.ImportDefinitions(context.Background(), document(t, name), broker.ImportOptions{}))
				require.NoError(t, b.Definitions().Encode(&out, false))
				want["rabbitmq_definition_format"] = "cluster"
				for _, v := range want["vhosts"].([]any) {
					maps.Copy(v.(map[string]any), map[string]any{
						"description": "", "tags": []any{}, "metadata": map[string]any{"description": "", "tags": []any{}},
					})
				}
			}
			got := fieldsOf(t, out.Bytes())
			assert.Equal(t, slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got)))
			for section, list := range want {
				if _, ok := list.([]any); ok {
					assert.Equal(t, list, got[section], section)
				}
			}
		})
	}
}

// STREAM-39: definitions have streams as they have queues.
func TestDefinitionsHaveStreams(t *testing.T) {
	b := start(t, broker.Config{})
	want := broker.Queue{Name: "log", Durable: true, Args: map[string]any{"x-queue-type": "stream", "x-max-age": "7D"}}
	_, err := vhost(t, b).DeclareQueue(want)
	require.NoError(t, err)
	fill(t, vhost(t, b), "log", 1)
	other := start(t, broker.Config{NoDefaults: true})
	require.NoError(t, other.ImportDefinitions(context.Background(), b.Definitions(), broker.ImportOptions{}))
	got, ok := vhost(t, other).Queue("log")
	require.True(t, ok)
	assert.Equal(t, "stream", got.Type)
	assert.Equal(t, want.Args, got.Args)
	assert.Zero(t, got.Ready, "messages are no definitions")
	assert.Equal(t, encoded(t, b.Definitions()), encoded(t, other.Definitions()))
}
