// Runs every script against the broker at -url, or against Rabbet in process.

package conformance

import (
	"flag"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/rabbetmq/rabbet/store"
)

var brokerURL = flag.String("url", "", "AMQP URL of the broker to judge, such as amqp://guest:guest@127.0.0.1:5672/; Rabbet in process if empty")

func TestMain(m *testing.M) {
	// Most scripts wait more than they work; -parallel overrides this.
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

func TestConformance(t *testing.T) {
	if *brokerURL != "" {
		judge(t, *brokerURL)
		return
	}
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		judge(t, startInProcess(t, nil))
	})
	t.Run("durable", func(t *testing.T) {
		t.Parallel()
		st, err := store.Open(t.TempDir(), store.Options{Sync: store.SyncNone})
		require.NoError(t, err)
		judge(t, startInProcess(t, st))
	})
}

// judge runs every script against the broker at a URL.
func judge(t *testing.T, url string) {
	runner, err := Connect(t.Context(), url, Options{})
	require.NoError(t, err)
	t.Logf("%s %s", runner.Product(), runner.Version())
	t.Run("all", func(t *testing.T) {
		for _, script := range All() {
			t.Run(script.Name, func(t *testing.T) {
				t.Parallel()
				result := runner.Run(t.Context(), script)
				for _, failure := range result.Failures {
					if result.Outcome != Differed {
						t.Skipf("%s: %s", result.Outcome, failure)
					}
					t.Errorf("%v: %s", script.Covers, failure)
				}
			})
		}
	})
}

func TestScriptsAreWellFormed(t *testing.T) {
	name := regexp.MustCompile(`^[a-z]+/[a-z0-9-]+$`)
	number := regexp.MustCompile(`^(ERR|CONN|EXCH|QUEUE|BASIC|PERSIST|PERM|POLICY|LIMIT|TYPES)-[1-9][0-9]*$`)
	seen := map[string]bool{}
	for _, s := range All() {
		assert.Regexp(t, name, s.Name)
		assert.False(t, seen[s.Name], "%s is there twice", s.Name)
		seen[s.Name] = true
		assert.NotEmpty(t, s.Covers, s.Name)
		for _, c := range s.Covers {
			assert.Regexp(t, number, c, s.Name)
		}
		assert.NotNil(t, s.Run, s.Name)
	}
}
