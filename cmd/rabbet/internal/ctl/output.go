package ctl

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// A table is rows of named columns.
type table struct {
	columns []string
	rows    [][]any
	blank   bool // an empty one is an empty line
}

// jsonText is a value as JSON; "" if it is none.
func jsonText(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // Erlang's does not
	if e.Encode(v) != nil {
		return ""
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func (t *table) add(values ...any) { t.rows = append(t.rows, values) }

// show prints a table as the formatter says: tab-separated with a header by default.
func (c *call) show(t *table) error {
	switch c.opts.format("") {
	case "json":
		c.showJSON(t)
		return nil
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
	if len(t.rows) == 0 && t.blank {
		c.print("")
	}
	if len(t.rows) > 0 && !c.opts.silent && !c.opts.noHeaders {
		c.print("%s", strings.Join(t.columns, "\t"))
	}
	for _, row := range t.rows {
		c.print("%s", strings.Join(texts(row), "\t"))
	}
	return nil
}

func (c *call) showJSON(t *table) {
	c.print("[")
	for i, row := range t.rows {
		var b strings.Builder
		for k, value := range row {
			if k > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, "%q:%s", t.columns[k], jsonText(value))
		}
		comma := ""
		if i > 0 {
			comma = ","
		}
		c.print("%s{%s}", comma, b.String())
	}
	c.print("]")
}

// showBoxes draws a table with lines.
func (c *call) showBoxes(t *table) {
	width := make([]int, len(t.columns))
	lines := [][]string{t.columns}
	for _, row := range t.rows {
		cells := texts(row)
		for i, value := range row {
			switch value := value.(type) { // without brackets here
			case []any:
				cells[i] = strings.Join(texts(value), ", ")
			case arguments:
				cells[i] = value.boxed()
			}
		}
		lines = append(lines, cells)
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

// terms is a map as a list of pairs, by name.
func terms(m map[string]any) string {
	var pairs []string
	for _, key := range sortedKeys(m) {
		value := termOf(m[key]).text
		if s, ok := m[key].(string); ok {
			value = fmt.Sprintf("%q", s)
		}
		pairs = append(pairs, fmt.Sprintf("{%q,%s}", key, value))
	}
	return "[" + strings.Join(pairs, ",") + "]"
}

func sortedKeys[K ~string](m map[K]any) []K { return slices.Sorted(maps.Keys(m)) }

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
	case map[atom]any:
		var pairs []string
		for _, key := range sortedKeys(v) {
			pairs = append(pairs, "{"+string(key)+", "+text(v[key])+"}")
		}
		return "[" + strings.Join(pairs, ", ") + "]"
	}
	return fmt.Sprint(v)
}
