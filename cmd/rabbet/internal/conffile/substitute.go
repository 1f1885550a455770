package conffile

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// A substitution replaces $(…) in values.
type substitution struct {
	entries []Entry
	at      map[string]int // the entries by their names
	getenv  func(string) (string, bool)
	done    map[string]string // values without $(…), lest a chain of settings costs its exponent
}

// replace replaces every $(…) in a value. A name is that of another setting or, if
// there is none, of a variable of the environment; what it stands for may have
// $(…) too. History are the settings on the way to the value, its own first.
func (s *substitution) replace(value string, history []string) (string, error) {
	if strings.HasPrefix(value, "$(<") && strings.HasSuffix(value, ")") {
		return s.file(strings.TrimSpace(value[3:len(value)-1]), history[len(history)-1])
	}
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(value, "$(")
		name, after, closed := strings.Cut(rest, ")")
		if !found || !closed {
			out.WriteString(value)
			return out.String(), nil
		}
		text, err := s.lookup(strings.TrimSpace(name), history)
		if err != nil {
			return "", err
		}
		out.WriteString(before)
		out.WriteString(text)
		if out.Len() > maxValue {
			return "", fmt.Errorf("the value is longer than %d bytes", maxValue)
		}
		value = after
	}
}

// lookup is what a name stands for.
func (s *substitution) lookup(name string, history []string) (string, error) {
	if slices.Contains(history, name) {
		return "", fmt.Errorf("$(%s) refers to itself", name)
	}
	if value, ok := s.done[name]; ok {
		return value, nil
	}
	if i, ok := s.at[name]; ok {
		value, err := s.replace(s.entries[i].Value, append(slices.Clone(history), name))
		if err == nil {
			s.done[name] = value
		}
		return value, err
	}
	if value, ok := s.getenv(name); ok {
		return value, nil
	}
	return "", fmt.Errorf("$(%s) is neither a setting nor a variable of the environment", name)
}

// file is the content of a file, without one line break at its end. Its path is
// relative to the file that names it.
func (s *substitution) file(path, name string) (string, error) {
	if path == "" {
		return "", errors.New("$(<) names no file")
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(s.entries[s.at[name]].File), path)
	}
	text, err := readFile(path)
	if err != nil {
		return "", err
	}
	value := strings.TrimSuffix(string(text), "\n")
	return strings.TrimSuffix(value, "\r"), nil
}
