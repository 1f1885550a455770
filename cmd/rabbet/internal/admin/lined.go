package admin

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// lined prints the second version's table: with lines between all cells, or with none and
// no head for a script.
func (c *call) lined(rows []map[string]string, columns []string) {
	if c.opts.style == "borderless" {
		for _, row := range rows {
			fmt.Fprintln(c.Stdout, strings.Join(cells(row, columns), " "))
		}
		return
	}
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
	rule := func(left, middle, right string) {
		parts := make([]string, len(width))
		for i, w := range width {
			parts[i] = strings.Repeat("─", w+2)
		}
		fmt.Fprintln(c.Stdout, left+strings.Join(parts, middle)+right)
	}
	rule("┌", "┬", "┐")
	for i, line := range lines {
		if i > 0 {
			rule("├", "┼", "┤")
		}
		padded := make([]string, len(line))
		for k, cell := range line {
			padded[k] = " " + cell + strings.Repeat(" ", width[k]-utf8.RuneCountInString(cell)) + " "
		}
		fmt.Fprintln(c.Stdout, "│"+strings.Join(padded, "│")+"│")
	}
	rule("└", "┴", "┘")
}
