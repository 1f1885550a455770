package main_test

// What go doc shows of a package begins with an example that runs.

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPackagesHaveAnExample(t *testing.T) {
	for _, p := range listPackages(t) {
		dir := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		if within(dir, "cmd") || strings.Contains(dir, "internal") || dir == "broker/management/ui/uitest" || dir == "conformance/api" { // tests alone
			continue
		}
		files, err := filepath.Glob(filepath.Join(root, dir, "*_test.go"))
		require.NoError(t, err)
		assert.True(t, hasExample(t, files), "%s has no Example with output", dir)
	}
}

// hasExample reports whether test files have an example of the whole package that is run.
func hasExample(t *testing.T, files []string) bool {
	set := token.NewFileSet()
	for _, name := range files {
		file, err := parser.ParseFile(set, name, nil, parser.ParseComments)
		require.NoError(t, err)
		for _, e := range doc.Examples([]*ast.File{file}...) {
			if e.Name == "" && e.Output != "" {
				return true
			}
		}
	}
	return false
}
