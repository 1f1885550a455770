// Scripts: field tables (TYPES-1 to TYPES-12) and the sizes of what goes into a
// frame (LIMIT-8). Malformed tables are among the broken frames and contents.

package scripts

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"

	wire "github.com/rabbetmq/rabbet/amqp"
)

var typeScripts = []Script{
	{Name: "types/round-trip", Covers: []string{"TYPES-1", "TYPES-4", "TYPES-10"}, Run: typesRoundTrip},
	{Name: "types/read-only-forms", Covers: []string{"TYPES-1"}, Run: typesReadOnly},
	{Name: "types/names", Covers: []string{"TYPES-1", "TYPES-3"}, Run: typesNames},
	{Name: "types/integers", Covers: []string{"TYPES-7", "TYPES-1"}, Run: typesIntegers},
	{Name: "types/first-of-duplicates", Covers: []string{"TYPES-5"}, Run: typesDuplicates},
	{Name: "types/keys", Covers: []string{"TYPES-6"}, Run: typesKeys},
	{Name: "types/written-by-the-server", Covers: []string{"TYPES-9"}, Run: typesOfServer},
	{Name: "types/deep-nesting", Covers: []string{"TYPES-10"}, Run: typesDeep},
	{Name: "types/timestamp-property", Covers: []string{"TYPES-12"}, Run: typesTimestamp},
	{Name: "types/short-strings", Covers: []string{"LIMIT-8"}, Run: typesShortStrings},
	{Name: "types/headers-as-large-as-a-frame", Covers: []string{"LIMIT-8", "CONN-40"}, Run: typesLargeHeaders},
}

// sample has a value, and an extreme one, of every type on the wire.
var sample = wire.Table{
	{Key: "bool", Value: true}, {Key: "false", Value: false},
	{Key: "byte", Value: int8(math.MinInt8)}, {Key: "unsignedbyte", Value: uint8(math.MaxUint8)},
	{Key: "short", Value: int16(math.MinInt16)}, {Key: "unsignedshort", Value: uint16(math.MaxUint16)},
	{Key: "signedint", Value: int32(math.MinInt32)}, {Key: "unsignedint", Value: uint32(math.MaxUint32)},
	{Key: "long", Value: int64(math.MinInt64)}, {Key: "long max", Value: int64(math.MaxInt64)},
	{Key: "float", Value: float32(-1.1)}, {Key: "double", Value: math.Pi}, {Key: "double max", Value: math.MaxFloat64},
	{Key: "decimal", Value: wire.Decimal{Scale: 255, Value: math.MaxUint32}},
	{Key: "longstr", Value: "text"}, {Key: "longstr empty", Value: ""}, {Key: "longstr not UTF-8", Value: "\xff\x00"},
	{Key: "binary", Value: []byte("text")}, {Key: "timestamp", Value: wire.Timestamp(math.MaxUint64)}, {Key: "void", Value: nil},
	{Key: "array", Value: wire.Array{"a", int8(1), nil, wire.Array{}, wire.Array{true, wire.Table{{Key: "k", Value: wire.Array{1.5}}}}}},
	{Key: "table", Value: wire.Table{{Key: "", Value: wire.Table{}}, {Key: "k", Value: wire.Table{{Key: "k", Value: nil}}}}},
}

func headers(t wire.Table) []byte {
	p := wire.Properties{Flags: wire.HasHeaders, Headers: t}
	return p.Append(nil)
}

// roundTrip publishes a message with these headers, gets it back and gives its headers.
func (r *Raw) roundTrip(queue string, t wire.Table) wire.Table {
	r.Publish(1, queue, headers(t), "body")
	props, _ := r.Fetch(1, queue)
	got, err := props.Headers().Decode()
	r.t.OK(err, "decode the headers")
	return got
}

func typesRoundTrip(t *T) {
	r := t.RawOpen()
	q := r.RawQueue(1)
	for _, f := range sample {
		t.Equal(encoded(f), encoded(r.roundTrip(q, wire.Table{f})...), f.Key)
	}
	t.Equal(encoded(sample...), encoded(r.roundTrip(q, sample)...), "all types at once")
}

// encoded is the wire form of fields, in the order of their keys: the order of a
// message's headers is not part of this (BASIC-11).
func encoded(fields ...wire.Field) string {
	ordered := slices.SortedStableFunc(slices.Values(fields), func(a, b wire.Field) int { return strings.Compare(a.Key, b.Key) })
	return fmt.Sprintf("%q", wire.AppendTable(nil, ordered))
}

func typesReadOnly(t *T) {
	for body, want := range map[string]any{
		"\x01aL\xff\xff\xff\xff\xff\xff\xff\xfe": int64(-2), "\x01at\x02": true,
	} {
		r := t.RawOpen()
		q := r.RawQueue(1)
		props := binary.BigEndian.AppendUint16(nil, uint16(wire.HasHeaders))
		r.Publish(1, q, wire.AppendLongstr(props, body), "")
		got, _ := r.Fetch(1, q)
		value, _ := got.Headers().Lookup("a")
		t.Equal(want, value, fmt.Sprintf("%q", body))
	}
}

// What is no string is no x-match, and the refusal names its type.
func typesNames(t *T) {
	r := t.RawOpen()
	q := r.RawQueue(1)
	for _, f := range sample {
		name := wire.TypeName(f.Value)
		if name == "longstr" {
			continue
		}
		r.SendMethod(1, &wire.QueueBind{Queue: q, Exchange: "amq.headers", Arguments: wire.Table{{Key: "x-match", Value: f.Value}}})
		got := Await[*wire.ChannelClose](r, 1)
		r.SendMethod(1, &wire.ChannelCloseOk{}, &wire.ChannelOpen{})
		Await[*wire.ChannelOpenOk](r, 1)
		if want := "PRECONDITION_FAILED - Invalid x-match field type " + name + " (value "; !strings.HasPrefix(got.ReplyText, want) {
			t.Errorf("%s: expected %q, got %q", f.Key, want, got.ReplyText)
		}
		if len(got.ReplyText) < 100 && !strings.Contains(f.Key, "array") && !strings.Contains(f.Key, "table") {
			t.Equal(ReplyText(406, "Invalid x-match field type "+name+" (value "+wire.FormatTerm(f.Value)+"); expected longstr"), got.ReplyText, f.Key)
		}
	}
}

func typesIntegers(t *T) {
	r := t.RawOpen()
	for _, v := range []any{int8(100), uint8(200), int16(1000), uint16(50000), int32(1 << 20), uint32(1 << 31), int64(1 << 33)} {
		name := t.Name("q")
		r.SendMethod(1, &wire.QueueDeclare{Queue: name, Exclusive: true, Arguments: wire.Table{{Key: "x-expires", Value: v}}})
		r.Expect(1, &wire.QueueDeclareOk{Queue: name})
		// The value counts, not its type.
		n, _ := wire.AsInt(v)
		r.SendMethod(1, &wire.QueueDeclare{Queue: name, Exclusive: true, Arguments: wire.Table{{Key: "x-expires", Value: n}}})
		r.Expect(1, &wire.QueueDeclareOk{Queue: name})
	}
	for _, v := range []any{float32(1), 1.0, "1", true, wire.Timestamp(1), wire.Decimal{Value: 1}, nil, []byte("1")} {
		q := t.Name("q")
		r.SendMethod(1, &wire.QueueDeclare{Queue: q, Exclusive: true, Arguments: wire.Table{{Key: "x-expires", Value: v}}})
		r.ExpectChannelClose(1, 406, fmt.Sprintf("invalid arg 'x-expires' for %s: \"expected integer, got %s\"", t.QueueText(q), wire.TypeName(v)),
			wire.QueueDeclareID)
	}
}

func typesDuplicates(t *T) {
	r := t.RawOpen()
	good, bad := wire.Field{Key: "x-expires", Value: int32(60000)}, wire.Field{Key: "x-expires", Value: "soon"}
	q := t.Name("q")
	r.SendMethod(1, &wire.QueueDeclare{Queue: q, Exclusive: true, Arguments: wire.Table{good, bad}})
	r.Expect(1, &wire.QueueDeclareOk{Queue: q})
	t.Case("the other way round", func() {
		name := t.Name("q")
		r.SendMethod(1, &wire.QueueDeclare{Queue: name, Exclusive: true, Arguments: wire.Table{bad, good}})
		r.ExpectChannelClose(1, 406, fmt.Sprintf("invalid arg 'x-expires' for %s: \"expected integer, got longstr\"", t.QueueText(name)), wire.QueueDeclareID)
	})
	t.Case("headers of a message", func() {
		x := t.Name("x")
		match := wire.Table{{Key: "k", Value: "first"}}
		r.SendMethod(1, &wire.ExchangeDeclare{Exchange: x, Type: "headers", AutoDelete: true},
			&wire.QueueBind{Queue: q, Exchange: x, Arguments: match})
		r.Expect(1, &wire.ExchangeDeclareOk{})
		r.Expect(1, &wire.QueueBindOk{})
		for _, values := range [][2]string{{"first", "second"}, {"second", "first"}} {
			r.SendMethod(1, &wire.BasicPublish{Exchange: x})
			r.SendContent(1, headers(wire.Table{{Key: "k", Value: values[0]}, {Key: "k", Value: values[1]}}), values[0])
		}
		counts := "first"
		if t.Version().AtLeast(3, 13, 0) {
			counts = "second" // of whose values the last is "first"
		}
		_, body := r.Fetch(1, q)
		t.Equal(counts, body, "message that matches")
		r.SendMethod(1, &wire.BasicGet{Queue: q})
		Await[*wire.BasicGetEmpty](r, 1)
	})
}

func typesKeys(t *T) {
	r := t.RawOpen()
	q, x := r.RawQueue(1), t.Name("x")
	r.SendMethod(1, &wire.ExchangeDeclare{Exchange: x, Type: "headers", AutoDelete: true})
	r.Expect(1, &wire.ExchangeDeclareOk{})
	for _, key := range []string{"", "$", "#1", "1", "a b", "\x00", "\xff\xfe", "é", strings.Repeat("k", 129), strings.Repeat("k", 255)} {
		t.Case(fmt.Sprintf("%.10q", key), func() {
			f := wire.Field{Key: key, Value: int32(1)}
			t.Equal(encoded(f), encoded(r.roundTrip(q, wire.Table{f})...), "headers")
			r.SendMethod(1, &wire.QueueBind{Queue: q, Exchange: x, Arguments: wire.Table{f}})
			r.Expect(1, &wire.QueueBindOk{})
		})
	}
}

// A message that is dead-lettered has its history in x-death.
func typesOfServer(t *T) {
	r := t.RawOpen()
	dead := r.RawQueue(1)
	q := t.Name("q")
	r.SendMethod(1, &wire.QueueDeclare{Queue: q, Exclusive: true, Arguments: wire.Table{
		{Key: "x-dead-letter-exchange", Value: ""}, {Key: "x-dead-letter-routing-key", Value: dead}}})
	r.Expect(1, &wire.QueueDeclareOk{Queue: q})
	r.Publish(1, q, noProps, "m")
	r.SendMethod(1, &wire.BasicGet{Queue: q})
	Await[*wire.BasicGetOk](r, 1)
	r.Content(1)
	r.SendMethod(1, &wire.BasicReject{DeliveryTag: 1}, &wire.BasicConsume{Queue: dead, NoAck: true})
	Await[*wire.BasicConsumeOk](r, 1)
	Await[*wire.BasicDeliver](r, 1)
	header, _, _ := r.Content(1)
	x, _ := header.Properties().Headers().Lookup("x-death")
	deaths, ok := x.(wire.Array)
	if !ok || len(deaths) != 1 {
		t.Fatalf("x-death: %#v", x)
	}
	death, _ := deaths[0].(wire.Table)
	types := map[string]string{}
	for _, f := range death {
		types[f.Key] = wire.TypeName(f.Value)
	}
	t.Equal(map[string]string{"count": "long", "exchange": "longstr", "queue": "longstr", "reason": "longstr",
		"routing-keys": "array", "time": "timestamp"}, types, "types in x-death")
	keys, _ := death.Get("routing-keys")
	t.Equal(wire.Array{q}, keys, "routing-keys")
}

// deepest is a table nested about as deep as a frame of 128 KiB has room for.
func deepest(leaf any) any {
	for range 20000 {
		leaf = wire.Array{leaf}
	}
	return leaf
}

func typesDeep(t *T) {
	r := t.RawOpen()
	q := r.RawQueue(1)
	for what, table := range map[string]wire.Table{
		"arrays": {{Key: "a", Value: deepest("leaf")}},
		"tables": {{Key: "a", Value: func() (leaf any) {
			for range 15000 {
				leaf = wire.Table{{Key: "k", Value: leaf}}
			}
			return leaf
		}()}},
	} {
		props := headers(table)
		r.Publish(1, q, props, "body")
		got, _ := r.Fetch(1, q)
		t.Equal(true, string(props) == string(got), "the properties with nested "+what+" are what was sent")
	}
	t.Case("malformed at the bottom", func() {
		props := headers(wire.Table{{Key: "a", Value: deepest(nil)}})
		props[len(props)-1] = 'U'
		r.Publish(1, q, props, "body")
		r.ExpectClose(541, "", Nobody)
	})
}

func typesTimestamp(t *T) {
	r := t.RawOpen()
	q := r.RawQueue(1)
	for _, stamp := range []uint64{0, 1, 1700000000, 1700000000000, math.MaxInt64, math.MaxUint64} {
		p := wire.Properties{Flags: wire.HasTimestamp, Timestamp: stamp}
		r.Publish(1, q, p.Append(nil), "")
		raw, _ := r.Fetch(1, q)
		var got wire.Properties
		t.OK(got.Decode(raw), "decode the properties")
		t.Equal(p, got, "properties")
	}
}

func typesShortStrings(t *T) {
	r := t.RawOpen()
	long := func(prefix string) string {
		name := t.Name(prefix)
		return name + strings.Repeat("x", 255-len(name))
	}
	q, x, key, tag := long("q"), long("x"), long("key"), long("tag")
	r.SendMethod(1, &wire.QueueDeclare{Queue: q, Exclusive: true}, &wire.ExchangeDeclare{Exchange: x, Type: "topic", AutoDelete: true},
		&wire.QueueBind{Queue: q, Exchange: x, RoutingKey: key})
	r.Expect(1, &wire.QueueDeclareOk{Queue: q})
	r.Expect(1, &wire.ExchangeDeclareOk{})
	r.Expect(1, &wire.QueueBindOk{})
	p := wire.Properties{Flags: wire.HasMessageID, MessageID: long("id")}
	r.SendMethod(1, &wire.BasicPublish{Exchange: x, RoutingKey: key})
	r.SendContent(1, p.Append(nil), "")
	r.SendMethod(1, &wire.BasicConsume{Queue: q, ConsumerTag: tag, NoAck: true})
	r.Expect(1, &wire.BasicConsumeOk{ConsumerTag: tag})
	r.Expect(1, &wire.BasicDeliver{ConsumerTag: tag, DeliveryTag: 1, Exchange: x, RoutingKey: key})
	header, _, _ := r.Content(1)
	t.Equal(string(p.Append(nil)), string(header.Properties()), "properties")
}

func typesLargeHeaders(t *T) {
	r := t.RawOpen()
	q := r.RawQueue(1)
	const frameMax = 131072
	fixed := 8 + 12 + len(headers(wire.Table{{Key: "k", Value: ""}}))
	f := wire.Field{Key: "k", Value: strings.Repeat("x", frameMax-fixed)}
	t.Equal(true, encoded(f) == encoded(r.roundTrip(q, wire.Table{f})...), "headers that fill a frame are what was sent")

	f.Value = strings.Repeat("x", frameMax-fixed+9) // one more than what is tolerated
	r.SendMethod(1, &wire.BasicPublish{RoutingKey: q})
	r.SendContent(1, headers(wire.Table{f}), "")
	r.expectClose(501, "type 2, all octets = <<>>: {frame_too_large,131073,131064}", Nobody)
}
