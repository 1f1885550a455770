package ctl

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// A table is rows of named columns.
type table struct {
	columns []string
	rows    [][]any
}

func (t *table) add(values ...any) { t.rows = append(t.rows, values) }

// show prints a table as the formatter says: tab-separated with a header by default.
func (c *call) show(t *table) error {
	switch c.opts.format("") {
	case "json":
		return c.showJSON(t)
	case "csv":
		records := [][]string{t.columns}
		for _, row := range t.rows {
			records = append(records, texts(row))
		}
		for _, record := range records {
			for i, field := range record {
				record[i] = `"` + strings.ReplaceAll(field, `"`, `""`) + `"`
			}
			c.print("%s", strings.Join(record, ","))
		}
		return nil
	case "pretty_table":
		c.showBoxes(t)
		return nil
	case "erlang":
		c.showTerms(t)
		return nil
	}
	if len(t.rows) > 0 && !c.opts.silent && !c.opts.noHeaders {
		c.print("%s", strings.Join(t.columns, "\t"))
	}
	for _, row := range t.rows {
		c.print("%s", strings.Join(texts(row), "\t"))
	}
	return nil
}

func (c *call) showJSON(t *table) error {
	c.print("[")
	for i, row := range t.rows {
		var b strings.Builder
		for k, value := range row {
			if k > 0 {
				b.WriteByte(',')
			}
			data, err := json.Marshal(value)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, "%q:%s", t.columns[k], data)
		}
		comma := ""
		if i > 0 {
			comma = ","
		}
		c.print("%s{%s}", comma, b.String())
	}
	c.print("]")
	return nil
}

// showBoxes draws a table with lines.
func (c *call) showBoxes(t *table) {
	width := make([]int, len(t.columns))
	lines := [][]string{t.columns}
	for _, row := range t.rows {
		lines = append(lines, texts(row))
	}
	for _, line := range lines {
		for i, cell := range line {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	rule := func(left, middle, right string) {
		parts := make([]string, len(width))
		for i, w := range width {
			parts[i] = strings.Repeat("─", w+2)
		}
		c.print("%s%s%s", left, strings.Join(parts, middle), right)
	}
	rule("┌", "┬", "┐")
	for i, line := range lines {
		if i > 0 {
			rule("├", "┼", "┤")
		}
		cells := make([]string, len(line))
		for k, cell := range line {
			cells[k] = " " + cell + strings.Repeat(" ", width[k]-utf8.RuneCountInString(cell)) + " "
		}
		c.print("│%s│", strings.Join(cells, "│"))
	}
	rule("└", "┴", "┘")
}

// showTerms prints a table as a list of Erlang's property lists.
func (c *call) showTerms(t *table) {
	var rows []string
	for _, row := range t.rows {
		var pairs []string
		for i, value := range row {
			pairs = append(pairs, fmt.Sprintf("{%s,%s}", t.columns[i], erlangTerm(value)))
		}
		rows = append(rows, "["+strings.Join(pairs, ",")+"]")
	}
	c.print("[%s]", strings.Join(rows, ",\n "))
}

// erlangTerm is a value as Erlang prints it.
func erlangTerm(v any) string {
	switch v := v.(type) {
	case nil:
		return "undefined"
	case string:
		return fmt.Sprintf("<<%q>>", v)
	case []any:
		var items []string
		for _, item := range v {
			items = append(items, erlangTerm(item))
		}
		return "[" + strings.Join(items, ",") + "]"
	case map[string]any:
		return terms(v)
	}
	return text(v)
}

// terms is a map as a list of pairs, by name.
func terms(m map[string]any) string {
	var pairs []string
	for _, key := range sortedKeys(m) {
		value := erlangTerm(m[key])
		if s, ok := m[key].(string); ok {
			value = fmt.Sprintf("%q", s)
		}
		pairs = append(pairs, fmt.Sprintf("{%q,%s}", key, value))
	}
	return "[" + strings.Join(pairs, ",") + "]"
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func texts(row []any) []string {
	list := make([]string, len(row))
	for i, value := range row {
		list[i] = text(value)
	}
	return list
}

// text is a value in a table.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return strings.NewReplacer("\t", `\t`, "\n", `\n`, "\r", `\r`).Replace(v)
	case []string:
		return "[" + strings.Join(v, ", ") + "]"
	case []any:
		items := texts(v)
		return "[" + strings.Join(items, ", ") + "]"
	case map[string]any:
		return terms(v)
	}
	return fmt.Sprint(v)
}
