package broker_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/store"
)

// A record that cannot be understood keeps the broker from starting, and is
// named: what it stood for must not be lost in silence.
func TestDamagedRecords(t *testing.T) {
	const table = `"AAAAAA=="` // an empty one
	tests := []struct{ key, value, want string }{
		{"vhost\x00/", `{`, "EOF"},
		{"vhost\x00/", `[]`, "cannot unmarshal"},
		{"exchange\x00/\x00x", ``, "EOF"},
		{"exchange\x00/\x00x", `{"VHost":"/","Name":"x","Type":"what","Args":` + table + `}`, "what"},
		{"exchange\x00gone\x00x", `{"VHost":"gone","Name":"x","Type":"fanout","Args":` + table + `}`, `no virtual host "gone"`},
		{"exchange\x00/\x00x", `{"VHost":"/","Name":"x","Type":"fanout","Args":"AAAACQ=="}`, "amqp"},
		{"queue\x00/\x00q", `{"ID":"one"}`, "cannot unmarshal"},
		{"queue\x00/\x00q", `{"ID":-1}`, "cannot unmarshal"},
		{"queue\x00gone\x00q", `{"VHost":"gone","Name":"q","ID":5,"Args":` + table + `}`, `no virtual host "gone"`},
		{"queue\x00/\x00q", `{"VHost":"/","Name":"q","ID":5}`, "amqp"},
		{"queue\x00/\x00q", `{"VHost":"/","Name":"q","ID":1,"Args":` + table + `}`, `queue "first" has its ID 1`},
		{"queue\x00/\x00q", `{"VHost":"/","Name":"q","ID":5,"QuorumPriority":9,"Args":` + table + `}`, "unknown rule 9"},
		{"binding\x00gone", `{"VHost":"gone","Args":` + table + `}`, `no virtual host "gone"`},
		{"binding\x00x", `{"VHost":"/","Source":"gone","Destination":"q","Args":` + table + `}`, "gone"},
		{"binding\x00x", `nothing`, "invalid character"},
		{"policy\x00/\x00p", `{`, "EOF"},
		{"vhost\x00x", `{"Name":"x"}{}`, "bytes after its end"},
		{"vhost\x00x", `{"Name":"x","Limit":5}`, `unknown field "Limit"`}, // of a newer program
		{"delayed\x00/\x00x", `{"VHost":"/","Name":"x","ID":5,"More":5}`, `unknown field "More"`},
		{"unheard\x00x", `{}`, "of an unknown kind"},
	}
	for _, test := range tests {
		st, err := store.Open(t.TempDir(), store.Options{Sync: store.SyncNone})
		require.NoError(t, err)
		st.Put("vhost\x00/", []byte(`{"Name":"/"}`))
		st.Put("queue\x00/\x00first", []byte(`{"VHost":"/","Name":"first","ID":1,"Durable":true,"Args":`+table+`}`))
		st.Put(test.key, []byte(test.value))
		dir := st.Dir()
		require.NoError(t, st.Close())
		st, err = store.Open(dir, store.Options{Sync: store.SyncNone})
		require.NoError(t, err)
		b, err := broker.New(broker.Config{Store: st})
		if b != nil {
			require.NoError(t, b.Close())
		} else {
			require.NoError(t, st.Close())
		}
		require.ErrorContains(t, err, test.want, "%q %s", test.key, test.value)
		require.ErrorContains(t, err, "broker: record \"", "%q", test.key)
	}
}
