// Tables from and to Go maps, for programs that hold their arguments in these.

package amqp

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"time"
)

// ErrValue is wrapped by the errors of [TableOf] and [Table.Validate].
var ErrValue = errors.New("amqp: no such value in a field table")

// TableOf is the table with the fields of m, ordered by key. Integers keep their
// size, int and uint and uint64 become 64 bits signed; a time becomes a Timestamp,
// a slice an Array, a map with string keys a Table, each through their named types
// as well. Everything else that the wire has stays what it is. The error wraps
// [ErrValue] and names the first key that is too long, number that does not fit or
// is none, or value of another type.
func TableOf(m map[string]any) (Table, error) {
	if m == nil {
		return nil, nil
	}
	t := make(Table, 0, len(m))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		v, err := valueOf(m[key])
		if err != nil {
			return nil, fmt.Errorf("%q: %w", key, err)
		}
		t = append(t, Field{key, v})
	}
	return t, t.Validate()
}

// valueOf is the value of the wire for a value of Go.
func valueOf(v any) (any, error) {
	switch v := v.(type) {
	case Table, Array, Timestamp, Decimal, nil:
		return v, nil
	case time.Time:
		return Timestamp(max(v.Unix(), 0)), nil
	}
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.Bool:
		return r.Bool(), nil
	case reflect.String:
		return r.String(), nil
	case reflect.Int8:
		return int8(r.Int()), nil
	case reflect.Int16:
		return int16(r.Int()), nil
	case reflect.Int32:
		return int32(r.Int()), nil
	case reflect.Int, reflect.Int64:
		return r.Int(), nil
	case reflect.Uint8:
		return uint8(r.Uint()), nil
	case reflect.Uint16:
		return uint16(r.Uint()), nil
	case reflect.Uint32:
		return uint32(r.Uint()), nil
	case reflect.Uint, reflect.Uint64:
		if r.Uint() > math.MaxInt64 {
			return nil, fmt.Errorf("%w: %d exceeds 64 bits signed", ErrValue, v)
		}
		return int64(r.Uint()), nil
	case reflect.Float32:
		return float32(r.Float()), nil
	case reflect.Float64:
		return r.Float(), nil
	case reflect.Slice:
		return sliceOf(r)
	case reflect.Map:
		return mapOf(r)
	}
	return nil, fmt.Errorf("%w: %T", ErrValue, v)
}

func sliceOf(r reflect.Value) (any, error) {
	if r.Type().Elem().Kind() == reflect.Uint8 {
		return r.Bytes(), nil
	}
	a := make(Array, r.Len())
	for i := range a {
		v, err := valueOf(r.Index(i).Interface())
		if err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
		a[i] = v
	}
	return a, nil
}

func mapOf(r reflect.Value) (any, error) {
	if r.Type().Key().Kind() != reflect.String {
		return nil, fmt.Errorf("%w: %s", ErrValue, r.Type())
	}
	m := make(map[string]any, r.Len())
	for key, value := range r.Seq2() {
		m[key.String()] = value.Interface()
	}
	return TableOf(m)
}

// Map is the table as a map, with nested tables as maps and arrays as slices of
// any; of duplicates the first wins (TYPES-5).
func (t Table) Map() map[string]any {
	type task struct {
		from any
		to   func(any)
	}
	top := make(map[string]any, len(t))
	var tasks []task
	put := func(v any, to func(any)) {
		switch v.(type) {
		case Table, Array:
			tasks = append(tasks, task{v, to})
		default:
			to(v)
		}
	}
	fill := func(m map[string]any, t Table) {
		for _, f := range t {
			if _, ok := m[f.Key]; !ok {
				m[f.Key] = nil
				put(f.Value, func(v any) { m[f.Key] = v })
			}
		}
	}
	fill(top, t)
	for len(tasks) > 0 {
		last := tasks[len(tasks)-1]
		tasks = tasks[:len(tasks)-1]
		switch v := last.from.(type) {
		case Table:
			m := make(map[string]any, len(v))
			last.to(m)
			fill(m, v)
		case Array:
			s := make([]any, len(v))
			last.to(s)
			for i, e := range v {
				put(e, func(v any) { s[i] = v })
			}
		}
	}
	return top
}

// Validate reports whether the table can be written and read back: every key of at
// most 255 bytes, every value of a type that the wire has, every number finite
// (TYPES-8). The error wraps [ErrValue].
func (t Table) Validate() error {
	open := []any{t}
	for len(open) > 0 {
		last := open[len(open)-1]
		open = open[:len(open)-1]
		switch v := last.(type) {
		case Table:
			for _, f := range v {
				if len(f.Key) > maxShortstr {
					return fmt.Errorf("%w: key of %d bytes", ErrValue, len(f.Key))
				}
				open = append(open, f.Value)
			}
		case Array:
			open = append(open, v...)
		case float32:
			if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
				return fmt.Errorf("%w: %v", ErrValue, v)
			}
		case float64:
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return fmt.Errorf("%w: %v", ErrValue, v)
			}
		default:
			if TypeName(v) == "" {
				return fmt.Errorf("%w: %T", ErrValue, v)
			}
		}
	}
	return nil
}
