package definitions

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// A Problem is one fault of a document.
type Problem struct {
	// Path is where it is, such as queues[3] or policies[0].
	Path string
	// Line counts from 1; 0 is not known.
	Line int
	// Text says what is wrong.
	Text string
}

// String is the place and the text.
func (p Problem) String() string {
	switch {
	case p.Path == "":
		return p.Text
	case p.Line == 0:
		return p.Path + ": " + p.Text
	}
	return fmt.Sprintf("%s (line %d): %s", p.Path, p.Line, p.Text)
}

// Problems are all faults of a document that is not applied.
type Problems []Problem

// Error is the first of them, and how many more there are.
func (ps Problems) Error() string {
	if len(ps) == 1 {
		return ps[0].String()
	}
	return fmt.Sprintf("%s (and %d more)", ps[0], len(ps)-1)
}

// maxProblems is how many faults are listed.
const maxProblems = 1000

// Decode reads a document. Sections and fields that it does not know are passed over, as
// by RabbitMQ. Where something makes no sense it goes on, to return all Problems.
func Decode(data []byte) (*Document, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if len(bytes.TrimSpace(data)) == 0 {
		return &Document{}, nil
	}
	r := reader{data: data, dec: json.NewDecoder(bytes.NewReader(data))}
	err := r.document()
	switch {
	case err != nil:
		r.problem("document", r.dec.InputOffset(), text(err))
	case r.more():
		r.problem("document", r.dec.InputOffset(), "there is something after its end")
	}
	if len(r.problems) > 0 {
		return nil, r.problems
	}
	return &r.doc, nil
}

// A reader takes a document apart.
type reader struct {
	data     []byte
	dec      *json.Decoder
	doc      Document
	problems Problems
}

func (r *reader) more() bool {
	_, err := r.dec.Token()
	return !errors.Is(err, io.EOF)
}

func (r *reader) problem(path string, offset int64, what string) {
	if len(r.problems) < maxProblems {
		line := 1 + bytes.Count(r.data[:min(offset, int64(len(r.data)))], []byte("\n"))
		r.problems = append(r.problems, Problem{path, line, what})
	}
}

// document reads all of it. An error is a fault of syntax, which ends the reading.
func (r *reader) document() error {
	if t, err := r.dec.Token(); err != nil || t != json.Delim('{') {
		if err == nil {
			err = errors.New("a JSON object is expected")
		}
		return err
	}
	for r.dec.More() {
		key, err := r.dec.Token()
		if err != nil {
			return err
		}
		if err := r.section(key.(string)); err != nil {
			return err
		}
	}
	_, err := r.dec.Token()
	return err
}

func (r *reader) section(name string) error {
	switch name {
	case "rabbit_version", "rabbitmq_version":
		var version any
		err := r.dec.Decode(&version)
		if text, ok := version.(string); ok {
			r.doc.Version = text
		}
		return err
	case "users":
		return elements(r, name, &r.doc.Users)
	case "vhosts":
		return elements(r, name, &r.doc.VHosts)
	case "permissions":
		return elements(r, name, &r.doc.Permissions)
	case "topic_permissions":
		return elements(r, name, &r.doc.TopicPermissions)
	case "parameters":
		return elements(r, name, &r.doc.Parameters)
	case "global_parameters":
		return elements(r, name, &r.doc.GlobalParameters)
	case "policies":
		return elements(r, name, &r.doc.Policies)
	case "queues":
		return elements(r, name, &r.doc.Queues)
	case "exchanges":
		return elements(r, name, &r.doc.Exchanges)
	case "bindings":
		return elements(r, name, &r.doc.Bindings)
	}
	var unknown json.RawMessage
	return r.dec.Decode(&unknown)
}

// elements reads a section, an element at a time.
func elements[T any](r *reader, name string, list *[]T) error {
	*list = nil
	offset := r.dec.InputOffset()
	t, err := r.dec.Token()
	if err != nil {
		return err
	}
	if t == nil { // null
		return nil
	}
	if t != json.Delim('[') {
		r.problem(name, offset, "a list is expected")
		return r.skip(t)
	}
	for i := 0; r.dec.More(); i++ {
		var v T
		if p, ok := any(&v).(interface{ preset() }); ok {
			p.preset()
		}
		err := r.dec.Decode(&v)
		var syntax *json.SyntaxError
		switch {
		case errors.As(err, &syntax), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
			return err
		case err != nil:
			r.problem(fmt.Sprintf("%s[%d]", name, i), r.dec.InputOffset(), text(err))
		default:
			*list = append(*list, v)
		}
	}
	_, err = r.dec.Token()
	return err
}

// skip passes over the rest of a value that has begun with a token.
func (r *reader) skip(t json.Token) error {
	depth := 0
	for {
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
		var err error
		if t, err = r.dec.Token(); err != nil {
			return err
		}
	}
}

// text is what a reader of the file needs of an error of encoding/json.
func text(err error) string {
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &kind):
		field := kind.Field
		if i := strings.LastIndexByte(field, '.'); i >= 0 {
			field = field[i+1:]
		}
		if field == "" {
			return fmt.Sprintf("an object is expected, not a %s", kind.Value)
		}
		return fmt.Sprintf("%s cannot be a %s", field, kind.Value)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "the document ends in the middle"
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}
