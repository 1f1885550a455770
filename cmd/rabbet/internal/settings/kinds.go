package settings

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A kind is a form that a value has in text.
type kind[T any] struct {
	name   string // as the documentation calls it
	parse  func(string) (T, error)
	format func(T) string
}

func same(s string) string { return s }

// text is any text, possibly empty.
var text = kind[string]{"text", func(s string) (string, error) { return s, nil }, same}

// name is text that is not empty.
var name = kind[string]{"text", func(s string) (string, error) {
	if s == "" {
		return "", errors.New("it is empty")
	}
	return s, nil
}, same}

// boolean is true or false; on and off are understood too.
var boolean = kind[bool]{"true or false", func(s string) (bool, error) {
	switch s {
	case "true", "on":
		return true, nil
	case "false", "off":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither true nor false", s)
}, strconv.FormatBool}

// flagBoolean is boolean with all that Go's flags take.
var flagBoolean = kind[bool]{"", func(s string) (bool, error) {
	if b, err := strconv.ParseBool(s); err == nil {
		return b, nil
	}
	return boolean.parse(s)
}, strconv.FormatBool}

// oneOf is a word of a list.
func oneOf(words ...string) kind[string] {
	return kind[string]{strings.Join(words, ", "), func(s string) (string, error) {
		if slices.Contains(words, s) {
			return s, nil
		}
		return "", fmt.Errorf("%q is not one of %s", s, strings.Join(words, ", "))
	}, same}
}

// integer is a whole number within bounds.
func integer(least, most int64) kind[int64] {
	return kind[int64]{"number", func(s string) (int64, error) {
		n, err := strconv.ParseInt(s, 10, 64)
		switch {
		case err != nil:
			return 0, fmt.Errorf("%q is no whole number", s)
		case n < least || n > most:
			return 0, fmt.Errorf("%d is not from %d to %d", n, least, most)
		}
		return n, nil
	}, func(n int64) string { return strconv.FormatInt(n, 10) }}
}

// infinity stands for no limit, where RabbitMQ writes the word.
const infinity = "infinity"

// bounded is an integer from 0, or infinity, which is -1.
var bounded = kind[int64]{"number or infinity", func(s string) (int64, error) {
	if s == infinity {
		return -1, nil
	}
	return integer(0, math.MaxInt32).parse(s)
}, func(n int64) string {
	if n < 0 {
		return infinity
	}
	return strconv.FormatInt(n, 10)
}}

// ratio is a number above 0 and up to 1, or to most.
func ratio(most float64) kind[float64] {
	return kind[float64]{"ratio", func(s string) (float64, error) {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || !(f > 0 && f <= most) {
			return 0, fmt.Errorf("%q is no number above 0 and up to %g", s, most)
		}
		return f, nil
	}, func(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }}
}

// millis is a duration in milliseconds.
var millis = durationKind("milliseconds", time.Millisecond)

// seconds is a duration in seconds.
var seconds = durationKind("seconds", time.Second)

func durationKind(name string, unit time.Duration) kind[time.Duration] {
	most := int64(math.MaxInt64 / unit)
	return kind[time.Duration]{name, func(s string) (time.Duration, error) {
		n, err := integer(0, most).parse(s)
		return time.Duration(n) * unit, err
	}, func(d time.Duration) string { return strconv.FormatInt(int64(d/unit), 10) }}
}

// infiniteMillis is millis, or infinity, which is -1.
var infiniteMillis = kind[time.Duration]{"milliseconds or infinity", func(s string) (time.Duration, error) {
	if s == infinity {
		return -1, nil
	}
	return millis.parse(s)
}, func(d time.Duration) string {
	if d < 0 {
		return infinity
	}
	return millis.format(d)
}}

// span is a duration as Go writes it, for flags.
func span(unit time.Duration) kind[time.Duration] {
	return kind[time.Duration]{"duration", func(s string) (time.Duration, error) {
		d, err := time.ParseDuration(s)
		switch {
		case err != nil:
			return 0, fmt.Errorf("%q is no duration such as 30s", s)
		case d < 0:
			return 0, fmt.Errorf("%s is negative", d)
		case d%unit != 0:
			return 0, fmt.Errorf("%s is not a multiple of %s", d, unit)
		}
		return d, nil
	}, formatSpan}
}

// formatSpan leaves out what is 0 at a duration's end: 1m0s is 1m.
func formatSpan(d time.Duration) string {
	s := strings.TrimSuffix(d.String(), "m0s")
	if s != d.String() {
		s += "m"
	}
	return strings.TrimSuffix(s, "h0m") + map[bool]string{true: "h"}[strings.HasSuffix(s, "h0m")]
}

// units are tried in this order: longer names before those that they end in.
type unit struct {
	name string
	size int64
}

// informationUnits are RabbitMQ's, from 3.13 on: k is a thousand and Ki is 1024.
var informationUnits = []unit{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}, {"PiB", 1 << 50},
	{"Ki", 1 << 10}, {"Mi", 1 << 20}, {"Gi", 1 << 30}, {"Ti", 1 << 40}, {"Pi", 1 << 50},
	{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"PB", 1e15},
	{"K", 1e3}, {"M", 1e6}, {"G", 1e9}, {"T", 1e12}, {"P", 1e15}, {"B", 1},
}

// frameUnits are those of frame_max, which are powers of 1024 all the same.
var frameUnits = []unit{{"KB", 1 << 10}, {"MB", 1 << 20}, {"GB", 1 << 30}}

// size is a number of bytes with a unit.
func size(units []unit) kind[int64] {
	return kind[int64]{"bytes", func(s string) (int64, error) { return parseSize(s, units) },
		func(n int64) string { return formatSize(n, units) }}
}

// bytes is a size in RabbitMQ's units.
var bytes = size(informationUnits)

// ParseSize reads a number of bytes as RabbitMQ's memory and disk limits have it: 500MB.
func ParseSize(s string) (int64, error) { return parseSize(s, informationUnits) }

func parseSize(s string, units []unit) (int64, error) {
	number, factor := s, int64(1)
	for _, u := range units {
		if at := len(s) - len(u.name); at > 0 && strings.EqualFold(s[at:], u.name) {
			number, factor = s[:at], u.size
			break
		}
	}
	n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/factor {
		return 0, fmt.Errorf("%q is no size such as 500MB", s)
	}
	return n * factor, nil
}

// formatSize takes the largest unit of which n is a multiple.
func formatSize(n int64, units []unit) string {
	best := unit{"", 1}
	for _, u := range units {
		if u.size > best.size && n != 0 && n%u.size == 0 {
			best = u
		}
	}
	return strconv.FormatInt(n/best.size, 10) + best.name
}

// port is that of a listener; 0 takes a free one.
var port = kind[int]{"port", func(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("bad port %q: it is a number from 0 to 65535", s)
	}
	return int(n), nil
}, strconv.Itoa}

// ip is an address without a port.
var ip = kind[string]{"IP address", func(s string) (string, error) {
	if net.ParseIP(s) == nil {
		return "", fmt.Errorf("%q is no IP address", s)
	}
	return s, nil
}, same}

// host is an IP address or the name of a machine.
var host = kind[string]{"address", func(s string) (string, error) {
	if s == "" || strings.ContainsAny(s, " /[]") || strings.Contains(s, ":") && net.ParseIP(s) == nil {
		return "", fmt.Errorf("%q is no address", s)
	}
	return s, nil
}, same}

// file is the path of a file that can be read.
var file = kind[string]{"file", func(s string) (string, error) {
	f, err := os.Open(s)
	if err != nil {
		return "", fmt.Errorf("%s does not exist or cannot be read by uid %d", s, os.Geteuid())
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return "", fmt.Errorf("%s is a folder, not a file", s)
	}
	return s, nil
}, same}

// uri is an HTTP address.
var uri = kind[string]{"URL", func(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", fmt.Errorf("%q is no URL such as http://localhost:8000/auth", s)
	}
	return s, nil
}, same}

// atom is a word: of letters, digits and signs without spaces.
var atom = kind[string]{"word", func(s string) (string, error) {
	if !atomPattern.MatchString(s) {
		return "", fmt.Errorf("%q is no word", s)
	}
	return s, nil
}, same}

var atomPattern = regexp.MustCompile(`^[A-Za-z0-9_@.:/-]+$`)

// period is RabbitMQ's duration with a unit: 1h30m, 10s, 500ms; bare numbers are
// milliseconds.
var period = kind[time.Duration]{"duration", func(s string) (time.Duration, error) {
	if d, err := millis.parse(s); err == nil {
		return d, nil
	}
	total, rest := 0.0, s
	for rest != "" {
		m := periodPattern.FindStringSubmatch(rest)
		if m == nil {
			return 0, fmt.Errorf("%q is no duration such as 10s", s)
		}
		n, _ := strconv.ParseFloat(m[1], 64)
		total += n * float64(periodUnits[m[2]])
		rest = rest[len(m[0]):]
	}
	if s == "" || total > math.MaxInt64/2 {
		return 0, fmt.Errorf("%q is no duration such as 10s", s)
	}
	return time.Duration(total).Round(time.Millisecond), nil
}, formatSpan}

var (
	periodPattern = regexp.MustCompile(`^(\d{1,12}(?:\.\d+)?)(ms|[fwdhms])`)
	periodUnits   = map[string]time.Duration{
		"f": 14 * 24 * time.Hour, "w": 7 * 24 * time.Hour, "d": 24 * time.Hour,
		"h": time.Hour, "m": time.Minute, "s": time.Second, "ms": time.Millisecond,
	}
)
