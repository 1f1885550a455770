package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/logging"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/settings"
	"github.com/rabbetmq/rabbet/delay"
)

const serveLong = `Starts the broker. A flag wins over a variable of the environment, which wins over
a configuration file, which wins over the default. RabbitMQ's files are read where RabbitMQ has
them: /etc/rabbitmq/rabbitmq.conf, conf.d, advanced.config, enabled_plugins. Durable queues and
persistent messages are kept in the data folder.

SIGINT and SIGTERM end the broker in order; a second one ends it at once. With a COMMAND the
broker starts, the command runs with AMQP_URL set, and both end together, with the exit code
of the command; the log goes to standard error then.`

const serveExample = `  rabbet serve --port 5673 --memory
  rabbet serve --config rabbitmq.conf
  rabbet serve --port 0 --memory -- go test ./...`

// serving makes a command one that starts the broker.
func serving(c console, cmd *cobra.Command) {
	var flags serveFlags
	flags.register(cmd)
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if dash := cmd.ArgsLenAtDash(); dash >= 0 {
			args = args[:dash]
		}
		return flagsOnly(cmd, args)
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		start := delay.Real{}.Now()
		relaxGC()
		if cmd.ArgsLenAtDash() >= 0 && len(args) == 0 {
			return usagef("there is no command behind --")
		}
		return serve(c, &flags, args, start)
	}
}

// serve runs the broker until a signal or the end of the command ends it.
func serve(c console, flags *serveFlags, command []string, start time.Time) (err error) {
	set, err := settings.Load(settings.Sources{Flags: flags.given, Environ: c.environ, Config: flags.config})
	if err != nil {
		return err
	}
	if flags.printConfig {
		_, err := fmt.Fprint(c.stdout, set.Print())
		return err
	}
	// A log that nobody reads, or that is closed, ends nothing: writes fail instead. To
	// ignore the signal would be inherited by the command.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	if len(command) > 0 {
		set.Log.Stderr = true // standard output is the command's
	}
	if c.getenv("NO_COLOR") != "" || c.getenv("TERM") == "dumb" {
		set.Log.Color = false
	}
	log, err := logging.Open(&set.Log, logging.Streams{Stdout: c.stdout, Stderr: c.stderr})
	if err != nil {
		return err
	}
	defer log.Close()
	stopProfile, err := startProfile(set.CPUProfile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopProfile()) }()
	removePID, err := writePID(set.PIDFile)
	if err != nil {
		return err
	}
	defer removePID()
	banner(log, set, c.getenv("HOME"))
	s := service{console: c, set: set, log: log, start: start, signals: signals, command: command}
	defer s.useProcessors()()
	if set.TestControl != "" {
		return s.serveTests()
	}
	return s.serveBroker()
}

// A service is a broker that runs as a process.
type service struct {
	console
	set     *settings.Result
	log     *logging.Log
	start   time.Time
	signals <-chan os.Signal
	command []string
	commits atomic.Uint64 // of the data folder

	pluginsMu sync.Mutex // guards the settings that rabbitmq-plugins changes; a leaf
}

// banner logs what the process is and what it was told, as RabbitMQ does, and what of
// that has no effect.
func banner(log *logging.Log, set *settings.Result, home string) {
	files := "(none)"
	if len(set.Files) > 0 {
		files = strings.Join(set.Files, ", ")
	}
	dir := set.DataDir
	if set.Memory {
		dir = "(none: all is in memory)"
	}
	log.Logger.Info(strings.Join([]string{
		"",
		" node           : " + set.NodeName,
		" home dir       : " + home,
		" config file(s) : " + files,
		" log(s)         : " + strings.Join(log.Places, ", "),
		" data dir       : " + dir,
	}, "\n"))
	for _, note := range set.Notes {
		log.Logger.Warn(note)
	}
}

// writePID writes the number of this process to a file, for those who wait for it; ""
// is none.
func writePID(path string) (remove func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	if err := os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o644); err != nil {
		return nil, err
	}
	return func() { _ = os.Remove(path) }, nil // A file that is gone is as well.
}

// serveBroker runs a broker.
func (s *service) serveBroker() error {
	if len(s.command) == 0 { // else it is waited for by name
		reapOrphans()
	}
	n := &node{s: s}
	if err := n.start(); err != nil {
		return err
	}
	c, err := s.openControl(n)
	if err != nil {
		return errors.Join(err, n.stop())
	}
	s.ready(n.listeners)
	result := s.wait(clientURL(&s.set.Settings, n.listeners), c.stop)
	err = n.stop()
	return errors.Join(err, c.close(), result)
}

// ready tells that clients may come.
func (s *service) ready(listeners []*listener) {
	var addresses []string
	for _, l := range listeners {
		addresses = append(addresses, l.Addr().String())
	}
	s.startupComplete(strings.Join(addresses, ","))
}

// startupComplete is the line that scripts wait for. It comes last, and whatever the
// log's level.
func (s *service) startupComplete(addresses string) {
	plugins := s.plugins()
	text := fmt.Sprintf("Server startup complete; %d plugins started.", len(plugins))
	for _, name := range plugins {
		text += "\n * " + name
	}
	s.log.Always.Info(text, "address", addresses, "version", version(),
		"took", delay.Real{}.Now().Sub(s.start).Round(100*time.Microsecond).String())
}

// wait returns when it is time to end: after a signal or, if there is a command, when
// that has ended. The error is the command's exit code.
func (s *service) wait(url string, stop <-chan struct{}) error {
	if len(s.command) > 0 {
		err := s.runCommand(url)
		s.log.Always.Info("Shutting down", "because", "the command has ended")
		return err
	}
	select {
	case signal := <-s.signals:
		s.log.Always.Info("Shutting down", "signal", signal.String())
	case <-stop:
		s.log.Always.Info("Shutting down", "because", "rabbitmqctl asked for it")
	}
	return nil
}

// sizeOrNone writes a limit as people read it.
func sizeOrNone(n int64) string {
	if n <= 0 {
		return "none"
	}
	return logging.Size(n)
}
