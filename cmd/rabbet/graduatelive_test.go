package main

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/delay"
)

// A liveClient publishes to a queue, and consumes from it, until it is nacked or stopped,
// and connects again when its broker is gone.
type liveClient struct {
	url, queue string
	stop       context.Context
	turns      chan struct{} // one for each message that is confirmed; closed by the publisher
	confirmed  []string      // bodies, in order
	consumed   map[string]bool
	refused    int
}

// publish publishes one message after the other, each with its number after from.
func (l *liveClient) publish(from int) {
	defer close(l.turns)
	for n := from; l.stop.Err() == nil && l.refused < 3; {
		conn, err := amqp091.Dial(l.url)
		if err != nil {
			_ = delay.Wait(context.Background(), delay.Real{}, 20*time.Millisecond)
			continue
		}
		ch, err := conn.Channel()
		if err == nil {
			err = ch.Confirm(false)
		}
		for err == nil && l.stop.Err() == nil && l.refused < 3 {
			var c *amqp091.DeferredConfirmation
			body := l.queue + " " + strconv.Itoa(n)
			if c, err = ch.PublishWithDeferredConfirm("", l.queue, false, false, amqp091.Publishing{DeliveryMode: 2, Body: []byte(body)}); err != nil {
				break
			}
			n++
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			taken, failed := c.WaitContext(ctx)
			cancel()
			switch {
			case failed != nil || conn.IsClosed():
				err = amqp091.ErrClosed // nobody knows of this one
			case taken:
				l.confirmed = append(l.confirmed, body)
				l.turns <- struct{}{}
			default:
				l.refused++
			}
		}
		conn.Close()
	}
}

// consume takes as many messages as are published, so that the queue keeps its length, until
// it is stopped.
func (l *liveClient) consume() {
	for l.stop.Err() == nil {
		conn, err := amqp091.Dial(l.url)
		if err != nil {
			_ = delay.Wait(context.Background(), delay.Real{}, 20*time.Millisecond)
			continue
		}
		if ch, err := conn.Channel(); err == nil {
			_ = ch.Qos(1, 0, false)
			list, err := ch.Consume(l.queue, "", false, false, false, false, nil)
			for err == nil {
				select {
				case d, ok := <-list:
					if !ok {
						err = amqp091.ErrClosed
						break
					}
					<-l.turns
					if err = d.Ack(false); err == nil {
						l.consumed[string(d.Body)] = true
					}
				case <-l.stop.Done():
					err = amqp091.ErrClosed
				}
			}
		}
		conn.Close()
	}
}

// With --live a queue under load is moved, and Rabbet is killed in the middle: it stands
// still after the restart too, so that what was confirmed is either consumed here or at the
// target.
func TestGraduateLiveUnderLoad(t *testing.T) {
	g := newGraduation(t)
	g.queues, g.each = 1, 20000
	g.fill()
	url := fmt.Sprintf("amqp://guest:guest@127.0.0.1:%d/", g.port)
	stop, end := context.WithCancel(t.Context())
	defer end()
	l := &liveClient{stop: stop, url: url, queue: g.moved[0], consumed: map[string]bool{}, turns: make(chan struct{}, 1<<20)}
	var clients sync.WaitGroup
	clients.Go(func() { l.publish(g.each + 1) })
	clients.Go(l.consume)
	cmd := g.apply("--live")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Start())
	g.until(0.3, &out)
	require.NoError(t, g.source.cmd.Process.Signal(syscall.SIGKILL))
	_ = g.source.cmd.Wait() // It was killed.
	g.startSource()
	err := cmd.Wait()
	end()
	clients.Wait()
	require.NoError(t, err, "%s", &out)
	q := g.report()[g.moved[0]]
	assert.True(t, q.Emptied, q.Trouble)

	there := g.bodies(q.Name, q.After-q.Before)
	for n := 1; n <= g.each; n++ {
		l.confirmed = append(l.confirmed, q.Name+" "+strconv.Itoa(n))
	}
	lost, both := 0, 0
	for _, body := range l.confirmed {
		switch {
		case l.consumed[body] && there[body]:
			both++
		case !l.consumed[body] && !there[body]:
			lost++
		}
	}
	assert.Zero(t, lost, "confirmed messages that are nowhere")
	assert.LessOrEqual(t, both, 1, "a message that is acknowledged as its broker is killed")
	t.Logf("confirmed %d, consumed %d, at the target %d", len(l.confirmed), len(l.consumed), len(there))
}

// bodies takes n messages of a queue of the target.
func (g *graduation) bodies(queue string, n int) map[string]bool {
	conn, err := amqp091.Dial(g.toAMQP[0])
	require.NoError(g.t, err)
	defer conn.Close()
	ch, err := conn.Channel()
	require.NoError(g.t, err)
	list, err := ch.Consume(queue, "", true, false, false, false, nil)
	require.NoError(g.t, err)
	there := map[string]bool{}
	for range n {
		d, ok := <-list
		require.True(g.t, ok)
		require.True(g.t, strings.HasPrefix(string(d.Body), queue))
		there[string(d.Body)] = true
	}
	return there
}
