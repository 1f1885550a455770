package patterns

import (
	"context"
	"fmt"
	"io"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Wait waits for a duration, or until a context is done.
type Wait func(context.Context, time.Duration) error

// Dial connects to a broker that may be away: it tries again with waits that double, from
// 100 milliseconds to at most a minute.
func Dial(ctx context.Context, url string, wait Wait, out io.Writer) (*amqp.Connection, error) {
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, time.Minute) {
		conn, err := amqp.Dial(url)
		if err == nil {
			return conn, nil
		}
		fmt.Fprintf(out, "next attempt in %s: %v\n", pause, err)
		if err := wait(ctx, pause); err != nil {
			return nil, err
		}
	}
}

// Produce publishes messages and keeps each until it is confirmed. When the connection is
// lost it connects again and publishes what was not confirmed once more, under the same
// message id: some may arrive twice, none is lost. The function connected is called with
// each connection.
func Produce(ctx context.Context, url, queue string, bodies []string, wait Wait, connected func(*amqp.Connection), out io.Writer) error {
	for {
		conn, err := Dial(ctx, url, wait, out)
		if err != nil {
			return err
		}
		connected(conn)
		bodies, err = publishAll(conn, queue, bodies)
		if err == nil {
			return conn.Close()
		}
		fmt.Fprintf(out, "lost the connection, %d messages are not confirmed: %v\n", len(bodies), err)
	}
}

// publishAll returns what is not confirmed, and why.
func publishAll(conn *amqp.Connection, queue string, bodies []string) ([]string, error) {
	ch, err := conn.Channel()
	if err != nil {
		return bodies, err
	}
	if err := ch.Confirm(false); err != nil {
		return bodies, err
	}
	for len(bodies) > 0 {
		msg := amqp.Publishing{DeliveryMode: amqp.Persistent, MessageId: bodies[0], Body: []byte(bodies[0])}
		confirm, err := ch.PublishWithDeferredConfirm("", queue, false, false, msg)
		if err != nil {
			return bodies, err
		}
		if !confirm.Wait() {
			return bodies, amqp.ErrClosed
		}
		bodies = bodies[1:]
	}
	return nil, nil
}
