package conffile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// read parses a text; the environment has HOME and FROM_ENV.
func read(text string) (map[string]string, []string) {
	r := Reader{Getenv: func(name string) (string, bool) {
		value, ok := map[string]string{"HOME": "/home/a", "FROM_ENV": "v"}[name]
		return value, ok
	}}
	r.Parse("f.conf", text)
	entries, errs := r.Entries()
	values, texts := map[string]string{}, []string{}
	for _, e := range entries {
		values[e.Name()] = e.Value
	}
	for _, err := range errs {
		texts = append(texts, err.Error())
	}
	return values, texts
}

func TestSettings(t *testing.T) {
	for text, want := range map[string]map[string]string{
		"":                                {},
		"a = 1":                           {"a": "1"},
		"a=1\r\nb.c_d-e =  two words \n":  {"a": "1", "b.c_d-e": "two words"},
		"# a = 1\n\t# b\n  a = 1 # one\n": {"a": "1"},
		"a = 1\nb = 2\na = 3":             {"a": "3", "b": "2"},
		`loopback_users.a\.b = false`:     {`loopback_users.a\.b`: "false"},
		"a = 'x # y'":                     {"a": "x # y"},
		"a = ''":                          {"a": ""},
		"a = ' x ' # y\nb = 1":            {"a": " x ", "b": "1"},
		"a = 'x\ny'\nb = 1":               {"a": "x\ny", "b": "1"},
		"a = '''\nit's\n'''\nb = 1":       {"a": "it's", "b": "1"},
		"a = x=y":                         {"a": "x=y"},
		"\ufeffa = ü":                     {"a": "ü"},
		"include = 1":                     {"include": "1"},
		"include nowhere/*.conf\na = 1":   {"a": "1"},
		"a = $(b)/x\nb = $( c )y\nc = 1":  {"a": "1y/x", "b": "1y", "c": "1"},
		"a = $(FROM_ENV)$(HOME)":          {"a": "v/home/a"},
		"a = $(open":                      {"a": "$(open"},
		"a = x$(<y)":                      nil,
	} {
		values, errs := read(text)
		if want == nil {
			assert.NotEmpty(t, errs, text)
			continue
		}
		assert.Empty(t, errs, text)
		assert.Equal(t, want, values, text)
	}
}

func TestMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"a = 1\n\nnonsense":     `f.conf:3: "nonsense" is no setting: a line is key = value`,
		"a =":                   `f.conf:1: a has no value`,
		"a = # 1":               `f.conf:1: a has no value`,
		"a..b = 1":              `f.conf:1: bad key "a..b"`,
		".a = 1":                `f.conf:1: bad key ".a"`,
		"a. = 1":                `f.conf:1: bad key "a."`,
		"a b = 1":               `f.conf:1: bad key "a b"`,
		" = 1":                  `f.conf:1: bad key ""`,
		"a = 'x\nb = 1":         `f.conf:1: the quote ' is never closed`,
		"a = 'x\ny' z\nb = 1":   `f.conf:1: text after the closing quote: z`,
		"b = 'x\ny'\na = $(c)":  `f.conf:3: a: $(c) is neither a setting nor a variable of the environment`,
		"a = $(a)":              `f.conf:1: a: $(a) refers to itself`,
		"a = $(b)\nb = $(a)":    `f.conf:1: a: $(a) refers to itself`,
		"a = $(<)":              `f.conf:1: a: $(<) names no file`,
		"a = $(</no/such)":      `f.conf:1: a: cannot read /no/such: no such file or directory`,
		"a = 1\nb = \xff":       `f.conf:2: the text is not UTF-8`,
		strings.Repeat("ü", 30): `f.conf:1: "` + strings.Repeat("ü", 20) + `…" is no setting`,
	} {
		_, errs := read(text)
		require.NotEmpty(t, errs, text)
		assert.Contains(t, errs[0], want, text)
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	write("secrets/pass", "s3cret\n")
	write("more/b.conf", "b = 2\npass = $(<../secrets/pass)\n")
	write("more/a.conf", "b = 1\na = 1\n")
	main := write("main.conf", "include more/*.conf # both\na = 0\n")
	var r Reader
	require.NoError(t, r.ReadFile(main))
	entries, errs := r.Entries()
	require.Empty(t, errs)
	values := map[string]string{}
	for _, e := range entries {
		values[e.Name()] = e.Value
	}
	assert.Equal(t, map[string]string{"a": "0", "b": "2", "pass": "s3cret"}, values)
	assert.Equal(t, Place{main, 2}, entries[len(entries)-1].Place)

	assert.EqualError(t, new(Reader).ReadFile(dir+"/none"), "cannot read "+dir+"/none: no such file or directory")

	self := write("self.conf", "a = 1\ninclude self.conf")
	r = Reader{}
	require.NoError(t, r.ReadFile(self))
	_, errs = r.Entries()
	require.Len(t, errs, 1)
	assert.ErrorContains(t, errs[0], "too many files are included")
}

// No text makes the reader fail otherwise than by errors, and what it has read is
// read again from what it prints.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"a = 1\n", "a.b\\.c = 'x # y' # z\n", "a = '''\nx\n'''\n", "a = $(b)\nb = $(a)$(a)\n", "include x\n", "a = $(<x)", "'''", "a='", "\r\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "include") || strings.Contains(text, "$(<") {
			return // the files of this machine are no part of it
		}
		noEnv := func(string) (string, bool) { return "", false }
		r := Reader{Getenv: noEnv}
		r.Parse("f", text)
		entries, errs := r.Entries()
		for _, err := range errs {
			assert.NotContains(t, err.Error(), "\n")
		}
		again := Reader{Getenv: noEnv}
		var b strings.Builder
		for _, e := range entries {
			if strings.Contains(e.Value, "'") || strings.Contains(e.Value, "$(") {
				return
			}
			b.WriteString(e.Name() + " = '" + e.Value + "'\n")
		}
		again.Parse("f", b.String())
		back, errs := again.Entries()
		require.Empty(t, errs)
		require.Len(t, back, len(entries))
		for i := range back {
			assert.Equal(t, entries[i].Name(), back[i].Name())
			assert.Equal(t, entries[i].Value, back[i].Value)
		}
	})
}
