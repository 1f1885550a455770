package main_test

// How the files of a package use each other: small cycles, few edges, and types that can
// be kept in mind.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A room is the limits of a package: the most files in a cycle of use, the most edges from
// file to file for each file, and the most methods of those types that have more than
// maxMethods. Limits go down with what they limit, and never up.
type room struct {
	cycle   int
	edges   float64
	methods map[string]int
}

// rooms are to come to 4.5 edges a file.
var rooms = map[string]room{
	"broker":                   {21, 6.5, nil},
	"broker/internal/topology": {14, 4.5, nil},
}

// maxMethods is the most methods that other types may have.
const maxMethods = 45

func TestFilesHaveRooms(t *testing.T) {
	for dir, limits := range rooms {
		t.Run(dir, func(t *testing.T) {
			files, info, pkg := typeCheck(t, filepath.Join(root, dir))
			uses := fileUses(files, info, pkg)
			edges := 0
			for _, to := range uses {
				edges += len(to)
			}
			cycle := largestCycle(uses)
			slices.Sort(cycle)
			each := float64(edges) / float64(len(uses))
			t.Logf("%d files, largest cycle %d, %.1f edges a file, %v", len(uses), len(cycle), each, cycle)
			assert.LessOrEqual(t, len(cycle), limits.cycle, "files in one cycle of use")
			assert.LessOrEqual(t, each, limits.edges, "edges a file")
			for name, n := range methods(info) {
				assert.LessOrEqual(t, n, max(maxMethods, limits.methods[name]), "methods of %s", name)
			}
		})
	}
}

// typeCheck reads the files of a package, tests aside, by name.
func typeCheck(t *testing.T, dir string) (files map[string]*ast.File, info *types.Info, pkg *types.Package) {
	exports := exportData(t, dir)
	set := token.NewFileSet()
	files = map[string]*ast.File{}
	info = &types.Info{Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}}
	var list []*ast.File
	for _, name := range goFiles(t, dir) {
		f, err := parser.ParseFile(set, filepath.Join(dir, name), nil, 0)
		require.NoError(t, err)
		files[name], list = f, append(list, f)
	}
	conf := types.Config{Importer: importer.ForCompiler(set, "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(exports[path])
	})}
	pkg, err := conf.Check(dir, set, list, info)
	require.NoError(t, err)
	return files, info, pkg
}

// goFiles are the files that the go command builds a package of.
func goFiles(t *testing.T, dir string) []string {
	var p struct{ GoFiles []string }
	require.NoError(t, json.Unmarshal(goList(t, dir, "-json=GoFiles"), &p))
	return p.GoFiles
}

// exportData finds what the compiler has exported of all that a package imports.
func exportData(t *testing.T, dir string) map[string]string {
	exports := map[string]string{}
	for d := json.NewDecoder(bytes.NewReader(goList(t, dir, "-export", "-deps", "-json=ImportPath,Export"))); ; {
		var p struct{ ImportPath, Export string }
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return exports
		}
		require.NoError(t, err)
		exports[p.ImportPath] = p.Export
	}
}

func goList(t *testing.T, dir string, args ...string) []byte {
	cmd := exec.Command("go", append(append([]string{"list"}, args...), ".")...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	return out
}

// fileUses are the other files that each file uses: what it names that is declared there,
// at the top, as a field or as a method.
func fileUses(files map[string]*ast.File, info *types.Info, pkg *types.Package) map[string]map[string]bool {
	home := map[types.Object]string{}
	for name, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && info.Defs[id] != nil {
				home[info.Defs[id]] = name
			}
			return true
		})
	}
	uses := map[string]map[string]bool{}
	for name, f := range files {
		uses[name] = map[string]bool{}
		ast.Inspect(f, func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			if !ok || info.Uses[id] == nil {
				return true
			}
			if to := home[origin(info.Uses[id])]; to != "" && to != name {
				uses[name][to] = true
			}
			return true
		})
	}
	return uses
}

// origin is the declaration of what may be an instance of something generic.
func origin(o types.Object) types.Object {
	switch o := o.(type) {
	case *types.Var:
		return o.Origin()
	case *types.Func:
		return o.Origin()
	}
	return o
}

// largestCycle is the largest set of files of which each uses each other, in the end.
func largestCycle(uses map[string]map[string]bool) (largest []string) {
	reach := map[string]map[string]bool{}
	for from := range uses {
		reach[from] = map[string]bool{}
		for next := slices.Collect(maps.Keys(uses[from])); len(next) > 0; {
			to := next[0]
			if next = next[1:]; !reach[from][to] {
				reach[from][to] = true
				next = append(next, slices.Collect(maps.Keys(uses[to]))...)
			}
		}
	}
	for a := range uses {
		var cycle []string
		for b := range reach[a] {
			if reach[b][a] {
				cycle = append(cycle, b)
			}
		}
		if len(cycle) > len(largest) {
			largest = cycle
		}
	}
	return largest
}

// methods counts those of each type, by its name.
func methods(info *types.Info) map[string]int {
	count := map[string]int{}
	for _, o := range info.Defs {
		f, ok := o.(*types.Func)
		if !ok {
			continue
		}
		recv := f.Signature().Recv()
		if recv == nil {
			continue
		}
		of := recv.Type()
		if p, ok := of.(*types.Pointer); ok {
			of = p.Elem()
		}
		if named, ok := of.(*types.Named); ok {
			if _, isInterface := named.Underlying().(*types.Interface); !isInterface {
				count[named.Obj().Name()]++
			}
		}
	}
	return count
}

func TestLargestCycle(t *testing.T) {
	graph := func(edges ...string) map[string]map[string]bool {
		uses := map[string]map[string]bool{}
		for _, e := range edges {
			for _, end := range e {
				if uses[string(end)] == nil {
					uses[string(end)] = map[string]bool{}
				}
			}
			uses[e[:1]][e[1:]] = true
		}
		return uses
	}
	assert.Empty(t, largestCycle(graph("ab", "bc", "ac")))
	cycle := largestCycle(graph("ab", "ba", "bc", "cd", "de", "ec"))
	slices.Sort(cycle)
	assert.Equal(t, "[c d e]", fmt.Sprint(cycle))
}
