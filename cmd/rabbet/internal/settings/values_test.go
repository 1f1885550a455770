package settings

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The names of modules are those that RabbitMQ's rabbitmq.conf.example has.
func TestModulesHaveRabbitMQsNames(t *testing.T) {
	r, err := load(t, "credential_validator.validation_backend = rabbit_credential_validator_min_password_length\n", nil)
	require.NoError(t, err)
	assert.Equal(t, "min_password_length", r.Access.Validator)
	assert.Equal(t, int64(5), r.Access.ValidatorMinLength, "RabbitMQ's own default")
	r, err = load(t, `credential_validator.validation_backend = rabbit_credential_validator_password_regexp
credential_validator.regexp = ^(?=.*\d)(?=.*[A-Z]).{8,}$
password_hashing_module = rabbit_password_hashing_sha512
`, nil)
	require.NoError(t, err)
	assert.Equal(t, "password_regexp", r.Access.Validator)
	assert.Equal(t, "sha512", r.Access.PasswordHashing)
}

// AUTHHTTP-22: the cache is that of internal unless it is told of another.
func TestCacheIsOfInternal(t *testing.T) {
	for conf, want := range map[string]Backend{
		"auth_backends.1 = cache": {"internal", "internal"},
		"auth_backends.1 = cache\nauth_cache.cached_backend.authn = http":                                               {"http", "http"},
		"auth_backends.1 = cache\nauth_cache.cached_backend.authn = http\nauth_cache.cached_backend.authz = internal\n": {"http", "internal"},
	} {
		r, err := load(t, conf, nil)
		require.NoError(t, err, conf)
		assert.Equal(t, want, r.Access.Cache.Backend, conf)
	}
}

func TestPrometheusListener(t *testing.T) {
	r, err := load(t, "prometheus.tcp.listener = 192.0.2.1:15676\n", nil)
	require.NoError(t, err)
	assert.True(t, r.Prometheus.Enabled)
	assert.Equal(t, Address{"192.0.2.1", 15676}, r.Prometheus.Address)
	r, err = load(t, "prometheus.tcp.listener = none\n", nil)
	require.NoError(t, err)
	assert.False(t, r.Prometheus.Enabled)
}

// Keys that one version alone has, the first and the last that are read, are no faults.
func TestKeysOfEveryVersion(t *testing.T) {
	r, err := load(t, `management.enable_uaa = false
listeners.startup_delay = 0
channel_interceptor.priorities.one = 5
channel_tx_message_max = 100
credentials_obfuscation.enabled = true
`, nil)
	require.NoError(t, err)
	assert.Contains(t, strings.Join(r.Notes, "\n"), "channel_tx_message_max")
}
