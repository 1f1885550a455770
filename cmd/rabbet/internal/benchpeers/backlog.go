// The long queue: filled with persistent messages while nobody consumes, left
// alone, found again after a kill, drained, and filled anew, with the broker's
// memory and file at each step.

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/perf"
	"github.com/rabbetmq/rabbet/delay"
)

const (
	backlogSize  = 100 // bytes of each body
	backlogQueue = "backlog"
	settleTime   = 3 * time.Second // between filling and looking at the idle broker
	lookEvery    = 20 * time.Millisecond

	// othersBacklog is the longest queue that others are given: RabbitMQ takes
	// kilobytes of memory for each message and stops publishers at its alarm.
	othersBacklog = 1_000_000
)

// A backlog is what was measured of one long queue. Memory is RssAnon.
type backlog struct {
	filled, drained, refilled *perf.Result
	filling, idle, draining   int64
	full, again               int64         // bytes of the file
	reopened, recovered       time.Duration // to the readiness line, after a stop and after kill -9
	afterwards                int64         // memory after that
}

// runBacklog measures the long queue on Rabbet, plain and lazy, and on the
// others.
func runBacklog(ctx context.Context, o *options, others []peer) error {
	name := fmt.Sprintf("%d × %d B persistent", o.messages, backlogSize)
	if !o.wanted.MatchString(name) {
		return nil
	}
	fmt.Printf("\n%s, confirm window 10000, then drained with acks by 100; memory is RssAnon, its most while filling and draining\n\n", name)
	fmt.Println("| queue | filled/s | filling | idle | file | of the payload | ready again | after kill -9 | memory then | drained/s | draining | file filled anew |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|---|---|---|")
	for _, mode := range []string{"default", "lazy"} {
		b, err := longQueue(ctx, o, mode)
		if err != nil {
			return fmt.Errorf("%s queue: %w", mode, err)
		}
		fmt.Printf("| Rabbet, %s | %.0f | %s | %s | %s | %.2f | %d ms | %d ms | %s | %.0f | %s | %s |\n", mode,
			b.filled.ConfirmedRate, megabytes(b.filling), megabytes(b.idle), megabytes(b.full),
			float64(b.full)/float64(o.messages*backlogSize), b.reopened.Milliseconds(), b.recovered.Milliseconds(),
			megabytes(b.afterwards), b.drained.ReceivedRate, megabytes(b.draining), megabytes(b.again))
	}
	for _, p := range others {
		if o.messages > othersBacklog {
			break
		}
		var b backlog
		err := b.fill(ctx, p, o.messages, "default")
		if err == nil {
			err = b.drain(ctx, p, o.messages)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		fmt.Printf("| %s | %.0f | %s | %s | | | | | | %.0f | %s | |\n", p.name,
			b.filled.ConfirmedRate, megabytes(b.filling), megabytes(b.idle), b.drained.ReceivedRate, megabytes(b.draining))
	}
	return nil
}

// longQueue takes a Rabbet of its own through all steps.
func longQueue(ctx context.Context, o *options, mode string) (*backlog, error) {
	dir, err := os.MkdirTemp("", "bench-durable")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	size := func() int64 {
		info, err := os.Stat(filepath.Join(dir, "rabbet.db"))
		if err != nil {
			return 0
		}
		return info.Size()
	}
	var b backlog
	clock := delay.Real{}
	var p peer
	var stop func(os.Signal)
	start := func(took *time.Duration) error {
		began := clock.Now()
		p, stop, err = startRabbet(ctx, o.rabbet, "--data-dir", dir)
		*took = clock.Now().Sub(began)
		return err
	}
	if err := start(new(time.Duration)); err != nil {
		return nil, err
	}
	defer func() { stop(os.Kill) }()
	if err := b.fill(ctx, p, o.messages, mode); err != nil {
		return nil, err
	}
	b.full = size()
	stop(os.Kill)
	if err := start(&b.recovered); err != nil {
		return nil, err
	}
	stop(os.Interrupt)
	if err := start(&b.reopened); err != nil {
		return nil, err
	}
	b.afterwards = anonymous(p.pid)
	if err := b.drain(ctx, p, o.messages); err != nil {
		return nil, err
	}
	if b.refilled, err = fillQueue(ctx, p, o.messages); err != nil {
		return nil, err
	}
	b.again = size()
	return &b, nil
}

// fill declares the queue, fills it, and looks at what an idle broker keeps.
func (b *backlog) fill(ctx context.Context, p peer, messages int, mode string) error {
	if err := declareBacklog(p, mode); err != nil {
		return err
	}
	var err error
	b.filling, err = most(p.pid, func() (err error) {
		b.filled, err = fillQueue(ctx, p, messages)
		return err
	})
	if err != nil {
		return err
	}
	if b.filled.Confirmed != int64(messages) {
		return fmt.Errorf("%d of %d messages confirmed", b.filled.Confirmed, messages)
	}
	if err := delay.Wait(ctx, delay.Real{}, settleTime); err != nil {
		return err
	}
	b.idle = anonymous(p.pid)
	return nil
}

func (b *backlog) drain(ctx context.Context, p peer, messages int) error {
	c := onBacklog(p, messages)
	c.Producers = 0
	var err error
	b.draining, err = most(p.pid, func() (err error) {
		b.drained, err = perf.Run(ctx, c, func(perf.Sample) {})
		return err
	})
	return err
}

func fillQueue(ctx context.Context, p peer, messages int) (*perf.Result, error) {
	c := onBacklog(p, messages)
	c.Consumers, c.Confirm = 0, 10_000
	return perf.Run(ctx, c, func(perf.Sample) {})
}

// onBacklog is a load of a number of messages on the queue, which stays.
func onBacklog(p peer, messages int) perf.Config {
	c := perf.Defaults()
	c.URL, c.PID = p.url, p.pid
	c.Queue, c.Predeclared, c.Persistent = backlogQueue, true, true
	c.Size, c.Messages, c.Time, c.Prefetch = backlogSize, messages, 0, 5000
	return c
}

func declareBacklog(p peer, mode string) error {
	conn, err := amqp.Dial(p.url)
	if err != nil {
		return err
	}
	defer conn.Close()
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	_, err = ch.QueueDeclare(backlogQueue, true, false, false, false, amqp.Table{"x-queue-mode": mode})
	return err
}

// most runs a step and returns the most anonymous memory that a process had
// meanwhile.
func most(pid int, step func() error) (int64, error) {
	var bytes int64
	ctx, cancel := context.WithCancel(context.Background())
	var looking sync.WaitGroup
	looking.Go(func() {
		for ctx.Err() == nil {
			bytes = max(bytes, anonymous(pid))
			_ = delay.Wait(ctx, delay.Real{}, lookEvery) // over when the step is
		}
	})
	err := step()
	cancel()
	looking.Wait()
	return bytes, err
}

// anonymous is the anonymous memory of a process, 0 if it has gone.
func anonymous(pid int) int64 {
	p, err := perf.ReadProcess(pid)
	if err != nil {
		return 0
	}
	return p.RSSAnon
}

func megabytes(n int64) string { return fmt.Sprintf("%.0f MB", float64(n)/1e6) }
