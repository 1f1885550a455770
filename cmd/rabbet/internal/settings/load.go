package settings

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/conffile"
)

// Sources are what settings come from, besides files.
type Sources struct {
	// Flags are the flags of the command line, in their order.
	Flags []Flag
	// Environ is the environment, as os.Environ has it.
	Environ []string
	// Config is the file that --config names, the only one then; "" looks where
	// RabbitMQ looks.
	Config string
	// OnlyFiles leaves out what variables set; files may name them all the same.
	OnlyFiles bool
	// Dir is where RabbitMQ has its files; "" is /etc/rabbitmq.
	Dir string
}

// A Flag is a flag by its name, without dashes, with its value.
type Flag struct{ Name, Value string }

// A Result is what was read.
type Result struct {
	Settings
	// Files are the configuration files, in the order in which they count.
	Files []string
	// Notes are lines for the log: what is known and has no effect, what is ignored.
	Notes []string

	given map[string]given
}

// A given is a value that somebody gave, and not the default.
type given struct {
	option        *Option
	key           string // with its words filled in; "" for a flag without one
	text, origin  string
	isFlag, isEnv bool
}

// Errors are all that is wrong.
type Errors []error

// Error is the first one, and the number of the others.
func (e Errors) Error() string {
	if len(e) == 1 {
		return e[0].Error()
	}
	return fmt.Sprintf("%s (and %d more; rabbet config check lists them)", e[0], len(e)-1)
}

// Unwrap returns them all.
func (e Errors) Unwrap() []error { return e }

// A UsageError is the fault of the command line or of the environment, not of a file.
type UsageError struct{ Err error }

// Error is that of Err.
func (e UsageError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e UsageError) Unwrap() error { return e.Err }

func usage(err error) error { return UsageError{err} }

// A loader collects settings.
type loader struct {
	settings *Settings
	given    map[string]given // by the option's id or, with $names, by key
	files    []string
	notes    []string
	errs     []error
	accepted []string // keys without effect
}

func (l *loader) note(format string, args ...any) {
	l.notes = append(l.notes, fmt.Sprintf(format, args...))
}
func (l *loader) fail(err error)          { l.errs = append(l.errs, err) }
func (l *loader) isFlag(flag string) bool { return l.given["--"+flag].isFlag }

// Load reads all sources: a flag wins over a variable of the environment, which wins
// over a file. The error is of type Errors.
func Load(src Sources) (*Result, error) {
	d := Defaults()
	l := &loader{settings: &d, given: map[string]given{}}
	env := newEnvironment(src, l)
	d.NodeName, d.DataDir = defaultNodeName(), defaultDataDir(env)
	l.readFiles(src, env)
	if !src.OnlyFiles {
		env.apply(l)
	}
	for _, f := range src.Flags {
		o := flagOption(f.Name)
		if err := o.byFlag().set(l.settings, nil, f.Value); err != nil {
			l.fail(usage(fmt.Errorf("--%s: %w", f.Name, err)))
			continue
		}
		l.given[o.id()] = given{option: o, key: o.Key, text: f.Value, origin: "--" + f.Name, isFlag: true}
	}
	if len(l.errs) == 0 {
		if err := l.resolve(); err != nil {
			l.fail(err)
		}
	}
	if len(l.accepted) > 0 {
		l.note("keys without effect here: %s", strings.Join(l.accepted, ", "))
	}
	r := &Result{Settings: *l.settings, Files: l.files, Notes: l.notes, given: l.given}
	if len(l.errs) > 0 {
		return r, Errors(l.errs)
	}
	return r, nil
}

// CheckFile reads one file and nothing else. The error is of type Errors.
func CheckFile(path string, environ []string) (*Result, error) {
	return Load(Sources{Config: path, Environ: environ, OnlyFiles: true})
}

// defaultNodeName is rabbit at this machine.
func defaultNodeName() string {
	host, _ := os.Hostname()
	host, _, _ = strings.Cut(host, ".")
	return "rabbit@" + cmp.Or(host, "localhost")
}

// defaultDataDir is a rabbet folder in the user's data folder; "" if there is no
// home.
func defaultDataDir(env *environment) string {
	if dir := env.get("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "rabbet")
	}
	if home := env.get("HOME"); home != "" {
		return filepath.Join(home, ".local", "share", "rabbet")
	}
	return ""
}

// readFiles reads the configuration files, in RabbitMQ's format and as Erlang terms.
func (l *loader) readFiles(src Sources, env *environment) {
	confs, terms := env.configFiles(src, l)
	reader := conffile.Reader{Getenv: env.lookup}
	for _, path := range confs {
		if err := reader.ReadFile(path); err != nil {
			l.fail(err)
			continue
		}
		l.files = append(l.files, path)
	}
	entries, errs := reader.Entries()
	l.errs = append(l.errs, errs...)
	l.apply(entries)
	for _, path := range terms {
		text, err := os.ReadFile(path)
		if err != nil {
			l.fail(fmt.Errorf("cannot read %s", path))
			continue
		}
		l.files = append(l.files, path)
		entries, errs := termEntries(path, string(text))
		l.errs = append(l.errs, errs...)
		l.apply(entries)
	}
}

// apply makes settings of entries.
func (l *loader) apply(entries []conffile.Entry) {
	for _, e := range entries {
		o, names := optionOf(e.Key)
		if o == nil {
			if isAccepted(e.Key) {
				l.accepted = append(l.accepted, e.Name())
			} else {
				l.fail(&conffile.Error{Place: e.Place, Err: unknownKey(e.Key)})
			}
			continue
		}
		if err := o.key.set(l.settings, names, e.Value); err != nil {
			text := err.Error()
			if o.Secret {
				text = "the value makes no sense" // it must not be in a log
			}
			l.fail(&conffile.Error{Place: e.Place, Err: fmt.Errorf("bad value of %s: %s", e.Name(), text)})
			continue
		}
		id := o.id()
		if len(names) > 0 {
			id = e.Name()
		}
		l.given[id] = given{option: o, key: e.Name(), text: e.Value, origin: e.Place.String()}
	}
}

// unknownKey is the error for a key that RabbitMQ does not know either.
func unknownKey(key []string) error {
	name := conffile.FormatKey(key)
	if near := nearestKey(key); near != "" {
		return fmt.Errorf("unknown key %s: did you mean %s?", name, near)
	}
	return fmt.Errorf("unknown key %s", name)
}

// Print writes all settings in the format of rabbitmq.conf, each with where it comes
// from. Secrets are left out.
func (r *Result) Print() string {
	var b strings.Builder
	section := ""
	line := func(o *Option, name, text, origin string) {
		if o.Section != section {
			section = o.Section
			fmt.Fprintf(&b, "%s# %s\n", map[bool]string{true: "\n"}[b.Len() > 0], section)
		}
		if o.Secret {
			text = "********"
		}
		if o.Key == "" {
			name = "# " + name
		}
		fmt.Fprintf(&b, "%s = %s  # %s\n", name, quoteValue(text), origin)
	}
	for i := range Options {
		o := &Options[i]
		if strings.Contains(o.Key, "$") {
			for _, id := range names(r.given) {
				if g := r.given[id]; g.option == o {
					line(o, g.key, g.text, g.origin)
				}
			}
			continue
		}
		g, isGiven := r.given[o.id()]
		name := cmp.Or(o.Key, o.id())
		v := o.key
		if o.Key == "" {
			v = o.byFlag()
		}
		switch {
		case v.get != nil:
			if text := v.get(&r.Settings); isGiven || text != "" && !o.Alias {
				line(o, name, text, cmp.Or(g.origin, "default"))
			}
		case isGiven:
			line(o, name, g.text, g.origin)
		}
	}
	return b.String()
}

// quoteValue quotes what a file would read otherwise.
func quoteValue(text string) string {
	if text == "" || text != strings.TrimSpace(text) || strings.ContainsAny(text, "#'\n") {
		return "'" + text + "'"
	}
	return text
}

// All returns the errors in an error, each by itself.
func All(err error) []error {
	if list := (Errors)(nil); errors.As(err, &list) {
		return slices.Clone(list)
	}
	return []error{err}
}
