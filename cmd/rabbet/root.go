package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/settings"
)

// usageTemplate is cobra's in this project's form: what can be said in one line is.
const usageTemplate = `Usage:{{if .Runnable}}
  {{.UseLine}}{{end}}{{if .HasAvailableSubCommands}}
  {{.CommandPath}} COMMAND{{end}}
{{- if .HasExample}}

Examples:
{{.Example}}{{end}}
{{- if .HasAvailableSubCommands}}

Commands:{{range .Commands}}{{if or .IsAvailableCommand (eq .Name "help")}}
  {{rpad .Name .NamePadding }} {{.Short}}{{end}}{{end}}{{end}}
{{- if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsagesWrapped 100 | trimTrailingWhitespaces}}{{end}}
`

const rootLong = `Rabbet is an AMQP 0-9-1 broker that behaves as RabbitMQ does.

Without a command it starts the broker, as rabbet serve does, and takes the same flags, which
rabbet help serve lists.`

// newRoot is the tree of commands.
func newRoot(c console) *cobra.Command {
	root := &cobra.Command{
		Use: "rabbet [flags]", Short: "An AMQP 0-9-1 broker that behaves as RabbitMQ does", Long: rootLong,
		Version:      strings.TrimPrefix(versionText(), "rabbet "),
		SilenceUsage: true, SilenceErrors: true, DisableFlagsInUseLine: true,
	}
	serving(c, root)
	root.Flags().VisitAll(func(f *pflag.Flag) { f.Hidden = true })
	root.SetVersionTemplate("rabbet {{.Version}}\n")
	root.SetUsageTemplate(usageTemplate)
	root.SetFlagErrorFunc(flagError)
	root.SetIn(c.stdin)
	root.SetOut(c.stdout)
	root.SetErr(c.stderr)
	serve := &cobra.Command{Use: "serve [flags] [-- COMMAND [ARGUMENTS]]", Short: "Start the broker", Long: serveLong, Example: serveExample, DisableFlagsInUseLine: true}
	serving(c, serve)
	root.AddCommand(serve, pingCommand(c), configCommand(c), ctlCommand(c), definitionsCommand(c), perfCommand(c), conformanceCommand(c), graduateCommand(c), storeCommands(c), versionCommand(c))
	root.SetHelpCommand(helpCommand())
	root.InitDefaultCompletionCmd()
	eachCommand(root, func(cmd *cobra.Command) { cmd.Flags().VisitAll(onlyOnce) })
	return root
}

// execute runs a command line. It returns the command that was meant, for errors.
func execute(c console, args []string) (command string, err error) {
	root := newRoot(c)
	if len(args) > 0 && args[0] != "" && !strings.HasPrefix(args[0], "-") && !isCommand(root, args[0]) {
		return root.Name(), noSuchCommand(root, args[0])
	}
	root.SetArgs(args)
	cmd, err := root.ExecuteC()
	return cmd.CommandPath(), err
}

// isCommand reports whether a command has a subcommand of this name, those that cobra
// makes among them.
func isCommand(parent *cobra.Command, name string) bool {
	return slices.Contains([]string{"help", cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd}, name) ||
		slices.ContainsFunc(parent.Commands(), func(c *cobra.Command) bool { return c.Name() == name || c.HasAlias(name) })
}

// noSuchCommand names a mistyped subcommand, and what it is like.
func noSuchCommand(parent *cobra.Command, name string) error {
	text := fmt.Sprintf("unknown command %q", name)
	if parent.HasParent() {
		text += " of " + parent.CommandPath()
	}
	names := []string{"help"}
	for _, sub := range parent.Commands() {
		names = append(names, sub.Name())
	}
	if near := settings.Nearest(name, names); near != "" {
		text += ": did you mean " + near + "?"
	}
	return usagef("%s", text)
}

// group is a command that only has subcommands.
func group(cmd *cobra.Command, commands ...*cobra.Command) *cobra.Command {
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return noSuchCommand(cmd, args[0])
		}
		var names []string
		for _, sub := range cmd.Commands() {
			names = append(names, sub.Name())
		}
		return usagef("%s takes one of the commands %s", cmd.CommandPath(), strings.Join(names, ", "))
	}
	cmd.AddCommand(commands...)
	return cmd
}

// flagsOnly refuses arguments.
func flagsOnly(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("%s takes flags only, not %q", strings.TrimPrefix(cmd.CommandPath(), "rabbet "), args[0])
	}
	return nil
}

// flagError says in one line what is wrong with a flag. It leaves values out, which may
// be secret.
func flagError(cmd *cobra.Command, err error) error {
	missing, invalid := (*pflag.NotExistError)(nil), (*pflag.InvalidValueError)(nil)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return err
	case errors.As(err, &missing) && missing.GetSpecifiedShortnames() == "":
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		if near := settings.Nearest(missing.GetSpecifiedName(), names); near != "" {
			return usagef("unknown flag --%s: did you mean --%s?", missing.GetSpecifiedName(), near)
		}
		return usagef("unknown flag --%s", missing.GetSpecifiedName())
	case errors.As(err, &invalid):
		cause := errors.Unwrap(err)
		if deeper := errors.Unwrap(cause); deeper != nil { // strconv names its function
			cause = deeper
		}
		return usagef("--%s: %w", invalid.GetFlag().Name, cause)
	}
	return usageError{err}
}

// eachCommand visits a command and all below it.
func eachCommand(cmd *cobra.Command, do func(*cobra.Command)) {
	do(cmd)
	for _, sub := range cmd.Commands() {
		eachCommand(sub, do)
	}
}

// onlyOnce makes a flag refuse a second value. Otherwise the last would win without a
// word.
func onlyOnce(f *pflag.Flag) {
	if t, ok := f.Value.(*tableFlag); ok && t.option.Repeat || f.Value.Type() == "stringArray" || f.Name == "help" || f.Name == "version" {
		return
	}
	f.Value = &once{Value: f.Value}
}

type once struct {
	pflag.Value
	set bool
}

// Set implements pflag.Value.
func (o *once) Set(text string) error {
	if o.set {
		return errors.New("it is given twice")
	}
	o.set = true
	return o.Value.Set(text)
}

// IsBoolFlag says that the help shows a switch without a value.
func (o *once) IsBoolFlag() bool { return o.Type() == "bool" }

func versionCommand(c console) *cobra.Command {
	return &cobra.Command{Use: "version", Short: "Print the version", Args: flagsOnly, DisableFlagsInUseLine: true, RunE: func(*cobra.Command, []string) error {
		_, err := fmt.Fprintln(c.stdout, versionText())
		return err
	}}
}

// helpCommand is help COMMAND. Cobra's own prints what it does not know and succeeds.
func helpCommand() *cobra.Command {
	return &cobra.Command{Use: "help [COMMAND]", Short: "Say more about a command", DisableFlagsInUseLine: true, RunE: func(cmd *cobra.Command, args []string) error {
		topic := cmd.Root()
		for _, name := range args {
			i := slices.IndexFunc(topic.Commands(), func(c *cobra.Command) bool { return c.Name() == name })
			if i < 0 {
				return noSuchCommand(topic, name)
			}
			topic = topic.Commands()[i]
		}
		topic.InitDefaultHelpFlag()
		topic.InitDefaultVersionFlag()
		return topic.Help()
	}}
}
