package topology

import (
	"strconv"
	"strings"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/message"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/queue/dedup"
)

// Exchanges of type x-message-deduplication route a message with a value that has been
// there before nowhere (DEDUP-1 to DEDUP-6).

const deduplication = "x-message-deduplication"

// makeCache gives such an exchange its cache (DEDUP-1, DEDUP-2).
func (vh *VHost) makeCache(x *Exchange) error {
	size, ok := leadingInteger(x.Args, "x-cache-size", true)
	if !ok {
		return amqp.Errorf(amqp.PreconditionFailed, "Missing or invalid argument, 'x-cache-size' must be an integer greater than 0")
	}
	ttl, ok := leadingInteger(x.Args, "x-cache-ttl", false)
	if !ok {
		return amqp.Errorf(amqp.PreconditionFailed, "Invalid argument, 'x-cache-ttl' must be an integer greater than 0")
	}
	persistence, given := x.Args.Get("x-cache-persistence")
	if given && persistence != "disk" && persistence != "memory" {
		return amqp.Errorf(amqp.PreconditionFailed, "Invalid argument, 'x-cache-persistence' must be either 'disk' or 'memory'")
	}
	cfg := dedup.Config{
		Clock: vh.env.Clock, Size: int(min(size, 1<<31-1)), TTL: time.Duration(min(ttl, message.MaxMillis)) * time.Millisecond,
	}
	if persistence == "disk" && vh.env.Store != nil && x.kept {
		if x.cacheID == 0 { // else it is in the exchange's record
			x.cacheID = vh.env.nextID()
		}
		cfg.Store, cfg.ID = vh.env.Store, queue.LogOf(x.cacheID, 0)
	}
	x.seen = dedup.New(cfg)
	return nil
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
