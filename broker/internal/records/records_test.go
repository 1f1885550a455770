package records

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/store"
)

var noArgs = ArgsOf(nil)

// documents are one of each kind.
func documents() []Document {
	return []Document{
		&VHost{Name: "/"},
		NewPolicy(KindPolicy, "/", PolicyFields{Name: "p", Pattern: "^q", ApplyTo: "queues", Priority: 5,
			Definition: map[string]any{"max-length": 10.0}}),
		NewPolicy(KindOperatorPolicy, "/", PolicyFields{Name: "p", Definition: map[string]any{"expires": 1.0}}),
		&Delayed{VHost: "/", Name: "x", ID: 7, Alternate: "alt", HasAlternate: true},
		&Exchange{VHost: "/", Name: "x", Type: "topic", AutoDelete: true, Internal: true, Args: noArgs, Transient: true},
		&Queue{VHost: "/", Name: "q", ID: 8, Durable: true, AutoDelete: true, Args: noArgs, QuorumPriority: 1},
		&Binding{VHost: "/", Source: "x", Destination: "q", Key: "k", Args: ArgsOf(amqp.Table{{Key: "a", Value: "b"}})},
		&Binding{VHost: "/", Source: "x", Destination: "y", ToExchange: true, Args: noArgs},
	}
}

// What format 1 of the store has of them must not change.
func TestFormatOfRecords(t *testing.T) {
	want := []string{
		`vhost|/ {"Name":"/"}`,
		`policy|/|p {"VHost":"/","Policy":{"Name":"p","Pattern":"^q","ApplyTo":"queues","Priority":5,"Definition":{"max-length":10}}}`,
		`operator_policy|/|p {"VHost":"/","Policy":{"Name":"p","Pattern":"","ApplyTo":"","Priority":0,"Definition":{"expires":1}}}`,
		`delayed|/|x {"VHost":"/","Name":"x","ID":7,"Alternate":"alt","HasAlternate":true}`,
		`exchange|/|x {"VHost":"/","Name":"x","Type":"topic","AutoDelete":true,"Internal":true,"Args":"AAAAAA==","Transient":true}`,
		`queue|/|q {"VHost":"/","Name":"q","ID":8,"Durable":true,"AutoDelete":true,"Args":"AAAAAA==","QuorumPriority":1}`,
		`binding|/|x|queue|q|k|` + "\x00\x00\x00\x08\x01aS\x00\x00\x00\x01b" +
			` {"VHost":"/","Source":"x","Destination":"q","Key":"k","ToExchange":false,"Args":"AAAACAFhUwAAAAFi"}`,
		`binding|/|x|exchange|y||` + "\x00\x00\x00\x00" +
			` {"VHost":"/","Source":"x","Destination":"y","Key":"","ToExchange":true,"Args":"AAAAAA=="}`,
	}
	for i, d := range documents() {
		parts := strings.SplitN(want[i], " ", 2)
		key := Key(d)
		names := strings.Count(parts[0], "|")
		assert.Equal(t, parts[0], strings.Replace(key, "\x00", "|", names))
		assert.Equal(t, key, plainKey(d), "a name without NUL is as it is")
		assert.Equal(t, parts[1], string(encode(d)))
	}
}

func openStore(t *testing.T, dir string) *store.Store {
	st, err := store.Open(dir, store.Options{Sync: store.SyncNone})
	require.NoError(t, err)
	return st
}

func TestReadGivesBackWhatWasPut(t *testing.T) {
	dir := t.TempDir()
	st := openStore(t, dir)
	for _, d := range documents() {
		Put(st, d)
	}
	require.NoError(t, st.Close())
	st = openStore(t, dir)
	set, err := Read(st)
	require.NoError(t, err)
	var found []Document
	for _, kind := range []Kind{KindVHost, KindPolicy, KindOperatorPolicy, KindDelayed, KindExchange, KindQueue} {
		require.Len(t, set[kind], 1, kind)
		found = append(found, set[kind][0].Document)
	}
	assert.Equal(t, documents()[:6], found)
	assert.Len(t, set[KindBinding], 2)
	for _, d := range documents() {
		Delete(st, d)
	}
	require.NoError(t, st.Close())
	st = openStore(t, dir)
	set, err = Read(st)
	require.NoError(t, err)
	assert.Empty(t, set)
	require.NoError(t, st.Close())
}

// Case nul-in-names-loses-binding: names with NUL in them never share a key.
func TestKeysOfNamesWithNUL(t *testing.T) {
	parts := []string{"", "k", "\x00", "\xff", "k\x00", "\x00k", "k\x00z", "\xff\xff", "\x00\xff", "\xff\x00", "k\xff", "\x00\x00", "\x00\xffk"}
	keys := map[string]Document{}
	for _, a := range parts {
		for _, b := range parts {
			for _, c := range parts {
				d := &Binding{VHost: "/", Source: Text(a), Destination: Text(b), Key: Text(c), Args: noArgs}
				require.Nil(t, keys[Key(d)], "%q %q %q", a, b, c)
				keys[Key(d)] = d
			}
		}
	}
}

// A folder that has names with NUL under keys of the older form opens, and has them under
// those of today from then on.
func TestOlderKeysAreReplaced(t *testing.T) {
	dir := t.TempDir()
	st := openStore(t, dir)
	q := &Queue{VHost: "/", Name: "a\x00b", ID: 1, Durable: true, Args: noArgs}
	st.Put(plainKey(q), encode(q))
	require.NotEqual(t, plainKey(q), Key(q))
	_, err := Check(plainKey(q), encode(q))
	require.NoError(t, err)
	for range 2 {
		require.NoError(t, st.Close())
		st = openStore(t, dir)
		set, err := Read(st)
		require.NoError(t, err)
		assert.Equal(t, []Stored{{Key(q), q}}, set[KindQueue])
	}
	require.NoError(t, st.Close())
}

func TestTextThatIsNotUTF8(t *testing.T) {
	for _, name := range []Text{"", "plain", "ünï", "\xff", "a\x80b", "{", "\x00"} {
		data, err := json.Marshal(&VHost{Name: name})
		require.NoError(t, err)
		var back VHost
		require.NoError(t, decode(data, &back), "%s", data)
		assert.Equal(t, name, back.Name)
	}
	var d VHost
	assert.Error(t, decode([]byte(`{"Name":{"More":1}}`), &d))
}

func TestCheckFindsFaults(t *testing.T) {
	q := &Queue{VHost: "/", Name: "q", ID: 1, Args: noArgs}
	for key, value := range map[string]string{
		"user\x00x":      `{}`,
		Key(q) + "x":     string(encode(q)),
		Key(q):           `{"VHost":"/","Name":"q","ID":1,"Args":"AAAAAAA="}`,
		"vhost\x00/":     `{"Name":"other"}`,
		"queue\x00/\x00": `{`,
	} {
		_, err := Check(key, []byte(value))
		assert.Error(t, err, "%q %s", key, value)
	}
	_, err := Check(Key(q), encode(q))
	assert.NoError(t, err)
}

// One decoder for many documents stops at the first that it does not understand, and
// texts come back as they were.
func TestDecoderOfMany(t *testing.T) {
	decode := decoder()
	for _, name := range []Text{"plain", "", "quote\" and \\", "tab\t", "größer", "<&>", "\xff\x00"} {
		var doc VHost
		value, err := json.Marshal(&VHost{Name: name, Description: "d"})
		require.NoError(t, err)
		require.NoError(t, decode(value, &doc))
		assert.Equal(t, name, doc.Name)
	}
	require.ErrorContains(t, decode([]byte(`{"Name":"a"} `), new(VHost)), "bytes after its end")
	require.ErrorContains(t, decoder()([]byte(`{"Name":"a"}{}`), new(VHost)), "bytes after its end")
	require.ErrorContains(t, decoder()([]byte(`{"Name":`), new(VHost)), "unexpected EOF")
	require.ErrorContains(t, decoder()([]byte(`{"Other":1}`), new(VHost)), "unknown field")
	require.Error(t, decoder()([]byte(`{"Name":7}`), new(VHost)))
}
