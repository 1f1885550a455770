package defdiff

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker/definitions"
)

func decode(t *testing.T, text string) *definitions.Document {
	d, err := definitions.Decode([]byte(text))
	require.NoError(t, err)
	return d
}

const have = `{"users":[{"name":"anna","password_hash":"kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR","hashing_algorithm":"rabbit_password_hashing_sha256","tags":["a","b"]}],
"vhosts":[{"name":"/"}],"permissions":[{"user":"anna","vhost":"/","configure":".*","write":".*","read":".*"}],
"parameters":[{"vhost":"/","component":"federation-upstream","name":"u","value":{"uri":"amqp://x","expires":1}}],
"policies":[{"vhost":"/","name":"p","pattern":"^a","apply-to":"queues","definition":{"max-length":1},"priority":0}],
"queues":[{"name":"q","vhost":"/","durable":true,"auto_delete":false,"arguments":{}}],
"exchanges":[{"name":"x","vhost":"/","type":"topic","durable":true,"auto_delete":false,"internal":false,"arguments":{}}],
"bindings":[{"source":"x","vhost":"/","destination":"q","destination_type":"queue","routing_key":"a.#","arguments":{}}]}`

func TestCompare(t *testing.T) {
	assert.Empty(t, Compare(decode(t, have), decode(t, have)))
	assert.Len(t, Compare(decode(t, have), decode(t, "{}")), 8)
	wanted := `{"users":[{"name":"anna","password":"new","tags":["b","a"]},{"name":"ben","password_hash":"","tags":[]}],
"parameters":[{"vhost":"/","component":"federation-upstream","name":"u","value":{"expires":1, "uri":"amqp://x"}}],
"policies":[{"vhost":"/","name":"p","pattern":"^b","apply-to":"queues","definition":{"max-length":1},"priority":0}],
"queues":[{"name":"q","vhost":"/","durable":true,"auto_delete":false,"arguments":{"x-max-length":5}},{"name":"r","vhost":"/","durable":true,"auto_delete":false,"arguments":{}}],
"bindings":[{"source":"x","vhost":"/","destination":"q","destination_type":"queue","routing_key":"b","arguments":{}}]}`
	var lines []string
	for _, c := range Compare(decode(t, wanted), decode(t, have)) {
		lines = append(lines, fmt.Sprint(c))
	}
	assert.Equal(t, []string{
		`~ user "anna"`, `+ user "ben"`, `~ policy "p" in vhost "/"`, `= queue "q" in vhost "/" (differs, and stays as it is)`, `+ queue "r" in vhost "/"`,
		`+ binding of queue "q" to exchange "x" with key "b" and arguments {} in vhost "/"`,
	}, lines)
	assert.NotContains(t, lines, "new", "no secrets")
}
