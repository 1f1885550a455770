package settings

import (
	"slices"
	"strings"
)

// pending are the keys that are read and checked, and that the broker does not act on
// yet; a name that ends with a dot is all keys below it. They are listed at the start.
var pending = []string{
	"initial_frame_max", "consumer_max_per_channel",
}

// isPending reports whether a key is one of them.
func isPending(key string) bool {
	return slices.ContainsFunc(pending, func(name string) bool {
		return key == name || strings.HasSuffix(name, ".") && strings.HasPrefix(key, name)
	})
}
