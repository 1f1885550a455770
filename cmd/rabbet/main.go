// Rabbet is an AMQP 0-9-1 broker that behaves as RabbitMQ does, in one binary,
// and a load generator for any such broker.
//
//	rabbet                    start the broker on 127.0.0.1:5672
//	rabbet perf               load a broker and measure it
//	rabbet conformance        judge whether a broker behaves as RabbitMQ does
//	rabbet store              look after a data folder
//	rabbet help               say more
//
// This file finds the command that is meant and turns its outcome into an exit
// code: 0, 1 for what failed, 2 for what was asked wrongly.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
)

const usage = `Rabbet is an AMQP 0-9-1 broker that behaves as RabbitMQ does.

Usage:

  rabbet [serve] [flags]     start the broker
  rabbet perf [flags]        load a broker and measure it
  rabbet perf idle [flags]   measure what idle connections cost a broker
  rabbet perf queues [flags] measure what queues and bindings cost a broker
  rabbet perf delayed [flags] measure delayed messages
  rabbet conformance [flags] judge whether a broker behaves as RabbitMQ does
  rabbet store check DIR     say what a data folder holds, and whether it is sound
  rabbet store compact DIR   give back a data folder's free space
  rabbet version             print the version
  rabbet help                print this text

Each command lists its flags with --help.
`

// console is what a command sees of the outside.
type console struct {
	stdout, stderr io.Writer
	getenv         func(string) string
}

// usageError is a command line that makes no sense: exit code 2.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func main() {
	c := console{os.Stdout, os.Stderr, os.Getenv}
	err := dispatch(c, os.Args[1:])
	var wrong usageError
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return
	case errors.As(err, &wrong):
		fmt.Fprintf(os.Stderr, "rabbet: %v (see rabbet help)\n", err)
		os.Exit(2)
	}
	// One line, whatever an error is made of.
	fmt.Fprintf(os.Stderr, "rabbet: %s\n", strings.ReplaceAll(err.Error(), "\n", "; "))
	os.Exit(1)
}

func dispatch(c console, args []string) error {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") && !isHelp(args[0]) {
		return serve(c, args)
	}
	switch command, args := args[0], args[1:]; {
	case command == "serve":
		return serve(c, args)
	case command == "perf" && len(args) > 0 && args[0] == "idle":
		return perfIdle(c, args[1:])
	case command == "perf" && len(args) > 0 && args[0] == "queues":
		return perfQueues(c, args[1:])
	case command == "perf" && len(args) > 0 && args[0] == "delayed":
		return perfDelayed(c, args[1:])
	case command == "perf":
		return perfLoad(c, args)
	case command == "conformance":
		return conformanceCommand(c, args)
	case command == "store":
		return storeCommand(c, args)
	case command == "version":
		_, err := fmt.Fprintf(c.stdout, "rabbet %s (%s %s/%s)\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return err
	case command == "help" || isHelp(command):
		_, err := io.WriteString(c.stdout, usage)
		return err
	default:
		return usagef("unknown command %q", command)
	}
}

func isHelp(arg string) bool { return arg == "-h" || arg == "-help" || arg == "--help" }

// version is the module's version as the build recorded it.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
