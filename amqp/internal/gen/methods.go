// Writers of ids_gen.go and methods_gen.go.

package main

import (
	"fmt"
	"io"
	"strings"
)

func writeIDs(w io.Writer, s *spec) {
	methods := s.methods()
	fmt.Fprint(w, "// The ids of all methods: class in the upper half, method in the lower.\nconst (\n")
	for _, m := range methods {
		fmt.Fprintf(w, "%sID MethodID = %d<<16 | %d\n", m.GoName(), m.class.Index, m.Index)
	}
	fmt.Fprint(w, ")\n\n// name is a method's name in the specification, empty for an unknown id.\n")
	fmt.Fprint(w, "func (id MethodID) name() string {\nswitch id {\n")
	for _, m := range methods {
		fmt.Fprintf(w, "case %sID:\nreturn %q\n", m.GoName(), m.WireName())
	}
	fmt.Fprint(w, "}\nreturn \"\"\n}\n\n")

	var content []string
	for _, m := range methods {
		if m.Content == "1" {
			content = append(content, m.GoName()+"ID")
		}
	}
	fmt.Fprint(w, "// HasContent reports whether a content header and body follow the method.\n")
	fmt.Fprint(w, "func (id MethodID) HasContent() bool {\nswitch id {\n")
	fmt.Fprintf(w, "case %s:\nreturn true\n}\nreturn false\n}\n\n", strings.Join(content, ", "))

	fmt.Fprint(w, "// NewMethod is an empty method to decode arguments into; false if there is none\n// with this id.\n")
	fmt.Fprint(w, "func NewMethod(id MethodID) (Method, bool) {\nswitch id {\n")
	for _, m := range methods {
		fmt.Fprintf(w, "case %sID:\nreturn new(%s), true\n", m.GoName(), m.GoName())
	}
	fmt.Fprint(w, "}\nreturn nil, false\n}\n")
}

func writeMethods(w io.Writer, s *spec) {
	for _, m := range s.methods() {
		writeStruct(w, m)
		fmt.Fprintf(w, "// ID is %d<<16 | %d.\nfunc (*%s) ID() MethodID { return %sID }\n\n", m.class.Index, m.Index, m.GoName(), m.GoName())
		writeAppend(w, m)
		writeDecode(w, m)
	}
}

func writeStruct(w io.Writer, m method) {
	also := ""
	if m.Content == "1" {
		also = ", with content"
	}
	fmt.Fprintf(w, "// %s is %s, %s%s.\ntype %s struct {\n", m.GoName(), m.WireName(), m.Sender(), also, m.GoName())
	for _, f := range m.Fields {
		if f.Reserved == "" {
			fmt.Fprintf(w, "%s %s\n", f.GoName(), goTypes[f.Type])
		}
	}
	fmt.Fprint(w, "}\n\n")
}

func writeAppend(w io.Writer, m method) {
	receiver := "m *"
	if !m.hasArguments() {
		receiver = "*"
	}
	fmt.Fprintf(w, "// Append appends the method's arguments.\nfunc (%s%s) Append(b []byte) []byte {\n", receiver, m.GoName())
	for _, g := range m.groups() {
		f := g[0]
		switch {
		case f.Type == "bit":
			fmt.Fprintf(w, "b = append(b, %s)\n", packed(g))
		case f.Reserved != "":
			fmt.Fprintf(w, "b = append(b, %s)\n", zeros[f.Type])
		default:
			fmt.Fprintf(w, "b = %s\n", appendField(f.Type, "m."+f.GoName()))
		}
	}
	fmt.Fprint(w, "return b\n}\n\n")
}

// packed is the octet that holds these bits, the first lowest.
func packed(bits []field) string {
	var parts []string
	for i, f := range bits {
		if f.Reserved == "" {
			parts = append(parts, fmt.Sprintf("bit(m.%s)<<%d", f.GoName(), i))
		}
	}
	if len(parts) == 0 {
		return "0"
	}
	return strings.ReplaceAll(strings.Join(parts, " | "), "<<0", "")
}

// zeros is the wire form of the empty value that a reserved field is sent with.
var zeros = map[string]string{
	"octet": "0", "short": "0, 0", "long": "0, 0, 0, 0", "shortstr": "0", "longstr": "0, 0, 0, 0", "table": "0, 0, 0, 0",
}

// appendField is the expression that appends a value of this type.
func appendField(kind, value string) string {
	switch kind {
	case "octet":
		return fmt.Sprintf("append(b, %s)", value)
	case "short":
		return fmt.Sprintf("binary.BigEndian.AppendUint16(b, %s)", value)
	case "long":
		return fmt.Sprintf("binary.BigEndian.AppendUint32(b, %s)", value)
	case "longlong", "timestamp":
		return fmt.Sprintf("binary.BigEndian.AppendUint64(b, %s)", value)
	case "shortstr":
		return fmt.Sprintf("AppendShortstr(b, %s)", value)
	case "longstr":
		return fmt.Sprintf("AppendLongstr(b, %s)", value)
	default:
		return fmt.Sprintf("AppendTable(b, %s)", value)
	}
}

func writeDecode(w io.Writer, m method) {
	fmt.Fprint(w, "// Decode reads the method's arguments, all of them and nothing else.\n")
	if len(m.Fields) == 0 {
		fmt.Fprintf(w, "func (*%s) Decode(args []byte) error {\nc := cursor{b: args}\nreturn c.end()\n}\n\n", m.GoName())
		return
	}
	receiver := "m *"
	if !m.hasArguments() {
		receiver = "*"
	}
	fmt.Fprintf(w, "func (%s%s) Decode(args []byte) error {\nc := cursor{b: args}\n", receiver, m.GoName())
	for n, g := range m.groups() {
		f := g[0]
		switch {
		case f.Type == "bit":
			writeBits(w, g, n)
		case f.Reserved != "":
			fmt.Fprintf(w, "c.skip%s()\n", camel(f.Type))
		default:
			fmt.Fprintf(w, "m.%s = %s\n", f.GoName(), decodeField(f.Type, "m."+f.GoName(), m.Content != "1"))
		}
	}
	fmt.Fprint(w, "return c.end()\n}\n\n")
}

// writeBits reads one octet of bits into their fields.
func writeBits(w io.Writer, bits []field, n int) {
	if bits[0].Reserved != "" {
		fmt.Fprint(w, "c.octet()\n")
		return
	}
	fmt.Fprintf(w, "bits%d := c.octet()\n", n)
	for i, f := range bits {
		fmt.Fprintf(w, "m.%s = bits%d&(1<<%d) != 0\n", f.GoName(), n, i)
	}
}

// decodeField is the expression that reads a value of this type. A short string is
// given the field's old value, to keep it if it is the same; RabbitMQ checks it for
// UTF-8 in methods without content.
func decodeField(kind, old string, checked bool) string {
	switch {
	case kind == "shortstr" && checked:
		return fmt.Sprintf("c.shortstr(%s)", old)
	case kind == "shortstr":
		return fmt.Sprintf("c.anystr(%s)", old)
	case kind == "timestamp":
		return "c.longlong()"
	default:
		return fmt.Sprintf("c.%s()", kind)
	}
}

func (m method) hasArguments() bool {
	for _, f := range m.Fields {
		if f.Reserved == "" {
			return true
		}
	}
	return false
}

// groups are the fields one by one, adjacent bits together: they share an octet.
func (m method) groups() [][]field {
	var groups [][]field
	for _, f := range m.Fields {
		last := len(groups) - 1
		if f.Type == "bit" && last >= 0 && groups[last][0].Type == "bit" && len(groups[last]) < 8 {
			groups[last] = append(groups[last], f)
		} else {
			groups = append(groups, []field{f})
		}
	}
	return groups
}
