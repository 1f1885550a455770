// The probe of idle connections: opens many, each with one channel, and holds
// them while the broker's memory is watched.

package perf

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/delay"
)

// openers is how many connections are being opened at once.
const openers = 16

// IdleConfig describes a probe of idle connections.
type IdleConfig struct {
	URL         string
	Connections int
	Hold        time.Duration // how long to hold them
	PID         int           // the broker's process; 0 measures no memory
}

// IdleResult says what idle connections cost.
type IdleResult struct {
	Connections int           `json:"connections"`
	Opening     time.Duration `json:"opening"` // of all of them
	OpenRate    float64       `json:"open_rate"`
	// Bytes of the broker's own memory a connection, at the end of the hold.
	BytesPerConnection float64 `json:"bytes_per_connection,omitempty"`
}

// Idle opens the connections and holds them. It hands a line to progress every
// second.
func Idle(ctx context.Context, c IdleConfig, progress func(string)) (*IdleResult, error) {
	if c.Connections < 1 {
		return nil, errors.New("there must be a connection")
	}
	clock := delay.Real{}
	memory, err := watchMemory(c.PID, c.Connections)
	if err != nil {
		return nil, err
	}
	start := clock.Now()
	conns, err := openIdle(ctx, clock, c)
	defer func() {
		for _, w := range conns {
			w.Close()
		}
	}()
	if err != nil {
		return nil, err
	}
	r := &IdleResult{Connections: len(conns), Opening: clock.Now().Sub(start)}
	r.OpenRate = float64(len(conns)) / r.Opening.Seconds()
	for end := clock.Now().Add(c.Hold); clock.Now().Before(end); {
		if delay.Wait(ctx, clock, min(time.Second, end.Sub(clock.Now()))) != nil {
			break // Interrupted: an early end.
		}
		if r.BytesPerConnection, err = memory.each(); err != nil {
			return r, err
		}
		progress(fmt.Sprintf("holding %d connections, %s bytes each", len(conns), grouped(r.BytesPerConnection)))
	}
	for i, w := range conns { // Those that the broker has dropped cost it nothing.
		if err := w.ask(&amqp.BasicQos{}, &amqp.BasicQosOk{}); err != nil {
			return r, fmt.Errorf("connection %d has not held: %w", i+1, err)
		}
	}
	return r, nil
}

// openIdle opens the connections, several at a time. It returns those that it
// has opened along with the first error.
func openIdle(ctx context.Context, clock delay.Clock, c IdleConfig) ([]*wire, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	var conns []*wire
	var wg sync.WaitGroup
	for i := range openers {
		wg.Go(func() {
			for n := i; n < c.Connections && ctx.Err() == nil; n += openers {
				w, err := dial(ctx, clock, c.URL, fmt.Sprintf("rabbet perf idle %d", n+1), idleBuffer)
				if err != nil {
					cancel(fmt.Errorf("connection %d: %w", n+1, err))
					return
				}
				mu.Lock()
				conns = append(conns, w)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return conns, context.Cause(ctx)
}

// String is the summary as text.
func (r *IdleResult) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "opened %s connections in %s, %s/s\n",
		grouped(float64(r.Connections)), r.Opening.Round(time.Millisecond), grouped(r.OpenRate))
	if r.BytesPerConnection != 0 {
		fmt.Fprintf(&b, "each takes %s bytes of the broker's own memory\n", grouped(r.BytesPerConnection))
	}
	return b.String()
}

// memoryWatch compares a process's own memory with what it was.
type memoryWatch struct {
	pid, things int
	before      int64
}

// watchMemory notes the memory of a process before it gets a number of things
// to hold. Without a pid it measures nothing.
func watchMemory(pid, things int) (*memoryWatch, error) {
	w := &memoryWatch{pid: pid, things: things}
	if pid == 0 {
		return w, nil
	}
	p, err := ReadProcess(pid)
	w.before = p.RSSAnon
	return w, err
}

// each is by how many bytes the memory has grown for each of the things.
func (w *memoryWatch) each() (float64, error) {
	if w.pid == 0 {
		return 0, nil
	}
	p, err := ReadProcess(w.pid)
	return float64(p.RSSAnon-w.before) / float64(w.things), err
}
