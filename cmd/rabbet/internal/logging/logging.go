package logging

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/settings"
	"github.com/rabbetmq/rabbet/delay"
)

// A Log is the log of a process.
type Log struct {
	// Logger is for events. Always is for the lines that scripts wait for, which come
	// whatever the level.
	Logger, Always *slog.Logger
	// ExchangeLevel is the least level that goes to amq.rabbitmq.log.
	ExchangeLevel *slog.LevelVar
	// Places are where it goes, as RabbitMQ calls them: <stdout>, or a path.
	Places []string

	levels  []*slog.LevelVar
	writers []*Writer
	closers []io.Closer
}

// Streams are what a process logs to.
type Streams struct{ Stdout, Stderr io.Writer }

// Open makes the log that the settings describe.
func Open(cfg *settings.Log, to Streams) (*Log, error) {
	l := &Log{}
	var events, always several
	add := func(w *Writer, format, level string, color bool, place string) {
		h := NewHandler(w, format, color)
		lowest, _ := ParseLevel(level)
		f := &filter{next: h, level: new(slog.LevelVar), categories: map[string]slog.Level{}}
		f.level.Set(lowest)
		l.levels = append(l.levels, f.level)
		for category, name := range cfg.Levels {
			f.categories[category], _ = ParseLevel(name)
		}
		events, always = append(events, f), append(always, h)
		l.writers, l.Places = append(l.writers, w), append(l.Places, place)
	}
	if cfg.Console {
		out, place := to.Stdout, "<stdout>"
		if cfg.Stderr {
			out, place = to.Stderr, "<stderr>"
		}
		w := NewWriter(out, tellerOf(cfg.Format))
		add(w, cfg.Format, orLevel(cfg.ConsoleLevel, cfg.Level), cfg.Color && IsTerminal(out), place)
	}
	if cfg.File != "" {
		file, err := openFile(cfg)
		if err != nil {
			return nil, fmt.Errorf("cannot open the log file %s: %w", cfg.File, err)
		}
		l.closers = append(l.closers, file)
		add(NewWriter(file, tellerOf(cfg.FileFormat)), cfg.FileFormat, orLevel(cfg.FileLevel, cfg.Level), false, cfg.File)
	}
	l.Logger, l.Always = slog.New(events), slog.New(always)
	if l.ExchangeLevel = new(slog.LevelVar); cfg.Exchange {
		lowest, _ := ParseLevel(cfg.ExchangeLevel)
		l.ExchangeLevel.Set(lowest)
		l.levels = append(l.levels, l.ExchangeLevel)
		l.Places = append(l.Places, "exchange:{resource,<<\"/\">>,exchange,<<\"amq.rabbitmq.log\">>}") // LOGX-2: one more place of the log
	}
	return l, nil
}

// SetLevel changes the level of all categories that have none of their own. It reports
// whether the name is one of a level.
func (l *Log) SetLevel(name string) bool {
	level, ok := ParseLevel(name)
	for _, v := range l.levels {
		if ok {
			v.Set(level)
		}
	}
	return ok
}

func orLevel(own, general string) string {
	if own != "" {
		return own
	}
	return general
}

// Close waits a moment for what is still to be written, and closes files. A pipe that
// nobody reads does not keep the process from ending.
func (l *Log) Close() {
	for _, w := range l.writers {
		w.Sync(closePatience)
	}
	for _, c := range l.closers {
		_ = c.Close() // What it had is written, or lost for good.
	}
}

const closePatience = 500 * time.Millisecond

// NewHandler makes a handler that writes an event in a format, text or json, with one
// Write.
func NewHandler(w io.Writer, format string, color bool) slog.Handler {
	if format == "json" {
		return newJSONHandler(w)
	}
	return newTextHandler(w, color)
}

// tellerOf makes the line that tells of lost ones, in the log's own format.
func tellerOf(format string) func(int) []byte {
	return func(lost int) []byte {
		var b bytes.Buffer
		r := slog.NewRecord(delay.Real{}.Now(), slog.LevelWarn, "log lines were lost because nobody read the log", 0)
		r.AddAttrs(slog.Int("lines", lost))
		_ = NewHandler(&b, format, false).Handle(context.Background(), r) // A buffer takes all.
		return b.Bytes()
	}
}

// IsTerminal reports whether a writer is a terminal.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// A file is a log file that is renamed once it is long: rabbit.log becomes
// rabbit.log.0, which becomes rabbit.log.1, and so on, as RabbitMQ's do.
type file struct {
	path  string
	most  int64 // bytes; 0 is no limit
	count int   // of old files
	f     *os.File
	size  int64
}

func openFile(cfg *settings.Log) (*file, error) {
	if err := os.MkdirAll(filepath.Dir(cfg.File), 0o755); err != nil {
		return nil, bare(err)
	}
	f := &file{path: cfg.File, most: cfg.RotateSize, count: int(cfg.RotateCount)}
	return f, bare(f.open())
}

// bare leaves the path out of an error that names it anyway.
func bare(err error) error {
	if e, ok := err.(*os.PathError); ok {
		return e.Err
	}
	return err
}

func (f *file) open() error {
	out, err := os.OpenFile(f.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	f.f, f.size = out, 0
	if info, err := out.Stat(); err == nil && info.Mode().IsRegular() {
		f.size = info.Size()
	}
	return nil
}

// Write implements io.Writer for whole lines.
func (f *file) Write(lines []byte) (int, error) {
	if f.most > 0 && f.size > 0 && f.size+int64(len(lines)) > f.most {
		f.rotate()
	}
	n, err := f.f.Write(lines)
	f.size += int64(n)
	return n, err
}

// rotate begins a new file. If that cannot be done the old one grows.
func (f *file) rotate() {
	old := f.f
	for i := f.count - 1; i > 0; i-- {
		_ = os.Rename(fmt.Sprintf("%s.%d", f.path, i-1), fmt.Sprintf("%s.%d", f.path, i)) // It may not be there yet.
	}
	var err error
	if f.count > 0 {
		err = os.Rename(f.path, f.path+".0")
	} else {
		err = os.Truncate(f.path, 0)
	}
	if err == nil {
		err = f.open()
	}
	if err != nil {
		f.f = old
		return
	}
	_ = old.Close()
}

// Close implements io.Closer.
func (f *file) Close() error { return f.f.Close() }

// Size writes a number of bytes as people read it: 50 MB, 3.1 GiB.
func Size(n int64) string {
	for _, u := range []struct {
		name string
		size int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n%1000 == 0 && n%u.size != 0 {
			continue
		}
		if n >= u.size {
			return trimZero(fmt.Sprintf("%.1f", float64(n)/float64(u.size))) + " " + u.name
		}
	}
	for _, u := range []struct {
		name string
		size int64
	}{{"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}} {
		if n >= u.size && n%1000 == 0 {
			return trimZero(fmt.Sprintf("%.1f", float64(n)/float64(u.size))) + " " + u.name
		}
	}
	return fmt.Sprintf("%d B", n)
}

func trimZero(s string) string { return strings.TrimSuffix(s, ".0") }
