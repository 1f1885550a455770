package settings

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

const log = "Log"

// levels are the names of levels, RabbitMQ's, and warn.
var levels = []string{"debug", "info", "notice", "warning", "error", "critical", "alert", "emergency", "none"}

var level = kind[string]{strings.Join(levels, ", "), func(s string) (string, error) {
	if s == "warn" {
		s = "warning"
	}
	if !slices.Contains(levels, s) {
		return "", fmt.Errorf("unknown log level %q: it is debug, info, notice, warning, error, critical or none", s)
	}
	return s, nil
}, same}

// format is how a line of the log is made. RabbitMQ calls text plaintext.
var format = kind[string]{"plaintext or json", func(s string) (string, error) {
	switch s {
	case "plaintext", "text":
		return "text", nil
	case "json":
		return s, nil
	}
	return "", fmt.Errorf("unknown log format %q: it is text or json", s)
}, func(s string) string { return strings.Replace(s, "text", "plaintext", 1) }}

// flagFormat is the same for flags.
var flagFormat = kind[string]{format.name, format.parse, same}

var logging = []Option{
	{Section: log, Flag: "log-level", Arg: "level", Env: []string{"RABBITMQ_LOG"}, Key: "log.default.level",
		Help: "log events of this `level` and above: debug, info, notice, warning, error, critical, none",
		flag: value{level.name, func(s *Settings, _ []string, text string) error { return s.Log.setLevels(text) },
			func(s *Settings) string { return s.Log.Level }},
		key: field(level, func(s *Settings) *string { return &s.Log.Level })},
	{Section: log, Key: "log.console", Help: "log to standard output", key: field(boolean, func(s *Settings) *bool { return &s.Log.Console })},
	{Section: log, Key: "log.console.level", Help: "level there", key: field(level, func(s *Settings) *string { return &s.Log.ConsoleLevel })},
	{Section: log, Key: "log.console.stdio", Help: "stdout or stderr", key: does("stdout, stderr", func(s *Settings, text string) error {
		_, err := oneOf("stdout", "stderr").parse(text)
		s.Log.Stderr = text == "stderr"
		return err
	})},
	{Section: log, Flag: "log-format", Arg: "format", Key: "log.console.formatter", Help: "log as text or json (`format`)",
		flag: field(flagFormat, func(s *Settings) *string { return &s.Log.Format }),
		key:  field(format, func(s *Settings) *string { return &s.Log.Format })},
	{Section: log, Flag: "log-color", Key: "log.console.use_colors", Help: "colour the levels if the log goes to a terminal",
		flag: field(flagBoolean, func(s *Settings) *bool { return &s.Log.Color }),
		key:  field(boolean, func(s *Settings) *bool { return &s.Log.Color })},
	{Section: log, Flag: "log-file", Arg: "file", Env: []string{"RABBITMQ_LOGS"}, Key: "log.file", Help: "log to `file` as well; - is the console alone",
		flag: does("file", func(s *Settings, text string) error {
			switch text {
			case "-", "-stderr":
				s.Log.File, s.Log.Console, s.Log.Stderr = "", true, text == "-stderr"
			default:
				s.Log.File = text
			}
			return nil
		}),
		key: does("file or false", func(s *Settings, text string) error {
			s.Log.File = text
			if text == "false" {
				s.Log.File = ""
			}
			return nil
		})},
	{Section: log, Key: "log.file.level", Help: "level in the file", key: field(level, func(s *Settings) *string { return &s.Log.FileLevel })},
	{Section: log, Key: "log.file.formatter", Help: "format in the file", key: field(format, func(s *Settings) *string { return &s.Log.FileFormat })},
	{Section: log, Key: "log.file.rotation.size", Help: "bytes after which a new file is begun; 0 is never",
		key: field(integer(0, math.MaxInt64), func(s *Settings) *int64 { return &s.Log.RotateSize })},
	{Section: log, Key: "log.file.rotation.count", Help: "old files that are kept",
		key: field(integer(0, math.MaxInt32), func(s *Settings) *int64 { return &s.Log.RotateCount })},
	{Section: log, Env: []string{"RABBITMQ_LOG_BASE"}, Key: "log.dir", Help: "folder that names of log files are relative to",
		key: field(name, func(s *Settings) *string { return &s.Log.dir })},
	category("connection"), category("channel"), category("queue"), category("mirroring"), category("federation"), category("upgrade"), category("ra"),
	{Section: log, Key: "log.exchange", Help: "publish events to the exchange amq.rabbitmq.log", key: field(boolean, func(s *Settings) *bool { return &s.Log.Exchange })},
	{Section: log, Key: "log.exchange.level", Help: "level there", key: field(level, func(s *Settings) *string { return &s.Log.ExchangeLevel })},
	{Section: log, Key: "log.exchange.formatter", Help: "format there", key: field(format, func(s *Settings) *string { return &s.Log.ExchangeFormat })},
}

// category is the option for the level of one category.
func category(name string) Option {
	return Option{Section: log, Key: "log." + name + ".level", Help: "level of events of " + name,
		key: value{level.name, func(s *Settings, _ []string, text string) error {
			l, err := level.parse(text)
			if err == nil {
				put(&s.Log.Levels, name, l)
			}
			return err
		}, nil}}
}

// setLevels reads what RABBITMQ_LOG has: a level, category=level, +json, -color, with
// commas between them.
func (l *Log) setLevels(text string) error {
	for _, word := range strings.Split(text, ",") {
		name, of, isCategory := strings.Cut(strings.TrimSpace(word), "=")
		switch {
		case word == "+json" || word == "-json":
			l.Format = map[byte]string{'+': "json", '-': "text"}[word[0]]
		case word == "+color" || word == "-color":
			l.Color = word[0] == '+'
		case word == "+single_line" || word == "-single_line": // lines are single anyway
		case isCategory:
			v, err := level.parse(of)
			if err != nil {
				return err
			}
			put(&l.Levels, name, v)
		default:
			v, err := level.parse(name)
			if err != nil {
				return err
			}
			l.Level, l.ConsoleLevel = v, ""
		}
	}
	return nil
}
