package topology

import (
	"strconv"
	"strings"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/message"
	"github.com/rabbetmq/rabbet/broker/internal/profile"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/queue/dedup"
)

// Exchanges of type x-message-deduplication route a message with a value that has been
// there before nowhere (DEDUP-1 to DEDUP-6).

const deduplication = profile.Deduplication

// makeCache gives such an exchange its cache (DEDUP-1, DEDUP-2).
func (vh *VHost) makeCache(x *Exchange) error {
	if _, ok := leadingInteger(x.Args, "x-cache-size", true); !ok {
		return amqp.Errorf(amqp.PreconditionFailed, "Missing or invalid argument, 'x-cache-size' must be an integer greater than 0")
	}
	if _, ok := leadingInteger(x.Args, "x-cache-ttl", false); !ok {
		return amqp.Errorf(amqp.PreconditionFailed, "Invalid argument, 'x-cache-ttl' must be an integer greater than 0")
	}
	persistence, given := x.Args.Get("x-cache-persistence")
	if given && persistence != "disk" && persistence != "memory" {
		return amqp.Errorf(amqp.PreconditionFailed, "Invalid argument, 'x-cache-persistence' must be either 'disk' or 'memory'")
	}
	cfg := dedup.Config{Clock: vh.env.Clock}
	if persistence == "disk" && vh.env.Store != nil && x.kept {
		if x.cacheID == 0 { // else it is in the exchange's record
			x.cacheID = vh.env.nextID()
		}
		cfg.Store, cfg.ID = vh.env.Store, queue.LogOf(x.cacheID, 0)
	}
	x.seen = dedup.New(cfg)
	vh.applyToExchange(x)
	return nil
}

// limitCache gives a cache the limits of a policy, or those that the exchange was declared
// with. Where entries are kept stays as it was declared (DEDUP-7). Called with the virtual
// host's lock held.
func (x *Exchange) limitCache(policy map[string]any) {
	if x.seen == nil {
		return
	}
	limit := func(key string) int64 {
		if n, ok := policy[key].(int64); ok {
			return n
		}
		n, _ := leadingInteger(x.Args, key, false) // makeCache has checked it
		return n
	}
	x.seen.Limit(int(min(limit("x-cache-size"), 1<<31-1)), time.Duration(min(limit("x-cache-ttl"), message.MaxMillis))*time.Millisecond)
}

// Cache tells what an exchange of type x-message-deduplication remembers (DEDUP-8); false
// for any other.
func (x *Exchange) Cache() (entries int, bytes int64, size int, ok bool) {
	if x.seen == nil {
		return 0, 0, 0, false
	}
	entries, bytes = x.seen.Stats()
	return entries, bytes, x.seen.Size(), true
}

// leadingInteger is a positive integer among arguments, or the one that a string begins
// with; 0 if it is not there and need not be.
func leadingInteger(args amqp.Table, name string, mandatory bool) (int64, bool) {
	v, ok := args.Get(name)
	if !ok {
		return 0, !mandatory
	}
	n, isInt := amqp.AsInt(v)
	if text, isText := v.(string); isText {
		digits := len(text) - len(strings.TrimLeft(text, "0123456789"))
		var err error
		n, err = strconv.ParseInt(text[:digits], 10, 64)
		isInt = err == nil
	}
	return n, isInt && n > 0
}
