package stream

import (
	"slices"

	"github.com/rabbetmq/rabbet/amqp"
)

// Filtering: which chunks a consumer with x-stream-filter need not read,
// and which messages it is not offered (STREAM-18, STREAM-36).

const filterHeader = "x-stream-filter-value"

// MaxFilterValue is the length of the longest filter value, in bytes. A longer one
// counts as none.
const MaxFilterValue = 4096

// A filter is a Bloom filter of filter values.
type filter []byte

// hashValue is FNV-1a of a filter value.
func hashValue(value []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range value {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}

// add notes a hash, has reports whether it may be there.
func (f filter) add(hash uint64) {
	for range filterBits {
		i := f.bit(hash)
		f[i/8] |= 1 << (i % 8)
		hash = rehash(hash)
	}
}

func (f filter) has(hash uint64) bool {
	for range filterBits {
		i := f.bit(hash)
		if f[i/8]&(1<<(i%8)) == 0 {
			return false
		}
		hash = rehash(hash)
	}
	return true
}

// filterBits is how many bits a value sets.
const filterBits = 3

func (f filter) bit(hash uint64) uint64 { return hash >> 32 % uint64(8*len(f)) }

func rehash(hash uint64) uint64 {
	hash ^= hash >> 29
	return hash * 0xbf58476d1ce4e5b9
}

// filterValue is a message's filter value; false if it has none.
func filterValue(props amqp.RawProperties) (value []byte, ok bool) {
	props.Headers().Each(func(key []byte, tag byte, v []byte) bool {
		if string(key) != filterHeader {
			return true
		}
		value, ok = v, tag == 'S' && len(v) <= MaxFilterValue
		return false
	})
	return value, ok
}

// A Filter is what a consumer wants to read: messages whose filter value is one of
// Values and, with Unfiltered, those that have none. The zero value wants all.
type Filter struct {
	Values     []string
	Unfiltered bool
}

// The arguments of basic.consume that filter.
const (
	FilterArgument     = "x-stream-filter"
	UnfilteredArgument = "x-stream-match-unfiltered"
)

// FilterOf is what a consumer with these arguments wants. Values that are no strings,
// and no boolean, are passed over, as RabbitMQ does.
func FilterOf(args amqp.Table) (f Filter) {
	v, _ := args.Get(UnfilteredArgument)
	f.Unfiltered, _ = v.(bool)
	v, _ = args.Get(FilterArgument)
	list, isArray := v.(amqp.Array)
	if !isArray {
		list = amqp.Array{v}
	}
	for _, v := range list {
		if value, ok := v.(string); ok {
			f.Values = append(f.Values, value)
		}
	}
	return f
}

// wants reports whether a consumer wants a message.
func (f *Filter) wants(props amqp.RawProperties) bool {
	if len(f.Values) == 0 {
		return true
	}
	value, ok := filterValue(props)
	if !ok {
		return f.Unfiltered
	}
	return slices.Contains(f.Values, string(value))
}

// hashes are those of the values.
func (f *Filter) hashes() []uint64 {
	hashes := make([]uint64, len(f.Values))
	for i, value := range f.Values {
		hashes[i] = hashValue([]byte(value))
	}
	return hashes
}

// mayMatch reports whether a chunk may have messages that a filter wants, of whose
// values these are the hashes.
func (h *header) mayMatch(f *Filter, hashes []uint64) bool {
	if len(f.Values) == 0 || f.Unfiltered && (h.unfiltered || len(h.filter) == 0) {
		return true
	}
	return len(h.filter) > 0 && slices.ContainsFunc(hashes, h.filter.has)
}
