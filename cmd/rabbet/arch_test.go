package main_test

// The architecture, as far as a machine can check it: which package may import
// which, one clock, and files that can be read in one sitting.

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	root     = "../.." // of the module, from this directory
	module   = "github.com/rabbetmq/rabbet"
	maxLines = 500 // of a file that is not generated
)

// layer says what the packages in a directory may import, themselves aside.
type layer struct {
	module []string // directories of this module
	others []string // other modules; nil is the standard library alone, ["*"] anything
	tests  []string // directories of this module that its tests may import besides
}

// layers hold every package of the module: one in a directory that is not here
// breaks the rules by being there. Imports point down. A directory speaks for
// those below it that are not listed themselves.
var layers = map[string]layer{
	"amqp":         {},
	"delay":        {others: []string{"github.com/google/btree"}},
	"exchange":     {module: []string{"amqp"}},
	"amqp/link":    {module: []string{"amqp", "delay"}, tests: []string{"broker", "broker/brokertest"}},
	"store":        {module: []string{"amqp", "delay"}, others: []string{"go.etcd.io/bbolt"}},
	"store/memory": {module: []string{"store"}, tests: []string{"store/storetest"}},
	"store/storetest": {
		module: []string{"delay", "store"}, others: []string{"github.com/stretchr/testify"},
		tests: []string{"store/memory"},
	},
	"queue":                   {module: []string{"amqp", "delay", "store", "queue/dedup"}},
	"queue/delayed":           {module: []string{"amqp", "delay", "store", "queue"}},
	"broker/access":           {},
	"broker/internal/ordered": {},
	"broker/internal/pattern": {module: []string{"delay"}, others: []string{"github.com/dlclark/regexp2/v2"}},
	"broker/internal/userdb":  {module: []string{"delay", "broker/access", "broker/internal/pattern"}},
	"broker/internal/records": {module: []string{"amqp", "queue", "store", "broker/access"}},
	"broker/internal/message": {module: []string{"amqp", "queue"}},
	"broker/internal/refusal": {module: []string{"amqp"}},
	"broker/internal/profile": {
		module: []string{"amqp", "queue", "broker/internal/message", "broker/internal/records"},
	},
	"broker/internal/topology": {
		module: []string{
			"amqp", "delay", "exchange", "store", "queue", "queue/delayed", "broker/access", "broker/internal/message",
			"broker/internal/ordered", "broker/internal/pattern", "broker/internal/profile", "broker/internal/records",
			"broker/internal/refusal",
		},
	},
	"broker/internal/announce": {module: []string{"amqp", "delay", "queue", "broker/access", "broker/internal/topology"}},
	"broker/internal/unacked":  {module: []string{"broker/internal/topology", "queue"}},
	"broker/internal/pipe":     {module: []string{"delay"}},
	"broker/tap":               {module: []string{"amqp", "queue"}, tests: []string{"broker"}},
	"broker": {tests: []string{"store/memory"}, module: []string{
		"amqp", "delay", "store", "queue", "broker/access", "broker/definitions", "broker/internal/announce", "broker/internal/message",
		"broker/internal/ordered", "broker/internal/pattern", "broker/internal/pipe", "broker/internal/profile", "broker/internal/records",
		"broker/internal/refusal", "broker/internal/topology", "broker/internal/unacked",
		"broker/internal/userdb", "broker/tap",
	}},
	"broker/ledger":     {module: []string{"amqp", "queue", "broker", "broker/tap"}},
	"broker/brokertest": {tests: []string{"broker/brokertest/amqp091test"}, module: []string{"amqp", "delay", "store", "queue", "broker", "broker/access", "broker/ledger", "broker/tap"}},
	"broker/brokertest/amqp091test": {
		module: []string{"broker/brokertest", "delay"},
		others: []string{"github.com/rabbitmq/amqp091-go"},
		tests:  []string{"broker"},
	},
	"broker/brokertest/control": {module: []string{"amqp", "broker", "broker/access", "broker/brokertest"}},
	"broker/export":             {},
	"broker/shovel": {
		module: []string{"amqp", "delay", "broker", "broker/access", "amqp/link"},
		tests:  []string{"broker/brokertest", "store"},
	},
	"broker/management": {
		module: []string{
			"amqp", "delay", "broker", "broker/access", "broker/definitions", "broker/export", "broker/internal/pattern",
			"broker/ledger", "broker/management/internal/osprocess", "broker/shovel", "broker/tap",
		},
		tests: []string{"broker/brokertest"},
	},
	"broker/management/internal/osprocess": {},
	"broker/management/metrics": {
		module: []string{"broker", "broker/access", "broker/shovel", "broker/management/internal/osprocess"},
		others: []string{"github.com/prometheus/client_golang"},
		tests:  []string{"amqp", "broker/brokertest"},
	},
	"broker/management/ui":       {},
	"broker/brokertest/mgmttest": {module: []string{"broker", "broker/brokertest", "broker/management"}},
	"conformance/scripts": {
		module: []string{"amqp", "delay"},
		others: []string{"github.com/rabbitmq/amqp091-go"},
		tests:  []string{"broker", "broker/tap", "store"},
	},
	"conformance": {
		module: []string{"amqp", "delay", "conformance/scripts", "store", "broker", "broker/access", "broker/tap", "broker/brokertest", "broker/management"},
		others: []string{"github.com/rabbitmq/amqp091-go"},
		tests:  []string{"broker/shovel"},
	},
	"cmd": {
		module: []string{
			"amqp", "delay", "exchange", "store", "queue", "broker", "broker/brokertest", "broker/brokertest/control",
			"broker/access", "broker/export", "broker/shovel", "broker/management", "broker/management/metrics", "broker/management/ui", "conformance",
			"amqp/link",
		},
		others: []string{"*"},
	},
}

// testModules may be imported by the tests of any package.
var testModules = []string{
	"github.com/stretchr/testify", "go.uber.org/goleak", "github.com/rabbitmq/amqp091-go",
}

// embedded is all that a program which embeds the broker links, besides the
// standard library and this module.
var embedded = []string{
	"github.com/dlclark/regexp2/v2", "github.com/google/btree", "go.etcd.io/bbolt", "golang.org/x/sys",
}

// goPackage is what `go list` tells of a package.
type goPackage struct {
	ImportPath                               string
	Imports, TestImports, XTestImports, Deps []string
}

func TestImportsPointDown(t *testing.T) {
	packages := listPackages(t)
	require.NotEmpty(t, packages)
	for _, p := range packages {
		for _, imported := range p.Imports {
			assert.NoError(t, checkImport(p.ImportPath, imported, nil))
		}
		for _, imported := range slices.Concat(p.TestImports, p.XTestImports) {
			_, l, _ := layerOf(p.ImportPath)
			if slices.ContainsFunc(l.tests, func(dir string) bool { return within(imported, module+"/"+dir) }) {
				continue
			}
			assert.NoError(t, checkImport(p.ImportPath, imported, testModules), "in a test")
		}
		if p.ImportPath == module+"/broker" || p.ImportPath == module+"/broker/brokertest" {
			for _, linked := range p.Deps {
				assert.NoError(t, checkEmbedded(linked))
			}
		}
	}
}

// listPackages returns the packages of this module, as `go list` sees them.
func listPackages(t *testing.T) []goPackage {
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Imports,TestImports,XTestImports,Deps", "./...")
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	var packages []goPackage
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages
		}
		require.NoError(t, err)
		if within(p.ImportPath, module) {
			packages = append(packages, p)
		}
	}
}

// within reports whether a path is dir or below it.
func within(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

// layerOf is the longest directory of layers that a package is in.
func layerOf(importPath string) (dir string, l layer, ok bool) {
	rest := strings.TrimPrefix(importPath, module+"/")
	for d, candidate := range layers {
		if within(rest, d) && len(d) > len(dir) {
			dir, l, ok = d, candidate, true
		}
	}
	return dir, l, ok
}

type forbidden struct{ what, why string }

func (f forbidden) Error() string { return f.what + ": " + f.why }

// checkImport tells why a package must not import another. Those of extra are
// allowed besides the ones of its layer.
func checkImport(importer, imported string, extra []string) error {
	edge := importer + " imports " + imported
	from, l, ok := layerOf(importer)
	if !ok {
		return forbidden{importer, "no such directory in the layout"}
	}
	first, _, _ := strings.Cut(imported, "/")
	switch {
	case imported == "C":
		return forbidden{edge, "no C"}
	case !strings.Contains(first, "."): // the standard library
		return nil
	case within(imported, module):
		to, _, ok := layerOf(imported)
		if !ok {
			return forbidden{imported, "no such directory in the layout"}
		}
		if to != from && !slices.Contains(l.module, to) {
			return forbidden{edge, "imports point down only"}
		}
		return nil
	case slices.Contains(l.others, "*"):
		if within(imported, "go.etcd.io/bbolt") {
			return forbidden{edge, "store alone knows bbolt"}
		}
		return nil
	}
	for _, m := range slices.Concat(l.others, extra) {
		if within(imported, m) {
			return nil
		}
	}
	return forbidden{edge, "not a module that this package may depend on"}
}

// checkEmbedded says why an importer of the broker must not link a package.
func checkEmbedded(linked string) error {
	first, _, _ := strings.Cut(linked, "/")
	if within(linked, "net/http") {
		return forbidden{"broker links " + linked, "an HTTP stack is no part of an embedded broker"}
	}
	// What the standard library vendors has no dot in front either.
	if !strings.Contains(first, ".") || within(linked, module) {
		return nil
	}
	for _, m := range embedded {
		if within(linked, m) {
			return nil
		}
	}
	return forbidden{"broker links " + linked, "not among what an embedded broker may bring along"}
}

func TestImportRules(t *testing.T) {
	for _, tc := range []struct {
		importer, imported string
		ok                 bool
	}{
		{"amqp", "encoding/binary", true},
		{"amqp", module + "/delay", false},
		{"amqp", "github.com/google/btree", false},
		{"amqp/internal/gen", module + "/amqp", true},
		{"exchange", module + "/amqp", true},
		{"exchange", module + "/queue", false},
		{"queue", module + "/exchange", false},
		{"queue", module + "/broker", false},
		{"queue", "go.etcd.io/bbolt", false},
		{"queue/delayed", module + "/queue", true},
		{"queue", module + "/queue/delayed", false},
		{"store", "go.etcd.io/bbolt/errors", true},
		{"delay", "github.com/google/btree", true},
		{"broker/internal/message", module + "/broker/internal/profile", false},
		{"broker/internal/profile", module + "/broker/internal/topology", false},
		{"broker/internal/topology", module + "/exchange", true},
		{"broker/internal/topology", module + "/broker", false},
		{"broker", module + "/broker/internal/topology", true},
		{"broker", module + "/exchange", false},
		{"broker/management", module + "/broker/internal/topology", false},
		{"broker", module + "/queue", true},
		{"broker", module + "/broker/management", false},
		{"broker", "github.com/spf13/cobra", false},
		{"broker/management", module + "/broker", true},
		{"broker/management", module + "/queue", false},
		{"cmd/rabbet", module + "/broker", true},
		{"cmd/rabbet", "github.com/spf13/cobra", true},
		{"cmd/rabbet", "go.etcd.io/bbolt", false},
		{"util", "fmt", false},
		{"cmd/rabbet", module + "/util", false},
		{"broker", "C", false},
	} {
		err := checkImport(module+"/"+tc.importer, tc.imported, nil)
		assert.Equal(t, tc.ok, err == nil, "%s -> %s: %v", tc.importer, tc.imported, err)
	}
	assert.NoError(t, checkImport(module+"/amqp", "github.com/stretchr/testify/assert", testModules))
	assert.NoError(t, checkEmbedded("vendor/golang.org/x/net/idna"))
	assert.NoError(t, checkEmbedded("golang.org/x/sys/unix"))
	assert.Error(t, checkEmbedded("net/http/internal"))
	assert.Error(t, checkEmbedded("github.com/spf13/cobra"))
}

// clockFunctions read the wall clock, sleep or start a timer.
var clockFunctions = []string{"Now", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick", "Since", "Until"}

func TestOneClockAndShortFiles(t *testing.T) {
	files := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if path != root && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata") {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(name) != ".go" {
			return nil
		}
		files++
		checkFile(t, path)
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, files, 10, "the module is here")
}

func checkFile(t *testing.T, path string) {
	source, err := os.ReadFile(path)
	require.NoError(t, err)
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, source, parser.ParseComments)
	require.NoError(t, err)
	if filepath.Dir(path) != filepath.Join(root, "delay") {
		for _, use := range clockUses(set, file) {
			assert.Fail(t, "only package delay knows the time: use a delay.Clock", use)
		}
	}
	if lines := bytes.Count(source, []byte("\n")); lines > maxLines && !ast.IsGenerated(file) {
		assert.Fail(t, "the file is too long: split it by what it does", "%s: %d lines, at most %d", path, lines, maxLines)
	}
}

// clockUses finds where a file calls, or hands on, a function of clockFunctions,
// whatever name it imports the package time by.
func clockUses(set *token.FileSet, file *ast.File) []string {
	var uses []string
	found := func(pos token.Pos, what string) { uses = append(uses, set.Position(pos).String()+": "+what) }
	names := map[string]bool{}
	for _, spec := range file.Imports {
		if path, _ := strconv.Unquote(spec.Path.Value); path != "time" {
			continue
		}
		switch {
		case spec.Name == nil:
			names["time"] = true
		case spec.Name.Name == ".":
			found(spec.Pos(), "package time imported by dot")
		default:
			names[spec.Name.Name] = true
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		// The parser resolves what the file declares: Obj is nil for the name
		// of a package, and set for a variable that hides it.
		pkg, ok := selector.X.(*ast.Ident)
		if ok && names[pkg.Name] && pkg.Obj == nil && slices.Contains(clockFunctions, selector.Sel.Name) {
			found(selector.Pos(), "time."+selector.Sel.Name)
		}
		return true
	})
	return uses
}

func TestClockLintFindsUses(t *testing.T) {
	for _, tc := range []struct {
		name, source string
		want         []string
	}{
		{"call", `package p; import "time"; func f() { time.Sleep(time.Second) }`, []string{"p.go:1:38: time.Sleep"}},
		{"alias", `package p; import clock "time"; var a = clock.Now()`, []string{"p.go:1:41: time.Now"}},
		{"value", `package p; import "time"; var now func() time.Time = time.Now`, []string{"p.go:1:54: time.Now"}},
		{"nested", `package p; import "time"; var a = f(time.Since(time.Until(x)))`, []string{"p.go:1:37: time.Since", "p.go:1:48: time.Until"}},
		{"dot", `package p; import . "time"`, []string{"p.go:1:19: package time imported by dot"}},
		{"types and constants", `package p; import "time"; var d = 3 * time.Second; var t time.Time; var u = time.Unix(0, 0)`, nil},
		{"another package", `package p; import "x/time"; var a = time.Now()`, nil},
		{"hidden by a variable", `package p; import "time"; func f(time clock) { time.Now() }; var d time.Duration`, nil},
		{"a method", `package p; import "time"; func f(c clock) time.Time { return c.Now() }`, nil},
	} {
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, "p.go", tc.source, parser.ParseComments)
		require.NoError(t, err, tc.name)
		assert.Equal(t, tc.want, clockUses(set, file), tc.name)
	}
}
