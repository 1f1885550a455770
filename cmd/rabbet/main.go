// Rabbet is an AMQP 0-9-1 broker that behaves as RabbitMQ does, in one binary,
// and a load generator for any such broker.
//
//	rabbet                    start the broker on 127.0.0.1:5672
//	rabbet ping               ask whether it answers
//	rabbet config             check a configuration file
//	rabbet definitions        export, import and compare definitions
//	rabbet perf               load a broker and measure it
//	rabbet ctl                administer a running broker
//	rabbet conformance        judge whether a broker behaves as RabbitMQ does
//	rabbet graduate           move to a RabbitMQ cluster
//	rabbet store              look after a data folder
//	rabbet help               say more
//
// The exit code is 0, 1 for what failed, 2 for what was asked wrongly.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/settings"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/tool"
	"github.com/rabbetmq/rabbet/delay"
)

// console is what a command sees of the outside.
type console struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	environ        []string
}

// usageError is a command line that makes no sense: exit code 2.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// An exitError ends the process with a code and no word, since it has said all.
type exitError struct{ code int }

// Error implements error.
func (e exitError) Error() string { return fmt.Sprintf("exit code %d", e.code) }

func main() {
	name := strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")
	os.Exit(personality(name)(tool.Process{Name: name, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Environ: os.Environ()}, os.Args[1:]))
}

// rabbet is the command of the binary's own name.
func rabbet(p tool.Process, args []string) (exitCode int) {
	c := console{p.Stdin, p.Stdout, p.Stderr, func(name string) string { return getenv(p.Environ, name) }, p.Environ}
	command, err := execute(c, args)
	if text := explain(command, err); text != "" {
		say(p.Stderr, text)
	}
	return codeOf(err)
}

// getenv is os.Getenv for an environment that is a list.
func getenv(environ []string, name string) string {
	for _, v := range slices.Backward(environ) {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	return ""
}

// codeOf is the exit code of an error.
func codeOf(err error) int {
	exit, wrong, given := exitError{}, usageError{}, settings.UsageError{}
	switch {
	case err == nil, errors.Is(err, pflag.ErrHelp):
		return 0
	case errors.As(err, &exit):
		return exit.code
	case errors.As(err, &wrong), errors.As(err, &given):
		return 2
	}
	return 1
}

// explain is the line that says what went wrong; "" if there is nothing to say.
func explain(command string, err error) string {
	if exit := (exitError{}); err == nil || errors.Is(err, pflag.ErrHelp) || errors.As(err, &exit) {
		return ""
	}
	// One line, whatever an error is made of.
	text := "rabbet: " + strings.ReplaceAll(err.Error(), "\n", "; ")
	if wrong := (usageError{}); errors.As(err, &wrong) {
		text += " (see rabbet help" + strings.TrimSuffix(strings.TrimPrefix(command, "rabbet"), " help") + ")"
	}
	return text
}

// say prints a line, and does not wait long for somebody to read it: the process ends.
func say(w io.Writer, line string) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = fmt.Fprintln(w, line) // Nobody is left to be told.
	}()
	timer := delay.Real{}.AfterFunc(time.Second, func() { os.Exit(1) })
	defer timer.Stop()
	<-done
}

// version is the module's version as the build recorded it.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// revision is the commit that the build recorded, marked if something was not committed;
// "unknown" for a build outside of a repository.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	revision, modified := "unknown", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = " and changes"
		}
	}
	return revision + modified
}

// versionText is what --version prints.
func versionText() string {
	return fmt.Sprintf("rabbet %s (revision %s, %s %s/%s)", version(), revision(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
