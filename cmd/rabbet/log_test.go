package main

import (
	"bytes"
	"errors"
	"log/slog"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTextLog(t *testing.T) {
	for want, log := range map[string]func(*slog.Logger){
		"[info] ready\n": func(l *slog.Logger) { l.Info("ready") },
		"[warn] closing  channel=3 reason=\"no route\"\n": func(l *slog.Logger) { l.Warn("closing", "channel", 3, "reason", "no route") },
		"[error] failed  error=\"a \\\"b\\\"\"\n":         func(l *slog.Logger) { l.Error("failed", "error", errors.New(`a "b"`)) },
		"[info] m  empty=\"\" eq=\"a=b\" nl=\"a\\nb\"\n":  func(l *slog.Logger) { l.Info("m", "empty", "", "eq", "a=b", "nl", "a\nb") },
		"[info] m  conn=1 queue=q\n":                      func(l *slog.Logger) { l.With("conn", 1).Info("m", "queue", "q") },
		"[info] m  a=1 g.b=2 g.h.c=3\n": func(l *slog.Logger) {
			l.With("a", 1).WithGroup("g").With("b", 2).Info("m", slog.Group("h", "c", 3))
		},
		"": func(l *slog.Logger) { l.Debug("too low") },
	} {
		var out bytes.Buffer
		handler, err := newLogHandler(&out, "text", slog.LevelInfo)
		require.NoError(t, err)
		log(slog.New(handler))
		stamp := regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} `)
		if want != "" {
			assert.Regexp(t, stamp, out.String())
		}
		assert.Equal(t, want, stamp.ReplaceAllString(out.String(), ""))
	}
}
