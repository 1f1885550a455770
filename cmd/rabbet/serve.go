// rabbet serve: the broker as a process, from its flags and environment to its
// orderly end.

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
)

// shutdownTimeout bounds how long clients have to take their leave.
const shutdownTimeout = 10 * time.Second

const serveSynopsis = `Starts the broker. Flags win over the environment variables of RabbitMQ's name,
which win over the defaults. Durable queues and persistent messages are kept in
the data folder. SIGINT and SIGTERM end it in order; a second one ends it at once.`

type serveOptions struct {
	ip, port, user, password, vhost string
	guestFromAnywhere               bool
	logLevel, logFormat, cpuProfile string
	profile                         string
	dataDir                         string
	memory                          bool
	memoryLimit, diskFreeLimit      int64
	maxMessageSize                  int64
	consumerTimeout, heartbeat      time.Duration
	channelMax, frameMax            uint
	testControl                     string
	manualClock, dataDirGiven       bool
}

func serveFlags(c console, args []string) (*serveOptions, error) {
	o := &serveOptions{memoryLimit: defaultMemoryLimit(), diskFreeLimit: defaultDiskFreeLimit}
	fs := newFlags("serve", serveSynopsis)
	fromEnv := func(into *string, name, env, value, text string) {
		if v := c.getenv(env); v != "" {
			value = v
		}
		fs.StringVar(into, name, value, text+", or "+env)
	}
	fromEnv(&o.ip, "ip", "RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1", "listen on `address`")
	fromEnv(&o.port, "port", "RABBITMQ_NODE_PORT", "5672", "listen on port `number`; 0 takes a free one")
	fromEnv(&o.user, "user", "RABBITMQ_DEFAULT_USER", "guest", "`name` of the user to start with")
	fromEnv(&o.password, "password", "RABBITMQ_DEFAULT_PASS", "guest", "`password` of that user")
	fromEnv(&o.vhost, "vhost", "RABBITMQ_DEFAULT_VHOST", "/", "`name` of the virtual host to start with")
	fs.BoolVar(&o.guestFromAnywhere, "guest-from-anywhere", false, "let the user guest log in from other machines too, as loopback_users = none does in RabbitMQ")
	fs.StringVar(&o.logLevel, "log-level", "info", "log events of this `level` and above: debug, info, warn or error")
	fs.StringVar(&o.logFormat, "log-format", "text", "log as text or json (`format`)")
	fromEnv(&o.dataDir, "data-dir", "RABBITMQ_MNESIA_BASE", defaultDataDir(c), "keep durable queues and messages in `folder`")
	o.limitFlags(fs)
	fromEnv(&o.profile, "profile", "RABBET_PROFILE", broker.Profiles()[0], "behave as RabbitMQ of this `version`: "+strings.Join(broker.Profiles(), ", "))
	fs.BoolVar(&o.memory, "memory", false, "keep everything in memory; nothing survives")
	fs.StringVar(&o.testControl, "test-control", "", "serve a control for tests, as JSON over HTTP, at this `address` of loopback; data goes to a folder of its own unless --data-dir is given")
	fs.BoolVar(&o.manualClock, "manual-clock", false, "let time stand still until the test control moves it")
	cpuProfile := fs.profileFlag()
	if err := fs.parse(c, args); err != nil {
		return nil, err
	}
	o.cpuProfile, o.dataDirGiven = *cpuProfile, fs.isSet("data-dir")
	return o, o.check()
}

// check refuses what cannot be meant, before anything is touched.
func (o *serveOptions) check() error {
	switch {
	case o.user == "" || o.password == "" || o.vhost == "": // not guest in their place
		return usagef("--user, --password and --vhost cannot be empty")
	case o.memory && o.dataDirGiven:
		return usagef("--memory keeps nothing in the folder of --data-dir: give one of the two")
	case o.manualClock && o.testControl == "":
		return usagef("--manual-clock needs --test-control, which moves it")
	case !slices.Contains(broker.Profiles(), o.profile):
		return usagef("unknown profile %q: it is one of %s", o.profile, strings.Join(broker.Profiles(), ", "))
	}
	n, err := strconv.ParseUint(o.port, 10, 16)
	if err != nil {
		return usagef("bad port %q: it is a number from 0 to 65535", o.port)
	}
	o.port = strconv.FormatUint(n, 10)
	return o.checkLimits()
}

// serve runs the broker until a signal ends it.
func serve(c console, args []string) error {
	start := delay.Real{}.Now()
	relaxGC()
	o, err := serveFlags(c, args)
	if err != nil {
		return err
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(o.logLevel)); err != nil {
		return usagef("unknown log level %q: it is debug, info, warn or error", o.logLevel)
	}
	handler, err := newLogHandler(c.stdout, o.logFormat, level)
	if err != nil {
		return err
	}
	// What scripts wait for is printed whatever the level.
	always, err := newLogHandler(c.stdout, o.logFormat, slog.LevelInfo)
	if err != nil {
		return err
	}
	stopProfile, err := startProfile(o.cpuProfile)
	if err != nil {
		return err
	}
	if o.testControl != "" {
		err := serveTests(o, slog.New(handler), slog.New(always), start)
		return errors.Join(err, stopProfile())
	}
	st, err := openStore(o, slog.New(handler))
	if err != nil {
		return errors.Join(err, stopProfile())
	}
	slog.New(handler).Info("Limits", "memory", o.memoryLimit, "disk free", o.diskFreeLimit)
	cfg := broker.Config{
		Profile:           o.profile,
		Store:             st,
		Logger:            slog.New(handler),
		DefaultUser:       o.user,
		DefaultPassword:   o.password,
		DefaultVHost:      o.vhost,
		GuestFromAnywhere: o.guestFromAnywhere,
	}
	o.limits(&cfg)
	b, err := broker.New(cfg)
	if err != nil {
		if st != nil {
			err = errors.Join(err, st.Close())
		}
		return errors.Join(err, stopProfile())
	}
	err = listenUntilSignal(b, net.JoinHostPort(o.ip, o.port), slog.New(always), start)
	return errors.Join(err, stopProfile())
}

// listenUntilSignal accepts clients until SIGINT or SIGTERM, then says
// goodbye to them.
func listenUntilSignal(b *broker.Broker, address string, log *slog.Logger, start time.Time) error {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)

	bound, err := b.Listen(address)
	if err != nil {
		return errors.Join(listenError(address, err), b.Close())
	}
	log.Info("Server startup complete", "address", bound.String(), "version", version(),
		"took", delay.Real{}.Now().Sub(start).Round(100*time.Microsecond).String())

	log.Info("Shutting down", "signal", <-signals)
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	go func() {
		select {
		case <-signals:
			cancel()
		case <-ctx.Done():
		}
	}()
	switch err := b.Shutdown(ctx); {
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return errors.Join(fmt.Errorf("ended before all clients had gone: %w", err), b.Close())
	case err != nil: // the store's
		return fmt.Errorf("ended without writing all to the data folder, what was acknowledged since it failed comes again: %w", err)
	}
	log.Info("Stopped")
	return nil
}

// listenError says in one line why there is no listening on an address.
func listenError(address string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("cannot listen on %s: the address is in use, maybe by another broker", address)
	}
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		err = op.Err
	}
	return fmt.Errorf("cannot listen on %s: %s", address, strings.TrimPrefix(err.Error(), "bind: "))
}
