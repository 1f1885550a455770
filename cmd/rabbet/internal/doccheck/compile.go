package doccheck

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// blocksDir is where the blocks of Go seem to be, in the module: they exist for the
// compiler alone.
const blocksDir = "cmd/rabbet/internal/doccheck/blocks"

// packages are the imports that a block may leave out, by the name that it uses.
var packages = map[string]string{
	"amqp091":     "github.com/rabbitmq/amqp091-go",
	"broker":      "github.com/rabbetmq/rabbet/broker",
	"access":      "github.com/rabbetmq/rabbet/broker/access",
	"brokertest":  "github.com/rabbetmq/rabbet/broker/brokertest",
	"conformance": "github.com/rabbetmq/rabbet/conformance",
	"delay":       "github.com/rabbetmq/rabbet/delay",
	"management":  "github.com/rabbetmq/rabbet/broker/management",
	"metrics":     "github.com/rabbetmq/rabbet/broker/management/metrics",
	"store":       "github.com/rabbetmq/rabbet/store",
	"memory":      "github.com/rabbetmq/rabbet/store/memory",
	"assert":      "github.com/stretchr/testify/assert",
	"require":     "github.com/stretchr/testify/require",
	"context":     "context", "errors": "errors", "fmt": "fmt", "http": "net/http", "log": "log", "os": "os",
	"slog": "log/slog", "testing": "testing", "time": "time", "signal": "os/signal", "syscall": "syscall",
}

// Go compiles the Go blocks of all pages in one build. A block that stands word for word
// in a Go file of the module is compiled there. Another is a file, declarations, or
// statements; it may leave out imports of well-known packages, and the comment before it
// declares what else it uses.
func Go(root string, pages []*Page) ([]Problem, error) {
	sources, err := goSources(root)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "doccheck")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	var problems, places []Problem // of the blocks, by their number
	for _, p := range pages {
		for _, b := range p.Blocks {
			if b.Lang != "go" || slices.ContainsFunc(sources, func(s string) bool { return strings.Contains(s, "\n"+unindent(b.Text)) }) {
				continue
			}
			file, err := goFile(root, p, b)
			if err != nil {
				problems = append(problems, p.problem(b.Line, "%v", err))
				continue
			}
			name := fmt.Sprintf("b%d", len(places))
			places = append(places, Problem{Path: p.Path, Line: b.Line})
			real := filepath.Join(dir, name+".go")
			if err := os.WriteFile(real, []byte(file), 0o600); err != nil {
				return nil, err
			}
			overlay.Replace[filepath.Join(root, filepath.FromSlash(blocksDir), name, "block.go")] = real
		}
	}
	if len(overlay.Replace) == 0 {
		return problems, nil
	}
	list, err := json.Marshal(overlay)
	if err != nil {
		return nil, err
	}
	listFile := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(listFile, list, 0o600); err != nil {
		return nil, err
	}
	compiled, err := build(root, listFile, places)
	return append(problems, compiled...), err
}

// goSources are the module's Go files.
func goSources(root string) (sources []string, err error) {
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" {
			return err
		}
		source, err := os.ReadFile(path)
		sources = append(sources, unindent(string(source)))
		return err
	})
	return sources, err
}

// unindent leaves out what a block that stands within another is indented by.
func unindent(code string) string { return indent.ReplaceAllString(code, "") }

var indent = regexp.MustCompile(`(?m)^[ \t]+`)

// goFile makes a file of a block. Its lines keep the numbers that they have in the page.
func goFile(root string, p *Page, b Block) (string, error) {
	note := ""
	if rest, ok := strings.CutPrefix(b.Note, "go:"); ok {
		note = p.place(root, b.Line-1) + rest + "\n"
	}
	line := b.Line
	body := b.Text
	if first, rest, _ := strings.Cut(body, "\n"); strings.HasPrefix(first, "package ") {
		line, body = line+1, rest
	}
	place := p.place(root, line)
	file, err := parse(note + place + body)
	if err != nil && strings.HasPrefix(body, "import ") || err == nil && onlyImports(file) {
		note, place = "", "" // here is nothing that uses what they import
		body = regexp.MustCompile(`(?m)^(import |\t)(\w+ )?"`).ReplaceAllString(body, `${1}_ "`)
		file, err = parse(body)
	}
	if err != nil {
		body = "func _() {\n" + place + body
		place = ""
		if file, err = parse(note + body + "}\n"); err != nil {
			return "", fmt.Errorf("no Go: %w", err)
		}
		body += uses(file) + "}\n"
	}
	return "package block\n" + imports(file) + note + place + body, nil
}

// place tells the compiler where the next line stands.
func (p *Page) place(root string, line int) string {
	return fmt.Sprintf("//line %s:%d\n", filepath.Join(root, filepath.FromSlash(p.Path)), line)
}

func parse(body string) (*ast.File, error) {
	return parser.ParseFile(token.NewFileSet(), "", "package block\n"+body, 0)
}

func onlyImports(file *ast.File) bool {
	return len(file.Decls) > 0 && !slices.ContainsFunc(file.Decls, func(d ast.Decl) bool {
		decl, ok := d.(*ast.GenDecl)
		return !ok || decl.Tok != token.IMPORT
	})
}

// imports are those that a file uses and does not have.
func imports(file *ast.File) string {
	have, used := map[string]bool{}, map[string]bool{}
	for _, spec := range file.Imports {
		path, _ := strconv.Unquote(spec.Path.Value)
		for name := range packages {
			have[name] = have[name] || packages[name] == path
		}
		if spec.Name != nil {
			have[spec.Name.Name] = true
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if id, ok := s.X.(*ast.Ident); ok && id.Obj == nil && packages[id.Name] != "" && !have[id.Name] {
				used[id.Name] = true
			}
		}
		return true
	})
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(used)) {
		fmt.Fprintf(&b, "import %s %q\n", name, packages[name])
	}
	return b.String()
}

// uses mentions the variables of a block of statements, which it may declare for its
// reader alone.
func uses(file *ast.File) string {
	var b strings.Builder
	body := file.Decls[len(file.Decls)-1].(*ast.FuncDecl).Body
	for _, statement := range body.List {
		if assign, ok := statement.(*ast.AssignStmt); ok && assign.Tok == token.DEFINE {
			for _, left := range assign.Lhs {
				if name := left.(*ast.Ident).Name; name != "_" {
					fmt.Fprintf(&b, "_ = %s\n", name)
				}
			}
		}
	}
	return b.String()
}

// build compiles the blocks that an overlay brings. What the compiler says of them are
// problems; that it cannot be run, or says anything else, is an error.
func build(root, overlay string, places []Problem) (problems []Problem, err error) {
	build := exec.Command("go", "build", "-gcflags=-e", "-overlay", overlay, "./"+blocksDir+"/...")
	build.Dir = root
	out, err := build.CombinedOutput()
	if err == nil {
		return nil, nil
	}
	for _, m := range regexp.MustCompile(`(?m)^(.*\.md):(\d+)(?::\d+)?: (.*)$`).FindAllStringSubmatch(string(out), -1) {
		path := m[1]
		if filepath.IsAbs(path) {
			path, _ = filepath.Rel(root, path)
		}
		line, _ := strconv.Atoi(m[2])
		problems = append(problems, Problem{filepath.ToSlash(filepath.Clean(path)), line, m[3]})
	}
	// A package that is not found is missed before lines have their numbers.
	for _, m := range regexp.MustCompile(`blocks/b(\d+)/block\.go:\d+:\d+: (.*)`).FindAllStringSubmatch(string(out), -1) {
		number, _ := strconv.Atoi(m[1])
		problems = append(problems, Problem{places[number].Path, places[number].Line, m[2]})
	}
	if len(problems) == 0 {
		return nil, fmt.Errorf("%w: %s", err, bytes.TrimSpace(out))
	}
	return problems, nil
}
