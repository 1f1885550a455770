package doccheck

// Each check finds nothing in a sound page, and one problem in the same page with one
// thing broken.

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const sound = `# A broker

See [the other](other.md), [its end](docs/../other.md#the-end---of-b), [below](#how-fast-a)
and ![a picture](picture.png), or [elsewhere](https://example.org/).

## Start it

Set ` + "`RABBITMQ_NODE_PORT`, `--port` or `listeners.tcp.default`" + `; then ` + "`rabbet serve --port 1`" + `.

<!-- run -->
~~~sh
test -d "$HOME" && echo started >log    # in a folder of its own
bash -c 'rabbet serve \
	--port 1'
make build && .ci/lint
go test ./pkg -run Fast
~~~

~~~ini
listeners.tcp.default = 5672
~~~

## How fast: ` + "`a`" + `

It takes 100,000 a second in ` + "`go test -bench Fast ./pkg`" + `.

<!-- go: var ch chan int -->
~~~go
n, err := fmt.Println(<-ch)
~~~

~~~go
package main

import "fmt"

func main() { fmt.Println() }
~~~

~~~go
import (
	"os"
	later "time"
)
~~~
`

// fixture is a module with the page of a name.
func fixture(t *testing.T, page string) string {
	root := t.TempDir()
	for name, text := range map[string]string{
		"page.md": page, "other.md": "# The end: of `b`\n\n## The end, of *b*\n\n# The end - of b\n", "picture.png": "",
		"go.mod": "module example.org/m\n\ngo 1.25\n", ".ci/lint": "echo $RABBITMQ_NODE_PORT", "Makefile": "build: ## Build\n",
		"pkg/fast_test.go": "package pkg\n\nfunc TestFast() {}\n\nfunc BenchmarkFast() {}\n",
	} {
		path := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	return root
}

// problems is all that the checks find.
func problems(t *testing.T, page string) (found []string) {
	root := fixture(t, strings.ReplaceAll(page, "~~~", "```"))
	pages, err := Pages(root)
	require.NoError(t, err)
	require.Len(t, pages, 2)
	all := append(Links(root, pages), Figures(pages)...)
	compiled, err := Go(root, pages)
	require.NoError(t, err)
	v := Vocabulary{
		Root: root,
		Flag: func(name string) bool { return name == "port" },
		Key:  func(key string) bool { return key == "listeners.tcp.default" },
		Command: func(args []string) error {
			if args[0] == "rabbet" && strings.Join(args, " ") != "rabbet serve --port 1" {
				return errors.New("no such command line")
			}
			return nil
		},
	}
	names, err := v.Names(pages)
	require.NoError(t, err)
	bin := filepath.Join(root, "bin")
	require.NoError(t, os.Mkdir(bin, 0o700))
	for _, name := range []string{"rabbet", "make", "go", ".ci/lint"} {
		require.NoError(t, os.WriteFile(filepath.Join(bin, filepath.Base(name)), []byte("#!/bin/sh\n"), 0o700))
	}
	for _, p := range pages { // a script of the repository is not in the folder of the block
		for i := range p.Blocks {
			p.Blocks[i].Text = strings.ReplaceAll(p.Blocks[i].Text, ".ci/lint", "lint")
		}
	}
	failed, ran, err := Run(t.Context(), bin, pages)
	require.NoError(t, err)
	assert.Equal(t, 1, ran)
	for _, list := range [][]Problem{all, compiled, names, failed} {
		for _, p := range list {
			found = append(found, p.String())
		}
	}
	return found
}

func TestEachCheckFails(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("the shell blocks need a bash")
	}
	require.Empty(t, problems(t, sound))
	for _, tc := range []struct{ name, sound, broken, found string }{
		{"link", "(other.md)", "(othr.md)", `page.md:3: the link "othr.md" leads nowhere`},
		{"anchor of another page", "#the-end---of-b)", "#the-start)", "page.md:3: .*has no such heading"},
		{"anchor", "(#how-fast-a)", "(#how-fast)", "page.md:3: .*has no such heading"},
		{"picture", "picture.png", "image.png", "page.md:4: .*leads nowhere"},
		{"empty link", "(https://example.org/)", "()", "page.md:4: .*makes no sense"},
		{"variable", "RABBITMQ_NODE_PORT`", "RABBITMQ_NODE_PROT`", "page.md:8: there is no variable RABBITMQ_NODE_PROT"},
		{"flag", "`--port`", "`--prot`", "page.md:8: there is no flag --prot"},
		{"key", "`listeners.tcp.default`", "`listeners.tcp.defualt`", "page.md:8: there is no key listeners.tcp.defualt"},
		{"key of a file", "listeners.tcp.default = 5672", "listeners.default = 5672", "page.md:20: there is no key listeners.default"},
		{"command in a line", "`rabbet serve --port 1`", "`rabbet run`", "page.md:8: no such command line"},
		{"command in a script in a script", "--port 1'", "--prot 1'", "page.md:13: no such command line"},
		{"target", "make build", "make biuld", "page.md:15: make has no target biuld"},
		{"script of the repository", "&& .ci/lint", "&& .ci/link", "page.md:15: (there is no .ci/link|.*)"},
		{"test", "-run Fast", "-run Slow", "page.md:16: no test is called Slow"},
		{"package", "go test ./pkg -run", "go test ./package -run", "page.md:16: there is no package"},
		{"shell that is none", "test -d", "if test -d", "page.md:12: no shell script"},
		{"shell that fails", "echo started >log", "cat log", "page.md:12: the block fails: exit status 1: cat: log: No such file"},
		{"figure", "`go test -bench Fast ./pkg`", "our hands", "page.md:25: no command in this section prints the figure"},
		{"benchmark", "-bench Fast", "-bench Slow", "page.md:25: no test is called Slow"},
		{"statements", "fmt.Println(<-ch)", "fmt.Println(<-c)", "page.md:29: undefined: c"},
		{"declaration", "var ch chan int", "var ch chan in", "undefined: in"},
		{"no Go at all", "n, err :=", "n, err =:", "page.md:29: no Go"},
		{"program", "{ fmt.Println() }", "{ fmt.Printn() }", "page.md:37: undefined: fmt.Printn"},
		{"import", `later "time"`, `later "tmie"`, "page.md:41: package tmie is not in std"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, 1, strings.Count(sound, tc.sound), tc.sound)
			found := problems(t, strings.Replace(sound, tc.sound, tc.broken, 1))
			require.NotEmpty(t, found)
			assert.Regexp(t, tc.found, strings.Join(found, "\n"))
		})
	}
}
