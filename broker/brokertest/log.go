package brokertest

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
)

// keptRecords is how many of the last log records are kept.
const keptRecords = 1000

// A recorder keeps the last records of a log.
type recorder struct {
	mu      sync.Mutex
	records []entry // a ring once it is full
	next    int     // where the oldest is then
	dropped int
	out     bytes.Buffer // what the handlers write to, once they are let
}

// An entry is a record, and the handler that formats it.
type entry struct {
	slog.Record
	format slog.Handler
}

func (r *recorder) logger() *slog.Logger {
	text := slog.NewTextHandler(&r.out, &slog.HandlerOptions{ReplaceAttr: shorten})
	return slog.New(&handler{r, text})
}

// shorten leaves the time of day of a time.
func shorten(groups []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey && len(groups) == 0 {
		a.Value = slog.StringValue(a.Value.Time().Format("15:04:05.000000"))
	}
	return a
}

// show writes what was kept to the test's log.
func (r *recorder) show(tb TB) {
	tb.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.records) == 0 {
		return
	}
	r.out.Reset()
	for i := range r.records {
		e := &r.records[(r.next+i)%len(r.records)]
		_ = e.format.Handle(context.Background(), e.Record) // into memory: it cannot fail
	}
	if r.dropped > 0 {
		tb.Logf("the broker's log, without the first %d lines:\n%s", r.dropped, r.out.String())
	} else {
		tb.Logf("the broker's log:\n%s", r.out.String())
	}
}

// A handler is the slog.Handler in front of a recorder.
type handler struct {
	r      *recorder
	format slog.Handler
}

func (h *handler) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

func (h *handler) Handle(_ context.Context, record slog.Record) error {
	r := h.r
	r.mu.Lock()
	defer r.mu.Unlock()
	e := entry{record.Clone(), h.format}
	if len(r.records) < keptRecords {
		r.records = append(r.records, e)
		return nil
	}
	r.records[r.next] = e
	r.next = (r.next + 1) % keptRecords
	r.dropped++
	return nil
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &handler{h.r, h.format.WithAttrs(attrs)}
}

func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{h.r, h.format.WithGroup(name)}
}
