package stream

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
)

// Where a consumer begins, and how durations are written.

type position uint8

const (
	atNext position = iota
	atFirst
	atLast
	atOffset
	atTime
	atAge
)

// An Offset is where a consumer begins to read (STREAM-27). The zero value is Next.
type Offset struct {
	at    position
	value int64 // an offset, milliseconds since 1970, or an age in nanoseconds
}

var (
	// Next is behind all messages that are there.
	Next = Offset{}
	// First is the oldest message.
	First = Offset{at: atFirst}
	// Last is the chunk that was written last, of one message or more.
	Last = Offset{at: atLast}
)

// At is the message with this offset, or the oldest if it has gone; an offset that is
// yet to come is waited for (STREAM-28).
func At(offset int64) Offset { return Offset{atOffset, max(offset, 0)} }

// Since is the first message written at a time or later; a few that came just before
// may come with it.
func Since(t time.Time) Offset { return Offset{atTime, t.UnixMilli()} }

// OffsetArgument is the argument of basic.consume that says where a consumer begins.
const OffsetArgument = "x-stream-offset"

// ErrOffset refuses a value of x-stream-offset; ErrOffsetType one that RabbitMQ cannot
// make anything of, and fails (STREAM-29).
var (
	ErrOffset     = errors.New("stream: no such offset")
	ErrOffsetType = errors.New("stream: an offset cannot be of this type")
)

// OffsetOf is where a consumer with these arguments begins; Next by default. The error is ErrOffset or ErrOffsetType.
func OffsetOf(args amqp.Table) (Offset, error) {
	v, ok := args.Get(OffsetArgument)
	if !ok {
		return Next, nil
	}
	if n, ok := amqp.AsInt(v); ok {
		return At(n), nil
	}
	switch v := v.(type) {
	case amqp.Timestamp:
		return Since(time.Unix(int64(min(uint64(v), math.MaxInt32<<8)), 0)), nil
	case string:
		switch v {
		case "first":
			return First, nil
		case "last":
			return Last, nil
		case "next":
			return Next, nil
		}
		if age, err := ParseAge(v); err == nil {
			return Ago(age), nil
		}
		if v == "" || v[0] < '0' || v[0] > '9' {
			return Next, ErrOffsetType
		}
		return Next, ErrOffset
	}
	return Next, ErrOffsetType
}

// Ago is the first message written since an age ago, when the consumer subscribes.
func Ago(age time.Duration) Offset { return Offset{atAge, int64(age)} }

// String is how the argument x-stream-offset says it, with times as RFC 3339.
func (o Offset) String() string {
	switch o.at {
	case atFirst:
		return "first"
	case atLast:
		return "last"
	case atOffset:
		return strconv.FormatInt(o.value, 10)
	case atAge:
		return time.Duration(o.value).String() + " ago"
	case atTime:
		return time.UnixMilli(o.value).UTC().Format(time.RFC3339Nano)
	}
	return "next"
}

// ParseAge reads a duration as x-max-age has it: digits and one of Y, M, D, h, m, s
// for years of 365 and months of 30 days, days, hours, minutes and seconds. It must
// be more than none (STREAM-5).
func ParseAge(s string) (time.Duration, error) {
	units := map[byte]time.Duration{
		'Y': 365 * 24 * time.Hour, 'M': 30 * 24 * time.Hour, 'D': 24 * time.Hour,
		'h': time.Hour, 'm': time.Minute, 's': time.Second,
	}
	if s == "" {
		return 0, fmt.Errorf("stream: %q is no duration such as 7D", s)
	}
	unit := units[s[len(s)-1]]
	n, err := strconv.ParseUint(s[:len(s)-1], 10, 63)
	if unit == 0 || err != nil || n == 0 {
		return 0, fmt.Errorf("stream: %q is no duration such as 7D", s)
	}
	const longest = 1<<63 - 1
	if n > longest/uint64(unit) {
		return longest, nil // 292 years
	}
	return time.Duration(n) * unit, nil
}
