// Writers of properties_gen.go and replies_gen.go.

package main

import (
	"fmt"
	"io"
	"strings"
)

// writeProperties writes the content properties of class basic, the only class
// that has any. Flag bits go from the highest down in the order of the fields
// (BASIC-89).
func writeProperties(w io.Writer, s *spec) {
	var fields []field
	for _, c := range s.Classes {
		fields = append(fields, c.Fields...)
	}
	fmt.Fprint(w, "// The flags that say which properties are present (BASIC-89).\nconst (\n")
	for i, f := range fields {
		fmt.Fprintf(w, "Has%s PropertyFlags = 1 << %d\n", f.GoName(), 15-i)
	}
	fmt.Fprint(w, ")\n\n// The flags by the size of what they announce.\nconst (\n")
	for _, kind := range []string{"shortstr", "table", "octet", "timestamp"} {
		var flags []string
		for _, f := range fields {
			if f.Type == kind {
				flags = append(flags, "Has"+f.GoName())
			}
		}
		fmt.Fprintf(w, "%sFlags = %s\n", kind, strings.Join(flags, " | "))
	}
	fmt.Fprint(w, "knownFlags = shortstrFlags | tableFlags | octetFlags | timestampFlags\n)\n\n")

	fmt.Fprint(w, "// Properties are the properties of a message. Flags alone says which are present:\n")
	fmt.Fprint(w, "// RabbitMQ tells an absent property from an empty one (BASIC-90).\ntype Properties struct {\nFlags PropertyFlags\n")
	for _, f := range fields {
		fmt.Fprintf(w, "%s %s\n", f.GoName(), goTypes[f.Type])
	}
	fmt.Fprint(w, "}\n\n// Append appends the flags and the present properties, as in a content header.\n")
	fmt.Fprint(w, "func (p *Properties) Append(b []byte) []byte {\n")
	fmt.Fprint(w, "b = binary.BigEndian.AppendUint16(b, uint16(p.Flags&knownFlags))\n")
	for _, f := range fields {
		fmt.Fprintf(w, "if p.Flags&Has%s != 0 {\nb = %s\n}\n", f.GoName(), appendField(f.Type, "p."+f.GoName()))
	}
	fmt.Fprint(w, "return b\n}\n\n// decode reads the present properties; the flags have been read.\n")
	fmt.Fprint(w, "func (p *Properties) decode(c *cursor) {\n")
	for _, f := range fields {
		get := decodeField(f.Type, `""`, false)
		fmt.Fprintf(w, "if p.Flags&Has%s != 0 {\np.%s = %s\n}\n", f.GoName(), f.GoName(), get)
	}
	fmt.Fprint(w, "}\n")
}

func writeReplies(w io.Writer, s *spec) {
	var codes []constant
	for _, c := range s.Constants {
		if c.Class != "" || c.Name == "reply-success" {
			codes = append(codes, c)
		}
	}
	fmt.Fprint(w, "// The reply codes.\nconst (\n")
	for _, c := range codes {
		fmt.Fprintf(w, "%s ReplyCode = %d\n", camel(c.Name), c.Value)
	}
	fmt.Fprint(w, ")\n\n// name is a code as RabbitMQ writes it in a reply-text, empty for an unknown one.\n")
	fmt.Fprint(w, "func (c ReplyCode) name() string {\nswitch c {\n")
	var soft []string
	for _, c := range codes {
		fmt.Fprintf(w, "case %s:\nreturn %q\n", camel(c.Name), strings.ToUpper(strings.ReplaceAll(c.Name, "-", "_")))
		if c.Class == "soft-error" {
			soft = append(soft, camel(c.Name))
		}
	}
	fmt.Fprint(w, "}\nreturn \"\"\n}\n\n")
	fmt.Fprint(w, "// Hard reports whether the code closes the connection, whatever it was that went\n")
	fmt.Fprint(w, "// wrong; the other codes close just the channel (ERR-1).\n")
	fmt.Fprintf(w, "func (c ReplyCode) Hard() bool {\nswitch c {\ncase %s:\nreturn false\n}\nreturn true\n}\n", strings.Join(soft, ", "))
}
