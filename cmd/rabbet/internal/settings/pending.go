package settings

import (
	"slices"
	"strings"
)

// pending are the keys that are read and checked, and that the broker does not act on
// yet; a name that ends with a dot is all keys below it. They are listed at the start.
var pending = []string{
	"anonymous_login_user", "anonymous_login_pass", "auth_mechanisms.", "ssl_cert_login_from", "ssl_cert_login_san_type", "ssl_cert_login_san_index",
	"initial_frame_max", "channel_max_per_node", "consumer_max_per_channel", "connection_max", "max_connections", "vhost_max",
	"definitions.skip_if_unchanged",
	"log.exchange", "log.exchange.",
	"prometheus.",
}

// isPending reports whether a key is one of them.
func isPending(key string) bool {
	return slices.ContainsFunc(pending, func(name string) bool {
		return key == name || strings.HasSuffix(name, ".") && strings.HasPrefix(key, name)
	})
}
