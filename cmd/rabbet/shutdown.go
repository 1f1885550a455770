package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
)

const (
	// shutdownTimeout bounds how long clients have to take their leave.
	shutdownTimeout = 10 * time.Second
	// muteAfter is how long a client may neither read nor write once it has been told,
	// until nothing more is expected of it. RabbitMQ waits for 20 ms.
	muteAfter = 700 * time.Millisecond
	// muteCheck is the interval between looks.
	muteCheck = 50 * time.Millisecond
)

// errSignal ends a shutdown for a second signal, errMute for clients that do not answer.
var (
	errSignal = errors.New("ended before all clients had gone")
	errMute   = errors.New("clients do not answer")
)

// shutdown says goodbye to the clients. Those that answer have their time; those that
// are mute are dropped, which is no failure.
func (s *service) shutdown(b *broker.Broker) error {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	late := delay.Real{}.AfterFunc(shutdownTimeout, func() { cancel(errMute) })
	defer late.Stop()
	go func() {
		select {
		case <-s.signals:
			cancel(errSignal)
		case <-ctx.Done():
		}
	}()
	go s.dropMute(ctx, cancel, b)
	err := b.Shutdown(ctx)
	cutShort := ctx.Err() != nil && errors.Is(err, ctx.Err())
	switch {
	case cutShort && errors.Is(context.Cause(ctx), errSignal):
		return errors.Join(errSignal, b.Close())
	case cutShort:
		err = b.Close()
	}
	if err != nil { // the store's
		return fmt.Errorf("ended without writing all to the data folder, what was acknowledged since it failed comes again: %w", err)
	}
	s.log.Always.Info("Stopped")
	return nil
}

// dropMute ends a shutdown once nothing is heard of any client that is left.
func (s *service) dropMute(ctx context.Context, cancel func(error), b *broker.Broker) {
	type traffic struct {
		bytes uint64
		since time.Time
	}
	seen := map[string]traffic{}
	var left []string
	mute := func() bool {
		now := delay.Real{}.Now()
		left = left[:0]
		for _, c := range b.Connections() {
			t, known := seen[c.ID]
			if bytes := c.Received + c.Sent; !known || bytes != t.bytes {
				t = traffic{bytes, now}
				seen[c.ID] = t
			}
			if now.Sub(t.since) < muteAfter {
				return false
			}
			left = append(left, c.ID)
		}
		return len(left) > 0
	}
	if delay.Poll(ctx, delay.Real{}, muteCheck, mute) != nil {
		return // the shutdown has ended
	}
	s.log.Logger.Warn("clients do not answer and are dropped", "connections", len(left), "clients", strings.Join(left[:min(len(left), 5)], ", "))
	cancel(errMute)
}
