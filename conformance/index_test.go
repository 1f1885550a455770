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
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/conformance/scripts"
)

var updateIndex = flag.Bool("update", false, "write docs/behaviours.md anew")

const indexFile = "../docs/behaviours.md"

const indexIntroduction = `# Behaviours, and the scripts that prove them

What RabbitMQ does is written down as numbered behaviours. The code cites a number
where it does as the behaviour says, and a script in [conformance](../conformance/scripts)
that proves one lists it. What each is about is here, in a sentence of
[behaviours.txt](../conformance/behaviours.txt), and leads to its scripts; their
comments and expectations say the rest. Where there is none it says why.
The baseline is RabbitMQ 3.13; a script that holds in some versions only says so.

The page is generated: ` + "`go test ./conformance -run BehaviourIndex -update`" + `.
`

func TestBehaviourIndexIsUpToDate(t *testing.T) {
	index := behaviourIndex(scripts.All())
	if *updateIndex {
		require.NoError(t, os.WriteFile(indexFile, []byte(index), 0o644))
	}
	got, err := os.ReadFile(indexFile)
	require.NoError(t, err)
	assert.True(t, string(got) == index, "%s is out of date: go test ./conformance -run BehaviourIndex -update", indexFile)
}

// behaviourIndex is the page for these scripts.
func behaviourIndex(scripts []Script) string {
	links := map[string][]string{}
	for _, s := range scripts {
		for _, behaviour := range s.Covers {
			links[behaviour] = append(links[behaviour], scriptLink(s))
		}
	}
	var b strings.Builder
	b.WriteString(indexIntroduction)
	for _, section := range sections() {
		fmt.Fprintf(&b, "\n## %s: %s\n\n| behaviour | | scripts |\n|---|---|---|\n", section.Prefix, section.About)
		for _, behaviour := range section.Behaviours {
			slices.Sort(links[behaviour.ID])
			proof := strings.Join(links[behaviour.ID], ", ")
			if proof == "" {
				proof = whyUnscripted(behaviour)
			}
			fmt.Fprintf(&b, "| %s | %s | %s |\n", behaviour.ID, behaviour.Sentence, proof)
		}
	}
	return b.String()
}

// scriptLink is a script's name, linked to its file, and the versions that it
// is bound to.
func scriptLink(s Script) string {
	run := reflect.ValueOf(s.Run).Pointer()
	file, _ := runtime.FuncForPC(run).FileLine(run)
	link := fmt.Sprintf("[%s](../conformance/scripts/%s)", s.Name, filepath.Base(file))
	if bounds := s.Versions(); bounds != "" {
		link += " " + bounds
	}
	return link
}

func TestBehaviourIndex(t *testing.T) {
	purge, err := Matching("^queue/purge-count$")
	require.NoError(t, err)
	run := purge[0].Run
	index := behaviourIndex([]Script{
		{Name: "queue/purge", Covers: []string{"QUEUE-24", "QUEUE-3", "ERR-1"}, Run: run},
		{Name: "queue/absent", Covers: []string{"QUEUE-24"}, Since: scripts.V(3, 13, 3), Before: scripts.V(4, 0, 0), Run: run},
	})
	link := "[queue/purge](../conformance/scripts/queue_delete.go)"
	assert.Contains(t, index, "\n## ERR: what an error closes, and the text that a client reads\n\n| behaviour | | scripts |\n|---|---|---|\n"+
		"| ERR-1 | "+sentence("ERR-1")+" | "+link+" |\n| ERR-2 | "+sentence("ERR-2")+" |  |\n")
	assert.Contains(t, index, "\n| QUEUE-3 | "+sentence("QUEUE-3")+" | "+link+" |\n")
	assert.Contains(t, index, "| [queue/absent](../conformance/scripts/queue_delete.go) from 3.13.3 before 4.0.0, "+link+" |\n")
}
