// One load from start to end: connections, warm-up, measuring, clean-up.

package perf

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/delay"
)

const (
	sampleEvery = time.Second
	// stallSamples is how many samples without any delivery a run of counted
	// messages bears before it gives the missing ones up.
	stallSamples = 5
)

// A publisher is a producer, with bare frames or with RabbitMQ's own client.
type publisher interface {
	connection
	sending() *sender
	// run publishes until its limit is reached or stop is done.
	run(stop context.Context) error
	// listen takes confirms and returns until the connection ends.
	listen() error
}

// A subscriber is a consumer, of the same two kinds.
type subscriber interface {
	connection
	receiving() *receiver
	// run consumes until the connection ends, and tells of messages as they come.
	run(onReceive func(n int64)) error
}

// A connection is that of a worker.
type connection interface {
	Blocked() bool
	// giveUpWriting lets writes fail from that time on.
	giveUpWriting(at time.Time)
	// hangUp asks for an orderly end, Close cuts.
	hangUp()
	Close() error
}

type runner struct {
	*plan
	clock     delay.Clock
	watch     stopwatch
	control   *wire
	producers []publisher
	consumers []subscriber

	publishing sync.WaitGroup // a producer's run
	reading    sync.WaitGroup // a producer's listen, a consumer's run
	stop       context.CancelFunc
	stopping   atomic.Bool
	failed     chan error // the first failure of a worker

	published chan struct{} // closed when every producer has reached its limit
	complete  chan struct{} // closed when expected messages have been received
	expected  int64         // 0: unknown
	received  atomic.Int64

	latency, confirms histogram // of the period being measured
}

// Run drives the load that c describes until its end, or until ctx is done,
// which is an early end and no error. It hands a Sample to progress every
// second, from one goroutine. The error may be a *link.CloseError.
func Run(ctx context.Context, c Config, progress func(Sample)) (*Result, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	clock := delay.Real{}
	r := &runner{
		plan:      newPlan(c, fmt.Sprintf("perf-%06x", rand.IntN(1<<24))),
		clock:     clock,
		watch:     newStopwatch(clock),
		failed:    make(chan error, 1),
		published: make(chan struct{}),
		complete:  make(chan struct{}),
	}
	if c.PID != 0 {
		if _, err := ReadProcess(c.PID); err != nil {
			return nil, err
		}
	}
	err := r.open(ctx)
	var result *Result
	if err == nil {
		result, err = r.measure(ctx, progress)
	}
	if cleanup := r.close(); err == nil {
		err = cleanup // After a failure it mostly repeats that.
	}
	return result, err
}

// open declares what the load needs and connects the workers.
func (r *runner) open(ctx context.Context) (err error) {
	if r.control, err = dial(ctx, r.clock, r.URL, "rabbet perf", readBuffer); err != nil {
		return err
	}
	if err = r.declare(r.control); err != nil {
		return err
	}
	openConsumer, openProducer := r.openConsumer, r.openProducer
	if r.Official {
		openConsumer, openProducer = r.openOfficialConsumer, r.openOfficialProducer
	}
	for i := range r.Consumers {
		if err := openConsumer(ctx, i); err != nil {
			return fmt.Errorf("consumer %d: %w", i+1, err)
		}
	}
	for i := range r.Producers {
		if err := openProducer(ctx, i); err != nil {
			return fmt.Errorf("producer %d: %w", i+1, err)
		}
	}
	return nil
}

func (r *runner) openConsumer(ctx context.Context, i int) error {
	w, err := dial(ctx, r.clock, r.URL, consumerName(i), readBuffer)
	if err != nil {
		return err
	}
	c := &consumer{wire: w, receiver: r.newReceiver()}
	r.consumers = append(r.consumers, c)
	return c.subscribe(r.queues[i%len(r.queues)], r.Prefetch)
}

func (r *runner) openProducer(ctx context.Context, i int) error {
	w, err := dial(ctx, r.clock, r.URL, producerName(i), readBuffer)
	if err != nil {
		return err
	}
	p := &producer{wire: w, sender: r.newSender(i)}
	r.producers = append(r.producers, p)
	p.encode(r.plan, r.publishKey(i))
	if p.window == nil {
		return nil
	}
	return p.ask(&amqp.ConfirmSelect{}, &amqp.ConfirmSelectOk{})
}

func consumerName(i int) string { return fmt.Sprintf("rabbet perf consumer %d", i+1) }
func producerName(i int) string { return fmt.Sprintf("rabbet perf producer %d", i+1) }

func (r *runner) newReceiver() *receiver {
	ackEvery := r.AckEvery
	if r.AutoAck {
		ackEvery = 0
	}
	return &receiver{watch: r.watch, stamped: r.Size >= stampSize, ackEvery: ackEvery}
}

// newSender is how producer i sends.
func (r *runner) newSender(i int) *sender {
	s := &sender{watch: r.watch, limit: int64(r.Messages)}
	if r.Rate > 0 {
		s.period = time.Duration(float64(time.Second) / r.Rate)
		s.offset = s.period * time.Duration(i) / time.Duration(r.Producers)
	}
	if r.Confirm > 0 {
		s.window = newWindow(r.Confirm)
	}
	return s
}

// measure runs the workers and returns what they did after the warm-up.
func (r *runner) measure(ctx context.Context, progress func(Sample)) (*Result, error) {
	r.expect()
	begin, err := r.count()
	if err != nil {
		return nil, err
	}
	r.start()
	if r.Warmup > 0 {
		if err := r.await(ctx, r.Warmup, progress); err != nil {
			return nil, err
		}
		r.gather(nil)
		r.latency.reset()
		r.confirms.reset()
		if begin, err = r.count(); err != nil {
			return nil, err
		}
	}
	failure := r.await(ctx, r.Time, progress)
	end, err := r.count()
	if err != nil {
		return nil, err
	}
	if r.Messages > 0 {
		// The run was over when the last message was, not when that was seen.
		end.at = max(r.lastActivity(), begin.at+1)
	}
	r.gather(nil)
	return r.result(begin, end), failure
}

// expect works out how many messages a run of counted ones delivers.
func (r *runner) expect() {
	if len(r.consumers) == 0 {
		close(r.complete)
		return
	}
	if len(r.producers) == 0 {
		r.expected = int64(r.Messages)
		return
	}
	for i := range r.producers {
		copies, ok := r.copies(i)
		if !ok {
			r.expected = 0
			return
		}
		r.expected += int64(copies) * int64(r.Messages)
	}
	if r.expected == 0 {
		close(r.complete)
	}
}

// start lets the workers go.
func (r *runner) start() {
	ctx, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	for i, c := range r.consumers {
		r.reading.Go(func() {
			r.fail(fmt.Sprintf("consumer %d", i+1), c.run(r.onReceive))
		})
	}
	for i, p := range r.producers {
		r.reading.Go(func() { r.fail(fmt.Sprintf("producer %d", i+1), p.listen()) })
		r.publishing.Go(func() {
			err := p.run(ctx)
			if s := p.sending(); err == nil && s.limit > 0 && s.window != nil {
				s.window.drain()
			}
			if err != nil {
				// Half a frame may be out: nothing orderly can follow it.
				p.Close()
				r.fail(fmt.Sprintf("producer %d", i+1), err)
			}
		})
	}
	if r.Messages > 0 {
		go func() {
			r.publishing.Wait()
			close(r.published)
		}()
	}
}

func (r *runner) onReceive(n int64) {
	if total := r.received.Add(n); r.expected > 0 && total >= r.expected && total-n < r.expected {
		close(r.complete)
	}
}

// fail reports the first failure; what happens once the run stops is none.
func (r *runner) fail(who string, err error) {
	if err == nil || r.stopping.Load() {
		return
	}
	select {
	case r.failed <- fmt.Errorf("%s: %w", who, err):
	default:
	}
}

// await lets d pass, or with a d of 0 all messages of a counted run, and
// reports progress meanwhile.
func (r *runner) await(ctx context.Context, d time.Duration, progress func(Sample)) error {
	tick := make(chan struct{}, 1)
	ticker := r.clock.AfterFunc(sampleEvery, func() { tick <- struct{}{} })
	defer ticker.Stop()
	over := make(chan struct{})
	if d > 0 {
		defer r.clock.AfterFunc(d, func() { close(over) }).Stop()
	}
	previous, err := r.count()
	if err != nil {
		return err
	}
	published, complete := r.published, (chan struct{})(nil)
	for stalled := 0; ; {
		select {
		case <-ctx.Done():
			return nil
		case err := <-r.failed:
			return err
		case <-over:
			return nil
		case <-published:
			published, complete = nil, r.complete
		case <-complete:
			return nil
		case <-tick:
			ticker.Reset(sampleEvery)
			now, err := r.count()
			if err != nil {
				return err
			}
			progress(r.sample(previous, now))
			if stalled++; now.received > previous.received || published != nil {
				stalled = 0
			}
			previous = now
			switch {
			case r.Messages == 0:
			case r.expected == 0 && stalled > 0:
				return nil
			case stalled >= stallSamples:
				return fmt.Errorf("%d of %d messages did not arrive", r.expected-now.received, r.expected)
			}
		}
	}
}

// close ends the workers and removes what was declared.
func (r *runner) close() error {
	r.stopping.Store(true)
	if r.stop != nil {
		r.stop()
	}
	deadline := r.clock.Now().Add(closeTimeout)
	for _, p := range r.producers {
		if w := p.sending().window; w != nil {
			w.close()
		}
		p.giveUpWriting(deadline)
	}
	r.publishing.Wait()

	var hangUps sync.WaitGroup
	for _, l := range r.links() {
		hangUps.Go(l.hangUp)
	}
	hangUps.Wait()
	if r.stop == nil { // Nobody reads.
		r.cut()
	}
	r.reading.Wait()
	r.cut()
	if r.control == nil {
		return nil
	}
	defer r.control.close()
	return r.remove(r.control)
}

// links are the connections of all workers.
func (r *runner) links() []connection {
	var all []connection
	for _, p := range r.producers {
		all = append(all, p)
	}
	for _, c := range r.consumers {
		all = append(all, c)
	}
	return all
}

// cut closes all sockets.
func (r *runner) cut() {
	for _, l := range r.links() {
		_ = l.Close() // One that is closed already is as good.
	}
}
