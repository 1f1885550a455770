// What needs the disk: persistent messages with confirms, on both brokers, and
// beside them what one bare commit takes.

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/perf"
)

// durableLoads are of persistent messages with confirms. Prefetch is ample, so
// that acks by 100 hold nobody up.
var durableLoads = []struct {
	name   string
	change func(*perf.Config)
}{
	{"1 KB persistent, confirm window 2000, acks by 100", func(c *perf.Config) { c.Size, c.Confirm = 1024, 2000 }},
	{"the same on 4 queues", func(c *perf.Config) {
		c.Size, c.Confirm, c.Queues, c.Producers, c.Consumers = 1024, 2000, 4, 4, 4
	}},
	{"16 B persistent, confirm window 1, each acked", func(c *perf.Config) { c.Size, c.Confirm, c.AckEvery = 16, 1, 1 }},
	// What nobody has consumed has to wait for the disk.
	{"16 B persistent, confirm window 1, nobody consumes", func(c *perf.Config) { c.Size, c.Confirm, c.Consumers = 16, 1, 0 }},
}

// runDurable measures the loads and then the long queue.
func runDurable(ctx context.Context, o *options, others []peer) error {
	dir, err := os.MkdirTemp("", "bench-durable")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	fmt.Printf("%d rounds of %s each, in turns; medians\n\n", o.rounds, o.each)
	fmt.Println("| load | broker | confirmed/s | delivered/s | confirm median | p99 | CPU µs/message | times the rate |")
	fmt.Println("|---|---|---|---|---|---|---|---|")
	own, stop, err := startRabbet(ctx, o.rabbet, "--data-dir", dir)
	if err != nil {
		return err
	}
	defer stop(os.Interrupt)
	peers := append([]peer{own}, others...)
	for _, load := range durableLoads {
		if !o.wanted.MatchString(load.name) {
			continue
		}
		c := perf.Defaults()
		c.Time, c.Warmup, c.Persistent, c.Prefetch = o.each, time.Second, true, 5000
		load.change(&c)
		results := make([][]*perf.Result, len(peers))
		var bare []time.Duration
		for range o.rounds {
			if c.Confirm == 1 {
				took, err := bareCommit(ctx, o.bare)
				if err != nil {
					return err
				}
				bare = append(bare, took)
			}
			round, err := compare(ctx, c, peers, 1)
			if err != nil {
				return fmt.Errorf("%s: %w", load.name, err)
			}
			for i := range round {
				results[i] = append(results[i], round[i]...)
			}
		}
		printDurable(load.name, peers, results)
		if len(bare) > 0 {
			slices.Sort(bare)
			fmt.Printf("| one bare commit | the disk | | | %d µs | | | |\n", bare[(len(bare)-1)/2].Microseconds())
		}
	}
	return runBacklog(ctx, o, others)
}

// bareCommit measures what one commit takes without a broker, on the disk that
// TMPDIR is on.
func bareCommit(ctx context.Context, path string) (time.Duration, error) {
	out, err := exec.CommandContext(ctx, path,
		"-test.run", "^$", "-test.bench", "^BenchmarkBareCommit$", "-test.benchtime", "2000x").Output()
	if err != nil {
		return 0, fmt.Errorf("measuring a bare commit: %w", err)
	}
	m := regexp.MustCompile(`([0-9.]+) median-µs`).FindSubmatch(out)
	if m == nil {
		return 0, fmt.Errorf("measuring a bare commit: no median in %q", out)
	}
	us, err := strconv.ParseFloat(string(m[1]), 64)
	return time.Duration(us * float64(time.Microsecond)), err
}

func printDurable(load string, peers []peer, results [][]*perf.Result) {
	confirmed := func(r *perf.Result) float64 { return r.ConfirmedRate }
	for i, p := range peers {
		half := median(results[i], func(r *perf.Result) time.Duration { return r.Confirm.Median })
		ratio := ""
		if i == 0 && len(peers) > 1 {
			ratio = fmt.Sprintf("%.1f", median(results[0], confirmed)/median(results[1], confirmed))
		}
		fmt.Printf("| %s | %s | %.0f | %.0f | %d µs | %d µs | %.2f | %s |\n", load, p.name,
			median(results[i], confirmed), median(results[i], func(r *perf.Result) float64 { return r.ReceivedRate }),
			half.Microseconds(),
			median(results[i], func(r *perf.Result) time.Duration { return r.Confirm.P99 }).Microseconds(),
			median(results[i], func(r *perf.Result) float64 { return r.CPUPerMessage }), ratio)
	}
}
