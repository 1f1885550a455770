package api_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A recording is what a broker answered: the facts of each request, by its line.
type recording map[string]facts

func recordingFile(version string) string { return "testdata/rabbitmq-" + version + ".txt" }

// readRecording reads what RabbitMQ of a version answered; nil if nobody has asked it.
func readRecording(t *testing.T, version string) recording {
	text, err := os.ReadFile(recordingFile(version))
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(t, err)
	r := recording{}
	var at facts
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if fact, found := strings.CutPrefix(line, "  "); found {
			at.read(fact)
			continue
		}
		at = facts{}
		r[line] = at
	}
	return r
}

// write keeps a recording, in the order of the walk.
func (r recording) write(t *testing.T, version string, order []string) {
	var b strings.Builder
	for _, line := range order {
		fmt.Fprintln(&b, line)
		b.WriteString(r[line].lines())
	}
	require.NoError(t, os.WriteFile(recordingFile(version), []byte(b.String()), 0o644))
}

// A difference is a line of differences.txt:
//
//	VERSIONS | REQUESTS | FACTS | WHY
//
// VERSIONS are beginnings of RabbitMQ's versions with blanks between them, or *; ~ is for
// what no two runs have in common. In REQUESTS and FACTS a * stands for anything.
type difference struct {
	text            string
	versions        []string
	requests, facts string
	used            map[string]bool // by version
}

func readDifferences(t *testing.T) []*difference {
	text, err := os.ReadFile("testdata/differences.txt")
	require.NoError(t, err)
	var all []*difference
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		parts := strings.Split(line, " | ")
		require.Len(t, parts, 4, "%s", line)
		all = append(all, &difference{line, strings.Fields(parts[0]), parts[1], parts[2], map[string]bool{}})
	}
	return all
}

// unsteady leaves out of facts that differ what no two runs have in common.
func unsteady(known []*difference, line string, facts []string) []string {
	return slices.DeleteFunc(facts, func(fact string) bool {
		return slices.ContainsFunc(known, func(d *difference) bool {
			return d.versions[0] == "~" && glob(d.requests, line) && glob(d.facts, fact)
		})
	})
}

func (d *difference) isOf(version string) bool {
	for _, v := range d.versions {
		if v == "*" || strings.HasPrefix(version, v) {
			return true
		}
	}
	return false
}

// covers reports whether the difference is the one of a fact.
func (d *difference) covers(version, line, fact string) bool {
	return d.isOf(version) && glob(d.requests, line) && glob(d.facts, fact)
}

// glob reports whether a text has the form of a pattern, in which * stands for anything.
func glob(pattern, text string) bool {
	first, rest, found := strings.Cut(pattern, "*")
	if !found {
		return pattern == text
	}
	text, found = strings.CutPrefix(text, first)
	if !found {
		return false
	}
	for i := range len(text) + 1 {
		if glob(rest, text[i:]) {
			return true
		}
	}
	return false
}
