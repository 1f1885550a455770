// The log: one line an event, in the manner of RabbitMQ's, or JSON.

package main

import (
	"context"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
)

// newLogHandler returns a handler for the format, which is text or json.
func newLogHandler(w io.Writer, format string, level slog.Level) (slog.Handler, error) {
	switch format {
	case "text":
		return &textHandler{w: w, level: level, mu: new(sync.Mutex)}, nil
	case "json":
		return slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}), nil
	}
	return nil, usagef("unknown log format %q: it is text or json", format)
}

// textHandler writes
//
//	2006-01-02 15:04:05.000 [info] message  key=value key="two words"
type textHandler struct {
	w      io.Writer
	level  slog.Level
	mu     *sync.Mutex // serialises writes, of all handlers derived from one
	attrs  string      // what WithAttrs gave, as it is written
	prefix string      // of the keys, from WithGroup
}

// Enabled implements slog.Handler.
func (h *textHandler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level }

// Handle implements slog.Handler.
func (h *textHandler) Handle(_ context.Context, r slog.Record) error {
	b := make([]byte, 0, 256)
	if !r.Time.IsZero() {
		b = r.Time.AppendFormat(b, "2006-01-02 15:04:05.000 ")
	}
	b = append(b, '[')
	b = append(b, strings.ToLower(r.Level.String())...)
	b = append(b, "] "...)
	b = append(b, r.Message...)
	attrs := []byte(h.attrs)
	r.Attrs(func(a slog.Attr) bool {
		attrs = appendAttr(attrs, h.prefix, a)
		return true
	})
	if len(attrs) > 0 {
		b = append(append(b, ' '), attrs...)
	}
	b = append(b, '\n')
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := h.w.Write(b)
	return err
}

// WithAttrs implements slog.Handler.
func (h *textHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	derived := *h
	text := []byte(h.attrs)
	for _, a := range attrs {
		text = appendAttr(text, h.prefix, a)
	}
	derived.attrs = string(text)
	return &derived
}

// WithGroup implements slog.Handler.
func (h *textHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	derived := *h
	derived.prefix += name + "."
	return &derived
}

// appendAttr appends " key=value", or each member of a group.
func appendAttr(b []byte, prefix string, a slog.Attr) []byte {
	value := a.Value.Resolve()
	switch {
	case a.Equal(slog.Attr{}):
		return b
	case value.Kind() == slog.KindGroup:
		if a.Key != "" {
			prefix += a.Key + "."
		}
		for _, member := range value.Group() {
			b = appendAttr(b, prefix, member)
		}
		return b
	}
	b = append(b, ' ')
	b = append(b, prefix...)
	b = append(b, a.Key...)
	b = append(b, '=')
	text := value.String()
	if text == "" || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == '"' || r == '=' || r == 0x7f }) {
		return strconv.AppendQuote(b, text)
	}
	return append(b, text...)
}
