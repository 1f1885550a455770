package broker_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/definitions"
)

// FuzzImport imports any text at all. A document that is refused, for what it is or for
// what is in it, changes nothing; one that is taken is taken again and changes no more
// (PERSIST-17).
func FuzzImport(f *testing.F) {
	names, err := filepath.Glob("definitions/testdata/*.json")
	require.NoError(f, err)
	require.NotEmpty(f, names)
	for _, name := range names {
		data, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(data)
		f.Add(data[:len(data)*2/3])                                                    // truncated
		f.Add(bytes.Replace(data, []byte(`"durable":true`), []byte(`"durable":7`), 1)) // half valid
		f.Add(bytes.Replace(data, []byte(`"vhost":"/"`), []byte(`"vhost":"gone"`), 1))
	}
	for _, text := range []string{
		`{"vhosts":[{"name":"v"}],"queues":[{"name":"q","vhost":"v","durable":true,"arguments":{}},{"name":"q","vhost":"v","durable":false,"arguments":{"x-max-length":1}}]}`,
		`{"exchanges":[{"name":"x","vhost":"/","type":"direct","durable":true},{"name":"x","vhost":"/","type":"fanout","durable":true}]}`,
		`{"bindings":[{"source":"amq.headers","vhost":"/","destination":"amq.topic","destination_type":"exchange","routing_key":"","arguments":{"x-match":"any"}}]}`,
		`{"users":[{"name":"","password":"x","tags":""}],"policies":[{"vhost":"/","name":"p","pattern":"(","definition":{"max-length":1}}]}`,
		`{"parameters":[{"vhost":"/","component":"vhost-limits","name":"limits","value":{"max-queues":0}}],"queues":[{"name":"q","vhost":"/","durable":true}]}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := definitions.Decode(data)
		if err != nil {
			return
		}
		b, err := broker.New(broker.Config{})
		require.NoError(t, err)
		defer b.Close()
		before := encoded(t, b.Definitions())
		if err := b.ImportDefinitions(context.Background(), d, broker.ImportOptions{}); err != nil {
			require.Equal(t, before, encoded(t, b.Definitions()), "%v", err)
			return
		}
		after := encoded(t, b.Definitions())
		if err := b.ImportDefinitions(context.Background(), d, broker.ImportOptions{}); err != nil {
			return // a limit in it may be reached by now
		}
		require.Equal(t, after, encoded(t, b.Definitions()))
	})
}

// A document that is cut off anywhere is refused as a whole.
func TestImportOfATruncatedDocument(t *testing.T) {
	data, err := os.ReadFile("definitions/testdata/http-3.10.8.json")
	require.NoError(t, err)
	data = bytes.TrimSpace(data)
	for n := 1; n < len(data); n += 1 + n%7 {
		_, err := definitions.Decode(data[:n])
		require.Error(t, err, "the first %d bytes", n)
	}
}
