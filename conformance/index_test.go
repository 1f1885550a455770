// Keeps docs/behaviours.md, the index from behaviours to the scripts that prove
// them, as the scripts have it:
//
//	go test ./conformance -run BehaviourIndex -update

package conformance

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var updateIndex = flag.Bool("update", false, "write docs/behaviours.md anew")

const indexFile = "../docs/behaviours.md"

const indexIntroduction = `# Behaviours, and the scripts that prove them

What RabbitMQ does is written down as numbered behaviours. The code cites a number
where it does as the behaviour says, and a script in [conformance](../conformance)
that proves one lists it. This page leads from a number to its scripts; their
comments and expectations say what the behaviour is. A number that no script
covers is not here. The baseline is RabbitMQ 3.13; a script that holds in some
versions only says so.

This page is generated: ` + "`go test ./conformance -run BehaviourIndex -update`" + `.
`

// indexSections are the prefixes of numbers, in order.
var indexSections = []struct{ prefix, about string }{
	{"ERR", "what an error closes, and the text that a client reads"},
	{"CONN", "connections, channels, frames, heartbeats, resource alarms"},
	{"EXCH", "exchanges, bindings and routing"},
	{"QUEUE", "queues: declaring, arguments, expiry, limits, dead letters, priorities"},
	{"BASIC", "publishing, confirms, consuming, acknowledging, transactions, direct reply-to"},
	{"PERSIST", "what survives a restart, and definitions"},
	{"PERM", "permissions"},
	{"POLICY", "policies and operator policies"},
	{"LIMIT", "limits of virtual hosts, users and sizes"},
	{"TYPES", "field tables"},
}

func TestBehaviourIndexIsUpToDate(t *testing.T) {
	index := behaviourIndex(All())
	if *updateIndex {
		require.NoError(t, os.WriteFile(indexFile, []byte(index), 0o644))
	}
	got, err := os.ReadFile(indexFile)
	require.NoError(t, err)
	assert.True(t, string(got) == index, "%s is out of date: go test ./conformance -run BehaviourIndex -update", indexFile)
}

// behaviourIndex is the page for these scripts.
func behaviourIndex(scripts []Script) string {
	byPrefix := map[string]map[int][]string{}
	for _, s := range scripts {
		for _, behaviour := range s.Covers {
			prefix, number, _ := strings.Cut(behaviour, "-")
			n, _ := strconv.Atoi(number) // TestScriptsAreWellFormed checks the form
			if byPrefix[prefix] == nil {
				byPrefix[prefix] = map[int][]string{}
			}
			byPrefix[prefix][n] = append(byPrefix[prefix][n], scriptLink(s))
		}
	}
	var b strings.Builder
	b.WriteString(indexIntroduction)
	for _, section := range indexSections {
		numbers := byPrefix[section.prefix]
		if len(numbers) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n## %s: %s\n\n| behaviour | scripts |\n|---|---|\n", section.prefix, section.about)
		for n := range largest(numbers) + 1 {
			if links := numbers[n]; len(links) > 0 {
				slices.Sort(links)
				fmt.Fprintf(&b, "| %s-%d | %s |\n", section.prefix, n, strings.Join(links, ", "))
			}
		}
	}
	return b.String()
}

func largest(numbers map[int][]string) int {
	n := 0
	for k := range numbers {
		n = max(n, k)
	}
	return n
}

// scriptLink is a script's name, linked to its file, and the versions that it
// is bound to.
func scriptLink(s Script) string {
	run := reflect.ValueOf(s.Run).Pointer()
	file, _ := runtime.FuncForPC(run).FileLine(run)
	link := fmt.Sprintf("[%s](../conformance/%s)", s.Name, filepath.Base(file))
	if (s.Since != Version{}) {
		link += " from " + s.Since.String()
	}
	if (s.Before != Version{}) {
		link += " before " + s.Before.String()
	}
	return link
}

func TestBehaviourIndex(t *testing.T) {
	index := behaviourIndex([]Script{
		{Name: "queue/purge", Covers: []string{"QUEUE-24", "QUEUE-3", "ERR-1"}, Run: queuePurgeCount},
		{Name: "queue/absent", Covers: []string{"QUEUE-24"}, Since: V(3, 13, 3), Before: V(4, 0, 0), Run: queuePurgeCount},
	})
	purge := "[queue/purge](../conformance/queue_delete.go)"
	_, body, _ := strings.Cut(index, "-update`.\n")
	assert.Equal(t, `
## ERR: what an error closes, and the text that a client reads

| behaviour | scripts |
|---|---|
| ERR-1 | `+purge+` |

## QUEUE: queues: declaring, arguments, expiry, limits, dead letters, priorities

| behaviour | scripts |
|---|---|
| QUEUE-3 | `+purge+` |
| QUEUE-24 | [queue/absent](../conformance/queue_delete.go) from 3.13.3 before 4.0.0, `+purge+` |
`, body)
}

// Every behaviour that a script covers has a section, or it would be lost.
func TestBehaviourIndexLosesNothing(t *testing.T) {
	for _, s := range All() {
		for _, behaviour := range s.Covers {
			prefix, _, _ := strings.Cut(behaviour, "-")
			assert.True(t, slices.ContainsFunc(indexSections, func(x struct{ prefix, about string }) bool {
				return x.prefix == prefix
			}), "%s: %s", s.Name, behaviour)
		}
	}
}
