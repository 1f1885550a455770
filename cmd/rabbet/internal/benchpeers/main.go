// Benchpeers measures Rabbet and a RabbitMQ side by side: each load runs on both
// in turns, several rounds of it, because only figures that were taken together
// can be compared. It prints medians and their ratios as a Markdown table.
//
// .ci/bench-peers builds it and runs it beside a RabbitMQ, which the environment
// names: RABBITMQ_URL and RABBITMQ_PID. Without them it measures Rabbet alone.
// .ci/bench-durable does the same with --durable, which measures what needs the
// disk instead.
package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/perf"
)

// loads are those of the rows that need no disk.
var loads = []struct {
	name   string
	change func(*perf.Config)
}{
	{"1 producer, 1 consumer, auto-ack", func(c *perf.Config) { c.AutoAck = true }},
	{"1 producer, 1 consumer, acks by 100, prefetch 1000", func(c *perf.Config) {}},
	{"4 queues, 4 producers, 4 consumers, acks by 100", func(c *perf.Config) { c.Queues, c.Producers, c.Consumers = 4, 4, 4 }},
	{"fan-out 1 to 50 queues, auto-ack", func(c *perf.Config) {
		c.Queues, c.Consumers, c.ExchangeType, c.AutoAck = 50, 50, "fanout", true
	}},
	{"100 KB, auto-ack", func(c *perf.Config) { c.Size, c.AutoAck = 100_000, true }},
	{"confirms, window 1000, each acknowledged", func(c *perf.Config) { c.Confirm, c.AckEvery = 1000, 1 }},
	{"5,000 a second, each acknowledged", func(c *perf.Config) { c.Rate, c.AckEvery = 5000, 1 }},
}

// peer is a broker that takes part.
type peer struct {
	name, url string
	pid       int
}

// options are the command line.
type options struct {
	rabbet   string
	rounds   int
	each     time.Duration
	wanted   *regexp.Regexp
	durable  bool
	messages int
	bare     string
}

func main() {
	var o options
	flag.StringVar(&o.rabbet, "rabbet", "", "the rabbet binary (`path`)")
	flag.IntVar(&o.rounds, "rounds", 3, "how often each load runs on each broker (`number`)")
	flag.DurationVar(&o.each, "time", 3*time.Second, "how long each load is measured (`duration`)")
	only := flag.String("run", "", "measure only loads whose name matches this `regexp`")
	flag.BoolVar(&o.durable, "durable", false, "measure what needs the disk")
	flag.IntVar(&o.messages, "messages", 1_000_000, "with --durable, the length of the long queue (`number`)")
	flag.StringVar(&o.bare, "bare", "", "with --durable, the tests of package store, for what a bare commit takes (`path`)")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	wanted, err := regexp.Compile(*only)
	o.wanted = wanted
	if err == nil {
		err = run(ctx, &o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "benchpeers:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o *options) error {
	var peers []peer
	if url := os.Getenv("RABBITMQ_URL"); url != "" {
		pid, err := strconv.Atoi(os.Getenv("RABBITMQ_PID"))
		if err != nil {
			return fmt.Errorf("RABBITMQ_PID: %w", err)
		}
		peers = append(peers, peer{"RabbitMQ", url, pid})
	}
	if o.durable {
		return runDurable(ctx, o, peers)
	}
	own, stop, err := startRabbet(ctx, o.rabbet, "--memory")
	if err != nil {
		return err
	}
	defer stop(os.Interrupt)
	peers = append([]peer{own}, peers...)
	fmt.Printf("%d rounds of %s each, in turns; medians\n\n", o.rounds, o.each)
	fmt.Println("| load | broker | delivered/s | CPU µs/message | latency median | p99 | times the rate | of the CPU |")
	fmt.Println("|---|---|---|---|---|---|---|---|")
	for _, load := range loads {
		if !o.wanted.MatchString(load.name) {
			continue
		}
		c := perf.Defaults()
		c.Time, c.Warmup = o.each, time.Second
		load.change(&c)
		results, err := compare(ctx, c, peers, o.rounds)
		if err != nil {
			return fmt.Errorf("%s: %w", load.name, err)
		}
		printRows(load.name, peers, results)
	}
	return nil
}

// startRabbet starts the binary on a port of its own choice. It is ended by a
// signal.
func startRabbet(ctx context.Context, path string, args ...string) (p peer, stop func(os.Signal), err error) {
	cmd := exec.CommandContext(ctx, path, append([]string{"serve", "--port", "0", "--log-level", "error"}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return p, nil, err
	}
	if err := cmd.Start(); err != nil {
		return p, nil, err
	}
	stop = func(signal os.Signal) {
		_ = cmd.Process.Signal(signal) // It may have ended already.
		_ = cmd.Wait()
	}
	address := regexp.MustCompile(`Server startup complete .*address=(\S+)`)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if m := address.FindStringSubmatch(lines.Text()); m != nil {
			go io.Copy(os.Stderr, out) // Errors that it logs.
			return peer{"Rabbet", "amqp://guest:guest@" + m[1] + "/", cmd.Process.Pid}, stop, nil
		}
	}
	stop(os.Interrupt)
	return p, nil, errors.Join(fmt.Errorf("%s did not start", path), lines.Err())
}

// compare runs a load on all peers in turns. The results are by peer.
func compare(ctx context.Context, c perf.Config, peers []peer, rounds int) ([][]*perf.Result, error) {
	results := make([][]*perf.Result, len(peers))
	for range rounds {
		for i, p := range peers {
			c.URL, c.PID = p.url, p.pid
			r, err := perf.Run(ctx, c, func(perf.Sample) {})
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.name, err)
			}
			results[i] = append(results[i], r)
		}
	}
	return results, nil
}

// printRows prints what a load came to: Rabbet's row with its ratios to the
// other's medians.
func printRows(load string, peers []peer, results [][]*perf.Result) {
	rate := func(r *perf.Result) float64 { return r.ReceivedRate }
	cpu := func(r *perf.Result) float64 { return r.CPUPerMessage }
	for i, p := range peers {
		ratios := " | "
		if i == 0 && len(peers) > 1 {
			ratios = fmt.Sprintf("%.1f | 1/%.1f",
				median(results[0], rate)/median(results[1], rate), median(results[1], cpu)/median(results[0], cpu))
		}
		us := func(of func(*perf.Latency) time.Duration) string {
			v := median(results[i], func(r *perf.Result) time.Duration {
				if r.Latency == nil {
					return 0
				}
				return of(r.Latency)
			})
			return fmt.Sprintf("%d µs", v.Microseconds())
		}
		fmt.Printf("| %s | %s | %.0f | %.2f | %s | %s | %s |\n", load, p.name,
			median(results[i], rate), median(results[i], cpu),
			us(func(l *perf.Latency) time.Duration { return l.Median }),
			us(func(l *perf.Latency) time.Duration { return l.P99 }), ratios)
	}
}

// median is the middle value of a figure; of two in the middle, the lower.
func median[V cmp.Ordered](results []*perf.Result, of func(*perf.Result) V) V {
	var values []V
	for _, r := range results {
		values = append(values, of(r))
	}
	slices.Sort(values)
	return values[(len(values)-1)/2]
}
