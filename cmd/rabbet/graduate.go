package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/control"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/graduate"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/lint"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/mgmt"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/settings"
)

const graduateLong = `Rabbet is one node. When a team outgrows it, these commands move what it has to RabbitMQ: lint says
what a version of RabbitMQ would refuse or do otherwise, plan says what would be moved, apply moves
it, message by message, confirmed. import goes the other way: a production broker's topology for
tests here.`

// graduateCommand is rabbet graduate.
func graduateCommand(c console) *cobra.Command {
	return group(&cobra.Command{Use: "graduate", Short: "Move to a RabbitMQ cluster, or bring its topology here", Long: graduateLong},
		lintCommand(c), moveCommand(c, true), moveCommand(c, false), reopenCommand(c), importCommand(c))
}

const lintLong = `Holds definitions and connected clients against a version of RabbitMQ: what it would refuse, what
needs a plugin there, what would mean something else, each with the object, the number of the
behaviour in docs/behaviours.md and what to do.

SOURCE is the URL of a management API, of Rabbet or of any RabbitMQ; a data folder that no broker
has; a definitions file; or - for standard input. Without one it is the Rabbet that runs on this
machine. The exit code is 0 if nothing is found, 3 if something of the level --fail-on or worse
is, 1 for what failed.`

// A linter is rabbet graduate lint.
type linter struct {
	console
	target, targetURL, format, failOn string
	plugins                           []string
	quorum, messages                  bool
}

func lintCommand(c console) *cobra.Command {
	l := &linter{console: c}
	cmd := &cobra.Command{
		Use: "lint [SOURCE] [flags]", Short: "Say what a version of RabbitMQ would refuse or change", Long: lintLong, DisableFlagsInUseLine: true,
		Example: "  rabbet graduate lint --target 4.3\n  rabbet graduate lint definitions.json --target 4.2 --format junit >lint.xml",
	}
	f := cmd.Flags()
	f.StringVar(&l.target, "target", lint.Targets[len(lint.Targets)-1], "`version` of RabbitMQ: "+strings.Join(lint.Targets, ", "))
	f.StringVar(&l.targetURL, "target-url", "", "`URL` of the target's management API, which knows its version and plugins")
	f.StringSliceVar(&l.plugins, "plugins", nil, "`names` of plugins that the target has enabled")
	f.BoolVar(&l.quorum, "quorum", false, "classic queues are to become quorum queues")
	f.BoolVar(&l.messages, "messages", true, "read the messages of a Rabbet or a data folder for a foreign user_id")
	f.StringVar(&l.format, "format", "text", "`format` of the output: "+strings.Join(lint.Formats, ", "))
	f.StringVar(&l.failOn, "fail-on", string(lint.Changed), "`level` from which on the exit code is 3: refused, needs, changed, note, or never")
	cmd.Args = func(_ *cobra.Command, args []string) error {
		if len(args) > 1 {
			return usagef("graduate lint takes one source")
		}
		return nil
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return l.run(cmd.Context(), args) }
	return cmd
}

func (l *linter) run(ctx context.Context, args []string) error {
	fail := lint.Level(l.failOn)
	switch {
	case !slices.Contains(lint.Formats, l.format):
		return usagef("--format is %s, not %q", strings.Join(lint.Formats, ", "), l.format)
	case l.failOn != "never" && !slices.Contains(lint.Levels, fail):
		return usagef("--fail-on is refused, needs, changed, note or never, not %q", l.failOn)
	case !slices.Contains(lint.Targets, l.target):
		return usagef("--target is %s, not %q", strings.Join(lint.Targets, ", "), l.target)
	}
	var in lint.Input
	if l.targetURL != "" {
		api, err := mgmt.New(l.targetURL)
		if err != nil {
			return usageError{err}
		}
		facts, err := graduate.AskTarget(ctx, api)
		if err != nil {
			return err
		}
		l.target, l.plugins = facts.Target, append(l.plugins, facts.Plugins...)
		in.User, in.Impersonator = facts.User, facts.Impersonator
	}
	source, err := l.source(ctx, append(args, "")[0], l.messages)
	if err != nil {
		return err
	}
	in.Definitions, in.Source, in.Clients, in.Messages = source.Document, source.Version, source.Clients, source.Messages
	in.Plugins, in.Quorum = l.plugins, l.quorum
	found, err := lint.Check(in, l.target)
	if err != nil {
		return err
	}
	if err := lint.Write(l.stdout, l.format, l.target, found, fail); err != nil {
		return err
	}
	if slices.ContainsFunc(found, func(f lint.Finding) bool { return l.failOn != "never" && f.Level.AtLeast(fail) }) {
		return exitError{3}
	}
	return nil
}

// source reads the definitions of what an argument names, and looks at messages too where
// it is a Rabbet's.
func (c console) source(ctx context.Context, name string, messages bool) (*graduate.Definitions, error) {
	api := (*mgmt.Client)(nil)
	switch info, err := os.Stat(name); {
	case name == "":
		if api, err = c.socket(); err != nil {
			return nil, err
		}
	case strings.HasPrefix(name, "http://"), strings.HasPrefix(name, "https://"):
		if api, err = mgmt.New(name); err != nil {
			return nil, usageError{err}
		}
	case name != "-" && err == nil && info.IsDir():
		return graduate.OfFolder(name, messages)
	default:
		return graduate.OfFile(name, c.stdin)
	}
	d, err := graduate.OfBroker(ctx, api)
	if err == nil && messages {
		err = d.ReadMessages(ctx, api)
	}
	return d, err
}

// socket is the API of the Rabbet that runs on this machine with the same environment.
func (c console) socket() (*mgmt.Client, error) {
	set, err := settings.Load(settings.Sources{Environ: c.environ})
	if err != nil {
		return nil, err
	}
	for _, memory := range []bool{false, true} {
		path := control.Place{DataDir: set.DataDir, Memory: memory, Node: set.NodeName, Environ: c.environ}.Path()
		if _, err := os.Stat(path); err == nil {
			return mgmt.Socket(path), nil
		}
	}
	return nil, errors.New("no Rabbet of this user runs here: give the URL of its management API")
}
