package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/perf"
)

const perfLong = `Loads an AMQP 0-9-1 broker, any broker, and measures it: a line a second while
it runs, then a summary. What it needs it declares, and removes afterwards.
Interrupting it ends the run early.`

func perfCommand(c console) *cobra.Command {
	cmd := &cobra.Command{Use: "perf [flags]", Short: "Load a broker and measure it", Long: perfLong, DisableFlagsInUseLine: true}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return noSuchCommand(cmd, args[0])
		}
		return nil
	}
	cfg := perf.Defaults()
	fs := cmd.Flags()
	fs.SortFlags = false
	fs.StringVar(&cfg.URL, "url", cfg.URL, "the broker's `URL`")
	fs.IntVar(&cfg.Producers, "producers", cfg.Producers, "`number` of producers, each with a connection of its own")
	fs.IntVar(&cfg.Consumers, "consumers", cfg.Consumers, "`number` of consumers, each with a connection of its own")
	fs.IntVar(&cfg.Queues, "queues", cfg.Queues, "`number` of queues; producers and consumers are spread over them")
	fs.StringVar(&cfg.Queue, "queue", "", "`name` of the queue; with several queues, %d in it is their number (default a name of the run's own)")
	queueArgs := fs.String("queue-args", "", "arguments to declare queues with, as `key=value,key=value`")
	fs.StringVar(&cfg.Exchange, "exchange", "", "`name` of the exchange (default a name of the run's own)")
	fs.StringVar(&cfg.ExchangeType, "exchange-type", "", "publish through an exchange of this `type`: direct, fanout, topic, headers (default the default exchange)")
	fs.StringVar(&cfg.RoutingKey, "routing-key", "", "routing `key` of all publishes, and of all bindings (default the name of the producer's queue)")
	fs.StringVar(&cfg.BindingKey, "binding-key", "", "`key` to bind all queues with (default the routing key)")
	fs.BoolVar(&cfg.Predeclared, "predeclared", false, "use queues, exchange and bindings that exist, and leave them in place")
	fs.IntVar(&cfg.Size, "size", cfg.Size, "length of a body in `bytes`; latency needs 8 or more")
	fs.Float64Var(&cfg.Rate, "rate", 0, "`messages` a second that each producer publishes (default no limit)")
	fs.IntVar(&cfg.Confirm, "confirm", 0, "confirms, with a window of so many unconfirmed `messages` for each producer")
	fs.BoolVar(&cfg.Persistent, "persistent", false, "publish persistent messages to durable queues")
	fs.IntVar(&cfg.Headers, "headers", 0, "give each message this `number` of headers, a content type and a message id, as frameworks do")
	fs.BoolVar(&cfg.Official, "official", false, "use RabbitMQ's own Go client on both sides, in place of bare frames")
	fs.BoolVar(&cfg.Mandatory, "mandatory", false, "publish with the mandatory flag and count what is returned")
	fs.IntVar(&cfg.Prefetch, "prefetch", cfg.Prefetch, "limit of unacknowledged `messages` for each consumer; 0 is none")
	fs.IntVar(&cfg.AckEvery, "ack-every", cfg.AckEvery, "acknowledge so many `messages` at once")
	fs.BoolVar(&cfg.AutoAck, "auto-ack", false, "consume without acknowledgements")
	fs.DurationVar(&cfg.Time, "time", cfg.Time, "`duration` to measure; 0 is until all messages are through")
	fs.DurationVar(&cfg.Warmup, "warmup", 0, "`duration` of load before measuring starts")
	fs.IntVar(&cfg.Messages, "messages", 0, "number of `messages` that each producer publishes; unless --time is given too, the run ends when they have arrived")
	fs.IntVar(&cfg.PID, "pid", 0, "measure CPU time and memory of the process with this `id`, the broker's")
	machine := fs.Bool("json", false, "print the summary as JSON, durations in nanoseconds, and progress to standard error")
	profile := profileFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		if cfg.Messages > 0 && !cmd.Flags().Changed("time") {
			cfg.Time = 0
		}
		if cfg.QueueArgs, err = perf.ParseArgs(*queueArgs); err != nil {
			return usageError{err}
		}
		if err := cfg.Check(); err != nil {
			return usageError{err}
		}
		return perfLoad(c, cfg, *machine, *profile)
	}
	cmd.AddCommand(perfIdle(c), perfQueues(c), perfDelayed(c))
	return cmd
}

func perfLoad(c console, cfg perf.Config, asJSON bool, profile string) error {
	stopProfile, err := startProfile(profile)
	if err != nil {
		return err
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	progress := c.stdout
	if asJSON {
		progress = c.stderr
	}
	result, err := perf.Run(ctx, cfg, func(s perf.Sample) { fmt.Fprintln(progress, s) })
	if result != nil {
		err = errors.Join(err, printResult(c, result, asJSON))
	}
	return errors.Join(err, stopProfile())
}

// printResult prints a summary, as text or as JSON.
func printResult(c console, result fmt.Stringer, asJSON bool) error {
	if !asJSON {
		_, err := fmt.Fprint(c.stdout, result)
		return err
	}
	out := json.NewEncoder(c.stdout)
	out.SetIndent("", "  ")
	return out.Encode(result)
}
