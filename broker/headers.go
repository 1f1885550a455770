package broker

import (
	"cmp"
	"slices"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/queue"
)

// This file is what a publish reads and changes in a message's headers.

// rewriteHeaders returns the routing keys of CC and BCC (EXCH-45), removes BCC
// and, as 3.13 does, sorts the headers and drops duplicates (BASIC-11). The
// properties are written anew only if that changed something.
func rewriteHeaders(m *queue.Message) ([]string, error) {
	headers, err := m.Props.Headers().Decode()
	if err != nil {
		return nil, errInternal()
	}
	var keys []string
	for _, name := range []string{"CC", "BCC"} {
		v, ok := headers.Get(name)
		if !ok {
			continue
		}
		list, ok := v.(amqp.Array)
		if !ok { // EXCH-46
			return nil, refuse(amqp.PreconditionFailed, "invalid message: {unacceptable_type_in_header,\"%s\",%s}",
				name, amqp.TypeName(v))
		}
		for _, item := range list {
			if key, ok := item.(string); ok {
				keys = append(keys, key)
			}
		}
	}
	tidy := tidyHeaders(headers)
	if tidy == nil {
		return keys, nil
	}
	var p amqp.Properties
	if err := p.Decode(m.Props); err != nil {
		return nil, errInternal()
	}
	p.Headers = tidy
	m.Props = p.Append(nil)
	return keys, nil
}

// tidyHeaders returns the table sorted by key, the first of duplicates kept,
// without BCC; nil if it is so already.
func tidyHeaders(t amqp.Table) amqp.Table {
	byKey := func(a, b amqp.Field) int { return cmp.Compare(a.Key, b.Key) }
	tidy := slices.IsSortedFunc(t, byKey)
	for i, f := range t {
		tidy = tidy && f.Key != "BCC" && (i == 0 || t[i-1].Key != f.Key)
	}
	if tidy {
		return nil
	}
	sorted := make(amqp.Table, 0, len(t))
	for _, f := range t {
		if f.Key != "BCC" {
			sorted = append(sorted, f)
		}
	}
	slices.SortStableFunc(sorted, byKey)
	return slices.CompactFunc(sorted, func(a, b amqp.Field) bool { return a.Key == b.Key })
}
