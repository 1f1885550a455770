// Values as text, against what Erlang/OTP 25 prints.

package amqp

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestFormatTerm(t *testing.T) {
	for _, c := range []struct {
		value any
		want  string
	}{
		{true, "true"},
		{false, "false"},
		{nil, "undefined"},
		{int8(-2), "-2"},
		{uint8(254), "254"},
		{int64(-9223372036854775808), "-9223372036854775808"},
		{Timestamp(18446744073709551615), "18446744073709551615"},
		{Decimal{2, 31415}, "{2,31415}"},
		{"abc", `<<"abc">>`},
		{"", "<<>>"},
		{[]byte{1, 2, 3}, "<<1,2,3>>"},
		{float32(1.1), "1.100000023841858"},
		{Array(nil), "[]"},
		{Table(nil), "[]"},
		{Array{"a", int32(1)}, `[{longstr,<<"a">>},{signedint,1}]`},
		{Table{{"k", "v"}, {"a", Array{nil, true, Decimal{1, 5}}}},
			`[{<<"k">>,longstr,<<"v">>},{<<"a">>,array,[{void,undefined},{bool,true},{decimal,{1,5}}]}]`},
	} {
		assert.Equal(t, c.want, FormatTerm(c.value))
	}
}

func TestFormatTermOfFloats(t *testing.T) {
	for want, f := range map[string]float64{
		"1.0": 1, "0.1": 0.1, "1.1": 1.1, "1.0e22": 1e22, "0.0001": 0.0001, "0.001": 0.001, "1.2e-4": 0.00012,
		"1.23456e-4": 0.000123456, "123456.0": 123456, "1234567890123456.0": 1234567890123456,
		"100.0": 100, "1.0e3": 1000, "120.0": 120, "1.2e3": 1200, "9007199254740991.0": 1<<53 - 1,
		"9.007199254740992e15": 1 << 53, "1.2345678901234567e19": 12345678901234567890, "1.5e300": 1.5e300,
		"-2.5": -2.5, "-1.0e-7": -1e-7, "5.0e-324": 5e-324, "0.0": 0,
	} {
		assert.Equal(t, want, FormatTerm(f))
	}
}

func TestFormatBinary(t *testing.T) {
	for in, want := range map[string]string{
		"":                     "<<>>",
		"abc":                  `<<"abc">>`,
		" ~'":                  `<<" ~'">>`,
		"a\"b\\c":              `<<"a\"b\\c">>`,
		"\b\t\n\v\f\r\x1b":     `<<"\b\t\n\v\f\r\e">>`,
		"a\x00":                "<<97,0>>",
		"\x07":                 "<<7>>",
		"\x7f":                 "<<127>>",
		"\x80":                 "<<128>>",
		"\x9f":                 "<<159>>",
		"\xa0":                 "<<\"\xa0\">>",
		"é":                    `<<"é">>`, // both its bytes are printable Latin-1
		"\x00\x14\x00\x0a\x00": "<<0,20,0,10,0>>",
	} {
		assert.Equal(t, want, FormatBinary([]byte(in)))
	}
	assert.Equal(t, "<<97,98,99,100>>", FormatOctets([]byte("abcd")))
	assert.Equal(t, "<<>>", FormatOctets(nil))
}

// A reply-text ends at 255 bytes (ERR-3): what is far longer need not be printed.
func TestFormatTermStops(t *testing.T) {
	long := strings.Repeat("a", 1<<20)
	array := make(Array, 1<<16)
	for _, v := range []any{long, []byte(long), array, Table{{long, array}}} {
		text := FormatTerm(v)
		assert.Greater(t, len(text), 255)
		assert.Less(t, len(text), 8*longestTerm)
	}
	assert.Less(t, len(FormatOctets([]byte(long))), 8*longestTerm)
}

func TestFormatString(t *testing.T) {
	for s, want := range map[string]string{
		"plain 'text'": `"plain 'text'"`,
		"a\"b\\c\n":    `"a\"b\\c\n"`,
		"un\x00s":      "[117,110,0,115]",
		"\u0416x":      "[1046,120]",
		"\xff":         "\"\xff\"", // as Latin-1
		"":             `""`,
	} {
		assert.Equal(t, want, FormatString(s), "%q", s)
	}
}
