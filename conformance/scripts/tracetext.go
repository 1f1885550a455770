// Frames in words, as the trace of a report shows them.

package scripts

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"strings"

	wire "github.com/rabbetmq/rabbet/amqp"
)

// shownBody is how much of a body is shown, and shownValue of a value.
const (
	shownBody  = 48
	shownValue = 300
)

func frameOfHeader(b []byte) tracedFrame {
	return tracedFrame{Frame{Kind: b[0], Channel: binary.BigEndian.Uint16(b[1:])}, binary.BigEndian.Uint32(b[3:])}
}

// methodID is zero for what is no method frame.
func (f tracedFrame) methodID() wire.MethodID {
	if f.Kind != wire.FrameMethod || len(f.Payload) < 4 {
		return 0
	}
	return wire.MethodID(binary.BigEndian.Uint32(f.Payload))
}

func (e *event) words() string {
	if e.note != "" {
		return e.note
	}
	text := e.frame.words()
	for _, f := range e.content {
		if f.Kind == wire.FrameHeader {
			text += "; " + f.contentHeader()
		} else {
			text += "; body " + f.bytes()
		}
	}
	return text
}

// words says what a frame is.
func (f tracedFrame) words() string {
	if f.Kind == wire.FrameHeartbeat && f.Channel == 0 && f.size == 0 {
		return "heartbeat"
	}
	text := fmt.Sprintf("ch %d ", f.Channel)
	switch f.Kind {
	case wire.FrameMethod:
		return text + f.methodWords()
	case wire.FrameHeader:
		return text + f.contentHeader()
	case wire.FrameBody:
		return text + "body " + f.bytes()
	}
	return text + fmt.Sprintf("frame of type %d with %d bytes %.*q", f.Kind, f.size, shownBody, f.Payload)
}

func (f tracedFrame) methodWords() string {
	m, err := f.method()
	if err != nil {
		return fmt.Sprintf("%s with %d bytes of arguments that cannot be read %.*q", f.methodID(), f.size, shownBody, f.Payload)
	}
	switch m := m.(type) { // what is secret is not for reports
	case *wire.ConnectionStartOk:
		m.Response = "(not shown)"
	case *wire.ConnectionUpdateSecret:
		m.NewSecret = "(not shown)"
	}
	return m.ID().String() + fields(reflect.ValueOf(m).Elem(), func(_ string, v reflect.Value) bool { return !v.IsZero() })
}

// contentHeader is a header's size and properties.
func (f tracedFrame) contentHeader() string {
	const fixed = 12
	if len(f.Payload) < fixed {
		return fmt.Sprintf("header of %d bytes", f.size)
	}
	text := fmt.Sprintf("header of %d bytes", binary.BigEndian.Uint64(f.Payload[4:]))
	var p wire.Properties
	if err := p.Decode(f.Payload[fixed:]); err != nil {
		return text + fmt.Sprintf(" with properties that cannot be read %.*q", shownBody, f.Payload[fixed:])
	}
	return text + fields(reflect.ValueOf(p), func(name string, v reflect.Value) bool { return name != "Flags" && !v.IsZero() })
}

// bytes is a body's beginning.
func (f tracedFrame) bytes() string {
	if len(f.Payload) > shownBody || int(f.size) > len(f.Payload) {
		return fmt.Sprintf("%.*q... (%d bytes)", shownBody, f.Payload, f.size)
	}
	return fmt.Sprintf("%q", f.Payload)
}

// fields lists those fields of a struct that shown picks, as name=value.
func fields(s reflect.Value, shown func(name string, v reflect.Value) bool) string {
	var b strings.Builder
	for i := range s.NumField() {
		if name, v := s.Type().Field(i).Name, s.Field(i); shown(name, v) {
			if v.CanInt() || v.CanUint() {
				fmt.Fprintf(&b, " %s=%v", name, v)
			} else {
				fmt.Fprintf(&b, " %s=%s", name, value(v.Interface()))
			}
		}
	}
	return b.String()
}

// value shows a value, or its beginning.
func value(v any) string {
	text := wholeValue(v)
	if len(text) > shownValue {
		text = text[:shownValue] + "..."
	}
	return text
}

// wholeValue shows a value; within tables and arrays numbers have their type.
func wholeValue(v any) string {
	var text string
	switch v := v.(type) {
	case string:
		text = fmt.Sprintf("%q", v)
	case wire.Table:
		parts := make([]string, len(v))
		for i, f := range v {
			parts[i] = fmt.Sprintf("%s: %s", f.Key, wholeValue(f.Value))
		}
		text = "{" + strings.Join(parts, ", ") + "}"
	case wire.Array:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = wholeValue(e)
		}
		text = "[" + strings.Join(parts, ", ") + "]"
	default:
		text = fmt.Sprintf("%v", v)
		if name := wire.TypeName(v); name != "" && name != "bool" {
			text = name + "(" + text + ")"
		}
	}
	return text
}
