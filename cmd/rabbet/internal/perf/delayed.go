// The probe of delayed messages: fills a delayed exchange, watches it while
// nothing is due, has messages fall due at a rate, and all at once.

package perf

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/delay"
)

// DelayedConfig describes a probe of a delayed exchange.
type DelayedConfig struct {
	URL      string
	Messages int           // to be pending all the while
	Size     int           // of a body, in bytes
	Window   int           // of unconfirmed publishes
	Hold     time.Duration // to watch what is pending, with nothing due
	Rate     float64       // messages a second that fall due then
	Time     time.Duration // for how long they do
	Storm    int           // messages that fall due at one moment, and as many more; 0 leaves that out
	Keep     bool          // leave everything in place
	PID      int           // the broker's process; 0 measures no memory and CPU time
}

// DelayedResult says how a broker does with delayed messages. Rates are messages
// a second, durations in JSON nanoseconds.
type DelayedResult struct {
	Pending    int     `json:"pending"`
	AcceptRate float64 `json:"accept_rate"` // confirmed ones
	// Process is the broker's with all of them pending, its CPU time that of the
	// hold.
	Process *Process      `json:"process,omitempty"`
	Hold    time.Duration `json:"hold,omitempty"`
	// Late is how long after they were due messages came; Early is the most that
	// one came before.
	Due   float64       `json:"due_rate,omitempty"`
	Late  *Latency      `json:"late,omitempty"`
	Early time.Duration `json:"early"`
	// MoreRate is that of accepting as many more as fall due at one moment, with
	// nothing due; DrainRate that of what falls due; BothDrain and BothAccept are
	// those of the two at the same time.
	MoreRate   float64 `json:"more_rate,omitempty"`
	DrainRate  float64 `json:"drain_rate,omitempty"`
	BothDrain  float64 `json:"both_drain_rate,omitempty"`
	BothAccept float64 `json:"both_accept_rate,omitempty"`
}

// farAway is a delay that no probe sees the end of.
const farAway = 24 * time.Hour

// delayedProbe is a probe under way.
type delayedProbe struct {
	DelayedConfig
	clock    delay.Clock
	exchange string
	queue    string
	producer *delayedProducer
	consumer *consumer
	came     chan int64 // messages that have come, each time some have
	failed   chan error
	progress func(string)
	result   DelayedResult
}

// Delayed runs the probe. The exchange asks for x-delayed-strict, so that a
// Rabbet forgets what is left in it. It hands each step's outcome to progress.
func Delayed(ctx context.Context, c DelayedConfig, progress func(string)) (_ *DelayedResult, err error) {
	if c.Messages < 1 || c.Size < stampSize || c.Window < 1 || c.Rate < 0 || c.Storm < 0 {
		return nil, fmt.Errorf("there must be a message of %d bytes or more, and a window", stampSize)
	}
	p := &delayedProbe{
		DelayedConfig: c, clock: delay.Real{}, progress: progress,
		exchange: fmt.Sprintf("perf-delayed-%06x", rand.IntN(1<<24)),
		came:     make(chan int64, 1024), failed: make(chan error, 4),
	}
	p.queue, p.result.Pending = p.exchange, c.Messages
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if err := p.open(ctx, cancel); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	for _, step := range []func(context.Context) error{p.fill, p.watchIdle, p.onTime, p.storm} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return &p.result, nil
}

// open declares what is needed and starts who publishes and who consumes.
func (p *delayedProbe) open(ctx context.Context, fail context.CancelCauseFunc) error {
	out, err := dial(ctx, p.clock, p.URL, "rabbet perf delayed", readBuffer)
	if err != nil {
		return err
	}
	for _, call := range []struct{ ask, answer amqp.Method }{
		{&amqp.ExchangeDeclare{Exchange: p.exchange, Type: "x-delayed-message", Durable: true, Arguments: amqp.Table{
			{Key: "x-delayed-type", Value: "direct"}, {Key: "x-delayed-strict", Value: true},
		}}, &amqp.ExchangeDeclareOk{}},
		{&amqp.QueueDeclare{Queue: p.queue, Durable: true}, &amqp.QueueDeclareOk{}},
		{&amqp.QueueBind{Queue: p.queue, Exchange: p.exchange, RoutingKey: p.queue}, &amqp.QueueBindOk{}},
		{&amqp.ConfirmSelect{}, &amqp.ConfirmSelectOk{}},
	} {
		if err := out.ask(call.ask, call.answer); err != nil {
			out.Close()
			return err
		}
	}
	in, err := dial(ctx, p.clock, p.URL, "rabbet perf delayed, consuming", readBuffer)
	if err != nil {
		out.close()
		return err
	}
	watch := newStopwatch(p.clock)
	p.producer = newDelayedProducer(out, watch, p.exchange, p.queue, p.Size, p.Window)
	p.consumer = &consumer{wire: in, receiver: &receiver{watch: watch, ackEvery: 100, stamped: true}}
	if err := p.consumer.subscribe(p.queue, 0); err != nil {
		return errors.Join(err, out.Close(), in.Close())
	}
	run := func(work func() error) {
		go func() {
			err := work()
			fail(err)
			p.failed <- err
			p.producer.window.close()
		}()
	}
	run(p.producer.listen)
	run(func() error { return p.consumer.run(func(n int64) { p.came <- n }) })
	context.AfterFunc(ctx, p.producer.window.close)
	return nil
}

// close removes what was declared, over a connection of its own: those of the
// load may have failed.
func (p *delayedProbe) close() error {
	p.producer.hangUp()
	p.consumer.hangUp()
	for left := 2; left > 0; {
		select {
		case <-p.failed:
			left--
		case <-p.came: // nobody counts any more, and the consumer must not wait for that
		}
	}
	p.producer.Close()
	p.consumer.Close()
	if p.Keep {
		return nil
	}
	w, err := dial(context.Background(), p.clock, p.URL, "rabbet perf delayed, cleaning up", idleBuffer)
	if err != nil {
		return err
	}
	defer w.close()
	return errors.Join(
		w.ask(&amqp.ExchangeDelete{Exchange: p.exchange}, &amqp.ExchangeDeleteOk{}),
		w.ask(&amqp.QueueDelete{Queue: p.queue}, &amqp.QueueDeleteOk{}))
}

// accept publishes n messages as fast as they are confirmed and returns how many
// a second that were.
func (p *delayedProbe) accept(ctx context.Context, n int, due func(i int, now int64) int64) (float64, error) {
	start := p.clock.Now()
	if err := p.producer.send(n, due); err != nil {
		return 0, err
	}
	p.producer.window.drain()
	return float64(n) / p.clock.Now().Sub(start).Seconds(), context.Cause(ctx)
}

// far spreads messages over a day that no probe sees.
func far(_ int, now int64) int64 { return now + int64(farAway) + rand.Int64N(int64(farAway)) }

// await waits until n messages have come.
func (p *delayedProbe) await(ctx context.Context, n int) error {
	for got := int64(0); got < int64(n); {
		select {
		case more := <-p.came:
			got += more
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

func (p *delayedProbe) fill(ctx context.Context) (err error) {
	p.result.AcceptRate, err = p.accept(ctx, p.Messages, far)
	p.progress(fmt.Sprintf("accepted %s messages, %s/s", grouped(float64(p.Messages)), grouped(p.result.AcceptRate)))
	return err
}

// watchIdle watches the broker while nothing is due.
func (p *delayedProbe) watchIdle(ctx context.Context) error {
	if p.PID == 0 || p.Hold <= 0 {
		return nil
	}
	before, err := ReadProcess(p.PID)
	if err != nil {
		return err
	}
	if err := delay.Wait(ctx, p.clock, p.Hold); err != nil {
		return err
	}
	after, err := ReadProcess(p.PID)
	after.CPU -= before.CPU
	p.result.Process, p.result.Hold = &after, p.Hold
	p.progress(fmt.Sprintf("pending: %.1f MB of the broker's own memory; in %s it used %s of CPU time",
		float64(after.RSSAnon)/1e6, p.Hold, after.CPU))
	return err
}

// unhurried is the window for messages whose lateness is measured: a delay counts
// from when the broker reads the publish, which must not wait behind thousands of
// others. With it, unhurriedRate is what any broker accepts.
const (
	unhurried     = 100
	unhurriedRate = 10_000
)

// onTime has messages fall due at a rate, and looks how late they come.
func (p *delayedProbe) onTime(ctx context.Context) error {
	n := int(p.Rate * p.Time.Seconds())
	if n == 0 {
		return nil
	}
	p.producer.window.resize(min(unhurried, p.Window))
	defer p.producer.window.resize(p.Window)
	first := p.producer.watch.now() + int64(time.Second) + int64(float64(n)/max(unhurriedRate, p.Rate)*1e9)
	if _, err := p.accept(ctx, n, func(i int, _ int64) int64 { return first + int64(float64(i)/p.Rate*1e9) }); err != nil {
		return err
	}
	if err := p.await(ctx, n); err != nil {
		return err
	}
	var h histogram
	p.consumer.takeLatency(&h)
	p.result.Due, p.result.Late, p.result.Early = p.Rate, h.latency(), time.Duration(-h.early)
	p.progress(fmt.Sprintf("due at %s/s: late by median %s, p99 %s, max %s; early by %s at most", grouped(p.Rate),
		short(p.result.Late.Median), short(p.result.Late.P99), short(p.result.Late.Max), p.result.Early))
	return nil
}

// lead is the time that it takes to publish n messages, and half as much again.
func (p *delayedProbe) lead(n int) time.Duration {
	return time.Second + time.Duration(1.5*float64(n)/p.result.AcceptRate*1e9)
}

// storm accepts many more messages, has as many fall due at one moment, and then
// does both at the same time.
func (p *delayedProbe) storm(ctx context.Context) (err error) {
	if p.Storm == 0 {
		return nil
	}
	if p.result.MoreRate, err = p.accept(ctx, p.Storm, far); err != nil {
		return err
	}
	p.progress(fmt.Sprintf("accepted %s more, %s/s", grouped(float64(p.Storm)), grouped(p.result.MoreRate)))
	if p.result.DrainRate, err = p.drain(ctx, func() error { return nil }); err != nil {
		return err
	}
	p.progress(fmt.Sprintf("%s due at once: delivered %s/s", grouped(float64(p.Storm)), grouped(p.result.DrainRate)))
	p.result.BothDrain, err = p.drain(ctx, func() error {
		var err error
		p.result.BothAccept, err = p.accept(ctx, p.Storm, far)
		return err
	})
	p.progress(fmt.Sprintf("with as many more published meanwhile: delivered %s/s, accepted %s/s",
		grouped(p.result.BothDrain), grouped(p.result.BothAccept)))
	return err
}

// drain has messages fall due at one moment, does something else meanwhile, and
// returns how many came a second.
func (p *delayedProbe) drain(ctx context.Context, meanwhile func() error) (float64, error) {
	due := p.producer.watch.now() + int64(p.lead(p.Storm))
	if _, err := p.accept(ctx, p.Storm, func(int, int64) int64 { return due }); err != nil {
		return 0, err
	}
	wait := time.Duration(due - p.producer.watch.now())
	if wait < 0 {
		return 0, errors.New("the messages were due before all were accepted")
	}
	if err := delay.Wait(ctx, p.clock, wait); err != nil {
		return 0, err
	}
	other := make(chan error, 1)
	go func() { other <- meanwhile() }()
	err := p.await(ctx, p.Storm)
	took := time.Duration(p.consumer.lastAt.Load() - due)
	return float64(p.Storm) / took.Seconds(), errors.Join(err, <-other)
}

// String is the summary as text.
func (r *DelayedResult) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s delayed messages: accepted %s/s\n", grouped(float64(r.Pending)), grouped(r.AcceptRate))
	if r.Process != nil {
		fmt.Fprintf(&b, "pending, they take %.1f MB of the broker's own memory, and %s of CPU time in %s\n",
			float64(r.Process.RSSAnon)/1e6, r.Process.CPU, r.Hold)
	}
	if r.Late != nil {
		fmt.Fprintf(&b, "due at %s/s, they are late by median %s, p99 %s, p99.9 %s, max %s, and early by %s at most\n", grouped(r.Due),
			short(r.Late.Median), short(r.Late.P99), short(r.Late.P999), short(r.Late.Max), r.Early)
	}
	if r.DrainRate != 0 {
		fmt.Fprintf(&b, "as many more: accepted %s/s; due at once: delivered %s/s; both at the same time: accepted %s/s, delivered %s/s\n",
			grouped(r.MoreRate), grouped(r.DrainRate), grouped(r.BothAccept), grouped(r.BothDrain))
	}
	return b.String()
}
