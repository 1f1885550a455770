package main

import (
	"os"
	"runtime/pprof"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/settings"
)

// serveFlags are what the command line says to rabbet serve. The values are those of
// settings.Load, which looks at files and variables too.
type serveFlags struct {
	given       []settings.Flag
	config      string
	printConfig bool
}

// register adds the flags of the table, and those about the table itself.
func (f *serveFlags) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.SortFlags = false
	for i := range settings.Options {
		o := &settings.Options[i]
		if o.Flag == "" {
			continue
		}
		help := o.Help
		for _, name := range o.Env {
			help += ", or $" + name
		}
		value := &tableFlag{option: o, into: f}
		flag := fs.VarPF(value, o.Flag, "", help)
		if o.IsSwitch() {
			flag.NoOptDefVal = "true"
		}
		if o.Secret {
			flag.DefValue = ""
		}
	}
	fs.StringVar(&f.config, "config", "", "read `file`, in the format of rabbitmq.conf, and no other")
	fs.BoolVar(&f.printConfig, "print-config", false, "print all settings with where they come from, and end")
	complete := func(flag string, words ...string) {
		// It fails only for a flag that is not there.
		_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
	}
	complete("profile", broker.Profiles()...)
	complete("log-level", "debug", "info", "notice", "warning", "error", "critical", "none")
	complete("log-format", "text", "json")
	_ = cmd.MarkFlagDirname("data-dir")
}

// A tableFlag is one flag of the table. It checks the value, and leaves the rest to
// settings.Load.
type tableFlag struct {
	option *settings.Option
	into   *serveFlags
}

// Set implements pflag.Value.
func (t *tableFlag) Set(text string) error {
	if err := t.option.CheckFlag(text); err != nil {
		return err
	}
	t.into.given = append(t.into.given, settings.Flag{Name: t.option.Flag, Value: text})
	return nil
}

// String implements pflag.Value: the default, for the help.
func (t *tableFlag) String() string {
	if t.option == nil {
		return ""
	}
	return t.option.Default()
}

// Type implements pflag.Value: what the help calls the value.
func (t *tableFlag) Type() string {
	if t.option.IsSwitch() {
		return "bool"
	}
	return strings.ReplaceAll(t.option.Arg, " ", "-")
}

// profileFlag adds --cpuprofile.
func profileFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("cpuprofile", "", "write a CPU profile of this process to `file`, for go tool pprof")
}

// startProfile starts a CPU profile if there is a path for it. The function
// that it returns ends it.
func startProfile(path string) (stop func() error, err error) {
	if path == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		f.Close()
		return nil, err
	}
	return func() error {
		pprof.StopCPUProfile()
		return f.Close()
	}, nil
}
