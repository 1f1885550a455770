package lint

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Messages are what is known of those in one queue or delayed exchange.
type Messages struct {
	// Kind is queue or exchange.
	Kind, VHost, Name string
	// Users counts the messages that have a user_id, by it.
	Users map[string]int
}

// messages looks for messages that the target takes from some users only.
func (c *checker) messages(list []Messages) {
	for _, m := range list {
		var parts []string
		total := 0
		for _, user := range slices.Sorted(maps.Keys(m.Users)) {
			if n := m.Users[user]; user != c.User && !c.Impersonator {
				parts = append(parts, fmt.Sprintf("%d of %q", n, user))
				total += n
			}
		}
		if total == 0 {
			continue
		}
		c.add(Finding{Needs, m.Kind, m.VHost, m.Name, "BASIC-5",
			fmt.Sprintf("messages with the user_id of somebody else than who moves them: %s", strings.Join(parts, ", ")),
			"give the user of the target that moves them the tag impersonator, or move with --move-user-id"})
	}
}
