// The matrix: several reports side by side, as Markdown.

package conformance

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

const matrixLegend = `A behaviour holds (✓) if all scripts that cover it hold, as far as they apply, and
differs (✗) if one does not. A dash stands for what the broker lacks, or for
what the run had no means to look into, a dot for what is not so in the version that
the broker was judged as. Behaviours that no script covers are not in the table.
`

// marks are how a matrix shows outcomes.
var marks = map[Outcome]string{Held: "✓", Differed: "✗", NotOffered: "–", Inapplicable: "·"}

// WriteMatrix writes reports side by side: how many behaviours hold by section,
// then each behaviour that a script covers.
func WriteMatrix(w io.Writer, reports ...*Report) error {
	out := bufio.NewWriter(w)
	fmt.Fprint(out, "| |")
	for _, r := range reports {
		fmt.Fprintf(out, " %s |", cell(r.Name))
	}
	rule := strings.Repeat("---|", len(reports)+1)
	fmt.Fprintf(out, "\n|%s\n| judged as RabbitMQ |", rule)
	tallies := make([][]tally, len(reports))
	verdicts := make([]map[string]Outcome, len(reports))
	for i, r := range reports {
		fmt.Fprintf(out, " %s |", r.Profile)
		tallies[i], verdicts[i] = r.tallies(), r.Verdicts()
	}
	fmt.Fprint(out, "\n| scripts that hold, of those that apply |")
	for _, r := range reports {
		n := r.Count()
		fmt.Fprintf(out, " %d of %d |", n[Held], n[Held]+n[Differed])
	}
	for s, section := range sections() {
		fmt.Fprintf(out, "\n| %s: %s |", section.Prefix, section.About)
		for i := range reports {
			t := tallies[i][s]
			fmt.Fprintf(out, " %d of %d |", t.By[Held], t.Applicable)
		}
	}
	fmt.Fprintf(out, "\n\n%s", matrixLegend)
	for _, section := range sections() {
		writeMatrixSection(out, section, reports, verdicts)
	}
	return out.Flush()
}

func writeMatrixSection(out *bufio.Writer, section section, reports []*Report, verdicts []map[string]Outcome) {
	begun := false
	for _, b := range section.Behaviours {
		row, covered := "", false
		for i := range reports {
			v, there := verdicts[i][b.ID]
			covered = covered || there
			mark := ""
			if there {
				mark = marks[v]
			}
			row += " " + mark + " |"
		}
		if !covered {
			continue
		}
		if !begun {
			begun = true
			fmt.Fprintf(out, "\n## %s\n\n| | |", section.Prefix)
			for _, r := range reports {
				fmt.Fprintf(out, " %s |", cell(r.Name))
			}
			fmt.Fprintf(out, "\n|%s\n", strings.Repeat("---|", len(reports)+2))
		}
		fmt.Fprintf(out, "| %s | %s |%s\n", b.ID, b.Sentence, row)
	}
}
