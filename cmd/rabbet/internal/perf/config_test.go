package perf

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
)

func TestURLs(t *testing.T) {
	for raw, want := range map[string]address{
		"amqp://":                             {host: "localhost:5672", user: "guest", password: "guest", vhost: "/"},
		"amqp://localhost":                    {host: "localhost:5672", user: "guest", password: "guest", vhost: "/"},
		"amqp://localhost/":                   {host: "localhost:5672", user: "guest", password: "guest", vhost: "/"},
		"amqp://[::1]:1234/a":                 {host: "[::1]:1234", user: "guest", password: "guest", vhost: "a"},
		"amqp://u:p%40ss@h/%2f":               {host: "h:5672", user: "u", password: "p@ss", vhost: "/"},
		"amqps://u:p@h/team%2Fproject":        {host: "h:5671", user: "u", password: "p", vhost: "team/project", tls: true},
		"amqp://u:p@127.0.0.1:5672/a?heart=1": {host: "127.0.0.1:5672", user: "u", password: "p", vhost: "a"},
	} {
		got, err := parseURL(raw)
		if assert.NoError(t, err, raw) {
			assert.Equal(t, want, got, raw)
		}
	}
	for _, raw := range []string{"localhost:5672", "http://localhost", "amqp://h:x", ""} {
		_, err := parseURL(raw)
		assert.Error(t, err, raw)
	}
}

func TestArguments(t *testing.T) {
	got, err := ParseArgs("x-queue-type=classic,x-max-length=10,x-single-active-consumer=true,a=b=c")
	require.NoError(t, err)
	assert.Equal(t, amqp.Table{
		{Key: "x-queue-type", Value: "classic"},
		{Key: "x-max-length", Value: int64(10)},
		{Key: "x-single-active-consumer", Value: true},
		{Key: "a", Value: "b=c"},
	}, got)
	for _, bad := range []string{"x", "=1", "a=1,,"} {
		_, err := ParseArgs(bad)
		assert.Error(t, err, bad)
	}
}

func TestNames(t *testing.T) {
	for _, test := range []struct {
		name   string
		queues int
		want   []string
	}{
		{"", 1, []string{"run"}},
		{"", 2, []string{"run-1", "run-2"}},
		{"orders", 1, []string{"orders"}},
		{"q-%d-in", 2, []string{"q-1-in", "q-2-in"}},
	} {
		p := newPlan(Config{Queue: test.name, Queues: test.queues}, "run")
		assert.Equal(t, test.want, p.queues)
	}
}

func TestImpossibleLoads(t *testing.T) {
	c := Defaults()
	require.NoError(t, c.Check())
	for want, change := range map[string]func(*Config){
		"a producer or a consumer": func(c *Config) { c.Producers, c.Consumers = 0, 0 },
		"must be a queue":          func(c *Config) { c.Queues = 0 },
		"never happens":            func(c *Config) { c.Prefetch = 99 },
		"0 to 65535":               func(c *Config) { c.Prefetch = 65536 },
		"needs an end":             func(c *Config) { c.Time = 0 },
		"no warm-up":               func(c *Config) { c.Messages, c.Warmup = 1, 1 },
		"one message or more":      func(c *Config) { c.AckEvery = 0 },
		"need a name":              func(c *Config) { c.Predeclared = true },
		"amqp://":                  func(c *Config) { c.URL = "localhost" },
	} {
		c := Defaults()
		change(&c)
		assert.ErrorContains(t, c.Check(), want)
	}
}
