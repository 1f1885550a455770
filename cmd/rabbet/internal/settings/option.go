package settings

import (
	"slices"
	"strings"
)

// An Option is one setting, by all its names.
type Option struct {
	// Section is the heading under which the documentation has it.
	Section string
	// Flag is the flag's name without dashes, and Arg what its help calls the value;
	// "" if there is no flag. A flag without an Arg is a switch.
	Flag, Arg string
	// Env are the variables of the environment, of which the first one counts.
	Env []string
	// Key is the key in rabbitmq.conf; a word that begins with $ stands for any.
	Key string
	// Help is a sentence without a full stop, to be read behind the name.
	Help string
	// Secret values are printed nowhere.
	Secret bool
	// Repeat lets a flag be given more than once.
	Repeat bool
	// Alias is an option whose value another one shows.
	Alias bool

	flag, key value
}

// A value is how a text becomes part of the settings, and the other way round.
type value struct {
	kind string
	set  func(s *Settings, names []string, text string) error
	get  func(s *Settings) string // nil if it cannot be told by itself
}

// field is a value that one field keeps.
func field[T any](k kind[T], at func(*Settings) *T) value {
	return value{k.name, func(s *Settings, _ []string, text string) error {
		v, err := k.parse(text)
		if err == nil {
			*at(s) = v
		}
		return err
	}, func(s *Settings) string { return k.format(*at(s)) }}
}

// named is a value of a key with $name in it: at gets what stands there.
func named[T any](k kind[T], at func(s *Settings, names []string) *T) value {
	return value{k.name, func(s *Settings, names []string, text string) error {
		v, err := k.parse(text)
		if err == nil {
			*at(s, names) = v
		}
		return err
	}, nil}
}

// member is a value that a map keeps under the first name.
func member[T any](k kind[T], at func(*Settings) *map[string]T) value {
	return value{k.name, func(s *Settings, names []string, text string) error {
		v, err := k.parse(text)
		if err == nil {
			put(at(s), names[0], v)
		}
		return err
	}, nil}
}

func put[T any](m *map[string]T, name string, v T) {
	if *m == nil {
		*m = map[string]T{}
	}
	(*m)[name] = v
}

// entry is the entry of a map, made if it is not there.
func entry[T any](m *map[string]*T, name string, fresh T) *T {
	if (*m)[name] == nil {
		put(m, name, &fresh)
	}
	return (*m)[name]
}

// does is a value that a function takes.
func does(kind string, set func(s *Settings, text string) error) value {
	return value{kind, func(s *Settings, _ []string, text string) error { return set(s, text) }, nil}
}

// none is the only value of keys such as listeners.tcp.
func none(clear func(*Settings)) value {
	k := oneOf("none")
	return does(k.name, func(s *Settings, text string) error {
		_, err := k.parse(text)
		if err == nil {
			clear(s)
		}
		return err
	})
}

// names matches a key with that of an option and returns what stands for its $words.
func (o *Option) names(key []string) (names []string, ok bool) {
	return matchKey(strings.Split(o.Key, "."), key)
}

// matchKey matches words; a $word matches any, and ** at the end any number of them.
func matchKey(pattern, key []string) (names []string, ok bool) {
	for i, word := range pattern {
		switch {
		case word == "**":
			return names, len(key) > i
		case i >= len(key):
			return nil, false
		case strings.HasPrefix(word, "$"):
			names = append(names, key[i])
		case word != key[i]:
			return nil, false
		}
	}
	return names, len(pattern) == len(key)
}

// optionOf finds the option of a key: one without $words first.
func optionOf(key []string) (o *Option, names []string) {
	for i := range Options {
		if Options[i].Key == "" {
			continue
		}
		if n, ok := Options[i].names(key); ok && (o == nil || len(n) < len(names)) {
			o, names = &Options[i], n
		}
	}
	return o, names
}

// flagOption finds the option of a flag; nil if there is none.
func flagOption(flag string) *Option {
	i := slices.IndexFunc(Options, func(o Option) bool { return o.Flag == flag })
	if i < 0 || flag == "" {
		return nil
	}
	return &Options[i]
}

// id names an option among all.
func (o *Option) id() string {
	switch {
	case o.Flag != "":
		return "--" + o.Flag
	case o.Key != "":
		return o.Key
	}
	return o.Env[0]
}

// byFlag is how flags and variables give the value: as a key does, unless the option
// has its own way.
func (o *Option) byFlag() value {
	if o.flag.set != nil {
		return o.flag
	}
	return o.key
}

// CheckFlag reports what is wrong with a value of the flag, if anything is.
func (o *Option) CheckFlag(text string) error {
	d := Defaults()
	return o.byFlag().set(&d, nil, text)
}

// Default is the value of a broker that is told nothing, as a flag or, without one,
// as a key has it; "" if it cannot be told.
func (o *Option) Default() string {
	v := o.byFlag()
	if v.get == nil {
		return ""
	}
	d := Defaults()
	return v.get(&d)
}

// Kind is what values look like, as the documentation says it.
func (o *Option) Kind() string {
	if o.key.set != nil && o.Key != "" {
		return o.key.kind
	}
	return o.byFlag().kind
}

// IsSwitch reports whether the flag stands without a value.
func (o *Option) IsSwitch() bool { return o.Flag != "" && o.Arg == "" }

// Options are all settings there are, in the order of the documentation.
var Options = slices.Concat(
	basics, listening, tlsOptions("Listeners", "ssl_options", func(s *Settings) *TLS { return &s.TLS }),
	access, backends, tlsOptions("Authentication backends", "auth_http.ssl_options", func(s *Settings) *TLS { return &s.Access.HTTP.TLS }),
	limits, defaultPolicies, definitions, logging,
	management, tlsOptions("Management", "management.ssl", func(s *Settings) *TLS { return &s.Management.TLS }),
	tlsOptions("Management", "management.listener.ssl_opts", func(s *Settings) *TLS { return &s.Management.TLS }),
	pluginOptions, prometheus, tlsOptions("Prometheus", "prometheus.ssl", func(s *Settings) *TLS { return &s.Prometheus.TLS }),
	testOptions,
)
