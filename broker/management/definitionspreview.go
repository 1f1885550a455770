package management

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"

	"github.com/rabbetmq/rabbet/broker/definitions"
)

// A section is one of a definitions document: what its objects are called, the fields that
// name one, and whether an import leaves what is there as it is.
type section struct {
	name, kind string
	keys       []string
	fixed      bool
}

var sections = []section{
	{"users", "user", []string{"name"}, false},
	{"vhosts", "vhost", []string{"name"}, false},
	{"permissions", "permission", []string{"user", "vhost"}, false},
	{"topic_permissions", "topic_permission", []string{"user", "vhost", "exchange"}, false},
	{"parameters", "parameter", []string{"vhost", "component", "name"}, false},
	{"global_parameters", "global_parameter", []string{"name"}, false},
	{"policies", "policy", []string{"vhost", "name"}, false},
	{"exchanges", "exchange", []string{"vhost", "name"}, true},
	{"queues", "queue", []string{"vhost", "name"}, true},
	{"bindings", "binding", []string{"vhost", "source", "destination_type", "destination", "routing_key", "arguments"}, true},
}

// A definedThing is an object of a document and what an import would make of it.
type definedThing struct {
	of            section
	before, after object
	reason        string
}

// definitionsPreview is what an import would do.
type definitionsPreview struct{ created, changed, kept, refused []definedThing }

// previewDefinitions says what an import would do, and does nothing.
func (q *request) previewDefinitions() error {
	name, named := q.namedVHost()
	have := q.s.broker.Definitions()
	if named {
		v, err := q.s.vhost(name)
		if err != nil {
			return errVHostNotFound
		}
		have = v.Definitions()
	}
	body, err := q.readBody()
	if err != nil {
		return err
	}
	if v, err := decodeJSON(body); err != nil {
		return badRequest("failed_to_parse_json")
	} else if _, ok := v.(map[string]any); !ok {
		return badRequest("failed_to_parse_json")
	}
	var p definitionsPreview
	wanted, err := definitions.Decode(body)
	if err == nil {
		err = p.compare(have, wanted, named)
	}
	var problems definitions.Problems
	if errors.As(err, &problems) {
		for _, problem := range problems {
			p.refused = append(p.refused, definedThing{of: section{kind: "document"}, reason: problem.String()})
		}
	} else if err != nil {
		return err
	}
	return q.reply(func(e *encoder) { p.write(e, name) })
}

// compare sorts the objects of a document by what an import does to them.
func (p *definitionsPreview) compare(have, wanted *definitions.Document, single bool) error {
	old, err := objectsOf(have, single)
	if err != nil {
		return err
	}
	fresh, err := objectsOf(wanted, single)
	if err != nil {
		return err
	}
	for _, of := range sections {
		before := make(map[string]object)
		for _, o := range old[of.name] {
			before[of.key(o)] = o
		}
		for _, o := range fresh[of.name] {
			t := definedThing{of: of, before: before[of.key(o)], after: o}
			same := slices.Equal(appendValue(nil, map[string]any(t.before)), appendValue(nil, map[string]any(o)))
			switch {
			case t.before == nil:
				p.created = append(p.created, t)
			case of.fixed && !same:
				t.reason = "differs, and stays as it is"
				p.kept = append(p.kept, t)
			case same:
				p.kept = append(p.kept, t)
			default:
				p.changed = append(p.changed, t)
			}
		}
	}
	return nil
}

// objectsOf are the objects of a document, by section.
func objectsOf(d *definitions.Document, single bool) (map[string][]object, error) {
	var out bytes.Buffer
	if err := d.Encode(&out, single); err != nil {
		return nil, err
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(out.Bytes(), &raw); err != nil {
		return nil, err
	}
	objects := make(map[string][]object)
	for _, of := range sections {
		if raw[of.name] == nil {
			continue
		}
		v, err := decodeJSON(raw[of.name])
		if err != nil {
			return nil, err
		}
		list, _ := v.([]any)
		for _, item := range list {
			if o, ok := item.(map[string]any); ok {
				objects[of.name] = append(objects[of.name], o)
			}
		}
	}
	return objects, nil
}

// key tells an object from others of its section.
func (of *section) key(o object) string {
	var b []byte
	for _, field := range of.keys {
		b = append(appendValue(b, o[field]), 0)
	}
	return string(b)
}

func (p *definitionsPreview) write(e *encoder, vhost string) {
	lists := []struct {
		name string
		list []definedThing
	}{{"new", p.created}, {"changed", p.changed}, {"kept", p.kept}, {"refused", p.refused}}
	for _, l := range lists {
		if !e.array(l.name) {
			continue
		}
		for _, t := range l.list[:min(len(l.list), maxBrowse)] {
			e.open()
			t.write(e, vhost)
			e.shut()
		}
		e.endArray()
	}
	if e.object("counts") {
		for _, l := range lists {
			e.num(l.name, int64(len(l.list)))
		}
		e.end()
	}
}

func (t *definedThing) write(e *encoder, vhost string) {
	if name, ok := t.after["vhost"].(string); ok {
		vhost = name
	}
	e.str("type", t.of.kind)
	e.strOrNull("vhost", vhost)
	e.str("name", t.title())
	e.strOrNull("reason", t.reason)
	writeDefined(e, "before", t.before)
	writeDefined(e, "after", t.after)
}

// writeDefined writes an object of a document, without what is secret.
func writeDefined(e *encoder, field string, o object) {
	if o == nil {
		e.null(field)
		return
	}
	shown := make(map[string]any, len(o))
	for key, v := range o {
		if key != "password_hash" && key != "password" {
			shown[key] = v
		}
	}
	e.value(field, shown)
}

// title names the object for people.
func (t *definedThing) title() string {
	text := func(field string) string {
		s, _ := t.after[field].(string)
		return s
	}
	switch t.of.kind {
	case "binding":
		return text("source") + " -> " + text("destination") + " (" + text("routing_key") + ")"
	case "permission":
		return text("user")
	case "topic_permission":
		return text("user") + " (" + text("exchange") + ")"
	case "parameter":
		return text("component") + "/" + text("name")
	}
	return text("name")
}
