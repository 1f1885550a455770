// The specification's XML, read into the few things that the writers need, with
// names in Go's case and every domain resolved to its type.

package main

import (
	"bytes"
	_ "embed"
	"encoding/xml"
	"fmt"
	"os"
	"slices"
	"strings"
)

//go:embed supplement.xml
var supplement []byte

type spec struct {
	Constants []constant `xml:"constant"`
	Domains   []domain   `xml:"domain"`
	Classes   []class    `xml:"class"`
}

type constant struct {
	Name  string `xml:"name,attr"`
	Value int    `xml:"value,attr"`
	Class string `xml:"class,attr"` // soft-error, hard-error or none
}

type domain struct {
	Name string `xml:"name,attr"`
	Type string `xml:"type,attr"`
}

type class struct {
	Name    string   `xml:"name,attr"`
	Index   int      `xml:"index,attr"`
	Methods []method `xml:"method"`
	Fields  []field  `xml:"field"` // content properties
}

type method struct {
	Name    string    `xml:"name,attr"`
	Index   int       `xml:"index,attr"`
	Content string    `xml:"content,attr"`
	Chassis []chassis `xml:"chassis"`
	Fields  []field   `xml:"field"`
	class   *class
}

// chassis names a side that must handle the method: the other side sends it.
type chassis struct {
	Name string `xml:"name,attr"`
}

type field struct {
	Name     string `xml:"name,attr"`
	Domain   string `xml:"domain,attr"`
	Type     string `xml:"type,attr"` // resolved from Domain
	Reserved string `xml:"reserved,attr"`
}

// readSpec reads the file and the supplement, classes ordered by index.
func readSpec(path string) (*spec, error) {
	source, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var s, more spec
	if err := xml.NewDecoder(bytes.NewReader(source)).Decode(&s); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := xml.Unmarshal(supplement, &more); err != nil {
		return nil, fmt.Errorf("supplement.xml: %w", err)
	}
	s.Classes = append(s.Classes, more.Classes...)
	slices.SortFunc(s.Classes, func(a, b class) int { return a.Index - b.Index })
	return &s, s.resolve()
}

// resolve gives every method its class and every field its type.
func (s *spec) resolve() error {
	types := make(map[string]string)
	for _, d := range s.Domains {
		types[d.Name] = d.Type
	}
	resolve := func(fields []field) error {
		for i := range fields {
			f := &fields[i]
			if f.Type == "" {
				f.Type = types[f.Domain]
			}
			if _, ok := goTypes[f.Type]; !ok {
				return fmt.Errorf("field %s is of unknown type %q", f.Name, f.Type)
			}
			f.Name = renamed(f.Name)
		}
		return nil
	}
	for i := range s.Classes {
		c := &s.Classes[i]
		if err := resolve(c.Fields); err != nil {
			return err
		}
		for j := range c.Methods {
			c.Methods[j].class = c
			if err := resolve(c.Methods[j].Fields); err != nil {
				return err
			}
		}
	}
	return nil
}

// renamed brings the specification's few slips in line with its other names:
// confirm.select spells no-wait in one word, and the last content property, now
// reserved, was cluster-id when RabbitMQ's clients learned to set it.
func renamed(name string) string {
	switch name {
	case "nowait":
		return "no-wait"
	case "reserved":
		return "cluster-id"
	}
	return name
}

// goTypes maps the specification's types to Go's.
var goTypes = map[string]string{
	"bit": "bool", "octet": "uint8", "short": "uint16", "long": "uint32", "longlong": "uint64",
	"shortstr": "string", "longstr": "string", "timestamp": "uint64", "table": "Table",
}

func (s *spec) methods() []method {
	var all []method
	for _, c := range s.Classes {
		all = append(all, c.Methods...)
	}
	return all
}

// GoName is a method's name in Go: BasicPublish.
func (m method) GoName() string { return camel(m.class.Name) + camel(m.Name) }

// WireName is a method's name in the specification: basic.publish.
func (m method) WireName() string { return m.class.Name + "." + m.Name }

// Sender says in words who sends the method.
func (m method) Sender() string {
	switch {
	case len(m.Chassis) == 2:
		return "sent by either side"
	case m.Chassis[0].Name == "server":
		return "sent by the client"
	default:
		return "sent by the server"
	}
}

// GoName is a field's name in Go: RoutingKey.
func (f field) GoName() string { return camel(f.Name) }

// camel turns routing-key into RoutingKey and class-id into ClassID.
func camel(name string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(name, "-") {
		if word == "id" {
			b.WriteString("ID")
		} else {
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return b.String()
}
