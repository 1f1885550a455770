// The behaviours that no script proves, and why: none is left out silently.

package conformance

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/conformance/scripts"
)

// Why there is no script.
const (
	needsConfig = "depends on the broker's configuration, which a script cannot change"
	needsTwo    = "of a plugin, and needs a second broker; what RabbitMQ 3.10.8 said is in broker/shovel/testdata, tested in broker/shovel"
	internal    = "cannot be told from outside"
)

// unscripted says why a behaviour has no script.
var unscripted = map[string]string{
	"CONN-18":     "needs an address that is not loopback; tested in broker",
	"CONN-24":     needsConfig,
	"CONN-30":     "needs a virtual host that has failed",
	"CONN-42":     needsConfig + "; tested in amqp",
	"CONN-73":     "about the management API; tested in broker/management",
	"CONN-82":     internal,
	"EXCH-41":     "a quirk of one version",
	"EXCH-56":     "about the management API; tested in broker",
	"QUEUE-14":    "needs a default queue type of a virtual host; tested in broker",
	"QUEUE-44":    "source and documentation disagree",
	"QUEUE-57":    "a race that the broker may win or lose",
	"QUEUE-80":    "the order of fields that nobody is to rely on; tested in broker",
	"BASIC-41":    "a defect: whether the queue goes on is up to what happens next",
	"BASIC-49":    needsConfig,
	"BASIC-80":    "what is not checked: permission/read would say so if it were",
	"BASIC-88":    "whether the commit is still pending is a matter of time; Rabbet lets what follows wait",
	"EXCH-63":     "a matter of what is installed",
	"STREAM-35":   "needs half an hour, or a configuration; the same clock as that of other queues",
	"STREAM-38":   "about the management API; tested in broker/management",
	"STREAM-39":   "about definitions; tested in broker",
	"DEDUP-8":     "about the management API; tested in broker/management",
	"LOGX-2":      needsConfig,
	"LOGX-6":      needsConfig + "; tested in broker",
	"LOGX-8":      needsConfig,
	"LOGX-9":      needsConfig,
	"LOGX-10":     needsConfig,
	"DLXALO-7":    "about the management API; tested in broker/management",
	"DLXALO-11":   "what is in the log is no client's to see; tested in broker",
	"DLXALO-15":   "RabbitMQ counts it for ever; tested in broker",
	"DLXALO-21":   "takes three minutes; tested in broker",
	"DLXALO-22":   "about Prometheus; tested in broker/management/metrics",
	"AUTHHTTP-21": "no backend here can be missing: what is not built in is refused at the start",
	"RETRY-16":    "what two policies make of each other is not shown; tested in broker",
	"RETRY-18":    "nothing to ask for",
}

// httpBackend are the packages that test the HTTP backend, by the number in AUTHHTTP.
var httpBackend = map[int]string{
	1: "cmd/rabbet/internal/settings", 2: "cmd/rabbet/internal/settings", 3: "cmd/rabbet/internal/authhttp",
	4: "cmd/rabbet/internal/authhttp", 5: "cmd/rabbet", 6: "cmd/rabbet/internal/authhttp", 7: "cmd/rabbet/internal/authhttp",
	8: "cmd/rabbet", 9: "cmd/rabbet", 10: "cmd/rabbet", 11: "cmd/rabbet", 12: "cmd/rabbet", 13: "cmd/rabbet", 14: "cmd/rabbet",
	15: "cmd/rabbet", 16: "cmd/rabbet", 17: "cmd/rabbet", 18: "cmd/rabbet", 19: "broker/access", 20: "broker/access",
	22: "cmd/rabbet/internal/settings", 23: "cmd/rabbet/internal/authhttp", 24: "cmd/rabbet/internal/authhttp", 25: "cmd/rabbet",
}

// whyUnscripted is the reason of a number, or of its whole section.
func whyUnscripted(behaviour behaviour) string {
	prefix, number, _ := strings.Cut(behaviour.ID, "-")
	switch n, _ := strconv.Atoi(number); {
	case unscripted[behaviour.ID] != "":
		return unscripted[behaviour.ID]
	case prefix == "AUTHHTTP" && httpBackend[n] != "":
		return "needs an HTTP service; tested in " + httpBackend[n]
	case prefix == "SHOVEL", prefix == "FEDERATION":
		return needsTwo
	case behaviour.ID == "PERSIST-19":
		return "about definitions; tested in broker/access"
	case prefix == "PERSIST" && n > 10:
		return "about definitions; tested in broker"
	}
	return ""
}

// Each behaviour has a script or a reason to have none, and not both.
func TestEachBehaviourHasAScriptOrAReason(t *testing.T) {
	covered := map[string]bool{}
	for _, s := range scripts.All() {
		for _, number := range s.Covers {
			covered[number] = true
		}
	}
	var known []string
	for _, section := range sections() {
		for _, behaviour := range section.Behaviours {
			known = append(known, behaviour.ID)
			assert.NotEqual(t, covered[behaviour.ID], whyUnscripted(behaviour) != "",
				"%s: there is a script: %v; reason for having none: %q", behaviour.ID, covered[behaviour.ID], whyUnscripted(behaviour))
		}
	}
	for number := range unscripted {
		assert.True(t, slices.Contains(known, number), "there is no %s", number)
	}
}

// testedIn finds the package that a reason names.
var testedIn = regexp.MustCompile(`tested in ([a-z/0-9]+)`)

// A reason that says where a behaviour is tested is true: a test there has its number.
func TestReasonsNameTestsThatExist(t *testing.T) {
	for _, section := range sections() {
		for _, behaviour := range section.Behaviours {
			found := testedIn.FindStringSubmatch(whyUnscripted(behaviour))
			if found == nil || strings.HasPrefix(behaviour.ID, "SHOVEL") || strings.HasPrefix(behaviour.ID, "FEDERATION") {
				continue // broker/shovel replays recordings by section
			}
			files, err := filepath.Glob(filepath.Join("..", filepath.FromSlash(found[1]), "*_test.go"))
			require.NoError(t, err)
			number := regexp.MustCompile(`\b` + behaviour.ID + `\b`)
			assert.True(t, slices.ContainsFunc(files, func(path string) bool {
				text, err := os.ReadFile(path)
				require.NoError(t, err)
				return number.Match(text)
			}), "%s: no test in %s has the number", behaviour.ID, found[1])
		}
	}
}
