package message

import (
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/rabbetmq/rabbet/amqp"
)

const (
	DelayHeader = "x-delay"
	// MaxDelay is the longest delay in milliseconds, 49.7 days; the plugin takes a
	// longer one for none (EXCH-50).
	MaxDelay = math.MaxUint32
	// MaxStrictDelay is the longest delay in milliseconds of a strict exchange:
	// ten years, the longest time that a queue's arguments can give (QUEUE-32).
	MaxStrictDelay = MaxMillis
)

// A DelayFault is what keeps a header from being a delay, in words; "" is nothing.
type DelayFault string

const (
	NotANumber   DelayFault = "it is not a whole number of milliseconds"
	unusableType DelayFault = "a value of its type gives no number of milliseconds"
	TooLong      DelayFault = "it is longer than ten years"
)

// DelayOf is the delay that headers ask for, in milliseconds; 0 is none, as is
// a negative one, which tells of a delay that is over (EXCH-51). A fault is how
// the value fails: of notANumber the plugin's channel dies, the others are no
// delay to it (EXCH-49, EXCH-50).
func DelayOf(headers amqp.RawTable) (int64, DelayFault) {
	if headers == nil {
		return 0, ""
	}
	v, ok := headers.Lookup(DelayHeader)
	if !ok {
		return 0, ""
	}
	switch v := v.(type) {
	case int8:
		return 0, unusableType
	case string:
		return parseDelay(v)
	case []byte:
		return parseDelay(string(v))
	case float32:
		return wholeDelay(float64(v)), ""
	case float64:
		return wholeDelay(v), ""
	case amqp.Decimal:
		return 0, NotANumber
	}
	n, ok := amqp.AsInt(v)
	if !ok {
		return 0, unusableType
	}
	return max(n, 0), ""
}

// parseDelay reads what Erlang's binary_to_integer reads: a sign, if any, and
// decimal digits, as many as there are.
func parseDelay(s string) (int64, DelayFault) {
	digits := s
	if s != "" && (s[0] == '+' || s[0] == '-') {
		digits = s[1:]
	}
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, NotANumber
	}
	if s[0] == '-' {
		return 0, ""
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil { // digits fail for being too many
		return math.MaxInt64, ""
	}
	return n, ""
}

// wholeDelay is a float cut to a whole number.
func wholeDelay(f float64) int64 {
	if f >= math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(max(f, 0))
}

// PastDelay are the properties of a message whose delay is over: x-delay is the
// negated delay, as a signed 64-bit integer (EXCH-51). The properties have been
// checked.
func PastDelay(props amqp.RawProperties, delay int64) amqp.RawProperties {
	negated := slices.Clone(props)
	if negateInPlace(negated.Headers(), delay) {
		return negated
	}
	var p amqp.Properties
	if p.Decode(props) != nil {
		return props
	}
	SetHeader(&p, DelayHeader, -delay)
	return p.Append(nil)
}

// negateInPlace negates a delay that is a signed 64-bit integer already, as most
// clients send it.
func negateInPlace(headers amqp.RawTable, delay int64) (done bool) {
	headers.Each(func(key []byte, tag byte, value []byte) bool {
		if string(key) != DelayHeader {
			return true
		}
		if done = tag == 'l'; done {
			binary.BigEndian.PutUint64(value, uint64(-delay))
		}
		return false
	})
	return done
}
