package main

// What the documents say is checked against what there is.

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/doccheck"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/settings"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/tool"
)

func documents(t *testing.T) (root string, pages []*doccheck.Page) {
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	pages, err = doccheck.Pages(root)
	require.NoError(t, err)
	require.Greater(t, len(pages), 10, "the documents are here")
	return root, pages
}

// vocabulary is what documents may name.
func vocabulary(t *testing.T, root string) doccheck.Vocabulary {
	commands := newRoot(console{getenv: func(string) string { return "" }})
	flags := map[string]bool{"help": true, "version": true}
	eachCommand(commands, func(cmd *cobra.Command) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) { flags[f.Name] = true })
	})
	scripts, err := filepath.Glob(filepath.Join(root, ".ci", "*"))
	require.NoError(t, err)
	for _, script := range scripts {
		source, err := os.ReadFile(script)
		require.NoError(t, err)
		for _, m := range regexp.MustCompile(`(?m)^\s*--([a-z-]+)\)`).FindAllStringSubmatch(string(source), -1) {
			flags[m[1]] = true
		}
	}
	file := filepath.Join(t.TempDir(), "rabbitmq.conf")
	return doccheck.Vocabulary{
		Root:    root,
		Command: func(args []string) error { return checkCommandLine(commands, args) },
		Flag:    func(name string) bool { return flags[name] },
		Key: func(key string) bool {
			require.NoError(t, os.WriteFile(file, []byte(key+" = 1\n"), 0o600))
			_, err := settings.CheckFile(file, nil)
			return err == nil || !strings.Contains(err.Error(), "unknown key")
		},
	}
}

// checkCommandLine looks for the command and the flags of a command line. Those of tools
// in place of RabbitMQ's have a verb, which has a help.
func checkCommandLine(root *cobra.Command, args []string) error {
	if run := tools[args[0]]; run != nil && len(args) > 1 {
		return checkVerb(args)
	}
	if args[0] != "rabbet" {
		return nil
	}
	if len(args) > 2 && args[1] == "ctl" {
		if tools[args[2]] == nil {
			return checkVerb(append([]string{"rabbitmqctl"}, args[2:]...))
		}
		return checkCommandLine(root, args[2:])
	}
	cmd := root
	for rest := args[1:]; len(rest) > 0; rest = rest[1:] {
		word := rest[0]
		switch {
		case word == "--":
			return nil
		case strings.HasPrefix(word, "-") && word != "-":
			name, _, joined := strings.Cut(word, "=")
			f := flagOf(cmd, name)
			if f == nil {
				return fmt.Errorf("%s has no flag %s", cmd.CommandPath(), name)
			}
			if !joined && f.NoOptDefVal == "" && len(rest) > 1 {
				rest = rest[1:]
			}
		case cmd.HasSubCommands() && word == strings.ToLower(word):
			if word == "help" {
				continue
			}
			i := slices.IndexFunc(cmd.Commands(), func(sub *cobra.Command) bool { return sub.Name() == word })
			if i < 0 {
				return fmt.Errorf("%s has no command %s", cmd.CommandPath(), word)
			}
			cmd = cmd.Commands()[i]
		}
	}
	return nil
}

func flagOf(cmd *cobra.Command, name string) *pflag.Flag {
	cmd.InitDefaultHelpFlag()
	cmd.InitDefaultVersionFlag()
	if long, ok := strings.CutPrefix(name, "--"); ok {
		return cmd.Flags().Lookup(long)
	}
	return cmd.Flags().ShorthandLookup(name[1:2])
}

func checkVerb(args []string) error {
	verb := slices.IndexFunc(args[1:], func(a string) bool { return !strings.HasPrefix(a, "-") })
	if verb < 0 || args[0] == "rabbitmq-server" || args[0] == "rabbitmqadmin" || args[1+verb] != strings.ToLower(args[1+verb]) {
		return nil
	}
	p := tool.Process{Name: args[0], Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: io.Discard}
	if tools[args[0]](p, []string{"help", args[1+verb]}) != 0 {
		return fmt.Errorf("%s has no %s", args[0], args[1+verb])
	}
	return nil
}

// listed shows all problems at once.
func listed(t *testing.T, problems []doccheck.Problem) {
	t.Helper()
	for _, p := range problems {
		t.Error(p)
	}
}

func TestDocsLinksResolve(t *testing.T) {
	root, pages := documents(t)
	listed(t, doccheck.Links(root, pages))
}

func TestDocsGoCompiles(t *testing.T) {
	root, pages := documents(t)
	problems, err := doccheck.Go(root, pages)
	require.NoError(t, err)
	listed(t, problems)
}

func TestDocsNamesExist(t *testing.T) {
	root, pages := documents(t)
	problems, err := vocabulary(t, root).Names(pages)
	require.NoError(t, err)
	listed(t, problems)
}

func TestDocsFiguresNameTheirCommand(t *testing.T) {
	_, pages := documents(t)
	listed(t, doccheck.Figures(pages))
}

func TestDocsShellRuns(t *testing.T) {
	_, pages := documents(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	problems, ran, err := doccheck.Run(ctx, filepath.Dir(binary), pages)
	require.NoError(t, err)
	listed(t, problems)
	assert.GreaterOrEqual(t, ran, 1, "blocks that are marked to be run")
}
