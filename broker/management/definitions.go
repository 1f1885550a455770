package management

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/definitions"
)

func (q *request) exportDefinitions() error {
	var d *definitions.Document
	name, named := q.namedVHost()
	if named {
		v, err := q.s.vhost(name)
		if err != nil {
			return badRequest("vhost_not_found")
		}
		d = v.Definitions()
	} else {
		d = q.s.broker.Definitions()
	}
	q.hidden(d)
	if file := q.query.Get("download"); file != "" {
		q.w.Header().Set("Content-Disposition", `attachment; filename="`+fileName(file)+`"`)
	}
	var out bytes.Buffer
	if err := d.Encode(&out, named); err != nil {
		return err
	}
	return q.answer(http.StatusOK, func(e *encoder) error {
		if e.columns == nil {
			e.buf = append(e.buf, bytes.TrimSpace(out.Bytes())...)
			return nil
		}
		v, err := decodeJSON(out.Bytes())
		if err != nil {
			return err
		}
		sections, _ := v.(map[string]any)
		e.open()
		for section, value := range sections {
			e.value(section, value)
		}
		e.shut()
		return nil
	})
}

func (q *request) importDefinitions() error {
	name, named := q.namedVHost()
	var v *broker.VHost
	if named {
		var err error
		if v, err = q.s.vhost(name); err != nil {
			return errVHostNotFound
		}
	}
	document, redirect, err := q.uploaded()
	if err != nil {
		return err
	}
	d, err := decodeDefinitions(document)
	if err != nil {
		return err
	}
	for i, p := range d.Parameters {
		at := name
		if !named && p.VHost != nil {
			at = *p.VHost
		}
		d.Parameters[i].Value = q.restored(broker.Parameter{Component: p.Component, VHost: at, Name: p.Name, Value: p.Value}).Value
	}
	if named {
		err = v.ImportDefinitions(q.context(), d, broker.ImportOptions{})
	} else {
		err = q.s.broker.ImportDefinitions(q.context(), d, broker.ImportOptions{})
	}
	if err != nil {
		q.s.log.Error("Encountered an error when importing definitions", "error", err)
		return badRequest(textOf(err))
	}
	if redirect != "" {
		q.w.Header().Set("Location", redirect)
		return status(http.StatusSeeOther)
	}
	return q.done(false)
}

// decodeDefinitions reads a document. An empty one is one that has nothing in it.
func decodeDefinitions(document []byte) (*definitions.Document, error) {
	if len(bytes.TrimSpace(document)) == 0 {
		document = []byte("{}")
	}
	if v, err := decodeJSON(document); err != nil {
		return nil, badRequest("failed_to_parse_json")
	} else if _, ok := v.(map[string]any); !ok {
		return nil, badRequest("failed_to_parse_json")
	}
	d, err := definitions.Decode(document)
	if err != nil {
		return nil, badRequest(err.Error())
	}
	return d, nil
}

// uploaded is the document of a body: the body itself, or the part "file" of a form, with
// where the form leads then.
func (q *request) uploaded() (document []byte, redirect string, err error) {
	kind, parameters := q.mediaType()
	body, err := q.readBody()
	if err != nil || kind != "multipart/form-data" {
		return body, "", err
	}
	parts := multipart.NewReader(bytes.NewReader(body), parameters["boundary"])
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return document, redirect, nil
		}
		if err != nil {
			return nil, "", badRequest("the form cannot be read")
		}
		content, err := io.ReadAll(part)
		if err != nil {
			return nil, "", badRequest("the form cannot be read")
		}
		switch partName(part) {
		case "file":
			document = content
		case "redirect":
			if redirect = string(content); !strings.HasPrefix(redirect, "/") || strings.HasPrefix(redirect, "//") {
				redirect = "" // not to another site
			}
		}
	}
}

// partName is the name of a field of a form. curl sends it without quotes at times.
func partName(p *multipart.Part) string {
	if name := p.FormName(); name != "" {
		return name
	}
	_, parameters, err := mime.ParseMediaType(p.Header.Get("Content-Disposition"))
	if err != nil {
		return ""
	}
	return parameters["name"]
}
