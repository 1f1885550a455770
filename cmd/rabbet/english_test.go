package main_test

// English that a maintainer reads once: phrases that stop a reader are not used in the
// rooms that are held to it. A room joins the list when it is free of them.

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// plainRooms are the directories, with those below them, and the pages that are held to
// plain English.
var plainRooms = []string{
	"amqp", "delay", "exchange", "queue", "store", "conformance", "broker", "cmd/rabbet",
	"docs/testing.md", "docs/test-control.md", "docs/delayed.md", "docs/conformance.md", "docs/management-ui.md",
}

// phrases are what is not written, and what is written instead.
var phrases = []struct{ pattern, instead string }{
	{`This (file|page|package) (is|holds|has|keeps|makes|shows|says|does)\b`, "nothing, or why the file is there"},
	{`\b(tells?|says?|told) whether\b`, "reports whether"},
	{`(?i)\bwhoever\b`, "who it is: a client that, the goroutine that"},
	{`\bwhat (came|comes|has come|becomes|became) of\b`, "the outcome of"},
	{`\bin (its|the|their) hands?\b`, "what somebody has or is given"},
	{`\bbe rid of\b`, "drop, remove"},
	{`\bwithout a word\b`, "silently"},
	{`\bhas not got\b`, "lacks, does not have"},
	{`\bit is as if\b`, "as if"},
	{`\bwaits? no longer\b`, "what happens then"},
	{`\btold no\b`, "nacked, refused"},
	{`[^\s/].*// ?\(?[A-Z]+-[0-9]+((,| and| to|, and) [A-Z]+-[0-9]+)*\)?\.?$`, "the number with its phrase: QUEUE-4: durable differs"},
}

// privateWords are names that said something else than RabbitMQ's words do, and what is
// written instead. They are gone from all Go files.
var privateWords = []struct{ pattern, instead string }{
	{`\bneedless\(`, "droppable"},
	{`(?i)\bpostpones?\(`, "delaysAt, delay"},
	{`\btype way\b`, "routing"},
	{`\bsettleEffects\b`, "performEffects"},
	{`\bopSettle\b`, "opRemove"},
	{`\b(isFetched|fetched\()`, "isFromGet, forgetGets"},
	{`(?i)\bbreathe\(`, "throttle"},
	{`\b(obeys?|spoiled|deaf)\(`, "the name of the fault"},
	{`\b(publish|deliver|confirm|answer)Asked\b`, "Tapped"},
	{`\.tapped [!=]= nil`, "a method of the interceptor, which knows what to do without a Tap"},
}

func TestPlainEnglish(t *testing.T) {
	for _, room := range plainRooms {
		eachText(t, room, func(path, text string) {
			for _, found := range unplain(text) {
				assert.Fail(t, "hard to read", "%s:%s", path, found)
			}
		})
	}
}

func TestPrivateWordsAreGone(t *testing.T) {
	for _, room := range []string{"amqp", "broker", "cmd", "conformance", "delay", "exchange", "queue", "store"} {
		eachText(t, room, func(path, text string) {
			for _, w := range privateWords {
				if filepath.Ext(path) == ".go" && regexp.MustCompile(w.pattern).MatchString(text) {
					assert.Fail(t, "a private word", "%s: %s: write %s", path, w.pattern, w.instead)
				}
			}
		})
	}
}

// toolWords are the same in those rooms whose verbs meant something else than a broker's do.
var toolWords = []struct{ pattern, instead string }{
	{`func \([^)]*\) settled?\(`, "confirm, awaitConfirms, passConfirms"},
	{`func \([^)]*\) hold\(`, "watchIdle"},
	{`func \(r \*router\) find\(`, "match"},
	{`func \(\w+ \*(job|session)\) count\(`, "countReady, countMoved"},
}

func TestToolsHaveNoPrivateWords(t *testing.T) {
	for _, room := range []string{"broker/management", "broker/shovel", "cmd/rabbet/internal/perf", "cmd/rabbet/internal/graduate"} {
		eachText(t, room, func(path, text string) {
			for _, w := range toolWords {
				if filepath.Ext(path) == ".go" && regexp.MustCompile(w.pattern).MatchString(text) {
					assert.Fail(t, "a private word", "%s: %s: write %s", path, w.pattern, w.instead)
				}
			}
		})
	}
}

// eachText visits the texts of a room but for this file, which has the lists.
func eachText(t *testing.T, room string, visit func(path, text string)) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(root, room), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "english_test.go" || !slices.Contains([]string{".go", ".md", ".txt"}, filepath.Ext(path)) {
			return err
		}
		text, err := os.ReadFile(path)
		visit(below(path), string(text))
		return err
	})
	require.NoError(t, err)
}

// unplain finds the phrases in a text, as line and advice.
func unplain(text string) (found []string) {
	for _, p := range phrases {
		for _, at := range regexp.MustCompile("(?m)"+p.pattern).FindAllStringIndex(text, -1) {
			line := 1 + strings.Count(text[:at[0]], "\n")
			found = append(found, strconv.Itoa(line)+": "+strconv.Quote(strings.TrimSpace(text[at[0]:at[1]]))+": write "+p.instead)
		}
	}
	return found
}

func TestPhrasesAreFound(t *testing.T) {
	for text, n := range map[string]int{
		"// This file is the queue.":                    1,
		"// empty tells whether it is":                  1,
		"	return err // QUEUE-4":                        1,
		"	return err // QUEUE-4: durable differs":       0,
		"// what a client sends (QUEUE-4, QUEUE-5).":    0,
		"// Whoever comes may be rid of it in its hand": 3,
		"// empty reports whether the queue is empty":   0,
	} {
		assert.Len(t, unplain(text), n, text)
	}
}
