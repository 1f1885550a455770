// Keeps DIFFERENCES.md as the ledger has it:
//
//	go test ./conformance -run Differences -update

package conformance

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/conformance/scripts"
)

func TestDifferencesPageIsUpToDate(t *testing.T) {
	const page = "DIFFERENCES.md"
	var want bytes.Buffer
	require.NoError(t, writeDifferences(&want))
	if *updateIndex {
		require.NoError(t, os.WriteFile(page, want.Bytes(), 0o644))
	}
	got, err := os.ReadFile(page)
	require.NoError(t, err)
	assert.True(t, bytes.Equal(want.Bytes(), got), "%s is out of date: go test ./conformance -run Differences -update", page)
}

func TestDifferencesAreAboutBehavioursThatExist(t *testing.T) {
	for _, d := range differences {
		for _, number := range d.Behaviours {
			assert.NotEmpty(t, sentence(number), number)
		}
		assert.NotEmpty(t, d.Why, d.Rabbet)
	}
	var last Version
	for _, d := range versionDifferences {
		for _, number := range d.Behaviours {
			assert.NotEmpty(t, sentence(number), number)
		}
		assert.LessOrEqual(t, last.Compare(d.Since), 0, "%v is out of order", d.Behaviours)
		last = d.Since
	}
}

// A script that is bound to some versions says that RabbitMQ changed, and so does
// one that asks for the version. The ledger begins with 3.10 and ends with 3.13.
func TestVersionDifferencesAreComplete(t *testing.T) {
	known := func(v Version, numbers []string) bool {
		return v.Compare(scripts.V(3, 10, 0)) <= 0 || v.AtLeast(4, 0, 0) || slices.ContainsFunc(versionDifferences, func(d versionDifference) bool {
			return d.Since == v && (numbers == nil || slices.ContainsFunc(numbers, func(n string) bool { return slices.Contains(d.Behaviours, n) }))
		})
	}
	for _, s := range scripts.All() {
		assert.True(t, known(s.Since, s.Covers), "%s is from %s on: the ledger has no such change of %v", s.Name, s.Since, s.Covers)
		assert.True(t, known(s.Before, s.Covers), "%s is before %s: the ledger has no such change of %v", s.Name, s.Before, s.Covers)
	}
	files, err := os.ReadDir("scripts")
	require.NoError(t, err)
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		text, err := os.ReadFile(filepath.Join("scripts", f.Name()))
		require.NoError(t, err)
		for _, m := range regexp.MustCompile(`Version\(\)\.AtLeast\((\d+), (\d+), (\d+)\)`).FindAllSubmatch(text, -1) {
			v, err := scripts.ParseVersion(string(m[1]) + "." + string(m[2]) + "." + string(m[3]))
			require.NoError(t, err)
			assert.True(t, known(v, nil), "%s asks for %s, in which the ledger has no change", f.Name(), v)
		}
	}
}
