package logging

import (
	"context"
	"errors"
	"log/slog"
)

// A filter lets through what is of its level and above. Events of a category may have
// a level of their own.
type filter struct {
	next       slog.Handler
	level      *slog.LevelVar
	categories map[string]slog.Level
	category   string // that of the attributes so far
}

// categoryKeys are the attributes by which an event is known to be of a category of
// RabbitMQ's, the most specific one first.
var categoryKeys = []struct{ key, category string }{
	{"channel", "channel"}, {"client", "connection"}, {"queue", "queue"},
}

func categoryOf(a slog.Attr) string {
	for _, c := range categoryKeys {
		if a.Key == c.key {
			return c.category
		}
	}
	return ""
}

// lowest is the least level that may come through.
func (f *filter) lowest() slog.Level {
	lowest := f.level.Level()
	for _, level := range f.categories {
		lowest = min(lowest, level)
	}
	return lowest
}

// Enabled implements slog.Handler.
func (f *filter) Enabled(_ context.Context, level slog.Level) bool { return level >= f.lowest() }

// Handle implements slog.Handler.
func (f *filter) Handle(ctx context.Context, r slog.Record) error {
	if len(f.categories) > 0 {
		category := f.category
		r.Attrs(func(a slog.Attr) bool {
			if c := categoryOf(a); c != "" && (category == "" || c == "channel") {
				category = c
			}
			return true
		})
		if level, ok := f.categories[category]; ok {
			if r.Level < level {
				return nil
			}
			return f.next.Handle(ctx, r)
		}
	}
	if r.Level < f.level.Level() {
		return nil
	}
	return f.next.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (f *filter) WithAttrs(attrs []slog.Attr) slog.Handler {
	derived := *f
	derived.next = f.next.WithAttrs(attrs)
	for _, a := range attrs {
		if c := categoryOf(a); c != "" && derived.category == "" {
			derived.category = c
		}
	}
	return &derived
}

// WithGroup implements slog.Handler.
func (f *filter) WithGroup(name string) slog.Handler {
	derived := *f
	derived.next = f.next.WithGroup(name)
	return &derived
}

// several hands each event to all of its handlers.
type several []slog.Handler

// Enabled implements slog.Handler.
func (s several) Enabled(ctx context.Context, level slog.Level) bool {
	for _, h := range s {
		if h.Enabled(ctx, level) {
			return true
		}
	}
	return false
}

// Handle implements slog.Handler.
func (s several) Handle(ctx context.Context, r slog.Record) error {
	var err error
	for _, h := range s {
		if h.Enabled(ctx, r.Level) {
			err = errors.Join(err, h.Handle(ctx, r.Clone()))
		}
	}
	return err
}

// WithAttrs implements slog.Handler.
func (s several) WithAttrs(attrs []slog.Attr) slog.Handler {
	derived := make(several, len(s))
	for i, h := range s {
		derived[i] = h.WithAttrs(attrs)
	}
	return derived
}

// WithGroup implements slog.Handler.
func (s several) WithGroup(name string) slog.Handler {
	derived := make(several, len(s))
	for i, h := range s {
		derived[i] = h.WithGroup(name)
	}
	return derived
}
