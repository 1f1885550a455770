package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
)

// shutdownTimeout bounds how long clients have to take their leave.
const shutdownTimeout = 10 * time.Second

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
