package settings

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/rabbetmq/rabbet/broker"
)

// Defaults are the settings of a broker that is told nothing: RabbitMQ's, save that it
// listens on this machine only, and that its log goes to the console.
func Defaults() Settings {
	tls := TLS{Verify: "verify_none", Depth: 1}
	return Settings{
		Profile: broker.Profiles()[0],
		Listen: Listen{
			ip: "127.0.0.1", port: 5672,
			HandshakeTimeout: 10 * time.Second, TLSHandshakeTimeout: 5 * time.Second, // CONN-6: to connection.open; TLS-8: handshake
			SendTimeout: 30 * time.Second, KeepAlive: true,
		},
		TLS: tls,
		Access: Access{
			DefaultUser: "guest", DefaultPassword: "guest", DefaultVHost: "/",
			DefaultPermissions: Permissions{".*", ".*", ".*"},
			AnonymousUser:      "guest", AnonymousPassword: "guest",
			CertLoginFrom: "distinguished_name", CertLoginSANType: "dns",
			PasswordHashing: "sha256",
			Validator:       "accept_everything", ValidatorMinLength: 5,
			HTTP: AuthHTTP{ // AUTHHTTP-1: keys and defaults
				Method:   "get",
				UserPath: "http://localhost:8000/auth/user", VHostPath: "http://localhost:8000/auth/vhost",
				ResourcePath: "http://localhost:8000/auth/resource", TopicPath: "http://localhost:8000/auth/topic",
				RequestTimeout: 15 * time.Second, ConnectTimeout: 15 * time.Second,
				TLS: tls, HostnameVerification: "none",
			},
			Cache: AuthCache{TTL: 15 * time.Second}, // AUTHHTTP-22: 15000 ms
		},
		Limits: Limits{
			MemoryRatio: 0.4, DiskFree: 50_000_000,
			ConsumerTimeout: 30 * time.Minute, Heartbeat: time.Minute,
			ChannelMax: 2047, FrameMax: 131072, // CONN-21: what is tuned
			ChannelsPerNode: -1, Connections: -1, ConsumersPerChannel: -1, VHosts: -1, Queues: -1, Exchanges: -1,
			DefaultQueueType: "classic",
		},
		Log: Log{Level: "info", Console: true, Format: "text", Color: true, FileFormat: "text", ExchangeLevel: "info", ExchangeFormat: "text"},
		Management: HTTP{
			Enabled: true, Address: Address{Port: 15672}, TLSAddress: Address{Port: 15671}, TLS: tls,
			MaxBodySize: 20_000_000, OriginsMaxAge: 1800, RatesMode: "basic", LoginSession: 8 * time.Hour,
			IdleTimeout: time.Minute, RequestTimeout: time.Minute,
		},
		Prometheus: Prometheus{Enabled: true, Address: Address{Port: 15692}, TLSAddress: Address{Port: 15691}, TLS: tls, Path: "/metrics"},
	}
}

// byName orders the names of a key's last word: numbers by their value, and before
// other words.
func byName(a, b string) int {
	x, errA := strconv.Atoi(a)
	y, errB := strconv.Atoi(b)
	switch {
	case errA == nil && errB == nil:
		return cmp.Compare(x, y)
	case errA == nil:
		return -1
	case errB == nil:
		return 1
	}
	return cmp.Compare(a, b)
}

// names are a map's keys in that order.
func names[T any](m map[string]T) []string {
	list := make([]string, 0, len(m))
	for name := range m {
		list = append(list, name)
	}
	slices.SortFunc(list, byName)
	return list
}

// ordered are a map's values in the order of their names.
func ordered[T any](m map[string]T) []T {
	var list []T
	for _, name := range names(m) {
		list = append(list, m[name])
	}
	return list
}

// chosen are the names that are true.
func chosen(m map[string]bool) []string {
	list := []string{}
	for _, name := range names(m) {
		if m[name] {
			list = append(list, name)
		}
	}
	return list
}
