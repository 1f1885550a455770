package main

// The dead-letter storm: messages that are rejected for good in one queue after
// another, as fast as that goes, with a kill -9 on the way. None is lost; a crash
// may leave some in two places (PERSIST-7).
//
//	go test ./cmd/rabbet -run TestDeadLetterStorm -storm.messages 1000000 -v

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/delay"
)

var stormMessages = flag.Int("storm.messages", 20_000, "how many messages TestDeadLetterStorm sends on their way")

// stormChain is the queues on the way; what is rejected in one comes to the next.
var stormChain = []string{"storm-1", "storm-2", "storm-3", "storm-end"}

// stormTime is how long any part of the test may take.
const stormTime = 5 * time.Minute

func TestDeadLetterStorm(t *testing.T) {
	n := *stormMessages
	for _, durable := range []bool{true, false} {
		t.Run(fmt.Sprintf("durable=%v", durable), func(t *testing.T) {
			args := []string{"serve", "--memory", "--log-level", "error"}
			if durable {
				args = []string{"serve", "--data-dir", t.TempDir(), "--log-level", "error"}
			}
			s := &storm{t: t, server: start(t, nil, args...)}
			clock := delay.Real{}
			began := clock.Now()
			s.publish(n)
			t.Logf("%d published in %v", n, clock.Now().Sub(began).Round(time.Millisecond))
			began = clock.Now()
			stop := s.reject()
			if durable {
				s.await("half of it has happened", func() bool { return s.rejected.Load() > int64(n)*3/2 })
				require.NoError(t, s.server.cmd.Process.Kill())
				_ = s.server.cmd.Wait() // killed
				stop()
				t.Logf("killed after %d rejections", s.rejected.Load())
				ready := clock.Now()
				s.server = start(t, nil, args...)
				t.Logf("ready again in %v", clock.Now().Sub(ready).Round(time.Millisecond))
				stop = s.reject()
			}
			for left := -1; left != 0; {
				s.await("the queues on the way are empty", func() bool { return s.left() == 0 })
				stop() // what was out goes back
				if left = s.left(); left > 0 {
					stop = s.reject()
				}
			}
			took := clock.Now().Sub(began)
			t.Logf("%d rejections in %v, %.0f/s", s.rejected.Load(), took.Round(time.Millisecond),
				float64(s.rejected.Load())/took.Seconds())
			twice := s.checkEnd(n)
			t.Logf("all of them arrived, %d of them twice", twice)
			if !durable {
				assert.Zero(t, twice, "nothing went wrong")
			}
			s.server.stop(t, os.Interrupt)
		})
	}
}

// A storm is the clients of one server.
type storm struct {
	t        *testing.T
	server   *server
	rejected atomic.Int64
}

func (s *storm) await(what string, cond func() bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), stormTime)
	defer cancel()
	if err := delay.Poll(ctx, delay.Real{}, 5*time.Millisecond, cond); err != nil {
		code, log := s.server.stop(s.t, os.Kill)
		require.Fail(s.t, what, "after %d rejections: exit code %d\n%s\n%s", s.rejected.Load(), code, log, &s.server.stderr)
	}
}

// channel opens a channel on a connection of its own.
func (s *storm) channel() (*amqp.Channel, func()) {
	s.t.Helper()
	conn, err := amqp.Dial("amqp://guest:guest@" + s.server.address + "/")
	require.NoError(s.t, err)
	ch, err := conn.Channel()
	require.NoError(s.t, err)
	return ch, func() { _ = conn.Close() } // with a server that was killed it has ended
}

// publish declares the queues and publishes the numbers up to n to the first.
func (s *storm) publish(n int) {
	ch, end := s.channel()
	defer end()
	for i, name := range stormChain {
		var args amqp.Table
		if i+1 < len(stormChain) {
			args = amqp.Table{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": stormChain[i+1]}
		}
		_, err := ch.QueueDeclare(name, true, false, false, false, args)
		require.NoError(s.t, err)
	}
	require.NoError(s.t, ch.Confirm(false))
	confirms := ch.NotifyPublish(make(chan amqp.Confirmation, n))
	for i := range n {
		require.NoError(s.t, ch.Publish("", stormChain[0], false, false, amqp.Publishing{
			DeliveryMode: amqp.Persistent, Body: strconv.AppendInt(nil, int64(i), 10),
		}))
	}
	for range n {
		c, ok := <-confirms
		require.True(s.t, ok && c.Ack)
	}
}

// reject rejects whatever comes to the queues on the way, until it is stopped or
// the server ends.
func (s *storm) reject() (stop func()) {
	var done sync.WaitGroup
	var ends []func()
	for _, name := range stormChain[:len(stormChain)-1] {
		ch, end := s.channel()
		ends = append(ends, end)
		require.NoError(s.t, ch.Qos(1000, 0, false))
		deliveries, err := ch.Consume(name, "", false, false, false, false, nil)
		require.NoError(s.t, err)
		done.Go(func() {
			for d := range deliveries {
				if d.Reject(false) == nil {
					s.rejected.Add(1)
				}
			}
		})
	}
	return func() {
		for _, end := range ends {
			end()
		}
		done.Wait()
	}
}

// left is the number of messages that are ready in the queues on the way.
func (s *storm) left() (n int) {
	ch, end := s.channel()
	defer end()
	for _, name := range stormChain[:len(stormChain)-1] {
		state, err := ch.QueueDeclarePassive(name, true, false, false, false, nil)
		require.NoError(s.t, err)
		n += state.Messages
	}
	return n
}

// checkEnd looks for the numbers up to n in the last queue, with the history of
// their deaths, and returns how many came more than once.
func (s *storm) checkEnd(n int) (twice int) {
	ch, end := s.channel()
	defer end()
	state, err := ch.QueueDeclarePassive(stormChain[len(stormChain)-1], true, false, false, false, nil)
	require.NoError(s.t, err)
	deliveries, err := ch.Consume(state.Name, "", true, false, false, false, nil)
	require.NoError(s.t, err)
	seen := make([]bool, n)
	missing := n
	for range state.Messages {
		d := <-deliveries
		i, err := strconv.Atoi(string(d.Body))
		require.NoError(s.t, err)
		deaths, _ := d.Headers["x-death"].([]any)
		require.Len(s.t, deaths, len(stormChain)-1)
		if seen[i] {
			twice++
		} else {
			missing--
		}
		seen[i] = true
	}
	assert.Zero(s.t, missing, "messages are lost")
	return twice
}
