package announce

import (
	"bytes"
	"cmp"
	"context"
	"log/slog"
	"sync"

	"github.com/rabbetmq/rabbet/amqp"
)

// LogExchange says how the log is published to amq.rabbitmq.log, a durable topic exchange
// in the default virtual host (LOGX-1).
type LogExchange struct {
	// Level is the least level that is published: slog.LevelInfo by default.
	Level slog.Leveler
	// NewHandler makes what formats events, each with one Write: slog.NewTextHandler by
	// default. ContentType is the type of what it writes: "text/plain" by default.
	NewHandler  func(w *bytes.Buffer) slog.Handler
	ContentType string
	// KeyOf is the routing key of events of a level: RabbitMQ's names by default, debug,
	// info, warning and error (LOGX-3).
	KeyOf func(slog.Level) string
}

func (l LogExchange) complete() *LogExchange {
	if l.Level == nil {
		l.Level = slog.LevelInfo
	}
	l.ContentType = cmp.Or(l.ContentType, "text/plain")
	if l.NewHandler == nil {
		l.NewHandler = func(w *bytes.Buffer) slog.Handler {
			return slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.Level(-1 << 20)})
		}
	}
	if l.KeyOf == nil {
		l.KeyOf = levelKey
	}
	return &l
}

func levelKey(level slog.Level) string {
	switch {
	case level >= slog.LevelError:
		return "error"
	case level >= slog.LevelWarn:
		return "warning"
	case level >= slog.LevelInfo:
		return "info"
	}
	return "debug"
}

// A logPublisher is a handler that publishes events as well as it hands them on.
type logPublisher struct {
	next slog.Handler // the log as it would be without
	to   *LogExchange
	a    *Announcer

	mu     *sync.Mutex // of buf, which all that are derived share
	buf    *bytes.Buffer
	format slog.Handler // writes into buf
}

// PublishLog makes a log be published besides going where it goes.
func (a *Announcer) PublishLog(next slog.Handler, how LogExchange) slog.Handler {
	to := how.complete()
	buf := &bytes.Buffer{}
	return &logPublisher{next: next, to: to, a: a, mu: &sync.Mutex{}, buf: buf, format: to.NewHandler(buf)}
}

// Enabled implements slog.Handler.
func (h *logPublisher) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= h.to.Level.Level() || h.next.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (h *logPublisher) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= h.to.Level.Level() {
		h.publish(ctx, r)
	}
	if h.next.Enabled(ctx, r.Level) {
		return h.next.Handle(ctx, r)
	}
	return nil
}

func (h *logPublisher) publish(ctx context.Context, r slog.Record) {
	h.mu.Lock()
	h.buf.Reset()
	err := h.format.Handle(ctx, r)
	line := bytes.Clone(h.buf.Bytes())
	h.mu.Unlock()
	if err != nil {
		return
	}
	h.a.logLines.Send(Message{h.to.KeyOf(r.Level), amqp.Properties{ // LOGX-4: text/plain, a timestamp, the node
		Flags:       amqp.HasContentType | amqp.HasTimestamp | amqp.HasHeaders,
		ContentType: h.to.ContentType, Timestamp: uint64(r.Time.Unix()),
		Headers: amqp.Table{{Key: "node", Value: h.a.node}},
	}, line})
}

// WithAttrs implements slog.Handler.
func (h *logPublisher) WithAttrs(attrs []slog.Attr) slog.Handler {
	derived := *h
	derived.next, derived.format = h.next.WithAttrs(attrs), h.format.WithAttrs(attrs)
	return &derived
}

// WithGroup implements slog.Handler.
func (h *logPublisher) WithGroup(name string) slog.Handler {
	derived := *h
	derived.next, derived.format = h.next.WithGroup(name), h.format.WithGroup(name)
	return &derived
}
