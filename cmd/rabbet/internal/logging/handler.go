// Package logging is the log of rabbet serve: lines in RabbitMQ's form or JSON, to the
// console and to files, by a writer that never holds the broker up.
package logging

import (
	"context"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Levels between and above those of slog, with RabbitMQ's names.
const (
	LevelNotice   = slog.LevelInfo + 2
	LevelCritical = slog.LevelError + 4
	levelNone     = slog.Level(1 << 20)
)

// levelNames are RabbitMQ's, from the highest.
var levelNames = []struct {
	name  string
	level slog.Level
	color string
}{
	{"critical", LevelCritical, "\x1b[1;37;41m"},
	{"error", slog.LevelError, "\x1b[31m"},
	{"warning", slog.LevelWarn, "\x1b[33m"},
	{"notice", LevelNotice, "\x1b[36m"},
	{"info", slog.LevelInfo, "\x1b[32m"},
	{"debug", slog.LevelDebug, "\x1b[90m"},
}

// ParseLevel is the level of a name of RabbitMQ's. Those above critical are critical;
// none lets nothing through.
func ParseLevel(name string) (level slog.Level, ok bool) {
	switch name {
	case "none":
		return levelNone, true
	case "alert", "emergency":
		return LevelCritical, true
	}
	for _, l := range levelNames {
		if l.name == name {
			return l.level, true
		}
	}
	return 0, false
}

// LevelName is RabbitMQ's name of a level.
func LevelName(level slog.Level) string {
	name, _ := levelName(level)
	return name
}

// levelName is the name of the highest level that is not above this one.
func levelName(level slog.Level) (name, color string) {
	for _, l := range levelNames {
		if level >= l.level {
			return l.name, l.color
		}
	}
	return "debug", ""
}

// textHandler writes lines in RabbitMQ's form, with attributes at their end:
//
//	2006-01-02 15:04:05.000000+00:00 [info] <0.17.0> message  key=value key="two words"
//
// Where RabbitMQ has the number of an Erlang process there is that of this process.
// Each further line of a message begins in the same way.
type textHandler struct {
	w     io.Writer
	color bool
	pid   string

	attrs  string // what WithAttrs gave, as it is written
	prefix string // of the keys, from WithGroup
}

func newTextHandler(w io.Writer, color bool) *textHandler {
	return &textHandler{w: w, color: color, pid: " <0." + strconv.Itoa(os.Getpid()) + ".0> "}
}

// Enabled implements slog.Handler. Levels are what a filter in front decides.
func (h *textHandler) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements slog.Handler.
func (h *textHandler) Handle(_ context.Context, r slog.Record) error {
	b := make([]byte, 0, 256)
	if !r.Time.IsZero() {
		b = r.Time.AppendFormat(b, "2006-01-02 15:04:05.000000-07:00 ")
	}
	name, color := levelName(r.Level)
	if !h.color {
		color = ""
	}
	b = append(b, color...)
	b = append(b, '[')
	b = append(b, name...)
	b = append(b, ']')
	if color != "" {
		b = append(b, "\x1b[0m"...)
	}
	b = append(b, h.pid...)
	head := len(b)
	first, rest, more := strings.Cut(r.Message, "\n")
	b = appendClean(b, first)
	attrs := []byte(h.attrs)
	r.Attrs(func(a slog.Attr) bool {
		attrs = appendAttr(attrs, h.prefix, a)
		return true
	})
	if len(attrs) > 0 {
		b = append(append(b, ' '), attrs...)
	}
	b = append(b, '\n')
	for more {
		first, rest, more = strings.Cut(rest, "\n")
		b = append(appendClean(append(b, b[:head]...), first), '\n')
	}
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
	if text == "" || strings.ContainsAny(text, ` "=`) || !isClean(text) {
		return strconv.AppendQuote(b, text)
	}
	return append(b, text...)
}

// isClean reports whether a terminal shows a text as it is: no control characters, no
// marks that turn the direction of writing, nothing that is not UTF-8.
func isClean(text string) bool {
	for i, r := range text {
		if !isShown(r, text[i:]) {
			return false
		}
	}
	return true
}

// isShown reports whether a rune is clean; rest begins with it.
func isShown(r rune, rest string) bool {
	if r == utf8.RuneError {
		_, size := utf8.DecodeRuneInString(rest)
		return size > 1
	}
	return unicode.IsPrint(r)
}

// appendClean appends a text with all else as Go's escapes, such as \u009b.
func appendClean(b []byte, text string) []byte {
	for i, r := range text {
		if isShown(r, text[i:]) {
			b = utf8.AppendRune(b, r)
			continue
		}
		if r == utf8.RuneError {
			b = append(b, `\x`...)
			b = append(b, "0123456789abcdef"[text[i]>>4], "0123456789abcdef"[text[i]&15])
			continue
		}
		quoted := strconv.AppendQuoteRune(nil, r)
		b = append(b, quoted[1:len(quoted)-1]...)
	}
	return b
}

// newJSONHandler writes JSON with RabbitMQ's names of levels.
func newJSONHandler(w io.Writer) slog.Handler {
	return slog.NewJSONHandler(cleanJSON{w}, &slog.HandlerOptions{
		Level: slog.Level(-1 << 20),
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if level, ok := a.Value.Any().(slog.Level); ok && len(groups) == 0 && a.Key == slog.LevelKey {
				name, _ := levelName(level)
				return slog.String(a.Key, name)
			}
			// JSON of a time.Duration or an os.Signal is a number that nobody reads.
			if s, ok := a.Value.Any().(interface{ String() string }); ok && a.Value.Kind() != slog.KindTime {
				return slog.String(a.Key, s.String())
			}
			return a
		},
	})
}

// cleanJSON escapes what encoding/json leaves as it is and terminals obey.
type cleanJSON struct{ w io.Writer }

// Write implements io.Writer for one line.
func (c cleanJSON) Write(line []byte) (int, error) {
	text := strings.TrimSuffix(string(line), "\n")
	if isClean(text) {
		return c.w.Write(line)
	}
	b := make([]byte, 0, len(line)+32)
	for i, r := range text {
		switch {
		case isShown(r, text[i:]):
			b = utf8.AppendRune(b, r)
		case r > 0xffff:
			b = append(b, `\ufffd`...)
		default:
			b = append(b, `\u`...)
			for shift := 12; shift >= 0; shift -= 4 {
				b = append(b, "0123456789abcdef"[r>>shift&15])
			}
		}
	}
	_, err := c.w.Write(append(b, '\n'))
	return len(line), err
}
