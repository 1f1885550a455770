// Flags: the standard package's, with GNU's two dashes in the help, one line
// for an error, and profiles.

package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/pprof"
)

// flagSet is the flags of a command.
type flagSet struct {
	*flag.FlagSet
	synopsis string
}

// newFlags makes the flag set of a command. The synopsis opens its help.
func newFlags(command, synopsis string) flagSet {
	fs := flag.NewFlagSet(command, flag.ContinueOnError)
	fs.SetOutput(io.Discard) // The error that Parse returns says it all.
	fs.Usage = func() {}
	return flagSet{fs, synopsis}
}

// printHelp lists the flags.
func (fs flagSet) printHelp(w io.Writer) {
	fmt.Fprintf(w, "Usage: rabbet %s [flags]\n\n%s\n\nFlags:\n", fs.Name(), fs.synopsis)
	fs.VisitAll(func(f *flag.Flag) {
		kind, text := flag.UnquoteUsage(f)
		if kind != "" {
			kind = " " + kind
		}
		fmt.Fprintf(w, "  --%s%s\n        %s", f.Name, kind, text)
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" && f.DefValue != "0s" {
			fmt.Fprintf(w, " (default %s)", f.DefValue)
		}
		fmt.Fprintln(w)
	})
}

// parse reads a command line that has flags only. It returns flag.ErrHelp
// after printing the help that was asked for.
func (fs flagSet) parse(c console, args []string) error {
	err := fs.parseWithArgs(c, args)
	if err == nil && fs.NArg() > 0 {
		return usagef("%s takes flags only, not %q", fs.Name(), fs.Arg(0))
	}
	return err
}

// parseWithArgs is parse for a command line that may have arguments behind the
// flags.
func (fs flagSet) parseWithArgs(c console, args []string) error {
	switch err := fs.Parse(args); {
	case err == flag.ErrHelp:
		fs.printHelp(c.stdout)
		return err
	case err != nil:
		return usageError{err}
	}
	return nil
}

// isSet tells whether a flag was given on the command line.
func (fs flagSet) isSet(name string) (set bool) {
	fs.Visit(func(f *flag.Flag) { set = set || f.Name == name })
	return set
}

// profileFlag adds --cpuprofile.
func (fs flagSet) profileFlag() *string {
	return fs.String("cpuprofile", "", "write a CPU profile of this process to `file`, for go tool pprof")
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
