// Values as Erlang prints them: RabbitMQ puts what it refuses into the reply-text
// in the notation of its own language (CONN-39, CONN-45, EXCH-40, QUEUE-31).

package amqp

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// longestTerm is where FormatTerm stops to look further, in bytes: a reply-text has
// room for 255 (ERR-3). It bounds the recursion too.
const longestTerm = 1024

// FormatTerm is a value as Erlang prints it: integers bare, strings and byte arrays
// as <<"abc">> or <<1,2,3>>, an array as a list of {type,value}, a table as a list of
// {key,type,value}. The text of a very long value ends early.
func FormatTerm(v any) string {
	return string(appendTerm(nil, v))
}

// FormatBinary is how Erlang's ~p prints a binary: <<"abc">> if all bytes are
// printable Latin-1, <<1,2,3>> otherwise.
func FormatBinary(b []byte) string {
	return string(appendBinary(nil, b))
}

// FormatString is how Erlang's ~p prints a string, which is a list of characters:
// "abc" if all are printable, [1,2,3] otherwise. Bytes that are no UTF-8 count as a
// character each.
func FormatString(s string) string {
	s = s[:min(len(s), longestTerm)]
	if printable([]byte(s)) {
		b := []byte{'"'}
		for i := range len(s) {
			b = appendChar(b, s[i])
		}
		return string(append(b, '"'))
	}
	b := []byte{'['}
	for i, n := 0, 0; i < len(s); n++ {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			r = rune(s[i])
		}
		b = strconv.AppendInt(appendComma(b, n), int64(r), 10)
		i += size
	}
	return string(append(b, ']'))
}

// FormatOctets is how Erlang's ~w prints a binary: always <<1,2,3>>. RabbitMQ shows
// arguments that it cannot decode in this form (CONN-45).
func FormatOctets(b []byte) string {
	return string(append(appendOctets([]byte("<<"), b[:min(len(b), longestTerm)]), ">>"...))
}

func appendTerm(b []byte, v any) []byte {
	if len(b) > longestTerm {
		return b
	}
	if n, ok := AsInt(v); ok {
		return strconv.AppendInt(b, n, 10)
	}
	switch v := v.(type) {
	case bool:
		return strconv.AppendBool(b, v)
	case float32:
		return appendFloat(b, float64(v))
	case float64:
		return appendFloat(b, v)
	case string:
		return appendBinary(b, []byte(v))
	case []byte:
		return appendBinary(b, v)
	case Timestamp:
		return strconv.AppendUint(b, uint64(v), 10)
	case Decimal:
		b = strconv.AppendUint(append(b, '{'), uint64(v.Scale), 10)
		b = strconv.AppendUint(append(b, ','), uint64(v.Value), 10)
		return append(b, '}')
	case Array:
		b = append(b, '[')
		for i, e := range v {
			if b = appendTyped(appendComma(b, i), "", e); len(b) > longestTerm {
				break
			}
		}
		return append(b, ']')
	case Table:
		b = append(b, '[')
		for i, f := range v {
			if b = appendTyped(appendComma(b, i), FormatBinary([]byte(f.Key))+",", f.Value); len(b) > longestTerm {
				break
			}
		}
		return append(b, ']')
	}
	return append(b, "undefined"...)
}

// appendComma separates the elements of a list.
func appendComma(b []byte, i int) []byte {
	if i > 0 {
		return append(b, ',')
	}
	return b
}

// appendTyped appends {key,type,value}, or {type,value} with an empty key.
func appendTyped(b []byte, key string, v any) []byte {
	b = append(b, '{')
	b = append(b, key...)
	b = append(b, TypeName(v)...)
	b = appendTerm(append(b, ','), v)
	return append(b, '}')
}

func appendBinary(b, v []byte) []byte {
	v = v[:min(len(v), longestTerm)]
	b = append(b, "<<"...)
	if len(v) > 0 && printable(v) {
		b = append(b, '"')
		for _, c := range v {
			b = appendChar(b, c)
		}
		b = append(b, '"')
	} else {
		b = appendOctets(b, v)
	}
	return append(b, ">>"...)
}

func appendOctets(b, v []byte) []byte {
	for i, c := range v {
		b = strconv.AppendUint(appendComma(b, i), uint64(c), 10)
	}
	return b
}

// escapes are the control characters that Erlang takes for printable.
const escapes = "\b\t\n\v\f\r\x1b"

// printable reports whether Erlang prints these bytes as a string.
func printable(v []byte) bool {
	for _, c := range v {
		if (c < ' ' || c > '~' && c < 0xa0) && strings.IndexByte(escapes, c) < 0 {
			return false
		}
	}
	return true
}

func appendChar(b []byte, c byte) []byte {
	switch i := strings.IndexByte(escapes, c); {
	case i >= 0:
		return append(b, '\\', "btnvfre"[i])
	case c == '"', c == '\\':
		return append(b, '\\', c)
	}
	return append(b, c)
}

// appendFloat appends the shortest digits that stand for this number and no other,
// always with a point, in the shorter of both notations as Erlang sees it.
func appendFloat(b []byte, f float64) []byte {
	if math.Signbit(f) {
		b = append(b, '-')
		f = -f
	}
	if f == 0 {
		return append(b, "0.0"...)
	}
	// d.ddde±xx: the digits without the point, and where it belongs
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
	digits := strings.Replace(mantissa, ".", "", 1)
	exp, _ := strconv.Atoi(exponent)
	point := exp + 1 // digits before the point
	scientific := len(strconv.Itoa(exp)) + 1
	if len(digits) == 1 {
		scientific += 2
	} else {
		scientific++
	}
	switch zeros := point - len(digits); {
	case point > 0 && zeros < 0:
		b = append(append(append(b, digits[:point]...), '.'), digits[point:]...)
	case point <= 0 && 2-point <= scientific:
		b = append(append(append(b, "0."...), strings.Repeat("0", -point)...), digits...)
	case point > 0 && zeros+2 <= scientific && f < 1<<53:
		b = append(append(append(b, digits...), strings.Repeat("0", zeros)...), ".0"...)
	default:
		b = append(append(b, digits[0], '.'), digits[1:]...)
		if len(digits) == 1 {
			b = append(b, '0')
		}
		b = strconv.AppendInt(append(b, 'e'), int64(exp), 10)
	}
	return b
}
