package broker_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/broker/definitions"
	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/store"
)

func document(t testing.TB, name string) *definitions.Document {
	data, err := os.ReadFile("definitions/testdata/" + name)
	require.NoError(t, err)
	d, err := definitions.Decode(data)
	require.NoError(t, err)
	return d
}

func encoded(t testing.TB, d *definitions.Document) string {
	var b bytes.Buffer
	require.NoError(t, d.Encode(&b, false))
	return b.String()
}

// What RabbitMQ has exported comes in, and comes out again with nothing lost.
func TestImportOfRabbitMQsExports(t *testing.T) {
	for _, name := range []string{"http-3.10.8.json", "ctl-3.10.8.json"} {
		t.Run(name, func(t *testing.T) {
			d := document(t, name)
			b := start(t, broker.Config{NoDefaults: true})
			require.NoError(t, b.ImportDefinitions(context.Background(), d, broker.ImportOptions{}))
			first := encoded(t, b.Definitions())
			require.NoError(t, b.ImportDefinitions(context.Background(), d, broker.ImportOptions{}), "again")
			assert.Equal(t, first, encoded(t, b.Definitions()), "an import is idempotent")

			_, err := b.Login(context.Background(), access.Credentials{User: "alice", Password: "secret"})
			assert.NoError(t, err, "the hash of RabbitMQ lets its user in")
			v, err := b.VHost("orders")
			require.NoError(t, err)
			assert.Equal(t, access.Limits{access.MaxQueues: 100}, v.Limits())
			assert.Len(t, v.Policies(), 1)
			assert.Len(t, v.OperatorPolicies(), 1)
			out := b.Definitions()
			assert.Len(t, out.Queues, 3)
			assert.Len(t, out.Exchanges, 2, "PERSIST-16: without the predeclared ones")
			assert.Len(t, out.Bindings, 2)
			assert.Equal(t, "orders", *out.Queues[0].VHost)

			other := start(t, broker.Config{NoDefaults: true})
			require.NoError(t, other.ImportDefinitions(context.Background(), out, broker.ImportOptions{}))
			assert.Equal(t, first, encoded(t, other.Definitions()))
		})
	}
}

// PERSIST-15: an export has the internal exchanges as well, or the bindings to them would
// lead nowhere, and the document would not come in again.
func TestExportHasInternalExchanges(t *testing.T) {
	d, err := definitions.Decode([]byte(`{"vhosts":[{"name":"/"}],"exchanges":[
		{"vhost":"/","name":"in","type":"topic","durable":true,"auto_delete":false,"internal":false,"arguments":{}},
		{"vhost":"/","name":"inner","type":"fanout","durable":true,"auto_delete":false,"internal":true,"arguments":{}}],
		"bindings":[{"vhost":"/","source":"in","destination":"inner","destination_type":"exchange","routing_key":"a","arguments":{}}]}`))
	require.NoError(t, err)
	b := start(t, broker.Config{NoDefaults: true})
	require.NoError(t, b.ImportDefinitions(context.Background(), d, broker.ImportOptions{}))
	out := b.Definitions()
	require.Len(t, out.Exchanges, 2)
	assert.True(t, out.Exchanges[1].Internal)
	other := start(t, broker.Config{NoDefaults: true})
	require.NoError(t, other.ImportDefinitions(context.Background(), out, broker.ImportOptions{}))
	assert.Equal(t, encoded(t, out), encoded(t, other.Definitions()))
}

func TestImportIntoOneVHost(t *testing.T) {
	b := start(t, broker.Config{})
	v := b.AddVHost("elsewhere")
	require.NoError(t, v.ImportDefinitions(context.Background(), document(t, "vhost-3.10.8.json"), broker.ImportOptions{}))
	d := v.Definitions()
	assert.Len(t, d.Queues, 3)
	assert.Nil(t, d.Queues[0].VHost)
	assert.Len(t, d.Parameters, 2)
	assert.Empty(t, d.Users)
}

func TestImportThatIsWrongChangesNothing(t *testing.T) {
	b := start(t, broker.Config{})
	before := encoded(t, b.Definitions())
	d, err := definitions.Decode([]byte(`{
	  "users": [{"name": "new", "password": "x", "tags": []}, {"name": "bad", "password_hash": "?", "tags": ""}, {"name": "two", "password": "a", "password_hash": ""}],
	  "vhosts": [{"name": "v"}, {"name": "w", "default_queue_type": "magic"}],
	  "permissions": [{"user": "new", "vhost": "nope", "configure": ".*", "write": ".*", "read": "("}, {"user": "ghost", "vhost": "v", "configure": "", "write": "", "read": ""}],
	  "parameters": [{"vhost": "v", "component": "odd", "name": "x", "value": 1}, {"vhost": "v", "component": "vhost-limits", "name": "limits", "value": {"max-stars": 1}}],
	  "policies": [{"name": "p", "vhost": "v", "pattern": "[", "definition": {"max-length": 1}}, {"name": "o", "vhost": "v", "pattern": "", "definition": {"max-length": -1}}, {"name": "n", "pattern": "", "definition": {"max-length": 1}}],
	  "queues": [{"name": "q", "vhost": "v", "arguments": {"x-max-length": "many"}}, {"name": "r"}],
	  "exchanges": [{"name": "x", "vhost": "v", "type": "magic"}],
	  "bindings": [{"source": "x", "vhost": "v", "destination": "q", "destination_type": "topic", "routing_key": ""}]
	}`))
	require.NoError(t, err)
	err = b.ImportDefinitions(context.Background(), d, broker.ImportOptions{})
	var problems definitions.Problems
	require.ErrorAs(t, err, &problems)
	var lines []string
	for _, p := range problems {
		lines = append(lines, strings.ReplaceAll(p.String(), "\n", " "))
	}
	assert.Equal(t, []string{
		"users[1]: password_hash is not base64",
		"users[2]: both_password_and_password_hash_are_provided",
		"vhosts[1]: Unsupported default queue type 'magic'",
		`permissions[0]: Please create virtual host "nope" prior to importing definitions.`,
		`permissions[0]: a pattern is not a regular expression: {"missing )",1}`,
		`permissions[1]: user "ghost" does not exist`,
		"parameters[0]: Validation failed  component odd not found",
		`parameters[1]: Unrecognised terms [{<<"max-stars">>,1}] in limits`,
		`policies[0]: Validation failed  pattern should be regular expression but is invalid: {"missing terminating ] for character class",1}`,
		"policies[1]: Validation failed  -1 is not a valid maximum length",
		"policies[2]: Virtual host does not exist and is not specified in definitions file.",
		"exchanges[0]: unknown exchange type 'magic'",
		`queues[0]: invalid arg 'x-max-length' for queue 'q' in vhost 'v': "expected integer, got longstr"`,
		"queues[1]: the virtual host field is missing, as in an export of a single virtual host",
		"bindings[0]: destination_type is queue or exchange, not \"topic\"",
	}, lines)
	assert.Equal(t, before, encoded(t, b.Definitions()))
}

// Limits that come with a document, with a new virtual host or with the broker count before
// anything is changed.
func TestImportMindsLimitsToCome(t *testing.T) {
	const queues = `"queues":[{"name":"a","vhost":"v","durable":true,"auto_delete":false,"arguments":{}},{"name":"b","vhost":"v","durable":true,"auto_delete":false,"arguments":{}}]`
	defaults := func(string) (broker.VHostDefaults, error) {
		return broker.VHostDefaults{Limits: access.Limits{access.MaxQueues: 1}}, nil
	}
	unfit := func(vhost string) (d broker.VHostDefaults, err error) {
		if vhost == "v" {
			d.OperatorPolicies = []broker.Policy{{Name: "bad", Pattern: "("}}
		}
		return d, nil
	}
	one := "queues: Adding 2 queue(s) to virtual host \"v\" would exceed the limit of 1 queue(s).\n\nThis virtual host currently has 0 queue(s) defined.\n\nImport aborted!"
	for _, c := range []struct {
		name, document, want string
		cfg                  broker.Config
	}{
		{"a parameter", `{"vhosts":[{"name":"v"}],"parameters":[{"vhost":"v","component":"vhost-limits","name":"limits","value":{"max-queues":1}}],` + queues + `}`, one, broker.Config{}},
		{"of rabbitmqctl's export", `{"vhosts":[{"name":"v","limits":{"max-queues":1}}],` + queues + `}`, one, broker.Config{}},
		{"a default", `{"vhosts":[{"name":"v"}],` + queues + `}`, one, broker.Config{VHostDefaults: defaults}},
		{"a parameter instead of the default", `{"vhosts":[{"name":"v"}],"parameters":[{"vhost":"v","component":"vhost-limits","name":"limits","value":{"max-queues":2}}],` + queues + `}`, "", broker.Config{VHostDefaults: defaults}},
		{"queues", `{"vhosts":[{"name":"v"}],` + queues + `}`, "document: adding 2 queue(s) would exceed the limit of 1 queue(s) in the cluster", broker.Config{MaxQueues: 1}},
		{"exchanges", `{"vhosts":[{"name":"v"}]}`, "document: adding 7 exchange(s) would exceed the limit of 13 exchange(s) in the cluster", broker.Config{MaxExchanges: 13}},
		{"virtual hosts", `{"vhosts":[{"name":"v"}]}`, "vhosts: vhost limit of 1 would be exceeded", broker.Config{MaxVHosts: 1}},
		{"a default policy", `{"vhosts":[{"name":"v"}],` + queues + `}`,
			"vhosts: operator policy 'bad': PRECONDITION_FAILED - Validation failed\n\npattern should be regular expression but is invalid: {\"missing )\",1}\n", broker.Config{VHostDefaults: unfit}},
		{"as many as there may be", `{"vhosts":[{"name":"v"}],` + queues + `}`, "", broker.Config{MaxVHosts: 2, MaxQueues: 2, MaxExchanges: 14}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := start(t, c.cfg)
			before := encoded(t, b.Definitions())
			d, err := definitions.Decode([]byte(c.document))
			require.NoError(t, err)
			err = b.ImportDefinitions(context.Background(), d, broker.ImportOptions{})
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, c.want)
			assert.Equal(t, before, encoded(t, b.Definitions()))
		})
	}
}

func TestImportKeepsWhatIsThereAndMindsTheLimit(t *testing.T) {
	b := start(t, broker.Config{})
	v := vhost(t, b)
	_, err := v.DeclareQueue(broker.Queue{Name: "q", Durable: false})
	require.NoError(t, err)
	require.NoError(t, v.SetLimits(access.Limits{access.MaxQueues: 2}))
	d := &definitions.Document{
		Queues: []definitions.Queue{{Name: "q", VHost: definitions.In("/"), Durable: true}, {Name: "r", VHost: definitions.In("/"), Durable: true}},
		Bindings: []definitions.Binding{
			{Source: "amq.direct", VHost: definitions.In("/"), Destination: "r", DestinationType: "queue"},
		},
	}
	require.NoError(t, b.ImportDefinitions(context.Background(), d, broker.ImportOptions{}))
	out := v.Definitions()
	require.Len(t, out.Queues, 2)
	assert.False(t, out.Queues[0].Durable, "one that is there stays as it is")
	assert.Len(t, out.Bindings, 1)
	d.Queues = append(d.Queues, definitions.Queue{Name: "s", VHost: definitions.In("/")})
	assert.EqualError(t, b.ImportDefinitions(context.Background(), d, broker.ImportOptions{}),
		"queues: Adding 1 queue(s) to virtual host \"/\" would exceed the limit of 2 queue(s).\n\n"+
			"This virtual host currently has 2 queue(s) defined.\n\nImport aborted!")
}

// EXCH-23: an import names each binding whose ends are not there, in RabbitMQ's words, and
// changes nothing. The texts are those of 4.3.6.
func TestImportRefusesBindingsWithoutEnds(t *testing.T) {
	b := start(t, broker.Config{})
	root, other := definitions.In("/"), definitions.In("new")
	d := &definitions.Document{
		VHosts:    []definitions.VHost{{Name: "new"}},
		Queues:    []definitions.Queue{{Name: "q", VHost: root, Durable: true}, {Name: "q", VHost: other, Durable: true}, {Name: "amq.gen-x", VHost: root, Durable: true}},
		Exchanges: []definitions.Exchange{{Name: "x", VHost: root, Type: "topic", Durable: true}},
		Bindings: []definitions.Binding{
			{Source: "x", VHost: root, Destination: "q", DestinationType: "queue"},
			{Source: "amq.topic", VHost: other, Destination: "q", DestinationType: "queue"},
			{Source: "", VHost: root, Destination: "q", DestinationType: "queue", RoutingKey: "q"},
			{Source: "x", VHost: other, Destination: "q", DestinationType: "queue"},
			{Source: "amq.direct", VHost: root, Destination: "none", DestinationType: "queue"},
			{Source: "nope", VHost: root, Destination: "none", DestinationType: "exchange"},
			{Source: "amq.direct", VHost: root, Destination: "amq.gen-x", DestinationType: "queue"},
		},
	}
	before := encoded(t, b.Definitions())
	var problems definitions.Problems
	require.ErrorAs(t, b.ImportDefinitions(context.Background(), d, broker.ImportOptions{}), &problems)
	lines := make([]string, len(problems))
	for i, p := range problems {
		lines[i] = p.Path + ": " + p.Text
	}
	assert.Equal(t, []string{
		`bindings[3]: {resources_missing,[{not_found,{resource,<<"new">>,exchange,<<"x">>}}]}`,
		`bindings[4]: {resources_missing,[{not_found,{resource,<<"/">>,queue,<<"none">>}}]}`,
		`bindings[5]: {resources_missing,[{not_found,{resource,<<"/">>,exchange,<<"nope">>}},{not_found,{resource,<<"/">>,exchange,<<"none">>}}]}`,
		`bindings[6]: {resources_missing,[{not_found,{resource,<<"/">>,queue,<<"amq.gen-x">>}}]}`,
	}, lines)
	assert.Equal(t, before, encoded(t, b.Definitions()))
	d.Bindings = d.Bindings[:3]
	require.NoError(t, b.ImportDefinitions(context.Background(), d, broker.ImportOptions{}))
}

// largeDocument has queues, four bindings for each, users and policies.
func largeDocument(queues, users, policies int) *definitions.Document {
	d := &definitions.Document{VHosts: []definitions.VHost{{Name: "v"}}}
	v := definitions.In("v")
	for i := range 10 {
		d.Exchanges = append(d.Exchanges, definitions.Exchange{Name: fmt.Sprintf("x%d", i), VHost: v, Type: "topic", Durable: true})
	}
	for i := range queues {
		name := fmt.Sprintf("queue-%06d", i)
		d.Queues = append(d.Queues, definitions.Queue{Name: name, VHost: v, Durable: true, Arguments: definitions.Arguments{"x-max-length": int64(1000)}})
		for k := range 4 {
			d.Bindings = append(d.Bindings, definitions.Binding{
				Source: fmt.Sprintf("x%d", (i+k)%10), VHost: v, Destination: name, DestinationType: "queue", RoutingKey: fmt.Sprintf("a.%d.%d", i, k),
			})
		}
	}
	hash := "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR"
	for i := range users {
		d.Users = append(d.Users, definitions.User{Name: fmt.Sprintf("user-%d", i), PasswordHash: &hash, Hashing: string(access.SHA256)})
		d.Permissions = append(d.Permissions, definitions.Permission{User: fmt.Sprintf("user-%d", i), VHost: v, Configure: "^u", Write: ".*", Read: ".*"})
	}
	for i := range policies {
		d.Policies = append(d.Policies, definitions.Policy{
			Name: fmt.Sprintf("p%d", i), VHost: v, Pattern: fmt.Sprintf("^queue-%03d", i), ApplyTo: "queues", Definition: map[string]any{"max-length": int64(i + 1)},
		})
	}
	return d
}

// Fifty thousand queues with two hundred thousand bindings, a thousand users and five
// hundred policies are imported in under three seconds, and exported in under one.
func TestImportAtScale(t *testing.T) {
	if testing.Short() || raceDetector {
		t.Skip("measures time")
	}
	st, err := store.Open(t.TempDir(), store.Options{Sync: store.SyncNone})
	require.NoError(t, err)
	b := start(t, broker.Config{Store: st})
	text := []byte(encoded(t, largeDocument(50_000, 1000, 500)))
	clock := delay.Real{}
	begin := clock.Now()
	d, err := definitions.Decode(text)
	require.NoError(t, err)
	decoded := clock.Now()
	reports := 0
	require.NoError(t, b.ImportDefinitions(context.Background(), d, broker.ImportOptions{Progress: func(string, int, int) { reports++ }}))
	imported := clock.Now()
	var out bytes.Buffer
	require.NoError(t, b.Definitions().Encode(&out, false))
	exported := clock.Now()
	t.Logf("%d MB: decoded in %v, imported in %v, exported in %v, %d reports", len(text)>>20,
		decoded.Sub(begin), imported.Sub(decoded), exported.Sub(imported), reports)
	assert.Greater(t, reports, 200)
	assert.Less(t, imported.Sub(begin).Seconds(), 3*slack)
	assert.Less(t, exported.Sub(imported).Seconds(), 1*slack)
}

// slack is for a machine that does much else as well: what is beyond it grows with the
// square of something. The figures are in the test's log.
const slack = 20.0

// Setting one policy beside five thousand others and a hundred thousand queues takes
// less than 200 ms.
func TestOnePolicyAmongMany(t *testing.T) {
	if testing.Short() || raceDetector {
		t.Skip("measures time")
	}
	b := start(t, broker.Config{})
	d := largeDocument(0, 0, 5000)
	for i := range 100_000 {
		d.Queues = append(d.Queues, definitions.Queue{Name: fmt.Sprintf("queue-%06d", i), VHost: definitions.In("v"), Durable: true})
	}
	require.NoError(t, b.ImportDefinitions(context.Background(), d, broker.ImportOptions{}))
	v, err := b.VHost("v")
	require.NoError(t, err)
	clock := delay.Real{}
	begin := clock.Now()
	require.NoError(t, v.SetPolicy(broker.Policy{Name: "one", Pattern: "^queue-0001", Priority: 9, Definition: map[string]any{"max-length": 7}}))
	took := clock.Now().Sub(begin)
	begin = clock.Now()
	require.NoError(t, v.SetPolicy(broker.Policy{Name: "all", Pattern: "(?!x)", Priority: 1, Definition: map[string]any{"max-length": 9}}))
	t.Logf("%v, one that matches all %v", took, clock.Now().Sub(begin))
	assert.Less(t, took.Seconds(), 0.2*slack)
}
