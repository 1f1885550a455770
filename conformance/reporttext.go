// Reports for people: as text, and as Markdown.

package conformance

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// WriteText writes the report as text: the differences in full, what was not
// offered, and a summary at the end, where a terminal shows it.
func (r *Report) WriteText(w io.Writer) error {
	out := bufio.NewWriter(w)
	for _, s := range r.differing() {
		fmt.Fprintf(out, "%s\n\n", s.text())
	}
	for _, o := range []Outcome{NotOffered, Inapplicable} {
		if scripts := r.only(o); len(scripts) > 0 {
			fmt.Fprintf(out, "%s:\n", strings.ToUpper(o.String()))
			for _, s := range scripts {
				fmt.Fprintf(out, "  %s (%s): %s\n", s.Name, strings.Join(s.Covers, ", "), s.Reason)
			}
			fmt.Fprintln(out)
		}
	}
	r.writeSummary(out)
	return out.Flush()
}

// WriteSummary writes how many behaviours of each section hold, and how many
// scripts.
func (r *Report) WriteSummary(w io.Writer) error {
	out := bufio.NewWriter(w)
	r.writeSummary(out)
	return out.Flush()
}

func (r *Report) writeSummary(out *bufio.Writer) {
	fmt.Fprintf(out, "%s at %s, which says that it is %s %s, judged as RabbitMQ %s\n\n", r.Name, r.URL, r.Product, r.Version, r.Profile)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "behaviours\thold\tdiffer\tnot offered\tother versions\tno script\t")
	var all tally
	for _, t := range r.tallies() {
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%d\t\n", t.Section.Prefix, t.By[Held], t.By[Differed], t.By[NotOffered], t.By[Inapplicable], t.NoScript)
		for o, n := range t.By {
			all.By[o] += n
		}
		all.NoScript += t.NoScript
	}
	fmt.Fprintf(table, "all\t%d\t%d\t%d\t%d\t%d\t\n", all.By[Held], all.By[Differed], all.By[NotOffered], all.By[Inapplicable], all.NoScript)
	table.Flush()
	n := r.Count()
	fmt.Fprintf(out, "\n%d scripts in %v: %d held, %d differed, %d not offered, %d for other versions\n",
		len(r.Scripts), r.Elapsed.Round(time.Millisecond), n[Held], n[Differed], n[NotOffered], n[Inapplicable])
}

// text is all that is known of a script that differed.
func (s ScriptReport) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "DIFFERS: %s\n", s.Name)
	for _, number := range s.Covers {
		fmt.Fprintf(&b, "  %s: %s\n", number, sentence(number))
	}
	for _, d := range s.Differences {
		fmt.Fprintf(&b, "  - %s\n", strings.ReplaceAll(d, "\n", "\n    "))
	}
	if len(s.Trace) > 0 {
		fmt.Fprintf(&b, "  What was said, -> by the script, <- by the broker, on which connection:\n")
		for _, l := range s.Trace {
			fmt.Fprintf(&b, "   %s\n", strings.ReplaceAll(l.String(), "\n", "\n   "))
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// WriteMarkdown writes the report as Markdown.
func (r *Report) WriteMarkdown(w io.Writer) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "# Conformance of %s\n\nIt says that it is %s %s, and was judged as RabbitMQ %s.\n\n", r.Name, r.Product, r.Version, r.Profile)
	fmt.Fprint(out, "| behaviours | hold | differ | not offered | other versions | no script |\n|---|---:|---:|---:|---:|---:|\n")
	for _, t := range r.tallies() {
		fmt.Fprintf(out, "| %s: %s | %d | %d | %d | %d | %d |\n", t.Section.Prefix, t.Section.About,
			t.By[Held], t.By[Differed], t.By[NotOffered], t.By[Inapplicable], t.NoScript)
	}
	n := r.Count()
	fmt.Fprintf(out, "\nOf %d scripts %d held, %d differed, %d are about what is not offered, %d are for other versions.\n",
		len(r.Scripts), n[Held], n[Differed], n[NotOffered], n[Inapplicable])
	for _, s := range r.differing() {
		fmt.Fprintf(out, "\n## %s\n\n", s.Name)
		for _, number := range s.Covers {
			fmt.Fprintf(out, "- %s: %s\n", number, sentence(number))
		}
		fmt.Fprintf(out, "\n```text\n%s\n", fenced(strings.Join(s.Differences, "\n")))
		for _, l := range s.Trace {
			fmt.Fprintln(out, fenced(l.String()))
		}
		fmt.Fprint(out, "```\n")
	}
	for _, o := range []Outcome{NotOffered, Inapplicable} {
		if scripts := r.only(o); len(scripts) > 0 {
			fmt.Fprintf(out, "\n## %s\n\n| script | behaviours | reason |\n|---|---|---|\n", strings.ToUpper(o.String()[:1])+o.String()[1:])
			for _, s := range scripts {
				fmt.Fprintf(out, "| %s | %s | %s |\n", s.Name, strings.Join(s.Covers, ", "), cell(s.Reason))
			}
		}
	}
	return out.Flush()
}

// fenced is text that cannot end a block of code.
func fenced(text string) string { return strings.ReplaceAll(text, "```", "'''") }

// cell is text that cannot end a cell of a table.
func cell(text string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ").Replace(text)
}
