// Reports for CI systems: JUnit's XML.

package conformance

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"
)

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Skipped  int          `xml:"skipped,attr"`
	Time     string       `xml:"time,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name      string      `xml:"name,attr"`
	Tests     int         `xml:"tests,attr"`
	Failures  int         `xml:"failures,attr"`
	Errors    int         `xml:"errors,attr"`
	Skipped   int         `xml:"skipped,attr"`
	Time      string      `xml:"time,attr"`
	Timestamp string      `xml:"timestamp,attr"`
	Cases     []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitMessage `xml:"failure"`
	Skipped *junitMessage `xml:"skipped"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// WriteJUnit writes the report as JUnit's XML: a suite for each section of script
// names, a case for each script.
func (r *Report) WriteJUnit(w io.Writer) error {
	n := r.Count()
	all := junitSuites{
		Name: r.Name, Tests: len(r.Scripts), Failures: n[Differed], Skipped: n[NotOffered] + n[Inapplicable],
		Time: seconds(r.Elapsed),
	}
	index := map[string]int{}
	elapsed := map[string]time.Duration{}
	for _, s := range r.Scripts {
		section, name, _ := strings.Cut(s.Name, "/")
		i, there := index[section]
		if !there {
			i = len(all.Suites)
			index[section] = i
			all.Suites = append(all.Suites, junitSuite{Name: section, Timestamp: r.Began.UTC().Format("2006-01-02T15:04:05")})
		}
		suite := &all.Suites[i]
		c := junitCase{Class: "conformance." + section, Name: name + " (" + strings.Join(s.Covers, ", ") + ")", Time: seconds(s.Elapsed)}
		suite.Tests++
		switch s.Outcome {
		case Differed:
			suite.Failures++
			c.Failure = &junitMessage{strings.Join(s.Differences, "\n"), s.text()}
		case NotOffered, Inapplicable:
			suite.Skipped++
			c.Skipped = &junitMessage{Message: s.Outcome.String() + ": " + s.Reason}
		}
		elapsed[section] += s.Elapsed
		suite.Time = seconds(elapsed[section])
		suite.Cases = append(suite.Cases, c)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	out := xml.NewEncoder(w)
	out.Indent("", "  ")
	if err := out.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
