package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// headersThatMatter are the headers that programs look at, and the statuses of answers
// that they matter in; 0 is any.
var headersThatMatter = map[string]int{
	"Allow": 405, "Cache-Control": 200, "Content-Disposition": 0, "Content-Type": 200, "Location": 0, "Set-Cookie": 0, "Www-Authenticate": 401,
}

// Facts are what is compared of an answer: the status, each header that matters, and
// of each field of a JSON body its types, or its text if it is a refusal.
type facts map[string]string

// factsOf are the facts of an answer. A refusal is compared as it is, and so is any
// answer that is short: an object like {"status":"ok"}.
func (g *target) factsOf(a answer) facts {
	f := facts{"status": fmt.Sprint(a.status)}
	for name, status := range headersThatMatter {
		if value := a.header.Get(name); value != "" && (status == 0 || status == a.status) {
			f["header "+strings.ToLower(name)] = g.unname(value)
		}
	}
	var v any
	d := json.NewDecoder(bytes.NewReader(a.body))
	d.UseNumber()
	switch {
	case len(a.body) == 0:
	case !strings.HasPrefix(a.header.Get("Content-Type"), "application/json") || d.Decode(&v) != nil:
		f["body"] = "text"
	case a.status >= 300 || len(a.body) < 100 && !bytes.ContainsAny(a.body, "0123456789"):
		canonical, _ := json.Marshal(v)
		f["body"] = g.unname(string(canonical))
	default:
		types := map[string]map[string]bool{}
		g.collect(types, "body", v)
		for path, of := range types {
			f[path] = strings.Join(slices.Sorted(maps.Keys(of)), "|")
		}
	}
	return f
}

// collect notes the types of a value and of what is in it. All items of an array have
// one path.
func (g *target) collect(types map[string]map[string]bool, path string, v any) {
	note := func(kind string) {
		if types[path] == nil {
			types[path] = map[string]bool{}
		}
		types[path][kind] = true
	}
	switch v := v.(type) {
	case nil:
		note("null")
	case bool:
		note("bool")
	case string:
		note("string")
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			note("float")
		} else {
			note("int")
		}
	case []any:
		note("array")
		for _, item := range v {
			g.collect(types, path+"[]", item)
		}
	case map[string]any:
		note("object")
		for name, item := range v {
			g.collect(types, path+"."+g.unname(name), item)
		}
	}
}

// lines are the facts as text: one line for the fields of an object, "  body[]. name=string
// vhost=string", and one for each other fact.
func (f facts) lines() string {
	var b strings.Builder
	object := ""
	for _, what := range slices.Sorted(maps.Keys(f)) {
		parent, field := "", ""
		if i := strings.LastIndex(what, "."); i > 0 && !strings.ContainsAny(what, " =") {
			parent, field = what[:i+1], what[i+1:]
		}
		switch {
		case parent == "":
			fmt.Fprintf(&b, "\n  %s: %s", what, f[what])
		case parent == object:
			fmt.Fprintf(&b, " %s=%s", field, f[what])
		default:
			fmt.Fprintf(&b, "\n  %s %s=%s", parent, field, f[what])
		}
		object = parent
	}
	return strings.TrimPrefix(b.String(), "\n") + "\n"
}

// read adds the facts of a line.
func (f facts) read(line string) {
	if what, value, found := strings.Cut(line, ": "); found {
		f[what] = value
		return
	}
	fields := strings.Fields(line)
	for _, field := range fields[1:] {
		name, kind, _ := strings.Cut(field, "=")
		f[fields[0]+name] = kind
	}
}
