package settings

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
)

// files writes files, by their names, into a folder that is made for them.
func files(t testing.TB, texts map[string]string) (dir string) {
	dir = t.TempDir()
	for name, text := range texts {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	return dir
}

// load reads one rabbitmq.conf, in a folder where there is nothing else.
func load(t testing.TB, conf string, environ []string, flags ...Flag) (*Result, error) {
	dir := files(t, map[string]string{"rabbitmq.conf": conf, "cert.pem": "x", "defs.json": "{}"})
	conf = strings.ReplaceAll(conf, "DIR", dir)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "rabbitmq.conf"), []byte(conf), 0o600))
	return Load(Sources{Dir: dir, Environ: environ, Flags: flags})
}

func TestEveryMeaningfulKeyIsRead(t *testing.T) {
	r, err := load(t, `
listeners.tcp.1 = 5672
listeners.tcp.2 = 127.0.0.1:5673
listeners.tcp.10 = ::1:5674
listeners.tcp.local = local:/run/rabbet.sock:0
listeners.ssl.default = 5671
ssl_options.cacertfile = DIR/cert.pem
ssl_options.certfile=DIR/cert.pem
ssl_options.keyfile = DIR/cert.pem
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = true
ssl_options.versions.2 = tlsv1.2
ssl_options.versions.1 = tlsv1.3
handshake_timeout = 20000
message_interceptors.incoming.set_header_timestamp.overwrite = true
message_interceptors.incoming.set_header_routing_node.overwrite = false
tcp_listen_options.send_timeout = 12000
tcp_listen_options.keepalive = true
default_user = anna
default_pass = s3cret
default_vhost = shop
default_user_tags.administrator = false
default_user_tags.monitoring = true
default_permissions.read = ^a
default_users.ben.password = x
default_users.ben.tags = management, policymaker
default_users.ben.vhost_pattern = .*
default_users.ben.configure = ^c
loopback_users.guest = false
auth_mechanisms.1 = EXTERNAL
auth_mechanisms.2 = PLAIN
auth_backends.1 = internal
auth_backends.2.authn = http
auth_backends.2.authz = rabbit_auth_backend_internal
auth_http.user_path = http://auth/user
auth_cache.cache_ttl = 1000
heartbeat = 7
frame_max = 256KB
channel_max = 100
connection_max = infinity
max_message_size = 1000
consumer_timeout = 60000
vm_memory_high_watermark.absolute = 1Gi
disk_free_limit.relative = 1.5
default_queue_type = quorum
default_limits.vhosts.1.pattern = ^t
default_limits.vhosts.1.max_queues = 10
default_policies.operator.a.vhost_pattern = .*
default_policies.operator.a.queue_pattern = ^q
default_policies.operator.a.message_ttl = 1h30m
default_policies.operator.a.max_length_bytes = 1MB
load_definitions = DIR/defs.json
log.console.level = debug
log.connection.level = warning
log.file = rabbit.log
log.dir = /var/log/x
management.tcp.port = 15673
management.tcp.ip = 0.0.0.0
management.path_prefix = /mq
management.cors.allow_origins.1 = *
prometheus.tcp.port = 9000
prometheus.return_per_object_metrics = true
cluster_name = shop
`, nil)
	require.NoError(t, err)
	for _, note := range r.Notes {
		assert.Contains(t, note, "keys without effect in this version: ")
	}
	assert.Equal(t, []Address{{"", 5672}, {"127.0.0.1", 5673}, {"::1", 5674}}, r.Listen.TCP)
	assert.Equal(t, []string{"/run/rabbet.sock"}, r.Listen.Unix)
	assert.Equal(t, []Address{{"", 5671}}, r.Listen.TLS)
	assert.Equal(t, []string{"tlsv1.3", "tlsv1.2"}, r.TLS.Versions)
	assert.True(t, r.TLS.FailIfNoPeerCert && r.Listen.KeepAlive)
	assert.Equal(t, 20*time.Second, r.Listen.HandshakeTimeout)
	assert.Equal(t, broker.Stamps{Timestamp: broker.StampAlways, Node: broker.StampMissing}, r.Stamps)
	assert.Equal(t, 12*time.Second, r.Listen.SendTimeout)
	assert.Equal(t, "anna s3cret shop", r.Access.DefaultUser+" "+r.Access.DefaultPassword+" "+r.Access.DefaultVHost)
	assert.Equal(t, []string{"monitoring"}, r.Access.DefaultTags)
	assert.Equal(t, Permissions{".*", ".*", "^a"}, r.Access.DefaultPermissions)
	assert.Equal(t, User{Password: "x", VHostPattern: ".*", Tags: []string{"management", "policymaker"}, Permissions: Permissions{"^c", ".*", ".*"}}, r.Access.Users["ben"])
	assert.Empty(t, r.Access.LoopbackUsers)
	assert.Equal(t, []string{"EXTERNAL", "PLAIN"}, r.Access.Mechanisms)
	assert.Equal(t, []Backend{{"internal", "internal"}, {"http", "internal"}}, r.Access.Backends)
	assert.Equal(t, "http://auth/user", r.Access.HTTP.UserPath)
	assert.Equal(t, time.Second, r.Access.Cache.TTL)
	l := r.Limits
	assert.Equal(t, 7*time.Second, l.Heartbeat)
	assert.Equal(t, int64(256<<10), l.FrameMax, "of 1024")
	assert.Equal(t, int64(-1), l.Connections)
	assert.Equal(t, time.Minute, l.ConsumerTimeout)
	assert.Equal(t, int64(1<<30), l.MemoryLimit(8<<30))
	assert.Equal(t, int64(12<<30), l.DiskFreeLimit(8<<30))
	assert.Equal(t, "quorum", l.DefaultQueueType)
	assert.Equal(t, VHostLimit{"^t", -1, 10}, l.VHostLimits["1"])
	assert.Equal(t, OperatorPolicy{".*", "^q", "all", map[string]any{"message-ttl": int64(5400000), "max-length-bytes": int64(1 << 20)}}, l.OperatorPolicies["a"])
	assert.Equal(t, "/var/log/x/rabbit.log", r.Log.File)
	assert.Equal(t, "debug", r.Log.ConsoleLevel)
	assert.Equal(t, map[string]string{"connection": "warning"}, r.Log.Levels)
	assert.Equal(t, Address{"0.0.0.0", 15673}, r.Management.Address)
	assert.True(t, r.Management.SetByHand && r.Prometheus.SetByHand && r.Prometheus.PerObject)
	assert.Equal(t, []string{"*"}, r.Management.Origins)
	assert.Equal(t, Address{"", 9000}, r.Prometheus.Address, "where AMQP is")
}

func TestPrecedence(t *testing.T) {
	conf := "default_user = file\nheartbeat = 1\nlisteners.tcp.1 = 127.0.0.1:1001\n"
	env := []string{"RABBITMQ_DEFAULT_USER=env", "RABBITMQ_NODE_PORT=1002", "RABBITMQ_NODE_IP_ADDRESS=0.0.0.0"}
	r, err := load(t, conf, nil)
	require.NoError(t, err)
	assert.Equal(t, "file", r.Access.DefaultUser)
	assert.Equal(t, time.Second, r.Limits.Heartbeat)
	assert.False(t, r.Access.DefaultUserFromEnv)

	r, err = load(t, conf, env)
	require.NoError(t, err)
	assert.Equal(t, "env", r.Access.DefaultUser)
	assert.True(t, r.Access.DefaultUserFromEnv)
	assert.Equal(t, []Address{{"127.0.0.1", 1001}}, r.Listen.TCP, "the file wins here")
	assert.Contains(t, r.Notes, "RABBITMQ_NODE_PORT is ignored, because a configuration file sets listeners.tcp")

	r, err = load(t, conf, env, Flag{"user", "flag"}, Flag{"port", "1003"}, Flag{"heartbeat", "3s"})
	require.NoError(t, err)
	assert.Equal(t, "flag", r.Access.DefaultUser)
	assert.Equal(t, 3*time.Second, r.Limits.Heartbeat)
	assert.Equal(t, []Address{{"0.0.0.0", 1003}}, r.Listen.TCP)

	r, err = load(t, "", env)
	require.NoError(t, err)
	assert.Equal(t, []Address{{"0.0.0.0", 1002}}, r.Listen.TCP)

	r, err = load(t, "", nil, Flag{"listen", "5673"}, Flag{"listen", "[::1]:0"}, Flag{"listen", "unix:/tmp/x"})
	require.NoError(t, err)
	assert.Equal(t, []Address{{"127.0.0.1", 5673}, {"::1", 0}}, r.Listen.TCP)
	assert.Equal(t, []string{"/tmp/x"}, r.Listen.Unix)
}

func TestFilesInTheirOrder(t *testing.T) {
	dir := files(t, map[string]string{
		"rabbitmq.conf":   "default_user = a\ndefault_vhost = a\ndefault_pass = a\nheartbeat = 5",
		"conf.d/10.conf":  "default_user = b\ndefault_vhost = b",
		"conf.d/20.conf":  "default_user = c",
		"conf.d/note.txt": "nonsense",
		"advanced.config": `[{rabbit, [{heartbeat, 6}, {default_pass, <<"d">>}]}].`,
		"other.conf":      "default_user = o",
		"rabbitmq-env.conf": "# a comment\nNODE_PORT=1234\nexport RABBITMQ_DEFAULT_VHOST=\"v$SUFFIX\" # one\nNODENAME=bunny\n" +
			"[ -f /etc/x ] && . /etc/x\n",
		"enabled_plugins": "[rabbitmq_management, % the page\n rabbitmq_shovel].\n",
	})
	r, err := Load(Sources{Dir: dir, Environ: []string{"SUFFIX=1"}})
	require.NoError(t, err)
	assert.Equal(t, "c v1 d", r.Access.DefaultUser+" "+r.Access.DefaultVHost+" "+r.Access.DefaultPassword)
	assert.Equal(t, 6*time.Second, r.Limits.Heartbeat)
	assert.Equal(t, 1234, r.Listen.TCP[0].Port)
	assert.True(t, strings.HasPrefix(r.NodeName, "bunny@"))
	assert.Equal(t, []string{"rabbitmq_management", "rabbitmq_shovel"}, r.Plugins)
	assert.True(t, r.Management.Enabled)
	assert.False(t, r.Prometheus.Enabled, "not among the plugins")
	assert.Equal(t, []string{dir + "/rabbitmq.conf", dir + "/conf.d/10.conf", dir + "/conf.d/20.conf", dir + "/advanced.config"}, r.Files)
	assert.Equal(t, []string{dir + "/rabbitmq-env.conf:5: only NAME=value is read, so this is ignored: [ -f /etc/x ] && . /etc/x"}, r.Notes)

	// As testcontainers has it: a file by name, conf.d beside the default one.
	r, err = Load(Sources{Dir: dir, Environ: []string{"RABBITMQ_CONFIG_FILE=" + dir + "/other", "RABBITMQ_ADVANCED_CONFIG_FILE=" + dir + "/advanced"}})
	require.NoError(t, err)
	assert.Equal(t, dir+"/other.conf", r.Files[0])
	assert.Equal(t, "c", r.Access.DefaultUser)
	r, err = Load(Sources{Dir: dir, Environ: []string{"RABBITMQ_CONFIG_FILES=" + dir + "/none"}})
	require.NoError(t, err)
	assert.Equal(t, "a", r.Access.DefaultUser)
	_, err = Load(Sources{Dir: dir, Environ: []string{"RABBITMQ_CONFIG_FILE=" + dir + "/none"}})
	assert.EqualError(t, err, "cannot read "+dir+"/none, which RABBITMQ_CONFIG_FILE names: there is no such file")
	r, err = Load(Sources{Dir: dir, Config: dir + "/other.conf"})
	require.NoError(t, err)
	assert.Equal(t, []string{dir + "/other.conf"}, r.Files, "--config is the only file")
	assert.Equal(t, 5672, r.Listen.TCP[0].Port)
}

func TestMistakesAreNamed(t *testing.T) {
	for conf, want := range map[string]string{
		"\nheartbeet = 1":                           "rabbitmq.conf:2: unknown key heartbeet: did you mean heartbeat?",
		"ssl_options.certfle = x":                   "rabbitmq.conf:1: unknown key ssl_options.certfle: did you mean ssl_options.certfile?",
		"default_users.ben.pasword = x":             "unknown key default_users.ben.pasword: did you mean default_users.ben.password?",
		"zzz = 1":                                   "rabbitmq.conf:1: unknown key zzz",
		"heartbeat = soon":                          `rabbitmq.conf:1: bad value of heartbeat: "soon" is no whole number`,
		"channel_max = 70000":                       "bad value of channel_max: 70000 is not from 1 to 65535",
		"listeners.tcp.1 = 66000":                   `bad value of listeners.tcp.1: bad port "66000"`,
		"listeners.tcp.1 = a b:1":                   `"a b" is no address`,
		"listeners.tcp = all":                       `"all" is not one of none`,
		"listeners.tcp = none":                      "there is no listener",
		"ssl_options.verify = maybe":                `"maybe" is not one of verify_peer, verify_none`,   // TLS-4: acceptable values
		"ssl_options.certfile = /no/such":           "/no/such does not exist or cannot be read by uid", // TLS-3: refused at the start
		"ssl_options.versions.1 = tlsv9":            `"tlsv9" is not one of`,
		"vm_memory_high_watermark.relative = 2":     `"2" is no number above 0 and up to 1`,
		"vm_memory_high_watermark.absolute = 1.5GB": `"1.5GB" is no size such as 500MB`,
		"auth_backends.1 = ldap":                    `bad value of auth_backends.1: "ldap" is not supported: internal, http and cache are`, // AUTHHTTP-2: names of backends
		"auth_cache.cached_backend = cache":         "auth_cache.cached_backend cannot be cache itself",
		"default_permissions.read = (":              `bad value of default_permissions.read: "(" is no regular expression: {"missing )",1}`,
		"default_users.ben.vhost_pattern = a**":     `bad value of default_users.ben.vhost_pattern: "a**" is no regular expression`,
		"prometheus.tcp.listener = 15676":           `"15676" is neither none nor an address such as 127.0.0.1:15692`,
		"credential_validator.validation_backend = rabbit_credential_validator_min_length":      `"min_length" is not one of accept_everything, min_password_length, password_regexp`,
		"credential_validator.validation_backend = rabbit_credential_validator_password_regexp": "credential_validator.regexp is not set",
		"definitions.import_backend = https":                                                    `"https" is not supported`,
		"log.console.level = loud":                                                              `unknown log level "loud"`,
		"default_pass = ''":                                                                     "bad value of default_pass: the value makes no sense",
		"a b = 1":                                                                               `bad key "a b"`,
		"heartbeat = 1\nx = 1\ny = 2\nheartbeat = z":                                            "rabbitmq.conf:2: unknown key x (and 2 more; rabbet config check lists them)",
	} {
		_, err := load(t, conf, nil)
		require.Error(t, err, conf)
		assert.Contains(t, err.Error(), want, conf)
		assert.NotContains(t, err.Error(), "\n")
	}
	for env, want := range map[string]string{
		"RABBITMQ_NODE_PORT=x":                                  `RABBITMQ_NODE_PORT: bad port "x": it is a number from 0 to 65535`,
		"RABBITMQ_DEFAULT_PASS_FILE=/run/secret":                "RABBITMQ_DEFAULT_PASS_FILE is set but deprecated: use default_pass = $(<FILE) in rabbitmq.conf",
		"RABBITMQ_SSL_CERTFILE=/x":                              "RABBITMQ_SSL_CERTFILE is set but deprecated: use ssl_options.* in rabbitmq.conf",
		"RABBITMQ_ENABLED_PLUGINS_FILE=/no/such":                "cannot read /no/such, which RABBITMQ_ENABLED_PLUGINS_FILE names",
		"RABBITMQ_CONF_ENV_FILE=/no/such":                       "cannot read /no/such, which RABBITMQ_CONF_ENV_FILE names",
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-rabbit no_such 1": "rabbit.no_such is not read from Erlang terms here: move it to rabbitmq.conf, or take it out",
		"RABBITMQ_LOG=connection=loud":                          `RABBITMQ_LOG: unknown log level "loud"`,
	} {
		_, err := load(t, "", []string{env})
		require.Error(t, err, env)
		assert.Contains(t, err.Error(), want)
	}
}

// Nothing that was set is passed over in silence.
func TestNothingIsIgnoredInSilence(t *testing.T) {
	r, err := load(t, "mqtt.listeners.tcp.default = 1883\ncluster_partition_handling = autoheal\nraft.wal_max_entries = 1\n", []string{
		"RABBITMQ_ERLANG_COOKIE=x", "RABBITMQ_DEFAULT_VHOTS=x", "RABBITMQ_SERVICE_HOST=10.0.0.1", "HOME=/root",
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=+S 4 -rabbit disk_free_limit 2147483648 -rabbit log [{console,[{level,debug}]}]",
	})
	require.NoError(t, err)
	assert.Equal(t, []string{
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS has no effect here",
		"variables without effect here: RABBITMQ_ERLANG_COOKIE",
		"unknown variable RABBITMQ_DEFAULT_VHOTS is ignored: did you mean RABBITMQ_DEFAULT_VHOST?",
		"unknown variable RABBITMQ_SERVICE_HOST is ignored",
		"keys without effect here: mqtt.listeners.tcp.default, cluster_partition_handling, raft.wal_max_entries",
	}, r.Notes)
	assert.Equal(t, int64(2147483648), r.Limits.DiskFree)
	assert.Equal(t, "debug", r.Log.ConsoleLevel)
}

func TestTerms(t *testing.T) {
	dir := files(t, map[string]string{"a.config": `%% as in old recipes
[{rabbit, [
  {tcp_listeners, [5672, {"127.0.0.1", 5673}, {{127,0,0,1}, 5674}, {"::1", 5675}]},
  {ssl_options, [{verify, verify_peer}, {versions, ['tlsv1.2']}]},
  {default_user, <<"anna">>}, {default_permissions, [<<"a">>, <<"b">>, <<"c">>]},
  {loopback_users, []}, {vm_memory_high_watermark, {absolute, "1GB"}}, {disk_free_limit, {mem_relative, 1.0}}
 ]},
 {rabbitmq_management, [{listener, [{port, 15680}, {ssl, false}]}]}
].`})
	r, err := Load(Sources{Config: dir + "/a.config"})
	require.NoError(t, err)
	assert.Equal(t, []Address{{"", 5672}, {"127.0.0.1", 5673}, {"127.0.0.1", 5674}, {"::1", 5675}}, r.Listen.TCP)
	assert.Equal(t, "anna", r.Access.DefaultUser)
	assert.Equal(t, Permissions{"a", "b", "c"}, r.Access.DefaultPermissions)
	assert.Empty(t, r.Access.LoopbackUsers)
	assert.Equal(t, int64(1e9), r.Limits.Memory)
	assert.Equal(t, 15680, r.Management.Address.Port)
	for text, want := range map[string]string{
		`[{rabbit, [{cluster_nodes, {['a@b'], disc}}]}].`: "rabbit.cluster_nodes is not read from Erlang terms here",
		`[{kernel, [{net_ticktime, 60}]}].`:               "kernel.net_ticktime is not read from Erlang terms here",
		`[{rabbit, [{heartbeat, [1]}]}].`:                 "bad value of rabbit.heartbeat: one value is expected, not a list",
		`[{rabbit, [{heartbeat, soon}]}].`:                "bad value of heartbeat",
		`[{rabbit, x}].`:                                  "a list of {name, value} is expected, not an atom",
		"[{rabbit,\n [}].":                                "a.config: line 2:",
		"":                                                "a.config: line 1: the text ends",
	} {
		dir := files(t, map[string]string{"a.config": text})
		_, err := Load(Sources{Config: dir + "/a.config"})
		require.Error(t, err, text)
		assert.Contains(t, err.Error(), want)
	}
}

// Secrets are in no error and not in what is printed.
func TestPrint(t *testing.T) {
	r, err := load(t, "default_pass = hidden1\ndefault_users.ben.password = hidden2\nheartbeat = 9\nssl_options.password = hidden3", []string{"RABBITMQ_DEFAULT_USER=anna"},
		Flag{"port", "5680"}, Flag{"memory", "true"})
	require.NoError(t, err)
	text := r.Print()
	assert.NotContains(t, text, "hidden")
	for _, line := range []string{"default_user = anna  # RABBITMQ_DEFAULT_USER", "default_pass = ********  # ", "heartbeat = 9  # ", "channel_max = 2047  # default", "# --memory = true  # --memory",
		"# --port = 5680  # --port", "default_users.ben.password = ********"} {
		assert.Contains(t, text, line)
	}
	// What is printed is read again.
	dir := files(t, map[string]string{"again.conf": strings.ReplaceAll(text, "********", "x")})
	again, err := Load(Sources{Config: dir + "/again.conf"})
	require.NoError(t, err, text)
	assert.Equal(t, r.Limits, again.Limits)
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "7": 7, "7B": 7, "50MB": 50_000_000, "50 MB": 50_000_000, "3kB": 3000, "3k": 3000, "2G": 2e9, "1TB": 1e12,
		"1KiB": 1024, "1ki": 1024, "2MiB": 2 << 20, "1Gi": 1 << 30, "1TiB": 1 << 40,
	} {
		n, err := bytes.parse(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, n, text)
		back, err := bytes.parse(bytes.format(n))
		require.NoError(t, err)
		assert.Equal(t, want, back)
	}
	for _, text := range []string{"", "MB", "-1", "1.5GB", "5XB", "1 2MB", "99999999TB", "9223372036854775807k", "40%"} {
		_, err := bytes.parse(text)
		assert.ErrorContains(t, err, "is no size such as 500MB", text)
	}
	var l Limits
	for _, text := range []string{"%", "0%", "101%", "-5%", "NaN%", "x%"} {
		assert.ErrorContains(t, l.setMemory(text), "is no percentage such as 40%", text)
	}
	require.NoError(t, l.setMemory("50%"))
	assert.Equal(t, int64(500), l.MemoryLimit(1000))
}

// Every option can be reached, and its default is one that it takes itself.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for i := range Options {
		o := &Options[i]
		assert.NotEmpty(t, o.Section, o.id())
		assert.NotEmpty(t, o.Help, o.id())
		for _, name := range append([]string{"--" + o.Flag, o.Key}, o.Env...) {
			if name == "" || name == "--" {
				continue
			}
			assert.False(t, seen[name], "%s is there twice", name)
			seen[name] = true
		}
		if o.Key != "" {
			assert.NotNil(t, o.key.set, o.Key)
			assert.False(t, isAccepted(strings.Split(strings.ReplaceAll(o.Key, "$", ""), ".")), "%s acts and does not", o.Key)
		}
		if o.Flag != "" {
			assert.NotNil(t, o.byFlag().set, o.Flag)
		}
		d := Defaults()
		if text := o.Default(); text != "" {
			assert.NoError(t, o.byFlag().set(&d, nil, text), o.id())
		}
	}
}

// No file does more than be refused.
func FuzzLoad(f *testing.F) {
	for _, seed := range []string{"heartbeat = 1", "listeners.tcp.1 = 1:2:3", "default_users.a.b = c", "log.file = x\nlog.console = false", "loopback_users.a\\.b = true",
		"vm_memory_high_watermark.relative = 1e-300", "default_policies.operator.x.expires = 1h"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "include") || strings.Contains(text, "$(") || strings.Contains(text, "file") {
			return // the files of this machine are no part of it
		}
		dir := files(t, map[string]string{"x.conf": text, "x.config": text})
		for _, name := range []string{"/x.conf", "/x.config"} {
			r, err := Load(Sources{Config: dir + name})
			if err != nil {
				assert.NotContains(t, err.Error(), "\n")
			} else {
				r.Print()
			}
		}
	})
}

// AUTHHTTP-1: what holds where nothing is said.
func TestDefaultsOfTheHTTPBackend(t *testing.T) {
	d := Defaults().Access.HTTP
	assert.Equal(t, []string{
		"get", "http://localhost:8000/auth/user", "http://localhost:8000/auth/vhost", "http://localhost:8000/auth/resource", "http://localhost:8000/auth/topic",
	}, []string{d.Method, d.UserPath, d.VHostPath, d.ResourcePath, d.TopicPath})
	assert.Equal(t, []time.Duration{15 * time.Second, 15 * time.Second}, []time.Duration{d.RequestTimeout, d.ConnectTimeout})
}
