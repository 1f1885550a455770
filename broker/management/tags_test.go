package management

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker/access"
)

// readAccess reads the table of who may call what: the access by method and pattern.
func readAccess(t *testing.T) map[string]string {
	raw, err := os.ReadFile("testdata/access.txt")
	require.NoError(t, err)
	table := make(map[string]string)
	for line := range strings.Lines(string(raw)) {
		fields := strings.Fields(line)
		if strings.HasPrefix(line, "#") || len(fields) == 0 {
			continue
		}
		for _, pattern := range fields[2:] {
			for method := range strings.SplitSeq(fields[0], ",") {
				name := method + " " + pattern
				require.NotContains(t, table, name)
				table[name] = fields[1]
			}
		}
	}
	return table
}

// permits reports whether a user with a tag, who has permissions in the virtual host or not,
// may call an endpoint of that access.
func permits(to, tag string, inside, named bool) bool {
	if to == "none" || tag == tagAdministrator {
		return true
	}
	inside = inside || !named
	switch to {
	case "any":
		return true
	case "mon":
		return tag == tagMonitoring
	case "vh":
		return inside
	case "view":
		return inside || tag == tagMonitoring
	case "pol":
		return inside && tag == tagPolicymaker
	}
	return false
}

// Each endpoint is in the table, which has no others, and lets in those users that it says
// and refuses the rest.
func TestTagsOfRoutes(t *testing.T) {
	s := walked(t, "")
	tags := []string{tagAdministrator, tagMonitoring, tagPolicymaker, tagManagement}
	table := readAccess(t)
	for _, r := range s.routes.all() {
		named := strings.Contains(r.pattern, "{vhost}")
		for method, end := range r.methods {
			if method == http.MethodHead {
				continue
			}
			name := method + " " + r.pattern
			to, known := table[name]
			delete(table, name)
			if !assert.True(t, known, "%s is not in the table", name) {
				continue
			}
			if name != "PUT /cluster-name" { // which asks by itself
				end.handle = func(q *request) error { return q.done(false) }
			}
			for _, inside := range []bool{false, true} {
				for _, tag := range tags {
					if inside {
						require.NoError(t, s.broker.SetPermission(access.Permission{User: tag, VHost: "/", Configure: ".*", Write: ".*", Read: ".*"}))
					} else {
						s.broker.DeletePermission(tag, "/")
					}
					w := call(s, r, method, tag)
					assert.Equal(t, permits(to, tag, inside, named), w.Code != http.StatusUnauthorized, "%s by %s, permitted: %v: %d", name, tag, inside, w.Code)
				}
			}
		}
	}
	assert.Empty(t, table, "no such endpoints")
}
