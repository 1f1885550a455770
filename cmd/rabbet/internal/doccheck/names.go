package doccheck

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// A Vocabulary is what documents may name.
type Vocabulary struct {
	Root string
	// Command says what is wrong with a command line: the binary's, or that of one of its
	// other names, which comes first. It is nil for other programs.
	Command func(args []string) error
	// Flag reports whether one of the binary's commands has a flag.
	Flag func(name string) bool
	// Key reports whether a key of rabbitmq.conf exists.
	Key func(key string) bool
}

var (
	flagSpan    = regexp.MustCompile(`^--[a-z][a-z-]*`)
	keySpan     = regexp.MustCompile(`^([a-z][a-z0-9_]*(?:\.[a-z0-9_]+)+)(?: ?=|$)`)
	keyLine     = regexp.MustCompile(`(?m)^([a-z][a-z0-9_.]*) *=`)
	variable    = regexp.MustCompile(`\bRABB(?:ITMQ|ET)_[A-Z0-9_]*[A-Z0-9]\b`)
	makeTarget  = regexp.MustCompile(`(?m)^([a-z-]+):`)
	testName    = regexp.MustCompile(`(?m)^func ((?:Test|Benchmark|Fuzz|Example)\w*)\(`)
	programSpan = regexp.MustCompile(`^(\./)?(rabbet|rabbitmq[a-z-]+|make|go test|go run|\.ci/[a-z-]+|deploy/[a-z]+) ?`)
)

// Names checks that command lines, flags, variables of the environment and keys of
// rabbitmq.conf exist.
func (v Vocabulary) Names(pages []*Page) ([]Problem, error) {
	variables, err := v.variables()
	if err != nil {
		return nil, err
	}
	var problems []Problem
	for _, p := range pages {
		for _, b := range p.Blocks {
			problems = append(problems, v.checkVariables(p, b.Item, variables)...)
			switch {
			case isShell(b):
				problems = append(problems, v.checkScript(p, b.Item)...)
			case b.Lang == "ini":
				for _, m := range keyLine.FindAllStringSubmatch(b.Text, -1) {
					if !v.Key(m[1]) {
						problems = append(problems, p.problem(b.Line, "there is no key %s", m[1]))
					}
				}
			}
		}
		for _, s := range p.Spans {
			problems = append(problems, v.checkVariables(p, s, variables)...)
			problems = append(problems, v.checkSpan(p, s)...)
		}
	}
	return problems, nil
}

func (v Vocabulary) checkSpan(p *Page, s Item) []Problem {
	if name := flagSpan.FindString(s.Text); name != "" && !v.Flag(name[2:]) {
		return []Problem{p.problem(s.Line, "there is no flag %s", name)}
	}
	if m := keySpan.FindStringSubmatch(s.Text); m != nil && v.isAboutKeys(m[1]) && !v.Key(m[1]) {
		return []Problem{p.problem(s.Line, "there is no key %s", m[1])}
	}
	if programSpan.MatchString(s.Text) {
		return v.checkScript(p, s)
	}
	return nil
}

// isAboutKeys reports whether a name with dots in it is meant to be a key: others are
// methods, files and fields.
func (v Vocabulary) isAboutKeys(name string) bool {
	first, _, _ := strings.Cut(name, ".")
	return slices.Contains([]string{"listeners", "management", "log", "ssl_options", "auth_http", "auth_cache", "prometheus", "loopback_users",
		"default_users", "default_limits", "default_policies", "definitions", "disk_free_limit", "vm_memory_high_watermark", "proxy_protocol",
		"tcp_listen_options", "message_interceptors"}, first) && !strings.HasSuffix(name, ".go")
}

// variables are those that the module's code and scripts know.
func (v Vocabulary) variables() (map[string]bool, error) {
	known := map[string]bool{}
	err := filepath.WalkDir(v.Root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) == ".md" {
			if err == nil && (d.Name() == ".git" || d.Name() == "doccheck") {
				return filepath.SkipDir
			}
			return err
		}
		inScripts := slices.ContainsFunc([]string{".ci", "deploy"}, func(dir string) bool { return filepath.Dir(path) == filepath.Join(v.Root, dir) })
		if filepath.Ext(path) != ".go" && !inScripts {
			return nil
		}
		source, err := os.ReadFile(path)
		for _, name := range variable.FindAllString(string(source), -1) {
			known[name] = true
		}
		return err
	})
	return known, err
}

func (v Vocabulary) checkVariables(p *Page, s Item, known map[string]bool) (problems []Problem) {
	for _, name := range variable.FindAllString(s.Text, -1) {
		if !known[name] {
			problems = append(problems, p.problem(s.Line, "there is no variable %s", name))
		}
	}
	return problems
}

func (v Vocabulary) checkScript(p *Page, s Item) (problems []Problem) {
	found, err := calls(s.Text)
	if err != nil {
		return []Problem{p.problem(s.Line, "no shell script: %v", err)}
	}
	for _, c := range found {
		if err := v.checkCall(c.args); err != nil {
			problems = append(problems, p.problem(s.Line+c.line-1, "%v", err))
		}
	}
	return problems
}

// checkCall looks at a command line of this repository's programs, and at the one behind
// "with-rabbitmq" or "time".
func (v Vocabulary) checkCall(args []string) error {
	name := filepath.Base(args[0])
	switch {
	case strings.HasPrefix(args[0], ".ci/"), strings.HasPrefix(args[0], "deploy/"):
		if _, err := os.Stat(filepath.Join(v.Root, filepath.FromSlash(args[0]))); err != nil {
			return fmt.Errorf("there is no %s", args[0])
		}
	case name == "make":
		return v.checkMake(args[1:])
	case name == "go" && len(args) > 2 && args[1] == "run" && args[2] == "./cmd/rabbet":
		return v.Command(append([]string{"rabbet"}, args[3:]...))
	case name == "go" && len(args) > 1 && args[1] == "test":
		return v.checkGoTest(args[2:])
	case v.Command != nil:
		return v.Command(append([]string{name}, args[1:]...))
	}
	return nil
}

func (v Vocabulary) checkMake(args []string) error {
	makefile, err := os.ReadFile(filepath.Join(v.Root, "Makefile"))
	if err != nil {
		return err
	}
	for _, arg := range args {
		if strings.Contains(arg, "=") {
			continue
		}
		if !slices.ContainsFunc(makeTarget.FindAllStringSubmatch(string(makefile), -1), func(m []string) bool { return m[1] == arg }) {
			return fmt.Errorf("make has no target %s", arg)
		}
	}
	return nil
}

// checkGoTest checks that packages exist, and that -run and -bench match something there.
func (v Vocabulary) checkGoTest(args []string) error {
	var names, dirs []string
	for i, arg := range args {
		if strings.HasPrefix(arg, "./") {
			dirs = append(dirs, arg)
		}
		if (arg == "-run" || arg == "-bench" || arg == "-fuzz") && i+1 < len(args) {
			names = append(names, args[i+1])
		}
	}
	var tests []string
	for _, dir := range dirs {
		files, err := v.testFiles(dir)
		if err != nil {
			return err
		}
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			for _, m := range testName.FindAllStringSubmatch(string(source), -1) {
				tests = append(tests, m[1])
			}
		}
	}
	for _, name := range names {
		first, _, _ := strings.Cut(name, "/")
		pattern, err := regexp.Compile(first)
		if err != nil {
			return err
		}
		if len(dirs) > 0 && first != "^$" && first != "NONE" && !slices.ContainsFunc(tests, pattern.MatchString) {
			return fmt.Errorf("no test is called %s in %s", first, strings.Join(dirs, " "))
		}
	}
	return nil
}

// testFiles are those of a package, or with /... of all below it.
func (v Vocabulary) testFiles(dir string) (files []string, err error) {
	dir, all := strings.CutSuffix(dir, "...")
	dir = filepath.Join(v.Root, filepath.FromSlash(dir))
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("there is no package in %s", dir)
	}
	if !all {
		return filepath.Glob(filepath.Join(dir, "*_test.go"))
	}
	err = filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, "_test.go") {
			files = append(files, path)
		}
		return err
	})
	return files, err
}
