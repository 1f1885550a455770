package doccheck

import (
	"regexp"
	"slices"
)

var (
	// figure is what a machine has measured, by its unit.
	figure = regexp.MustCompile(`\d ?(/s\b|[nµ]s\b|a second\b)`)
	// printer is a command that prints figures.
	printer = regexp.MustCompile(`(^|\n)(make bench|\.ci/bench|go test .*-(bench|run)\b|(\./)?rabbet perf\b)`)
)

// Figures checks that a section with measured figures names the command that prints them.
// That the command exists is for Commands to check.
func Figures(pages []*Page) (problems []Problem) {
	for _, p := range pages {
		for _, s := range p.Sections {
			if slices.ContainsFunc(s.Code, printer.MatchString) || slices.Contains(s.Notes, "not measured") {
				continue
			}
			for _, line := range s.Prose {
				if found := figure.FindString(line.Text); found != "" {
					problems = append(problems, p.problem(line.Line, "no command in this section prints the figure in %q", line.Text))
				}
			}
		}
	}
	return problems
}
