package shovel_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/broker/brokertest"
	"github.com/rabbetmq/rabbet/broker/shovel"
)

// breaks are the line breaks and indentation with which Erlang prints long terms.
var breaks = regexp.MustCompile(`\n +`)

// ours are values that RabbitMQ 3.10 answers otherwise: it crashes (500), or does not know
// the key yet, or shows a stack trace.
func ours(code int, reason, value string) bool {
	return code == 500 || strings.Contains(value, "predeclared") || strings.Contains(reason, "error_info") ||
		strings.Contains(reason, "badrecord")
}

// SHOVEL-1 to SHOVEL-3: testdata/refusals.json is what RabbitMQ 3.10.8 said.
func TestRefusalsAreRabbitMQs(t *testing.T) {
	mq := brokertest.New(t)
	start(t, mq.Broker())
	raw, err := os.ReadFile("testdata/refusals.json")
	require.NoError(t, err)
	var cases []struct {
		Value  json.RawMessage
		Code   int
		Reason string
	}
	require.NoError(t, json.Unmarshal(raw, &cases))
	v, guest := vhost(t, mq.Broker()), access.Identity{User: "guest"}
	compared := 0
	for _, c := range cases {
		err := v.SetParameterBy(guest, shovel.Component, "v", c.Value)
		v.DeleteParameter(shovel.Component, "v")
		switch {
		case c.Code == 500 && !strings.Contains(string(c.Value), "args"):
			assert.Error(t, err, "%s", c.Value)
		case ours(c.Code, c.Reason, string(c.Value)):
		case c.Code == 400:
			compared++
			var refused *broker.Error
			if assert.ErrorAs(t, err, &refused, "%s", c.Value) {
				assert.Equal(t, breaks.ReplaceAllString(c.Reason, ""), refused.Text, "%s", c.Value)
			}
		default:
			compared++
			assert.NoError(t, err, "%s", c.Value)
		}
	}
	assert.Greater(t, compared, 60)
}

// FEDERATION-1: testdata/upstreams.json is what RabbitMQ 4.3.6 said, whose keys are those of 3.13.
func TestRefusalsOfUpstreamsAreRabbitMQs(t *testing.T) {
	raw, err := os.ReadFile("testdata/upstreams.json")
	require.NoError(t, err)
	var cases []struct {
		Value  json.RawMessage
		Code   int
		Reason string
	}
	require.NoError(t, json.Unmarshal(raw, &cases))
	for _, c := range cases {
		err := shovel.CheckUpstream("u", c.Value)
		if c.Code != 400 {
			assert.NoError(t, err, "%s", c.Value)
			continue
		}
		want := strings.TrimSuffix(strings.TrimPrefix(breaks.ReplaceAllString(c.Reason, ""), "Validation failed\n\n"), "\n")
		assert.EqualError(t, err, want, "%s", c.Value)
	}
	assert.Error(t, shovel.CheckUpstream("u", json.RawMessage(`"x"`)), "where RabbitMQ crashes")
}

func TestURIsOfThisBrokerNeedAccess(t *testing.T) {
	mq := brokertest.New(t)
	start(t, mq.Broker())
	_, err := mq.Broker().CreateVHost("other", broker.VHostSettings{})
	require.NoError(t, err)
	v := vhost(t, mq.Broker())
	raw := value(t, "src-uri", "amqp:///other", "dest-uri", "amqp://", "src-queue", "q")
	err = v.SetParameterBy(access.Identity{User: "guest"}, shovel.Component, "s", raw)
	assert.ErrorContains(t, err, `user "guest" may not connect to vhost "other"`)
	require.NoError(t, mq.Broker().SetPermission(access.Permission{User: "guest", VHost: "other", Configure: ".*", Write: ".*", Read: ".*"}))
	assert.NoError(t, v.SetParameterBy(access.Identity{User: "guest"}, shovel.Component, "s", raw))
}

func TestPasswordsAreMasked(t *testing.T) {
	for uri, masked := range map[string]string{
		"amqp://user:secret@host/v":          "amqp://user:*****@host/v",
		"amqp://user:s:e@c@host":             "amqp://user:*****@host",
		"amqps://u:p@h?keyfile=k&password=x": "amqps://u:*****@h?keyfile=k&password=*****",
		"amqp://user@host":                   "amqp://user@host",
		"amqp://host:5672/v":                 "amqp://host:5672/v",
		"amqp:///v":                          "amqp:///v",
		"AMQP://u:p@h":                       "AMQP://u:*****@h",
	} {
		value := []byte(`{"src-uri":"` + uri + `","dest-uri":["x","` + uri + `"],"src-queue":"a:b@c"}`)
		shown := shovel.Mask(value)
		assert.Equal(t, `{"src-uri":"`+masked+`","dest-uri":["x","`+masked+`"],"src-queue":"a:b@c"}`, string(shown))
		assert.Equal(t, string(value), string(shovel.Unmask(shown, value)))
	}
	escaped := []byte(`{"src-uri":"amqp:\/\/user:secret@host\/v"}`)
	assert.NotContains(t, string(shovel.Mask(escaped)), "secret")
}
