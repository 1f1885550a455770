package lint

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
)

// Formats are the names of the formats that Write knows.
var Formats = []string{"text", "json", "junit"}

// Write writes findings in a format; fail is the level from which on a finding is a
// failure.
func Write(w io.Writer, format, target string, list []Finding, fail Level) error {
	switch format {
	case "text":
		return writeText(w, target, list)
	case "json":
		if list == nil {
			list = []Finding{}
		}
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(struct {
			Target   string        `json:"target"`
			Counts   map[Level]int `json:"counts"`
			Findings []Finding     `json:"findings"`
		}{target, Count(list), list})
	case "junit":
		return writeJUnit(w, target, list, fail)
	}
	return fmt.Errorf("there is no format %q", format)
}

func writeText(w io.Writer, target string, list []Finding) error {
	for i := range list {
		f := &list[i]
		if _, err := fmt.Fprintf(w, "%-8s %s  [%s]\n         %s\n         do: %s\n", f.Level, f.Object(), f.Rule, f.Text, f.Advice); err != nil {
			return err
		}
	}
	n := Count(list)
	_, err := fmt.Fprintf(w, "RabbitMQ %s: refused %d, needs %d, changed %d, notes %d\n", target, n[Refused], n[Needs], n[Changed], n[Note])
	return err
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Failure *junitFailure `xml:"failure,omitempty"`
	Output  string        `xml:"system-out,omitempty"`
}

type junitFailure struct {
	Type    string `xml:"type,attr"`
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// writeJUnit writes a test case for each finding, and one that passes if there is none.
func writeJUnit(w io.Writer, target string, list []Finding, fail Level) error {
	suite := struct {
		XMLName  xml.Name    `xml:"testsuite"`
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Cases    []junitCase `xml:"testcase"`
	}{Name: "rabbet graduate lint, RabbitMQ " + target}
	for i := range list {
		f := &list[i]
		c := junitCase{Class: "graduate.lint." + f.Kind, Name: f.Rule + " " + f.Object()}
		if f.Level.AtLeast(fail) {
			suite.Failures++
			c.Failure = &junitFailure{string(f.Level), f.Text, f.Advice}
		} else {
			c.Output = f.Text + "; " + f.Advice
		}
		suite.Cases = append(suite.Cases, c)
	}
	if len(list) == 0 {
		suite.Cases = []junitCase{{Class: "graduate.lint", Name: "all is taken and means the same"}}
	}
	suite.Tests = len(suite.Cases)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(suite); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}
