package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// A source is what can be listed.
type source struct {
	path    string
	columns []string // shown if none are named; nil is all
	vhosted bool     // the virtual host of the options narrows it, if it was given
}

var sources = map[string]source{
	"connections": {"/connections", []string{"name", "user", "channels"}, false},
	"channels":    {"/channels", []string{"name", "user"}, false},
	"consumers":   {"/consumers", nil, true},
	"exchanges":   {"/exchanges", []string{"name", "type"}, true},
	"queues":      {"/queues", []string{"name", "messages"}, true},
	"bindings":    {"/bindings", []string{"source", "destination", "routing_key"}, true},
	"users":       {"/users", nil, false},
	"vhosts":      {"/vhosts", []string{"name", "messages"}, false},
	"permissions": {"/permissions", nil, false},
	"nodes":       {"/nodes", []string{"name", "type", "mem_used"}, false},
	"parameters":  {"/parameters", nil, false}, "policies": {"/policies", nil, false},
	"operator_policies": {"/operator-policies", nil, false}, "vhost_limits": {"/vhost-limits", nil, false},
	"user_limits": {"/user-limits", nil, false},
	"overview":    {"/overview", []string{"rabbitmq_version", "cluster_name", "queue_totals.messages", "object_totals.queues"}, false},
}

// list prints a list; show is a list of one.
func (c *call) list(name string, columns []string) error {
	s, ok := sources[name]
	if !ok {
		return errUsage
	}
	path := s.path
	if s.vhosted && c.opts.vhost != "/" {
		path = c.fill(path+"/{vhost}", nil)
	}
	if c.opts.sort != "" {
		path += "?sort=" + c.opts.sort
		if c.opts.reverse {
			path += "&sort_reverse=true"
		}
	}
	var answer any
	if err := c.request(http.MethodGet, path, nil, &answer); err != nil {
		return err
	}
	rows, ok := answer.([]any)
	if !ok {
		rows = []any{answer}
	}
	if len(columns) == 0 && c.opts.format != "raw_json" && c.opts.format != "pretty_json" {
		columns = s.columns
	}
	return c.show(rows, columns)
}

// show prints rows in the format of the options.
func (c *call) show(rows []any, columns []string) error {
	switch c.opts.format {
	case "raw_json", "pretty_json":
		indent := map[string]string{"pretty_json": "  "}[c.opts.format]
		data, err := json.MarshalIndent(rows, "", indent)
		if indent == "" {
			data, err = json.Marshal(rows)
		}
		fmt.Fprintf(c.Stdout, "%s\n", data)
		return err
	}
	if len(rows) == 0 && c.opts.style == "" {
		c.say("No items")
		return nil
	}
	flat := make([]map[string]string, len(rows))
	for i, row := range rows {
		flat[i] = map[string]string{}
		flatten(flat[i], "", row)
	}
	if len(columns) == 0 {
		columns = columnsOf(flat)
	}
	return c.layout(flat, columns)
}

// flatten names the parts of an object by a path of dots.
func flatten(to map[string]string, prefix string, v any) {
	object, ok := v.(map[string]any)
	if !ok {
		to[prefix] = plain(v)
		return
	}
	for key, value := range object {
		if prefix != "" {
			key = prefix + "." + key
		}
		flatten(to, key, value)
	}
}

func plain(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case bool:
		return map[bool]string{true: "True", false: "False"}[v]
	case []any:
		data, err := json.Marshal(v)
		if err != nil {
			return ""
		}
		return string(data)
	}
	return fmt.Sprint(v)
}

// first are the columns that come before all others.
var first = []string{"vhost", "name", "type", "source", "destination", "destination_type", "routing_key"}

func columnsOf(rows []map[string]string) []string {
	seen := map[string]bool{}
	var names []string
	for _, row := range rows {
		for name := range row {
			if !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	rank := func(name string) int {
		if i := slices.Index(first, name); i >= 0 {
			return i
		}
		return len(first)
	}
	slices.SortFunc(names, func(a, b string) int {
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	return names
}

// layout prints flat rows.
func (c *call) layout(rows []map[string]string, columns []string) error {
	switch c.opts.format {
	case "tsv":
		fmt.Fprintln(c.Stdout, strings.Join(columns, "\t"))
		for _, row := range rows {
			fmt.Fprintln(c.Stdout, strings.Join(cells(row, columns), "\t"))
		}
	case "bash":
		names := make([]string, len(rows))
		for i, row := range rows {
			names[i] = row["name"]
		}
		fmt.Fprintln(c.Stdout, strings.Join(names, " "))
	case "kvp":
		for _, row := range rows {
			var pairs []string
			for _, name := range columns {
				pairs = append(pairs, fmt.Sprintf("%s=%q", name, row[name]))
			}
			fmt.Fprintln(c.Stdout, strings.Join(pairs, " "))
		}
	case "long":
		c.long(rows, columns)
	case "table":
		if c.opts.style != "" {
			c.lined(rows, columns)
			return nil
		}
		c.table(rows, columns)
	default:
		return refusal("Format " + c.opts.format + " not recognised")
	}
	return nil
}

func cells(row map[string]string, columns []string) []string {
	list := make([]string, len(columns))
	for i, name := range columns {
		list[i] = row[name]
	}
	return list
}

func (c *call) long(rows []map[string]string, columns []string) {
	width := 0
	for _, name := range columns {
		width = max(width, len(name))
	}
	rule := strings.Repeat("-", 80)
	fmt.Fprintf(c.Stdout, "\n%s\n", rule)
	for _, row := range rows {
		for _, name := range columns {
			fmt.Fprintf(c.Stdout, "%*s: %s\n", width, name, row[name])
		}
		fmt.Fprintf(c.Stdout, "%s\n\n", rule)
	}
}

func (c *call) table(rows []map[string]string, columns []string) {
	width := make([]int, len(columns))
	lines := [][]string{columns}
	for _, row := range rows {
		lines = append(lines, cells(row, columns))
	}
	for _, line := range lines {
		for i, cell := range line {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	var rule strings.Builder
	for _, w := range width {
		rule.WriteString("+" + strings.Repeat("-", w+2))
	}
	rule.WriteString("+")
	fmt.Fprintln(c.Stdout, rule.String())
	for i, line := range lines {
		for k, cell := range line {
			gap := width[k] - utf8.RuneCountInString(cell)
			left := 0
			if i == 0 { // names stand in the middle
				left = gap / 2
			}
			fmt.Fprintf(c.Stdout, "| %s%s%s ", strings.Repeat(" ", left), cell, strings.Repeat(" ", gap-left))
		}
		fmt.Fprintln(c.Stdout, "|")
		if i == 0 {
			fmt.Fprintln(c.Stdout, rule.String())
		}
	}
	fmt.Fprintln(c.Stdout, rule.String())
}

// withType adds the type of a queue to its arguments.
func withType(arguments, kind string) (map[string]any, error) {
	var args map[string]any
	if err := json.Unmarshal([]byte(arguments), &args); err != nil {
		return nil, refusal("Could not parse JSON:\n  " + arguments)
	}
	args["x-queue-type"] = kind
	return args, nil
}
