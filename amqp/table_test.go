// Field tables against the bytes that RabbitMQ's own codec makes of them, broken
// tables, and tables made to exhaust who reads them.

package amqp

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// everything is a table of all types (TYPES-1), and everythingHex its body as
// RabbitMQ 3.10 encodes it.
var everything = Table{
	{"t", true}, {"b", int8(-2)}, {"B", uint8(254)}, {"s", int16(-3)}, {"u", uint16(65533)},
	{"I", int32(-4)}, {"i", uint32(4294967292)}, {"l", int64(-5)}, {"f", float32(1.5)}, {"d", -0.1},
	{"D", Decimal{2, 31415}}, {"S", "text"}, {"x", []byte{0, 255}},
	{"A", Array{"a", Array(nil), Table{{"n", nil}}}},
	{"T", Timestamp(1700000000)}, {"F", Table{{"k", Array{false}}}}, {"V", nil},
}

const everythingHex = "01747401016262fe014242fe017373fffd017575fffd014949fffffffc016969fffffffc016c6cfffffffffffffffb" +
	"0166663fc00000016464bfb999999999999a0144440200007ab701535300000004746578740178780000000200ff" +
	"0141410000001353000000016141000000004600000003016e56015454000000006553f100" +
	"01464600000009016b41000000027400015656"

func TestTableIsWhatRabbitMQSpeaks(t *testing.T) {
	body := unhex(t, everythingHex)
	whole := AppendTable(nil, everything)
	assert.Equal(t, binary.BigEndian.Uint32(whole), uint32(len(whole)-4))
	assert.Equal(t, everythingHex, hex.EncodeToString(whole[4:]))

	decoded, rest, err := DecodeTable(append(whole, "rest"...))
	require.NoError(t, err)
	assert.Equal(t, everything, decoded)
	assert.Equal(t, "rest", string(rest))

	assert.NoError(t, RawTable(body).Validate())
	for _, f := range everything {
		v, ok := RawTable(body).Lookup(f.Key)
		assert.True(t, ok, f.Key)
		assert.Equal(t, f.Value, v, f.Key)
		alone, _, err := DecodeTable(AppendTable(nil, Table{f}))
		require.NoError(t, err)
		assert.Equal(t, Table{f}, alone)
	}
}

func TestTableReadsWhatItNeverWrites(t *testing.T) {
	for _, c := range []struct {
		what, body string
		want       any
	}{
		{"L is l", "\x01aL\xff\xff\xff\xff\xff\xff\xff\xfe", int64(-2)},
		{"true is whatever is not false", "\x01at\x02", true},
		{"negative zero", "\x01ad\x80\x00\x00\x00\x00\x00\x00\x00", math.Copysign(0, -1)},
		{"the smallest float", "\x01af\x00\x00\x00\x01", math.Float32frombits(1)},
		{"the largest double", "\x01ad\x7f\xef\xff\xff\xff\xff\xff\xff", math.MaxFloat64},
		{"a text that is not UTF-8", "\x01aS\x00\x00\x00\x01\xff", "\xff"},
		{"the largest timestamp", "\x01aT\xff\xff\xff\xff\xff\xff\xff\xff", Timestamp(math.MaxUint64)},
	} {
		v, ok := RawTable(c.body).Lookup("a")
		assert.True(t, ok, c.what)
		assert.Equal(t, c.want, v, c.what)
	}
}

// TYPES-2: there are no tags but those of TYPES-1.
func TestTableTags(t *testing.T) {
	for tag := range 256 {
		body := append([]byte{1, 'a', byte(tag)}, make([]byte, 8)...)
		known := strings.IndexByte("tbBsuIilLfdDSxATFV", byte(tag)) >= 0
		if known {
			// as many zeros as the type takes
			entry, ok := nextEntry(body, true)
			require.True(t, ok, "%q", tag)
			body = body[:entry.start+entry.size]
		}
		_, err := RawTable(body).Decode()
		assert.Equal(t, known, err == nil, "%q", tag)
		assert.Equal(t, err, RawTable(body).Validate(), "%q", tag)
	}
}

func TestBrokenTables(t *testing.T) {
	for what, body := range map[string]string{
		"no tag":                       "\x01a",
		"key cut off":                  "\x05a",
		"value cut off":                "\x01aI\x00\x00\x00",
		"length cut off":               "\x01aS\x00\x00\x00",
		"text cut off":                 "\x01aS\x00\x00\x00\x02a",
		"four gigabytes of text":       "\x01aS\xff\xff\xff\xffa",
		"four gigabytes of array":      "\x01aA\xff\xff\xff\xffV",
		"four gigabytes of table":      "\x01aF\xff\xff\xff\xff",
		"nested table ends too late":   "\x01aF\x00\x00\x00\x04\x01bV" + "", // one byte short
		"element leaves its array":     "\x01aA\x00\x00\x00\x05S\x00\x00\x00\x01x",
		"unknown tag in an array":      "\x01aA\x00\x00\x00\x01U",
		"unknown tag in a table in it": "\x01aA\x00\x00\x00\x08F\x00\x00\x00\x03\x01bU",
		"infinite float":               "\x01af\x7f\x80\x00\x00", // TYPES-8: no number
		"float that is no number":      "\x01af\xff\xc0\x00\x00",
		"infinite double":              "\x01ad\xff\xf0\x00\x00\x00\x00\x00\x00",
		"double that is no number":     "\x01ad\x7f\xf8\x00\x00\x00\x00\x00\x00",
	} {
		raw := RawTable(body)
		_, err := raw.Decode()
		assert.ErrorIs(t, err, ErrTable, what)
		assert.ErrorIs(t, raw.Validate(), ErrTable, what)
		_, ok := raw.Lookup("a")
		assert.False(t, ok, what)
	}
	_, _, err := DecodeTable([]byte("\x00\x00\x00\x09\x01aV"))
	assert.ErrorIs(t, err, ErrSyntax, "longer than what there is")
}

// TYPES-5: duplicates stay, the first counts.
func TestDuplicateKeys(t *testing.T) {
	table := Table{{"a", int32(1)}, {"b", int32(2)}, {"a", int32(3)}}
	raw := RawTable(AppendTable(nil, table)[4:])
	decoded, err := raw.Decode()
	require.NoError(t, err)
	assert.Equal(t, table, decoded)
	for _, get := range []func(string) (any, bool){table.Get, raw.Lookup} {
		v, ok := get("a")
		assert.True(t, ok)
		assert.Equal(t, int32(1), v)
		_, ok = get("c")
		assert.False(t, ok)
	}
	assert.Equal(t, map[string]any{"a": int32(1), "b": int32(2)}, table.Map())
}

// Lookup reads as far as it must and no further.
func TestLookupInBrokenTable(t *testing.T) {
	raw := RawTable("\x01aV\x01bU")
	_, ok := raw.Lookup("a")
	assert.True(t, ok)
	_, ok = raw.Lookup("b")
	assert.False(t, ok)
	_, ok = raw.Lookup("c")
	assert.False(t, ok)
}

// nested is a table's body of about this many bytes, nested as deep as they allow.
// With more, each level goes on after what is nested in it.
func nested(size int, array, more bool) RawTable {
	perLevel, tail := 6, ""
	if array {
		perLevel = 5
	}
	if more {
		tail = "\x00V"
		if array {
			tail = "V"
		}
		perLevel += len(tail)
	}
	depth := size / perLevel
	var b []byte
	if array {
		b = append(b, 0, 'A')
		b = binary.BigEndian.AppendUint32(b, uint32(depth*perLevel))
	}
	for left := depth - 1; left >= 0; left-- {
		if array {
			b = append(b, 'A')
		} else {
			b = append(b, 0, 'F')
		}
		b = binary.BigEndian.AppendUint32(b, uint32(left*perLevel))
	}
	return append(b, strings.Repeat(tail, depth)...)
}

// TYPES-10: depth is limited by nothing but size, and costs memory in proportion to
// it.
func TestDeepNesting(t *testing.T) {
	for _, c := range []struct {
		size        int
		array, more bool
	}{
		{1 << 17, false, false}, {1 << 17, true, false}, {1 << 17, false, true}, {1 << 17, true, true},
		{1 << 21, false, true}, {1 << 21, true, false},
	} {
		raw := nested(c.size, c.array, c.more)
		require.NoError(t, raw.Validate())
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		table, err := raw.Decode()
		runtime.ReadMemStats(&after)
		require.NoError(t, err)
		assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(100*c.size), "%+v", c)
		assert.True(t, bytes.Equal(raw, AppendTable(nil, table)[4:]))
		assert.NoError(t, table.Validate())
		assert.NotEmpty(t, table.Map())
		assert.Less(t, len(FormatTerm(table)), 4*longestTerm)

		raw[len(raw)-1] = 0xff // breaks the innermost level, or the last value of all
		assert.ErrorIs(t, raw.Validate(), ErrTable)
		_, err = raw.Decode()
		assert.ErrorIs(t, err, ErrTable)
	}
}

// However large the lengths that a table claims, what is allocated depends on what
// is there.
func TestClaimedLengthsCostNothing(t *testing.T) {
	for _, tag := range "SxAF" {
		body := RawTable("\x01a" + string(tag) + "\xff\xff\xff\xff")
		assert.LessOrEqual(t, testing.AllocsPerRun(10, func() { _, _ = body.Decode() }), 2.0)
		assert.Zero(t, testing.AllocsPerRun(10, func() { _ = body.Validate() }))
	}
}

func TestRawTableAllocates(t *testing.T) {
	raw := RawTable(unhex(t, everythingHex))
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		_ = raw.Validate()
		raw.Lookup("absent")
		raw.Lookup("t")
	}))
}

func TestTypeNames(t *testing.T) {
	names := "bool byte unsignedbyte short unsignedshort signedint unsignedint long float double " +
		"decimal longstr binary array timestamp table void" // TYPES-3: as Erlang names them
	for i, name := range strings.Fields(names) {
		assert.Equal(t, name, TypeName(everything[i].Value), everything[i].Key)
	}
	assert.Empty(t, TypeName(int(1)))
	assert.Empty(t, TypeName(struct{}{}))
}

// TYPES-7.
func TestIntegers(t *testing.T) {
	want := map[string]int64{"b": -2, "B": 254, "s": -3, "u": 65533, "I": -4, "i": 4294967292, "l": -5}
	for _, f := range everything {
		n, ok := AsInt(f.Value)
		_, integer := want[f.Key]
		assert.Equal(t, integer, ok, f.Key)
		assert.Equal(t, want[f.Key], n, f.Key)
	}
}

func TestRawTableEach(t *testing.T) {
	table := Table{{"b", int64(-5)}, {"", "text"}, {"t", Table{{"nested", true}}}, {"v", nil}}
	body := AppendTable(nil, table)[4:]
	var seen []string
	visit := func(limit int) func(key []byte, tag byte, value []byte) bool {
		return func(key []byte, tag byte, value []byte) bool {
			seen = append(seen, fmt.Sprintf("%s %c %x", key, tag, value))
			return len(seen) < limit
		}
	}
	all := []string{"b l fffffffffffffffb", " S 74657874", "t F 066e65737465647401", "v V "}
	assert.True(t, RawTable(body).Each(visit(10)))
	assert.Equal(t, all, seen)
	seen = nil
	assert.True(t, RawTable(body).Each(visit(2)))
	assert.Equal(t, all[:2], seen)
	seen = nil
	assert.False(t, RawTable(body[:len(body)-1]).Each(visit(10)), "cut off")
	assert.Equal(t, all[:3], seen)
	assert.True(t, RawTable(nil).Each(visit(10)))
}
