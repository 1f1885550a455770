package profile

import (
	"slices"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/message"
	"github.com/rabbetmq/rabbet/queue/stream"
)

// A consumeArgument is an argument of basic.consume.
type consumeArgument struct {
	name  string
	of    []*QueueType // the types that take it
	check argumentCheck
}

// checkInteger is QUEUE-30 for a value that is all the same.
func checkInteger(v any, _ amqp.Table) string {
	_, detail := integer(v)
	return detail
}

// consumeArguments are those that this version knows.
func (f *facts) consumeArguments() []consumeArgument {
	withTurns, streams := []*QueueType{&ClassicQueue, &QuorumQueue}, []*QueueType{&StreamQueue}
	list := []consumeArgument{
		{"x-priority", withTurns, checkInteger}, // STREAM-25: no stream takes it
		{stream.OffsetArgument, streams, anything},
		{stream.FilterArgument, streams, anything},
		{stream.UnfilteredArgument, streams, anything},
	}
	if f.mirroring {
		list = append(list, consumeArgument{"x-cancel-on-ha-failover", []*QueueType{&ClassicQueue}, boolean})
	}
	if f.quorumRetries {
		list = append(list, consumeArgument{"x-consumer-timeout", []*QueueType{&QuorumQueue}, notNegative})
	}
	return list
}

// CheckConsumeArguments is BASIC-32. What the type of the queue does not know is refused
// whatever its value, the first one is told.
func (p *Profile) CheckConsumeArguments(args amqp.Table, kind *QueueType, resource string) (priority int64, err error) {
	if len(args) == 0 {
		return 0, nil
	}
	foreign := map[string]bool{}
	for _, a := range p.ofConsumers {
		if !slices.Contains(a.of, kind) {
			foreign[a.name] = true
		} else if v, ok := args.Get(a.name); ok {
			if detail := a.check(v, args); detail != "" {
				return 0, amqp.Errorf(amqp.PreconditionFailed, "invalid arg '%s' for %s: %s", a.name, resource, detail)
			}
		}
	}
	for _, f := range args {
		if foreign[f.Key] {
			return 0, amqp.Errorf(amqp.PreconditionFailed, "invalid arg '%s' for %s of queue type %s", f.Key, resource, kind.Module)
		}
	}
	v, _ := args.Get("x-priority")
	priority, _ = amqp.AsInt(v)
	return priority, nil
}

// ConsumerTimeout is a consumer's own acknowledgement timeout; 0 is none.
func ConsumerTimeout(args amqp.Table) time.Duration {
	v, _ := args.Get("x-consumer-timeout")
	ms, _ := amqp.AsInt(v)
	return time.Duration(min(max(ms, 0), message.MaxMillis)) * time.Millisecond
}
