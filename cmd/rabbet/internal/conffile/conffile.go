// Package conffile reads files in the format of RabbitMQ's rabbitmq.conf: a line
// "key = value" for each setting, comments after #, values in single quotes,
// include lines, $(other.key), $(ENVIRONMENT) and $(<file). It knows no key by name.
//
// RabbitMQ's reader is cuttlefish; where this package differs the place says so.
package conffile

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// An Entry is one setting of a file.
type Entry struct {
	// Key is the setting's words, without the dots between them. A word may have
	// dots of its own, which the file escapes: loopback_users.a\.b.
	Key []string
	// Value is the text after =, without quotes, with all $(…) replaced.
	Value string
	// Place says where it is.
	Place
}

// Name is the key as a file has it.
func (e Entry) Name() string { return FormatKey(e.Key) }

// FormatKey joins the words of a key as a file has them.
func FormatKey(words []string) string {
	escaped := make([]string, len(words))
	for i, w := range words {
		escaped[i] = strings.ReplaceAll(w, ".", `\.`)
	}
	return strings.Join(escaped, ".")
}

// A Place is a line of a file. Lines count from 1.
type Place struct {
	File string
	Line int
}

// String is file:line, or the file alone where the line is not known.
func (p Place) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// An Error is what is wrong at a place.
type Error struct {
	Place
	Err error
}

// Error begins with the place.
func (e *Error) Error() string { return e.Place.String() + ": " + e.Err.Error() }

// Unwrap returns what is wrong.
func (e *Error) Unwrap() error { return e.Err }

// maxIncludes bounds how deep files include each other, and maxFiles how many are
// read in all.
const (
	maxIncludes = 16
	maxFiles    = 1000
	maxValue    = 1 << 20 // bytes of a value once $(…) is replaced
)

// A Reader reads files into one list of entries.
type Reader struct {
	// Getenv finds variables of the environment; os.LookupEnv by default.
	Getenv func(string) (string, bool)

	entries []Entry
	errs    []error
	files   int
}

// ReadFile reads a file with those that it includes. What is wrong in it Entries
// returns; an error here is that the file cannot be read.
func (r *Reader) ReadFile(path string) error {
	text, err := readFile(path)
	if err != nil {
		return err
	}
	r.parse(path, string(text), 0)
	return nil
}

// readFile drops the path from the error's text, as callers name the file anyway.
func readFile(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if bad := (*fs.PathError)(nil); errors.As(err, &bad) {
		return nil, fmt.Errorf("cannot read %s: %w", path, bad.Err)
	}
	return text, err
}

// Parse reads a text as if it were a file of this name.
func (r *Reader) Parse(file, text string) { r.parse(file, text, 0) }

// Entries returns the settings of all that was read, with $(…) replaced, and all
// that is wrong in it, as Errors. Of entries with the same key the last one counts.
func (r *Reader) Entries() ([]Entry, []error) {
	last := make(map[string]int, len(r.entries))
	for i, e := range r.entries {
		last[e.Name()] = i
	}
	unique := make([]Entry, 0, len(last))
	at := make(map[string]int, len(last))
	for i, e := range r.entries {
		if name := e.Name(); last[name] == i {
			at[name] = len(unique)
			unique = append(unique, e)
		}
	}
	errs := slices.Clone(r.errs)
	sub := substitution{entries: unique, at: at, getenv: r.Getenv, done: map[string]string{}}
	if sub.getenv == nil {
		sub.getenv = os.LookupEnv
	}
	out := make([]Entry, 0, len(unique))
	for _, e := range unique {
		value, err := sub.replace(e.Value, []string{e.Name()})
		if err != nil {
			errs = append(errs, &Error{e.Place, fmt.Errorf("%s: %w", e.Name(), err)})
			continue
		}
		e.Value = value
		out = append(out, e)
	}
	slices.SortStableFunc(errs, byPlace)
	return out, errs
}

// byPlace orders errors of one file by their lines.
func byPlace(a, b error) int {
	x, y := (*Error)(nil), (*Error)(nil)
	if !errors.As(a, &x) || !errors.As(b, &y) || x.File != y.File {
		return 0
	}
	return cmp.Compare(x.Line, y.Line)
}

func (r *Reader) fail(p Place, format string, args ...any) {
	r.errs = append(r.errs, &Error{p, fmt.Errorf(format, args...)})
}

// include reads the files that an include line names, relative to its own file.
// A pattern without a match is no error, as in RabbitMQ.
func (r *Reader) include(p Place, pattern string, depth int) {
	if !filepath.IsAbs(pattern) {
		pattern = filepath.Join(filepath.Dir(p.File), pattern)
	}
	names, err := filepath.Glob(pattern)
	if err != nil {
		r.fail(p, "bad pattern %q: %w", pattern, err)
		return
	}
	slices.Sort(names)
	for _, name := range names {
		if r.files++; depth >= maxIncludes || r.files > maxFiles {
			r.fail(p, "too many files are included; does one include itself?")
			return
		}
		text, err := readFile(name)
		if err != nil {
			r.fail(p, "%w", err)
			continue
		}
		r.parse(name, string(text), depth+1)
	}
}
