// A random program: a list of steps, each a method on one of a few channels. Its
// names start with nameMark, in whose place each run puts a prefix of its own.

package scripts

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	wire "github.com/rabbetmq/rabbet/amqp"
)

// nameMark stands at the start of each name that belongs to a program.
const nameMark = "~"

// A program is what a client does, and is the same in each run of it.
type program struct {
	steps []step
	slow  bool // what a step does takes a while, see pause
}

// A step is a method on a channel, which is opened if it is not.
type step struct {
	conn    int
	channel uint16
	method  wire.Method
	// What basic.publish sends: one message for each body.
	props  wire.Properties
	bodies []string
	// pick is which of the channel's deliveries that are not settled yet an ack,
	// nack or reject is about, the first being 1. Zero leaves the tag as it is.
	pick int
}

// String is the program, a line for each step.
func (p program) String() string {
	var b strings.Builder
	for i, s := range p.steps {
		fmt.Fprintf(&b, "%3d. %s\n", i+1, s)
	}
	return b.String()
}

func (s step) String() string {
	text := fmt.Sprintf("%d/%d %s%s", s.conn, s.channel, s.method.ID(),
		fields(reflect.ValueOf(s.method).Elem(), func(_ string, v reflect.Value) bool { return !v.IsZero() }))
	if s.pick != 0 {
		text += fmt.Sprintf(" of delivery %d", s.pick)
	}
	if len(s.bodies) > 0 {
		text += "; " + strings.TrimSpace(properties(s.props))
		for _, b := range s.bodies {
			text += " " + shortBody([]byte(b))
		}
	}
	return text
}

// properties are those that are present, empty ones too.
func properties(p wire.Properties) string {
	text := ""
	v := reflect.ValueOf(p)
	for i, flag := range propertyFlags {
		if p.Flags&flag != 0 {
			text += fmt.Sprintf(" %s=%s", v.Type().Field(i+1).Name, value(v.Field(i+1).Interface()))
		}
	}
	return text
}

// propertyFlags are in the order of the fields of wire.Properties.
var propertyFlags = []wire.PropertyFlags{
	wire.HasContentType, wire.HasContentEncoding, wire.HasHeaders, wire.HasDeliveryMode, wire.HasPriority,
	wire.HasCorrelationID, wire.HasReplyTo, wire.HasExpiration, wire.HasMessageID, wire.HasTimestamp,
	wire.HasType, wire.HasUserID, wire.HasAppID, wire.HasClusterID,
}

// shortBody is a body, or its beginning and size.
func shortBody(b []byte) string {
	if len(b) > shownBody {
		return fmt.Sprintf("%.*q... (%d bytes)", shownBody, b, len(b))
	}
	return fmt.Sprintf("%q", b)
}

// renamed is a copy of a method or of properties in which rename has been put to
// each string, those in tables too.
func renamed[V any](v V, rename func(string) string) V {
	return renameValue(reflect.ValueOf(v), rename).Interface().(V)
}

func renameValue(v reflect.Value, rename func(string) string) reflect.Value {
	switch v.Kind() {
	case reflect.Pointer:
		out := reflect.New(v.Type().Elem())
		out.Elem().Set(renameValue(v.Elem(), rename))
		return out
	case reflect.Interface:
		if v.IsNil() {
			return v
		}
		out := reflect.New(v.Type()).Elem()
		out.Set(renameValue(v.Elem(), rename))
		return out
	case reflect.Struct:
		out := reflect.New(v.Type()).Elem()
		for i := range v.NumField() {
			out.Field(i).Set(renameValue(v.Field(i), rename))
		}
		return out
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 || v.IsNil() {
			return v
		}
		out := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			out.Index(i).Set(renameValue(v.Index(i), rename))
		}
		return out
	case reflect.String:
		return reflect.ValueOf(rename(v.String())).Convert(v.Type())
	}
	return v
}

// without is the program less the steps from i to j.
func (p program) without(i, j int) program {
	p.steps = slices.Concat(p.steps[:i], p.steps[min(j, len(p.steps)):])
	return p
}
