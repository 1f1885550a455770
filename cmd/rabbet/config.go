package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/settings"
)

const configCheckLong = `Reads a configuration file as rabbet serve --config does: in the format of rabbitmq.conf or, if
its name ends in .config, as Erlang terms. It prints every fault with its line, and what has no
effect, and changes nothing.`

func configCommand(c console) *cobra.Command {
	check := &cobra.Command{Use: "check FILE", Short: "Check a file", Long: configCheckLong, DisableFlagsInUseLine: true}
	check.Args = func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usagef("config check takes one file")
		}
		return nil
	}
	check.RunE = func(_ *cobra.Command, args []string) error { return configCheck(c, args[0]) }
	return group(&cobra.Command{Use: "config", Short: "Look after configuration files"}, check)
}

func configCheck(c console, path string) error {
	set, err := settings.CheckFile(path, c.environ)
	for _, note := range set.Notes {
		fmt.Fprintf(c.stdout, "note: %s\n", note)
	}
	if err == nil {
		_, err := fmt.Fprintln(c.stdout, "ok")
		return err
	}
	faults := settings.All(err)
	for _, fault := range faults {
		fmt.Fprintf(c.stdout, "fault: %s\n", fault)
	}
	return fmt.Errorf("%s has faults: %d", path, len(faults))
}
