package message

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/queue"
)

// A Checker checks the properties of messages, one after the other, with one look at each
// header. The zero value is ready. It belongs to one goroutine.
type Checker struct {
	visit   func(key, field []byte) // made once: a closure for each message would be an allocation
	last    []byte
	sorted  bool
	rewrite bool
	fields  []headerField
	scratch []byte
}

// A headerField is a view of a field on the wire.
type headerField struct{ key, bytes []byte }

// maxSorted is the number of headers up to which they are sorted where they are.
const maxSorted = 32

// Check validates properties (CONN-55) and sorts their headers in place, as 3.13 delivers
// them (BASIC-11). It reports whether that is not enough: a header is of those that
// [RewriteHeaders] looks into, is there twice, or is one of very many.
func (c *Checker) Check(props amqp.RawProperties) (rewrite bool, err error) {
	if c.visit == nil {
		c.visit = c.header
	}
	c.last, c.sorted, c.rewrite, c.fields = nil, true, false, c.fields[:0]
	if err := props.ValidateEach(c.visit); err != nil {
		return false, amqp.NewInternalError()
	}
	if !c.sorted && !c.rewrite {
		c.sort(props.Headers())
	}
	return c.rewrite, nil
}

// header notes one header.
func (c *Checker) header(key, field []byte) {
	switch string(key) {
	case "CC", "BCC", "x-death":
		c.rewrite = true
	}
	c.sorted = c.sorted && (len(c.fields) == 0 || bytes.Compare(c.last, key) < 0)
	c.last = key
	if c.rewrite = c.rewrite || len(c.fields) == maxSorted; !c.rewrite {
		c.fields = append(c.fields, headerField{key, field})
	}
}

// sort puts the fields of the table in the order of their keys, unless two are the same.
func (c *Checker) sort(table amqp.RawTable) {
	slices.SortFunc(c.fields, func(a, b headerField) int { return bytes.Compare(a.key, b.key) })
	c.scratch = c.scratch[:0]
	for i, f := range c.fields {
		if i > 0 && bytes.Equal(c.fields[i-1].key, f.key) {
			c.rewrite = true
			return
		}
		c.scratch = append(c.scratch, f.bytes...)
	}
	copy(table, c.scratch)
}

// RewriteHeaders returns the routing keys of CC and BCC (EXCH-45), removes the first BCC
// and, as 3.13 does, sorts the headers and drops duplicates (BASIC-11). The
// properties are written anew only if that changed something. Unless
// believeDeaths it notes that an x-death is not to be believed (QUEUE-82). The headers that it returns are those to
// route by: as they came, duplicates too (TYPES-5), without the first BCC.
func RewriteHeaders(m *queue.Message, believeDeaths bool) (keys []string, routed amqp.RawTable, err error) {
	if routed = m.Props.Headers(); len(routed) == 0 {
		return nil, routed, nil
	}
	headers, err := routed.Decode()
	if err != nil {
		return nil, nil, amqp.NewInternalError()
	}
	for _, name := range []string{"CC", "BCC"} {
		if v, ok := headers.Get(name); ok {
			if _, isList := v.(amqp.Array); !isList { // EXCH-46: 406 for what is no array
				return nil, nil, amqp.Errorf(amqp.PreconditionFailed, "invalid message: {unacceptable_type_in_header,\"%s\",%s}",
					name, amqp.TypeName(v))
			}
		}
	}
	keys = listHeader(headers, "CC")
	if blind := listHeader(headers, "BCC"); len(blind) > 0 {
		keys = append(keys, blind...)
		for i, key := range blind {
			blind[i] = CutKey(key)
		}
		m.Extra = &queue.Extra{BCC: blind}
	}
	if _, ok := headers.Get("x-death"); ok && !believeDeaths {
		if m.Extra == nil {
			m.Extra = &queue.Extra{}
		}
		m.Extra.ForeignDeaths = true
	}
	blind := slices.IndexFunc(headers, func(f amqp.Field) bool { return f.Key == "BCC" })
	if blind >= 0 { // a second one stays (EXCH-45)
		headers = slices.Delete(headers, blind, blind+1)
		routed = amqp.AppendTable(nil, headers)[4:] // without its length
	}
	tidy := TidyHeaders(headers)
	switch {
	case tidy == nil && blind < 0:
		return keys, routed, nil
	case tidy == nil:
		tidy = headers
	}
	var props amqp.Properties
	if err := props.Decode(m.Props); err != nil {
		return nil, nil, amqp.NewInternalError()
	}
	props.Headers = tidy
	m.Props = props.Append(nil)
	return keys, routed, nil
}

// listHeader is the strings in an array header; other elements are skipped.
func listHeader(t amqp.Table, name string) []string {
	v, _ := t.Get(name)
	list, _ := v.(amqp.Array)
	var keys []string
	for _, item := range list {
		if key, ok := item.(string); ok {
			keys = append(keys, key)
		}
	}
	return keys
}

// TidyHeaders returns the table sorted by key, the first of duplicates kept; nil if
// it is so already.
func TidyHeaders(t amqp.Table) amqp.Table {
	byKey := func(a, b amqp.Field) int { return cmp.Compare(a.Key, b.Key) }
	tidy := slices.IsSortedFunc(t, byKey)
	for i := 1; i < len(t); i++ {
		tidy = tidy && t[i-1].Key != t[i].Key
	}
	if tidy {
		return nil
	}
	sorted := slices.Clone(t)
	slices.SortStableFunc(sorted, byKey)
	return slices.CompactFunc(sorted, func(a, b amqp.Field) bool { return a.Key == b.Key })
}

// SetHeader replaces a header, or adds it.
func SetHeader(p *amqp.Properties, key string, v any) {
	i := slices.IndexFunc(p.Headers, func(f amqp.Field) bool { return f.Key == key })
	if i >= 0 {
		p.Headers[i].Value = v
	} else {
		p.Headers = append(p.Headers, amqp.Field{Key: key, Value: v})
	}
}

// maxKey is the length in bytes of the longest routing key (LIMIT-8).
const maxKey = 255

// CutKey cuts a routing key out of a field table, where it may be of any length, to
// what a delivery and the store have room for.
func CutKey(key string) string { return key[:min(len(key), maxKey)] }
