package settings

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/rabbetmq/rabbet/broker"
)

const users, backend = "Users and permissions", "Authentication backends"

var access = []Option{
	{Section: users, Flag: "user", Arg: "name", Env: []string{"RABBITMQ_DEFAULT_USER"}, Key: "default_user", Help: "`name` of the user that the first start makes",
		key: field(name, func(s *Settings) *string { return &s.Access.DefaultUser })},
	{Section: users, Flag: "password", Arg: "password", Env: []string{"RABBITMQ_DEFAULT_PASS"}, Key: "default_pass", Help: "`password` of that user", Secret: true,
		key: field(name, func(s *Settings) *string { return &s.Access.DefaultPassword })},
	{Section: users, Flag: "vhost", Arg: "name", Env: []string{"RABBITMQ_DEFAULT_VHOST"}, Key: "default_vhost", Help: "`name` of the virtual host that the first start makes",
		key: field(name, func(s *Settings) *string { return &s.Access.DefaultVHost })},
	{Section: users, Key: "default_user_tags.$tag", Help: "whether that user has the tag", key: member(boolean, func(s *Settings) *map[string]bool { return &s.Access.tags })},
	{Section: users, Key: "default_permissions.configure", Help: "what that user may configure",
		key: field(pattern, func(s *Settings) *string { return &s.Access.DefaultPermissions.Configure })},
	{Section: users, Key: "default_permissions.write", Help: "what that user may write",
		key: field(pattern, func(s *Settings) *string { return &s.Access.DefaultPermissions.Write })},
	{Section: users, Key: "default_permissions.read", Help: "what that user may read",
		key: field(pattern, func(s *Settings) *string { return &s.Access.DefaultPermissions.Read })},
	{Section: users, Key: "default_users.$name.password", Help: "password of one more user, whom the first virtual host that is for it makes", Secret: true,
		key: named(name, func(s *Settings, n []string) *string { return &s.user(n).Password })},
	{Section: users, Key: "default_users.$name.tags", Help: "tags of that user, with commas between them",
		key: named(text, func(s *Settings, n []string) *string { return &s.user(n).tags })},
	{Section: users, Key: "default_users.$name.vhost_pattern", Help: "new virtual hosts that the user may enter: a regular expression",
		key: named(pattern, func(s *Settings, n []string) *string { return &s.user(n).VHostPattern })},
	{Section: users, Key: "default_users.$name.configure", Help: "what the user may configure there",
		key: named(pattern, func(s *Settings, n []string) *string { return &s.user(n).Configure })},
	{Section: users, Key: "default_users.$name.write", Help: "what the user may write there",
		key: named(pattern, func(s *Settings, n []string) *string { return &s.user(n).Write })},
	{Section: users, Key: "default_users.$name.read", Help: "what the user may read there",
		key: named(pattern, func(s *Settings, n []string) *string { return &s.user(n).Read })},
	{Section: users, Flag: "guest-from-anywhere", Help: "let all users log in from other machines too, as loopback_users = none does",
		flag: does("true or false", func(s *Settings, text string) error {
			on, err := flagBoolean.parse(text)
			if on {
				s.Access.loopback = map[string]bool{}
			}
			return err
		})},
	{Section: users, Key: "loopback_users", Help: "let all users log in from other machines", key: none(func(s *Settings) { s.Access.loopback = map[string]bool{} })},
	{Section: users, Key: "loopback_users.$user", Help: "whether the user may log in from this machine only",
		key: member(boolean, func(s *Settings) *map[string]bool { return &s.Access.loopback })},
	{Section: users, Key: "anonymous_login_user", Help: "user of mechanism ANONYMOUS; none turns it off",
		key: field(name, func(s *Settings) *string { return &s.Access.AnonymousUser })},
	{Section: users, Key: "anonymous_login_pass", Help: "password of that user", Secret: true,
		key: field(text, func(s *Settings) *string { return &s.Access.AnonymousPassword })},
	{Section: users, Key: "auth_mechanisms.$number", Help: "mechanisms of SASL that are offered",
		key: member(mechanism, func(s *Settings) *map[string]string { return &s.Access.mechanisms })},
	{Section: users, Key: "ssl_cert_login_from", Help: "where the user of a certificate is, for EXTERNAL",
		key: field(oneOf("distinguished_name", "common_name", "subject_alternative_name", "subject_alt_name"), func(s *Settings) *string { return &s.Access.CertLoginFrom })},
	{Section: users, Key: "ssl_cert_login_san_type", Help: "type of the alternative name",
		key: field(oneOf("dns", "ip", "email", "uri", "other_name"), func(s *Settings) *string { return &s.Access.CertLoginSANType })},
	{Section: users, Key: "ssl_cert_login_san_index", Help: "which one of that type, from 0",
		key: field(integer(0, math.MaxInt32), func(s *Settings) *int64 { return &s.Access.CertLoginSANIndex })},
	{Section: users, Key: "password_hashing_module", Help: "how new passwords are kept",
		key: field(hashing, func(s *Settings) *string { return &s.Access.PasswordHashing })},
	{Section: users, Key: "credential_validator.validation_backend", Help: "how new passwords are checked",
		key: field(validator, func(s *Settings) *string { return &s.Access.Validator })},
	{Section: users, Key: "credential_validator.min_length", Help: "least number of bytes of a password",
		key: field(integer(0, math.MaxInt32), func(s *Settings) *int64 { return &s.Access.ValidatorMinLength })},
	{Section: users, Key: "credential_validator.regexp", Help: "what a password must match: a regular expression",
		key: field(pattern, func(s *Settings) *string { return &s.Access.ValidatorRegexp })},
}

// hashing is the name of a module of RabbitMQ's, kept without its prefix.
var hashing = kind[string]{"rabbit_password_hashing_sha256, _sha512, _md5", func(s string) (string, error) {
	return oneOf("sha256", "sha512", "md5").parse(strings.TrimPrefix(s, hashingPrefix))
}, func(s string) string { return hashingPrefix + s }}

const hashingPrefix = "rabbit_password_hashing_"

// validator is the name of a module of RabbitMQ's, kept without its prefix.
var validator = kind[string]{"rabbit_credential_validator_accept_everything, _min_password_length, _password_regexp", func(s string) (string, error) {
	return oneOf("accept_everything", "min_password_length", "password_regexp").parse(strings.TrimPrefix(s, validatorPrefix))
}, func(s string) string { return validatorPrefix + s }}

const validatorPrefix = "rabbit_credential_validator_"

// pattern is a regular expression of PCRE.
var pattern = kind[string]{"regular expression", func(s string) (string, error) {
	if s == "" {
		return "", errors.New("the regular expression is empty")
	}
	if _, err := broker.CompilePattern(s); err != nil {
		return "", fmt.Errorf("%q is no regular expression: %w", s, err)
	}
	return s, nil
}, same}

var mechanism = oneOf("PLAIN", "AMQPLAIN", "EXTERNAL", "ANONYMOUS")

// user is the entry of default_users.
func (s *Settings) user(names []string) *userWords {
	return entry(&s.Access.users, names[0], userWords{User: User{Permissions: Permissions{".*", ".*", ".*"}}})
}

var backends = []Option{
	{Section: backend, Key: "auth_backends.$number", Help: "who checks logins and permissions: internal, http or cache",
		key: authBackend(func(s *Settings, n []string) []*string { b := s.backend(n); return []*string{&b.AuthN, &b.AuthZ} })},
	{Section: backend, Key: "auth_backends.$number.authn", Help: "who checks logins",
		key: authBackend(func(s *Settings, n []string) []*string { return []*string{&s.backend(n).AuthN} })},
	{Section: backend, Key: "auth_backends.$number.authz", Help: "who checks permissions",
		key: authBackend(func(s *Settings, n []string) []*string { return []*string{&s.backend(n).AuthZ} })},
	{Section: backend, Key: "auth_cache.cached_backend", Help: "whose answers are kept",
		key: authBackend(func(s *Settings, _ []string) []*string {
			b := &s.Access.Cache.Backend
			return []*string{&b.AuthN, &b.AuthZ}
		})},
	{Section: backend, Key: "auth_cache.cached_backend.authn", Help: "whose answers on logins are kept",
		key: authBackend(func(s *Settings, _ []string) []*string { return []*string{&s.Access.Cache.Backend.AuthN} })},
	{Section: backend, Key: "auth_cache.cached_backend.authz", Help: "whose answers on permissions are kept",
		key: authBackend(func(s *Settings, _ []string) []*string { return []*string{&s.Access.Cache.Backend.AuthZ} })},
	{Section: backend, Key: "auth_cache.cache_ttl", Help: "how long answers are kept",
		key: field(millis, func(s *Settings) *time.Duration { return &s.Access.Cache.TTL })},
	{Section: backend, Key: "auth_cache.cache_refusals", Help: "keep refusals too",
		key: field(boolean, func(s *Settings) *bool { return &s.Access.Cache.CacheRefusals })},
	{Section: backend, Key: "auth_http.http_method", Help: "method of the requests",
		key: field(oneOf("get", "post"), func(s *Settings) *string { return &s.Access.HTTP.Method })},
	{Section: backend, Key: "auth_http.user_path", Help: "who answers for logins", key: field(uri, func(s *Settings) *string { return &s.Access.HTTP.UserPath })},
	{Section: backend, Key: "auth_http.vhost_path", Help: "who answers for virtual hosts", key: field(uri, func(s *Settings) *string { return &s.Access.HTTP.VHostPath })},
	{Section: backend, Key: "auth_http.resource_path", Help: "who answers for queues and exchanges", key: field(uri, func(s *Settings) *string { return &s.Access.HTTP.ResourcePath })},
	{Section: backend, Key: "auth_http.topic_path", Help: "who answers for routing keys", key: field(uri, func(s *Settings) *string { return &s.Access.HTTP.TopicPath })},
	{Section: backend, Key: "auth_http.request_timeout", Help: "time for an answer", key: field(millis, func(s *Settings) *time.Duration { return &s.Access.HTTP.RequestTimeout })},
	{Section: backend, Key: "auth_http.connection_timeout", Help: "time to connect", key: field(millis, func(s *Settings) *time.Duration { return &s.Access.HTTP.ConnectTimeout })},
	{Section: backend, Key: "auth_http.ssl_options.sni", Help: "name of the server, for TLS", key: field(name, func(s *Settings) *string { return &s.Access.HTTP.SNI })},
	{Section: backend, Key: "auth_http.ssl_options.hostname_verification", Help: "how the server's name is compared",
		key: field(oneOf("wildcard", "none"), func(s *Settings) *string { return &s.Access.HTTP.HostnameVerification })},
}

func (s *Settings) backend(names []string) *Backend {
	return entry(&s.Access.backends, names[0], Backend{})
}

// backendNames are those that there are, by their short names and their modules'.
var backendNames = map[string]string{
	"internal": "internal", "rabbit_auth_backend_internal": "internal",
	"http": "http", "rabbit_auth_backend_http": "http",
	"cache": "cache", "rabbit_auth_backend_cache": "cache",
}

// authBackend is a value that names a backend, kept in all that at returns.
func authBackend(at func(*Settings, []string) []*string) value {
	return value{"internal, http, cache", func(s *Settings, names []string, text string) error {
		known, ok := backendNames[text]
		if !ok {
			return fmt.Errorf("%q is not supported: internal, http and cache are", text)
		}
		for _, field := range at(s, names) {
			*field = known
		}
		return nil
	}, nil}
}
