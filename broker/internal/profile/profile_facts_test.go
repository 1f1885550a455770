package profile

// The table of docs/profiles.md is what the facts of the profiles say:
//
//	go test ./broker/internal/profile -run ProfilesPage -update

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/queue"
)

var updateProfiles = flag.Bool("update", false, "write the table of docs/profiles.md anew")

const (
	profilesPage = "../../../docs/profiles.md"
	tableBegins  = "<!-- generated: go test ./broker/internal/profile -run ProfilesPage -update -->\n"
	tableEnds    = "<!-- end of what is generated -->\n"
)

func factsTable() string {
	var b strings.Builder
	fmt.Fprintf(&b, "| behaviour | what | %s |\n|---|---|%s\n", strings.Join(profileNames, " | "), strings.Repeat("---|", len(profileNames)))
	kind := reflect.TypeFor[facts]()
	for i := range kind.NumField() {
		field := kind.Field(i)
		fmt.Fprintf(&b, "| %s | %s |", field.Tag.Get("number"), field.Tag.Get("fact"))
		for _, name := range profileNames {
			fmt.Fprintf(&b, " %s |", factText(reflect.ValueOf(profiles[name].facts).Field(i)))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func factText(v reflect.Value) string {
	switch {
	case v.Kind() == reflect.Bool && v.Bool():
		return "yes"
	case v.Kind() == reflect.Bool:
		return "no"
	case v.Type() == reflect.TypeFor[queue.QuorumPriority]():
		return queue.QuorumPriority(v.Uint()).String()
	}
	return fmt.Sprint(v)
}

func TestProfilesPage(t *testing.T) {
	page, err := os.ReadFile(profilesPage)
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(page), tableBegins)
	require.True(t, ok, "the page has lost the line where the table begins")
	_, after, ok := strings.Cut(rest, tableEnds)
	require.True(t, ok, "the page has lost the line where the table ends")
	want := before + tableBegins + "\n" + factsTable() + "\n" + tableEnds + after
	if *updateProfiles {
		require.NoError(t, os.WriteFile(profilesPage, []byte(want), 0o644))
		return
	}
	assert.True(t, string(page) == want, "%s is out of date: go test ./broker -run ProfilesPage -update", profilesPage)
}

// Every fact cites its numbers, says what it is, and tells profiles apart.
func TestFactsAreNamed(t *testing.T) {
	numbers := regexp.MustCompile(`^[A-Z]+-[0-9]+(, [A-Z]+-[0-9]+)*$`)
	kind := reflect.TypeFor[facts]()
	require.Len(t, profiles, len(profileNames))
	for i := range kind.NumField() {
		field := kind.Field(i)
		assert.Regexp(t, numbers, field.Tag.Get("number"), field.Name)
		assert.NotEmpty(t, field.Tag.Get("fact"), field.Name)
		values := map[string]bool{}
		for _, name := range profileNames {
			values[fmt.Sprint(reflect.ValueOf(profiles[name].facts).Field(i))] = true
		}
		assert.Greater(t, len(values), 1, "%s is the same in all profiles", field.Name)
	}
}
