package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// storeCommands is rabbet store, whose commands work on a data folder that no broker
// has.
func storeCommands(c console) *cobra.Command {
	onFolder := func(name, short, long string, run func(c console, dir string) error) *cobra.Command {
		return &cobra.Command{
			Use: name + " DIR", Short: short, Long: long, DisableFlagsInUseLine: true,
			Args: func(cmd *cobra.Command, args []string) error {
				if len(args) != 1 {
					return usagef("%s takes a data folder", strings.TrimPrefix(cmd.CommandPath(), "rabbet "))
				}
				return nil
			},
			RunE: func(_ *cobra.Command, args []string) error { return run(c, args[0]) },
			ValidArgsFunction: func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
				return nil, cobra.ShellCompDirectiveFilterDirs
			},
		}
	}
	check := onFolder("check", "Say what a data folder holds, and whether it is sound", `Reads all of the data folder DIR and changes nothing: it prints the durable queues with their
messages, the delayed exchanges with those that wait in them, and ok, or every fault it finds.
No broker may have the folder.`, storeCheck)
	compact := onFolder("compact", "Give back a data folder's free space", `Replaces the data file of the folder DIR by a copy without free space. No broker may have the
folder.`, storeCompact)
	stat := onFolder("stat", "Say where the bytes of a data folder are", `Says how large the data file of the folder DIR is and how much of it is free, what the rest holds,
which files of large bodies there are and how much of each is used, and what else is in the
folder, such as streams. It changes nothing. No broker may have the folder.`, storeStat)
	return group(&cobra.Command{Use: "store", Short: "Look after a data folder"}, check, compact, stat)
}
