package settings

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/erlterm"
)

// An environment is the variables of the process and those of rabbitmq-env.conf.
type environment struct {
	values map[string]string
	dir    string // where RabbitMQ has its files
}

// Variables that Load itself looks at, besides those of Options.
const (
	configFile     = "RABBITMQ_CONFIG_FILE"
	configFiles    = "RABBITMQ_CONFIG_FILES"
	advancedFile   = "RABBITMQ_ADVANCED_CONFIG_FILE"
	confEnvFile    = "RABBITMQ_CONF_ENV_FILE"
	pluginsFile    = "RABBITMQ_ENABLED_PLUGINS_FILE"
	enabledPlugins = "RABBITMQ_ENABLED_PLUGINS"
	longNames      = "RABBITMQ_USE_LONGNAME"
	configDir      = "RABBET_CONFIG_DIR"
)

// ErlArgs are the variables with arguments for Erlang, of which "-rabbit key value"
// sets what advanced.config could.
var erlArgs = []string{"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "RABBITMQ_SERVER_ERL_ARGS", "RABBITMQ_SERVER_START_ARGS"}

// A Variable is one that Load looks at and that sets no option.
type Variable struct{ Name, Help string }

// Variables are they, for the documentation.
var Variables = []Variable{
	{configFile, "the configuration file instead of /etc/rabbitmq/rabbitmq.conf, with or without .conf; .config is read as Erlang terms"},
	{configFiles, "folder or pattern of more of them, instead of /etc/rabbitmq/conf.d/*.conf"},
	{advancedFile, "file of Erlang terms instead of /etc/rabbitmq/advanced.config"},
	{confEnvFile, "file of variables instead of /etc/rabbitmq/rabbitmq-env.conf"},
	{pluginsFile, "list of plugins instead of /etc/rabbitmq/enabled_plugins"},
	{enabledPlugins, "names of plugins with commas between them, instead of that file"},
	{configDir, "folder in which all these files are looked for, instead of /etc/rabbitmq"},
	{longNames, "true: the node's name has the machine's whole name"},
	{erlArgs[0], "-rabbit KEY VALUE in it is read as advanced.config is"},
}

// withoutEffect are RabbitMQ's other variables. They mean nothing here and are listed
// at the start.
var withoutEffect = []string{
	"RABBITMQ_ALLOW_INPUT", "RABBITMQ_BASE", "RABBITMQ_CTL_ERL_ARGS", "RABBITMQ_CTL_DIST_PORT_MAX", "RABBITMQ_CTL_DIST_PORT_MIN", "RABBITMQ_DATA_DIR",
	"RABBITMQ_DBG", "RABBITMQ_DEFAULT_PLUGINS_DIR", "RABBITMQ_DIST_PORT", "RABBITMQ_DISTRIBUTION_BUFFER_SIZE", "RABBITMQ_ERLANG_COOKIE", "RABBITMQ_FEATURE_FLAGS",
	"RABBITMQ_FEATURE_FLAGS_FILE", "RABBITMQ_HOME", "RABBITMQ_IGNORE_SIGINT", "RABBITMQ_IO_THREAD_POOL_SIZE", "RABBITMQ_KEEP_PID_FILE_ON_EXIT",
	"RABBITMQ_LOG_FF_REGISTRY", "RABBITMQ_MAX_NUMBER_OF_PROCESSES", "RABBITMQ_MAX_NUMBER_OF_ATOMS", "RABBITMQ_MAX_OPEN_FILES", "RABBITMQ_MOTD_FILE",
	"RABBITMQ_PGP_KEY_ID", "RABBITMQ_PLUGINS_DIR", "RABBITMQ_PLUGINS_EXPAND_DIR", "RABBITMQ_PRODUCT_NAME", "RABBITMQ_PRODUCT_VERSION", "RABBITMQ_QUORUM_DIR",
	"RABBITMQ_SCHEDULER_BIND_TYPE", "RABBITMQ_SERVICENAME", "RABBITMQ_STREAM_DIR", "RABBITMQ_SYS_PREFIX", "RABBITMQ_VERSION",
}

// refused are those that RabbitMQ's own image refuses, with what to do instead.
var refused = []struct{ pattern, instead string }{
	{"RABBITMQ_DEFAULT_PASS_FILE", "default_pass = $(<FILE) in rabbitmq.conf"},
	{"RABBITMQ_DEFAULT_USER_FILE", "default_user = $(<FILE) in rabbitmq.conf"},
	{"RABBITMQ_VM_MEMORY_HIGH_WATERMARK", "vm_memory_high_watermark.relative or .absolute in rabbitmq.conf"},
	{"RABBITMQ_SSL_*", "ssl_options.* in rabbitmq.conf"},
	{"RABBITMQ_MANAGEMENT_SSL_*", "management.ssl.* in rabbitmq.conf"},
}

// newEnvironment reads the variables of the process, and of rabbitmq-env.conf those
// that the process does not have.
func newEnvironment(src Sources, l *loader) *environment {
	env := &environment{values: map[string]string{}}
	for _, v := range src.Environ {
		name, value, _ := strings.Cut(v, "=")
		env.values[name] = value
	}
	env.dir = cmp.Or(src.Dir, env.get(configDir), "/etc/rabbitmq")
	if src.Config != "" {
		return env
	}
	path, given := env.get(confEnvFile), true
	if path == "" {
		path, given = filepath.Join(env.dir, "rabbitmq-env.conf"), false
	}
	text, err := os.ReadFile(path)
	switch {
	case err == nil:
		env.readConfEnv(path, string(text), l)
	case given:
		l.fail(fmt.Errorf("cannot read %s, which %s names", path, confEnvFile))
	case !errors.Is(err, fs.ErrNotExist):
		l.note("cannot read %s", path)
	}
	return env
}

// assignment is a line of rabbitmq-env.conf.
var assignment = regexp.MustCompile(`^(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$`)

// readConfEnv reads NAME=value lines; RabbitMQ's prefix may be left out. Of what a
// shell can do there it knows quotes, comments and $NAME.
func (env *environment) readConfEnv(path, text string, l *loader) {
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		m := assignment.FindStringSubmatch(line)
		if m == nil {
			l.note("%s:%d: only NAME=value is read, so this is ignored: %s", path, i+1, line)
			continue
		}
		name := m[1]
		if !strings.HasPrefix(name, "RABBITMQ_") && !strings.HasPrefix(name, "RABBET_") {
			name = "RABBITMQ_" + name
		}
		if _, inProcess := env.values[name]; !inProcess {
			env.values[name] = env.unquote(m[2])
		}
	}
}

// unquote reads a value as a shell would.
func (env *environment) unquote(text string) string {
	if quoted, ok := strings.CutPrefix(text, "'"); ok {
		value, _, _ := strings.Cut(quoted, "'")
		return value
	}
	if quoted, ok := strings.CutPrefix(text, `"`); ok {
		text, _, _ = strings.Cut(quoted, `"`)
	} else {
		text, _, _ = strings.Cut(text, " #")
	}
	return os.Expand(strings.TrimSpace(text), env.get)
}

func (env *environment) get(name string) string { return env.values[name] }

func (env *environment) lookup(name string) (string, bool) {
	value, ok := env.values[name]
	return value, ok
}

// apply makes settings of the variables.
func (env *environment) apply(l *loader) {
	env.refuse(l)
	if strings.EqualFold(env.get(longNames), "true") {
		if host, err := os.Hostname(); err == nil {
			l.settings.NodeName = "rabbit@" + host
		}
	}
	for i := range Options {
		o := &Options[i]
		for _, name := range o.Env {
			value := env.get(name)
			if value == "" {
				continue
			}
			if err := o.byFlag().set(l.settings, nil, value); err != nil {
				l.fail(usage(fmt.Errorf("%s: %w", name, err)))
			}
			l.given[o.id()] = given{option: o, key: o.Key, text: value, origin: name, isEnv: true}
			break
		}
	}
	l.settings.Access.DefaultUserFromEnv = l.given["--user"].isEnv
	env.plugins(l)
	for _, name := range erlArgs {
		env.erlArgs(name, l)
	}
	env.tellUnused(l)
}

// refuse refuses what RabbitMQ's image refuses.
func (env *environment) refuse(l *loader) {
	for _, name := range names(env.values) {
		for _, r := range refused {
			if prefix, ok := strings.CutSuffix(r.pattern, "*"); name == r.pattern || ok && strings.HasPrefix(name, prefix) {
				l.fail(fmt.Errorf("%s is set but deprecated: use %s", name, r.instead))
			}
		}
	}
}

// tellUnused lists the variables that look like ours and do nothing.
func (env *environment) tellUnused(l *loader) {
	known := slices.Concat(withoutEffect, erlArgs)
	used := map[string]bool{}
	for _, v := range Variables {
		used[v.Name] = true
	}
	for i := range Options {
		for _, name := range Options[i].Env {
			used[name] = true
		}
	}
	var idle, unknown []string
	for _, name := range names(env.values) {
		switch {
		case !strings.HasPrefix(name, "RABBITMQ_") && !strings.HasPrefix(name, "RABBET_"), used[name], slices.Contains(erlArgs, name):
		case slices.Contains(known, name):
			idle = append(idle, name)
		default:
			unknown = append(unknown, name)
		}
	}
	if len(idle) > 0 {
		l.note("variables without effect here: %s", strings.Join(idle, ", "))
	}
	for _, name := range unknown {
		if near := nearest(name, slices.Concat(names(used), known), 2); near != "" {
			l.note("unknown variable %s is ignored: did you mean %s?", name, near)
		} else {
			l.note("unknown variable %s is ignored", name)
		}
	}
}

// plugins reads the list of plugins: of the variable or of the file.
func (env *environment) plugins(l *loader) {
	path, given := env.get(pluginsFile), true
	if path == "" {
		path, given = filepath.Join(env.dir, "enabled_plugins"), false
	}
	l.settings.PluginsFile = path
	if text, err := os.ReadFile(DisabledFile(path)); err == nil {
		if l.settings.DisabledPlugins, err = ReadPlugins(string(text)); err != nil {
			l.fail(fmt.Errorf("cannot read the list of plugins %s: %w", DisabledFile(path), err))
		}
	}
	if text, ok := env.lookup(enabledPlugins); ok {
		l.settings.Plugins = []string{}
		for name := range strings.SplitSeq(text, ",") {
			if name = strings.TrimSpace(name); name != "" {
				l.settings.Plugins = append(l.settings.Plugins, name)
			}
		}
		return
	}
	text, err := os.ReadFile(path)
	if err != nil {
		if given {
			l.fail(fmt.Errorf("cannot read %s, which %s names", path, pluginsFile))
		}
		return
	}
	if l.settings.Plugins, err = ReadPlugins(string(text)); err != nil {
		l.fail(fmt.Errorf("cannot read the list of plugins %s: %w", path, err)) // PLUGIN-18: must be one term
	}
}

// DisabledFile is the path of the list of plugins that are switched off, which is beside
// that of those that are enabled. RabbitMQ has none: there nothing is on by itself.
func DisabledFile(enabled string) string {
	return filepath.Join(filepath.Dir(enabled), "disabled_plugins")
}

// ReadPlugins reads the text of an enabled_plugins file: one list of names.
func ReadPlugins(text string) ([]string, error) {
	term, err := erlterm.Parse(text)
	if err != nil {
		return nil, err
	}
	list, ok := term.(erlterm.List)
	if !ok {
		return nil, errors.New("it is not a list such as [rabbitmq_management]")
	}
	plugins := []string{}
	for _, item := range list {
		name, ok := item.(erlterm.Atom)
		if !ok {
			return nil, fmt.Errorf("%s is not the name of a plugin", describe(item))
		}
		plugins = append(plugins, string(name))
	}
	return plugins, nil
}
