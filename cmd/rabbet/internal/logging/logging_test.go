package logging

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/settings"
)

// lines is what a function logs, by a log with these settings.
func lines(t *testing.T, cfg settings.Log, log func(*slog.Logger)) string {
	t.Helper()
	var out bytes.Buffer
	cfg.Console = true
	l, err := Open(&cfg, Streams{&out, io.Discard})
	require.NoError(t, err)
	log(l.Logger)
	l.Close()
	return out.String()
}

// head is how a line begins in RabbitMQ's logs.
var head = regexp.MustCompile(`(?m)^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d (\[[a-z]+\] )<\d+\.\d+\.\d+> `)

func TestText(t *testing.T) {
	for want, log := range map[string]func(*slog.Logger){
		"[info] ready\n": func(l *slog.Logger) { l.Info("ready") },
		"[warning] closing  channel=3 reason=\"no route\"\n": func(l *slog.Logger) { l.Warn("closing", "channel", 3, "reason", "no route") },
		"[error] failed  error=\"a \\\"b\\\"\"\n":            func(l *slog.Logger) { l.Error("failed", "error", errors.New(`a "b"`)) },
		"[notice] n\n":   func(l *slog.Logger) { l.Log(t.Context(), LevelNotice, "n") },
		"[critical] c\n": func(l *slog.Logger) { l.Log(t.Context(), LevelCritical, "c") },
		"[info] m  empty=\"\" eq=\"a=b\" nl=\"a\\nb\"\n": func(l *slog.Logger) { l.Info("m", "empty", "", "eq", "a=b", "nl", "a\nb") },
		"[info] m  conn=1 queue=q\n":                     func(l *slog.Logger) { l.With("conn", 1).Info("m", "queue", "q") },
		"[info] one  k=v\n[info]  two\n":                 func(l *slog.Logger) { l.Info("one\n two", "k", "v") },
		"[info] m  a=1 g.b=2 g.h.c=3\n": func(l *slog.Logger) {
			l.With("a", 1).WithGroup("g").With("b", 2).Info("m", slog.Group("h", "c", 3))
		},
		"": func(l *slog.Logger) { l.Debug("too low") },
	} {
		got := lines(t, settings.Log{Level: "info", Format: "text"}, log)
		if want != "" {
			assert.Regexp(t, head, got)
		}
		assert.Equal(t, want, head.ReplaceAllString(got, "$1"))
	}
}

// What a client calls itself makes no terminal do anything.
func TestLogControlBytes(t *testing.T) {
	for text, want := range map[string]string{
		"a\x1b[2J":     `"a\x1b[2J"`,
		"a\u009b2J":    `"a\u009b2J"`,
		"a\u0085b":     `"a\u0085b"`,
		"a\u2028b":     `"a\u2028b"`,
		"a\u202eb":     `"a\u202eb"`,
		"a\u200fb":     `"a\u200fb"`,
		"\xff\x9b":     `"\xff\x9b"`,
		"\x7f":         `"\x7f"`,
		"jürgen\u00a0": `"jürgen\u00a0"`,
		"日本":           `日本`,
	} {
		got := lines(t, settings.Log{Level: "info", Format: "text"}, func(l *slog.Logger) { l.Info("m", "name", text) })
		assert.Contains(t, got, "name="+want+"\n")
		got = lines(t, settings.Log{Level: "info", Format: "text"}, func(l *slog.Logger) { l.Info("m " + text) })
		assert.Contains(t, got, "> m "+strings.Trim(want, `"`)+"\n", "in the message")
		got = lines(t, settings.Log{Level: "info", Format: "json"}, func(l *slog.Logger) { l.Info("m", "name", text) })
		assert.True(t, isClean(strings.TrimSuffix(got, "\n")), "%q", got)
		var event struct{ Name string }
		require.NoError(t, json.Unmarshal([]byte(got), &event))
		if utf8.ValidString(text) {
			assert.Equal(t, text, event.Name)
		}
	}
}

func TestJSON(t *testing.T) {
	got := lines(t, settings.Log{Level: "info", Format: "json"}, func(l *slog.Logger) {
		l.Warn("m", "after", 1500*time.Millisecond, "signal", os.Interrupt, "n", 3)
	})
	var event map[string]any
	require.NoError(t, json.Unmarshal([]byte(got), &event))
	assert.NotEmpty(t, event["time"])
	delete(event, "time")
	assert.Equal(t, map[string]any{"level": "warning", "msg": "m", "after": "1.5s", "signal": "interrupt", "n": 3.0}, event)
}

func TestCategoriesHaveLevels(t *testing.T) {
	log := func(l *slog.Logger) {
		conn := l.With("client", "1.2.3.4:5")
		conn.Info("connection")
		conn.Warn("connection")
		conn.Debug("of a channel", "channel", 1)
		l.Info("general")
		l.Debug("general")
	}
	got := lines(t, settings.Log{Level: "info", Levels: map[string]string{"connection": "warning", "channel": "debug"}, Format: "text"}, log)
	assert.Equal(t, "[warning] connection  client=1.2.3.4:5\n[debug] of a channel  client=1.2.3.4:5 channel=1\n[info] general\n", head.ReplaceAllString(got, "$1"))
	got = lines(t, settings.Log{Level: "info", ConsoleLevel: "none", Format: "text"}, log)
	assert.Empty(t, got)
}

func TestFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "rabbit.log")
	cfg := settings.Log{Level: "info", FileLevel: "debug", FileFormat: "text", File: path, RotateSize: 300, RotateCount: 2}
	l, err := Open(&cfg, Streams{})
	require.NoError(t, err)
	assert.Equal(t, []string{path}, l.Places)
	for i := range 20 {
		l.Logger.Debug(fmt.Sprintf("line %d, %s", i, strings.Repeat("x", 50)))
		l.writers[0].Sync(time.Minute)
	}
	l.Close()
	left, err := filepath.Glob(path + "*")
	require.NoError(t, err)
	assert.Equal(t, []string{path, path + ".0", path + ".1"}, left)
	for _, name := range left {
		info, err := os.Stat(name)
		require.NoError(t, err)
		assert.LessOrEqual(t, info.Size(), int64(300))
	}
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Contains(t, string(text), "line 19")
	_, err = Open(&settings.Log{File: "/dev/null/x"}, Streams{})
	assert.EqualError(t, err, "cannot open the log file /dev/null/x: not a directory")
}

// A stuck is a pipe that nobody reads until it is let go, or that fails.
type stuck struct {
	mu   sync.Mutex
	cond *sync.Cond
	held bool
	err  error
	got  bytes.Buffer
}

func (s *stuck) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.held {
		s.cond.Wait()
	}
	if s.err != nil {
		return 0, s.err
	}
	return s.got.Write(p)
}

func (s *stuck) set(held bool, err error) {
	s.mu.Lock()
	s.held, s.err = held, err
	s.mu.Unlock()
	s.cond.Broadcast()
}

func newStuck() *stuck {
	s := &stuck{held: true}
	s.cond = sync.NewCond(&s.mu)
	return s
}

// stdout-blocks-broker: a log that nobody reads holds nobody up, and says later how
// much it lost.
func TestLogThatNobodyReads(t *testing.T) {
	pipe := newStuck()
	w := NewWriter(pipe, func(lost int) []byte { return fmt.Appendf(nil, "lost %d\n", lost) })
	line := []byte(strings.Repeat("x", 1023) + "\n")
	for range 3000 {
		_, err := w.Write(line)
		require.NoError(t, err)
	}
	w.Sync(time.Millisecond) // does not wait for ever
	pipe.set(false, nil)
	w.Sync(time.Minute)
	_, err := w.Write([]byte("after\n"))
	require.NoError(t, err)
	w.Sync(time.Minute)
	got := pipe.got.String()
	kept := strings.Count(got, string(line))
	assert.GreaterOrEqual(t, kept, 1023)
	assert.Contains(t, got, fmt.Sprintf("\nlost %d\n", 3000-kept))
	assert.True(t, strings.HasSuffix(got, "\nafter\n"))
}

// A log that is closed loses lines until it is open again, and tells of all of them.
func TestClosedLog(t *testing.T) {
	pipe := newStuck()
	pipe.set(false, os.ErrClosed)
	w := NewWriter(pipe, func(lost int) []byte { return fmt.Appendf(nil, "lost %d\n", lost) })
	for range 10 {
		_, _ = w.Write([]byte("x\n"))
		w.Sync(time.Minute)
	}
	pipe.set(false, nil)
	_, _ = w.Write([]byte("y\n"))
	w.Sync(time.Minute)
	assert.Equal(t, "lost 10\ny\n", pipe.got.String())
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 50_000_000: "50 MB", 1 << 20: "1 MiB", 3_328_599_654: "3.1 GiB", 1e9: "1 GB", 1234: "1.2 KiB"} {
		assert.Equal(t, want, Size(n))
	}
}
