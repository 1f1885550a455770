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
	blank   bool // an empty one is an empty line
	// atoms are the columns whose texts are atoms in Erlang.
	atoms []string
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
			if list, ok := value.([]any); ok { // without brackets here
				cells[i] = strings.Join(texts(list), ", ")
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

// termWidth is the longest line of terms before Erlang begins another.
const termWidth = 80

// showTerms prints a table as a list of Erlang's property lists.
func (c *call) showTerms(t *table) {
	var rows []string
	for _, row := range t.rows {
		var pairs []string
		for i, value := range row {
			term := erlangTerm(value)
			if slices.Contains(t.atoms, t.columns[i]) {
				term = strings.NewReplacer("<<\"", "", "\">>", "").Replace(term)
			}
			pairs = append(pairs, fmt.Sprintf("{%s,%s}", t.columns[i], term))
		}
		rows = append(rows, "["+strings.Join(pairs, ",")+"]")
	}
	separator := ","
	if utf8.RuneCountInString(strings.Join(rows, ","))+2 > termWidth {
		separator = ",\n "
	}
	c.print("[%s]", strings.Join(rows, separator))
}

// erlangTerm is a value as Erlang prints it.
func erlangTerm(v any) string {
	switch v := v.(type) {
	case nil:
		return "undefined"
	case string:
		if v == "" {
			return "<<>>"
		}
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
