// The probe of queues: declares and binds many, empty ones, and removes them.

package perf

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/amqp/link"
	"github.com/rabbetmq/rabbet/delay"
)

// pipelined is how many requests are under way at once on the one channel, so
// that it is the broker and not the network that is measured.
const pipelined = 200

// QueuesConfig describes a probe of queues.
type QueuesConfig struct {
	URL   string
	Count int
	// BindingKey binds each queue to a topic exchange; %d in it is the queue's
	// number.
	BindingKey string
	PID        int // the broker's process; 0 measures no memory
}

// QueuesResult says what empty queues cost. Rates are a second.
type QueuesResult struct {
	Count       int     `json:"count"`
	DeclareRate float64 `json:"declare_rate"`
	BindRate    float64 `json:"bind_rate"`
	DeleteRate  float64 `json:"delete_rate"`
	// Bytes of the broker's own memory.
	BytesPerQueue   float64 `json:"bytes_per_queue,omitempty"`
	BytesPerBinding float64 `json:"bytes_per_binding,omitempty"`
}

// Queues declares transient queues, binds them to a topic exchange, and
// deletes everything. It hands each step's outcome to progress.
func Queues(ctx context.Context, c QueuesConfig, progress func(string)) (_ *QueuesResult, err error) {
	if c.Count < 1 {
		return nil, errors.New("there must be a queue")
	}
	clock := delay.Real{}
	w, err := dial(ctx, clock, c.URL, "rabbet perf queues", readBuffer)
	if err != nil {
		return nil, err
	}
	defer w.close()
	name := fmt.Sprintf("perf-%06x", rand.IntN(1<<24))
	queue := func(i int) string { return fmt.Sprintf("%s-%d", name, i+1) }
	if err := w.ask(&amqp.ExchangeDeclare{Exchange: name, Type: "topic"}, &amqp.ExchangeDeclareOk{}); err != nil {
		return nil, err
	}
	r := &QueuesResult{Count: c.Count}
	declared := 0
	defer func() {
		var failed error
		r.DeleteRate, failed = w.pipeline(context.Background(), declared, &amqp.QueueDeleteOk{}, func(i int) amqp.Method {
			return &amqp.QueueDelete{Queue: queue(i)}
		})
		if failed == nil {
			failed = w.ask(&amqp.ExchangeDelete{Exchange: name}, &amqp.ExchangeDeleteOk{})
		}
		progress(fmt.Sprintf("deleted %s queues, %s/s", grouped(float64(declared)), grouped(r.DeleteRate)))
		err = errors.Join(err, failed)
	}()

	memory, err := watchMemory(c.PID, c.Count)
	if err != nil {
		return nil, err
	}
	declared = c.Count // Deleting one that is not there is no error.
	r.DeclareRate, err = w.pipeline(ctx, c.Count, &amqp.QueueDeclareOk{}, func(i int) amqp.Method {
		return &amqp.QueueDeclare{Queue: queue(i)}
	})
	if err != nil {
		return nil, err
	}
	if r.BytesPerQueue, err = memory.each(); err != nil {
		return nil, err
	}
	progress(fmt.Sprintf("declared %s queues, %s/s, %s bytes each", grouped(float64(c.Count)), grouped(r.DeclareRate), grouped(r.BytesPerQueue)))

	r.BindRate, err = w.pipeline(ctx, c.Count, &amqp.QueueBindOk{}, func(i int) amqp.Method {
		key := strings.ReplaceAll(c.BindingKey, "%d", fmt.Sprint(i+1))
		return &amqp.QueueBind{Queue: queue(i), Exchange: name, RoutingKey: key}
	})
	if err != nil {
		return nil, err
	}
	both, err := memory.each()
	if err != nil {
		return nil, err
	}
	r.BytesPerBinding = both - r.BytesPerQueue
	progress(fmt.Sprintf("bound them, %s/s, %s bytes each", grouped(r.BindRate), grouped(r.BytesPerBinding)))
	return r, nil
}

// pipeline makes n requests, many of them under way at once, and returns how
// many were answered a second.
func (c *wire) pipeline(ctx context.Context, n int, answer amqp.Method, request func(i int) amqp.Method) (float64, error) {
	start := c.clock.Now()
	var out []byte
	for done := 0; done < n; {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		batch := min(pipelined, n-done)
		out = out[:0]
		for i := range batch {
			out = amqp.AppendMethod(out, loadChannel, request(done+i))
		}
		if err := c.SetDeadline(c.clock.Now().Add(link.AnswerTimeout)); err != nil {
			return 0, err
		}
		if _, err := c.Write(out); err != nil {
			return 0, err
		}
		for range batch {
			if err := c.Expect(answer); err != nil {
				return 0, err
			}
		}
		done += batch
	}
	return float64(n) / c.clock.Now().Sub(start).Seconds(), c.SetDeadline(time.Time{})
}

// String is the summary as text.
func (r *QueuesResult) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s queues: declared %s/s, bound %s/s, deleted %s/s\n",
		grouped(float64(r.Count)), grouped(r.DeclareRate), grouped(r.BindRate), grouped(r.DeleteRate))
	if r.BytesPerQueue != 0 {
		fmt.Fprintf(&b, "each takes %s bytes of the broker's own memory, and its binding %s\n",
			grouped(r.BytesPerQueue), grouped(r.BytesPerBinding))
	}
	return b.String()
}
