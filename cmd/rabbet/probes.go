package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/perf"
)

func perfIdle(c console) *cobra.Command {
	cmd := &cobra.Command{Use: "idle [flags]", Short: "Measure what idle connections cost a broker", Long: "Opens idle connections with one channel each, and holds them.", Args: flagsOnly, DisableFlagsInUseLine: true}
	fs := cmd.Flags()
	fs.SortFlags = false
	cfg := perf.IdleConfig{}
	fs.StringVar(&cfg.URL, "url", perf.Defaults().URL, "the broker's `URL`")
	fs.IntVar(&cfg.Connections, "connections", 1000, "`number` of connections")
	fs.DurationVar(&cfg.Hold, "hold", 10*time.Second, "`duration` to hold them")
	fs.IntVar(&cfg.PID, "pid", 0, "measure the memory of the process with this `id`, the broker's")
	machine := fs.Bool("json", false, "print the summary as JSON, and progress to standard error")
	cmd.RunE = func(*cobra.Command, []string) error {
		return probe(c, *machine, func(ctx context.Context, progress func(string)) (fmt.Stringer, error) {
			return perf.Idle(ctx, cfg, progress)
		})
	}
	return cmd
}

func perfQueues(c console) *cobra.Command {
	cmd := &cobra.Command{Use: "queues [flags]", Short: "Measure what queues and bindings cost a broker", Long: "Declares empty transient queues, binds them to a topic exchange, and deletes them.", Args: flagsOnly, DisableFlagsInUseLine: true}
	fs := cmd.Flags()
	fs.SortFlags = false
	cfg := perf.QueuesConfig{}
	fs.StringVar(&cfg.URL, "url", perf.Defaults().URL, "the broker's `URL`")
	fs.IntVar(&cfg.Count, "count", 1000, "`number` of queues")
	fs.StringVar(&cfg.BindingKey, "binding-key", "perf.*.%d.#", "`key` of the bindings; %d in it is the queue's number")
	fs.IntVar(&cfg.PID, "pid", 0, "measure the memory of the process with this `id`, the broker's")
	machine := fs.Bool("json", false, "print the summary as JSON, and progress to standard error")
	cmd.RunE = func(*cobra.Command, []string) error {
		return probe(c, *machine, func(ctx context.Context, progress func(string)) (fmt.Stringer, error) {
			return perf.Queues(ctx, cfg, progress)
		})
	}
	return cmd
}

func perfDelayed(c console) *cobra.Command {
	cmd := &cobra.Command{Use: "delayed [flags]", Short: "Measure delayed messages", Long: `Fills an exchange of type x-delayed-message with persistent messages, watches it,
has messages fall due at a rate, and all at one moment.`, Args: flagsOnly, DisableFlagsInUseLine: true}
	fs := cmd.Flags()
	fs.SortFlags = false
	cfg := perf.DelayedConfig{}
	fs.StringVar(&cfg.URL, "url", perf.Defaults().URL, "the broker's `URL`")
	fs.IntVar(&cfg.Messages, "messages", 1_000_000, "`number` of messages that are pending all the while")
	fs.IntVar(&cfg.Size, "size", 100, "length of a body in `bytes`, 8 or more")
	fs.IntVar(&cfg.Window, "confirm", 10_000, "window of unconfirmed `messages`")
	fs.DurationVar(&cfg.Hold, "hold", 10*time.Second, "`duration` to watch the broker while nothing is due; needs --pid")
	fs.Float64Var(&cfg.Rate, "rate", 20_000, "`messages` a second that fall due")
	fs.DurationVar(&cfg.Time, "time", 10*time.Second, "`duration` for which they do")
	fs.IntVar(&cfg.Storm, "storm", 0, "`number` of messages that fall due at one moment, twice; as many more are published before, and meanwhile")
	fs.BoolVar(&cfg.Keep, "keep", false, "leave the exchange and the messages in it in place")
	fs.IntVar(&cfg.PID, "pid", 0, "measure CPU time and memory of the process with this `id`, the broker's")
	machine := fs.Bool("json", false, "print the summary as JSON, and progress to standard error")
	cmd.RunE = func(*cobra.Command, []string) error {
		return probe(c, *machine, func(ctx context.Context, progress func(string)) (fmt.Stringer, error) {
			return perf.Delayed(ctx, cfg, progress)
		})
	}
	return cmd
}

// probe runs until it is done or interrupted, and prints the outcome.
func probe(c console, asJSON bool, run func(context.Context, func(string)) (fmt.Stringer, error)) error {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	progress := c.stdout
	if asJSON {
		progress = c.stderr
	}
	result, err := run(ctx, func(line string) { fmt.Fprintln(progress, line) })
	if err != nil {
		return err
	}
	return printResult(c, result, asJSON)
}
