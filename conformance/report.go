// Reports: the outcome of a run, as plain data. Its JSON form is stable; fields may be
// added to it, and a change of what is there raises Format.

package conformance

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// reportFormat is the number of the JSON form.
const reportFormat = 1

// Report is the outcome of a run.
type Report struct {
	// Format is the number of the JSON form, 1.
	Format int `json:"format"`
	// Name is what to call the broker beside others; by default its product and
	// version.
	Name string `json:"name"`
	// Product and Version are what the broker says it is, Profile is the version
	// of RabbitMQ that it was judged as.
	Product string `json:"product"`
	Version string `json:"version"`
	Profile string `json:"profile"`
	// URL is the broker's, without user and password.
	URL     string         `json:"url"`
	Began   time.Time      `json:"began"`
	Elapsed time.Duration  `json:"elapsed_ns"`
	Scripts []ScriptReport `json:"scripts"`
}

// ScriptReport is the outcome of one script.
type ScriptReport struct {
	Name   string   `json:"name"`
	Covers []string `json:"covers"`
	// Outcome is "held", "differed", "not offered" or "inapplicable".
	Outcome Outcome `json:"outcome"`
	// Reason says why a script is not offered or inapplicable.
	Reason string `json:"reason,omitempty"`
	// Differences says what was expected and what came, and Trace what was said
	// on the script's connections.
	Differences []string      `json:"differences,omitempty"`
	Trace       []TraceLine   `json:"trace,omitempty"`
	Elapsed     time.Duration `json:"elapsed_ns"`
}

func (r *Runner) newReport(began time.Time) *Report {
	return &Report{
		Format: reportFormat, Name: r.Product() + " " + r.Stated().String(),
		Product: r.Product(), Version: r.Stated().String(), Profile: r.Version().String(),
		URL: r.Location(), Began: began, Elapsed: r.clock.Now().Sub(began),
	}
}

func newScriptReport(r Result) ScriptReport {
	s := ScriptReport{Name: r.Script.Name, Covers: r.Script.Covers, Outcome: r.Outcome, Elapsed: r.Elapsed, Trace: r.Trace}
	switch r.Outcome {
	case Differed:
		s.Differences = r.Failures
	case NotOffered, Inapplicable:
		s.Reason = strings.Join(r.Failures, "; ")
	}
	return s
}

// WriteJSON writes the report as JSON.
func (r *Report) WriteJSON(w io.Writer) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(r)
}

// ReadReport reads what WriteJSON has written.
func ReadReport(in io.Reader) (*Report, error) {
	var r Report
	if err := json.NewDecoder(in).Decode(&r); err != nil {
		return nil, fmt.Errorf("conformance: no report: %w", err)
	}
	if r.Format != reportFormat {
		return nil, fmt.Errorf("conformance: the report has format %d, not %d", r.Format, reportFormat)
	}
	return &r, nil
}

// tally is how many behaviours of a section came to what.
type tally struct {
	Section    section
	By         Counts // by Outcome
	NoScript   int    // behaviours that no script of the report covers
	Applicable int    // those that held or differed
}

// tallies counts behaviours section by section.
func (r *Report) tallies() []tally {
	verdicts := r.Verdicts()
	var tallies []tally
	for _, section := range sections() {
		t := tally{Section: section}
		for _, b := range section.Behaviours {
			if v, ok := verdicts[b.ID]; ok {
				t.By[v]++
			} else {
				t.NoScript++
			}
		}
		t.Applicable = t.By[Held] + t.By[Differed]
		tallies = append(tallies, t)
	}
	return tallies
}

// differing are the scripts that differed.
func (r *Report) differing() []ScriptReport { return r.only(Differed) }

func (r *Report) only(o Outcome) []ScriptReport {
	var scripts []ScriptReport
	for _, s := range r.Scripts {
		if s.Outcome == o {
			scripts = append(scripts, s)
		}
	}
	return scripts
}
