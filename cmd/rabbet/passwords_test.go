package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/settings"
)

// credential_validator counts bytes and matches patterns of PCRE, with RabbitMQ's texts.
func TestPasswordsAreValidated(t *testing.T) {
	check := func(a settings.Access, password string) error {
		var cfg broker.Config
		a.PasswordHashing = "sha256"
		require.NoError(t, passwords(&cfg, &a))
		return cfg.CheckPassword("ben", password)
	}
	length := settings.Access{Validator: "min_password_length", ValidatorMinLength: 6}
	assert.EqualError(t, check(length, "secre"), "minimum required password length is 6")
	assert.NoError(t, check(length, "größ"))
	mixed := settings.Access{Validator: "password_regexp", ValidatorRegexp: `^(?=.*\d)(?=.*[A-Z]).{8,}+$`}
	assert.NoError(t, check(mixed, "Passw0rds"))
	assert.EqualError(t, check(mixed, "passw0rds"), "provided password does not match the validator regular expression")
	assert.Error(t, check(mixed, "Passw0r"))
}

// Patterns of virtual hosts in rabbitmq.conf are PCRE as those of permissions are, with
// their limit of time.
func TestVHostPatternsArePCRE(t *testing.T) {
	for pattern, want := range map[string]bool{
		`^(?!other)`: true, `^t++e`: true, `^t\h`: false, `^((?!test).)*$`: false, "": true,
	} {
		matches, err := matchesVHost("default_users.ben.vhost_pattern", pattern, "test")
		require.NoError(t, err, pattern)
		assert.Equal(t, want, matches, pattern)
	}
	_, err := matchesVHost("default_users.ben.vhost_pattern", "(", "test")
	assert.ErrorContains(t, err, "bad value of default_users.ben.vhost_pattern")
	matches, err := matchesVHost("x", `^(?=a)(a|aa)*+$|^(?!b)(a+)+$`, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac")
	require.NoError(t, err)
	assert.False(t, matches, "it takes too long, which counts as no match")
}
