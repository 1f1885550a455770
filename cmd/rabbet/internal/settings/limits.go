package settings

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/rabbetmq/rabbet/broker"
)

const limit = "Limits"

// number is a count of something that must be.
var number = integer(1, math.MaxInt32)

var limits = []Option{
	{Section: limit, Flag: "memory-limit", Arg: "memory", Key: "vm_memory_high_watermark.absolute",
		Help: "block publishers while the process uses more `memory`, such as 500MB or 40%; 0 is no limit",
		flag: value{"bytes or percent", func(s *Settings, _ []string, text string) error { return s.Limits.setMemory(text) },
			func(s *Settings) string {
				if s.Limits.MemoryRatio > 0 {
					return strconv.FormatFloat(100*s.Limits.MemoryRatio, 'g', 4, 64) + "%"
				}
				return bytes.format(s.Limits.Memory)
			}},
		key: does(bytes.name, func(s *Settings, text string) error {
			n, err := bytes.parse(text)
			if err == nil {
				s.Limits.Memory, s.Limits.MemoryRatio = n, 0
			}
			return err
		})},
	{Section: limit, Key: "vm_memory_high_watermark.relative", Help: "the same, as a part of the memory that the machine or the container has",
		key: value{ratio(1).name, func(s *Settings, _ []string, text string) error {
			f, err := ratio(1).parse(text)
			if err == nil {
				s.Limits.Memory, s.Limits.MemoryRatio = 0, f
			}
			return err
		}, func(s *Settings) string { return ratio(1).format(s.Limits.MemoryRatio) }}},
	{Section: limit, Key: "total_memory_available_override_value", Help: "the memory that the machine has; 0 asks the machine",
		key: field(bytes, func(s *Settings) *int64 { return &s.Limits.MemoryTotal })},
	{Section: limit, Flag: "disk-free-limit", Arg: "space", Key: "disk_free_limit.absolute",
		Help: "block publishers while less `space` is free for the data folder, such as 1GB; 0 is no limit",
		key: value{bytes.name, func(s *Settings, _ []string, text string) error {
			n, err := bytes.parse(text)
			if err == nil {
				s.Limits.DiskFree, s.Limits.DiskFreeRatio = n, 0
			}
			return err
		}, func(s *Settings) string { return bytes.format(s.Limits.DiskFree) }}},
	{Section: limit, Key: "disk_free_limit.relative", Help: "the same, as a multiple of the machine's memory",
		key: does(ratio(100).name, func(s *Settings, text string) error {
			f, err := ratio(100).parse(text)
			if err == nil {
				s.Limits.DiskFreeRatio = f
			}
			return err
		})},
	{Section: limit, Flag: "max-message-size", Arg: "bytes", Key: "max_message_size", Help: "refuse messages of more `bytes`; 0 is the profile's own limit, 128 MiB in 3.13",
		flag: field(bytes, func(s *Settings) *int64 { return &s.Limits.MaxMessageSize }),
		key:  field(integer(0, 536870912), func(s *Settings) *int64 { return &s.Limits.MaxMessageSize })},
	{Section: limit, Flag: "consumer-timeout", Arg: "duration", Key: "consumer_timeout",
		Help: "close a channel that has not acknowledged a delivery within this `duration`; 0 is never",
		flag: field(span(time.Millisecond), func(s *Settings) *time.Duration { return &s.Limits.ConsumerTimeout }),
		key:  field(millis, func(s *Settings) *time.Duration { return &s.Limits.ConsumerTimeout })},
	{Section: limit, Flag: "heartbeat", Arg: "interval", Key: "heartbeat", Help: "suggest this `interval` of heartbeats to clients; 0 is none",
		flag: field(span(time.Second), func(s *Settings) *time.Duration { return &s.Limits.Heartbeat }),
		key:  field(seconds, func(s *Settings) *time.Duration { return &s.Limits.Heartbeat })},
	{Section: limit, Flag: "channel-max", Arg: "number", Key: "channel_max", Help: "largest `number` of channels in a connection",
		key: field(integer(1, math.MaxUint16), func(s *Settings) *int64 { return &s.Limits.ChannelMax })},
	{Section: limit, Key: "max_channels_per_connection", Alias: true, Help: "the same, as RabbitMQ 4.3 calls it",
		key: field(integer(1, math.MaxUint16), func(s *Settings) *int64 { return &s.Limits.ChannelMax })},
	{Section: limit, Flag: "frame-max", Arg: "bytes", Key: "frame_max", Help: "largest frame in `bytes`",
		flag: field(integer(0, math.MaxUint32), func(s *Settings) *int64 { return &s.Limits.FrameMax }),
		key:  field(size(frameUnits), func(s *Settings) *int64 { return &s.Limits.FrameMax })},
	{Section: limit, Key: "initial_frame_max", Help: "largest frame before the login; 0 is the profile's own limit, 4096 in 3.13",
		key: field(size(frameUnits), func(s *Settings) *int64 { return &s.Limits.InitialFrameMax })},
	{Section: limit, Key: "channel_max_per_node", Help: "most channels of all connections",
		key: field(bounded, func(s *Settings) *int64 { return &s.Limits.ChannelsPerNode })},
	{Section: limit, Key: "consumer_max_per_channel", Help: "most consumers of a channel",
		key: field(bounded, func(s *Settings) *int64 { return &s.Limits.ConsumersPerChannel })},
	{Section: limit, Key: "connection_max", Help: "most connections", key: field(bounded, func(s *Settings) *int64 { return &s.Limits.Connections })},
	{Section: limit, Key: "max_connections", Alias: true, Help: "the same, as RabbitMQ 4.3 calls it", key: field(bounded, func(s *Settings) *int64 { return &s.Limits.Connections })},
	{Section: limit, Key: "cluster_queue_limit", Help: "most queues of all virtual hosts", key: field(bounded, func(s *Settings) *int64 { return &s.Limits.Queues })},
	{Section: limit, Key: "cluster_exchange_limit", Help: "most exchanges of all virtual hosts, predeclared ones with them; RabbitMQ has it from 4.0 on",
		key: field(bounded, func(s *Settings) *int64 { return &s.Limits.Exchanges })},
	{Section: limit, Key: "vhost_max", Help: "most virtual hosts", key: field(bounded, func(s *Settings) *int64 { return &s.Limits.VHosts })},
	{Section: limit, Key: "default_queue_type", Help: "type of queues that are declared without one in new virtual hosts", key: does("classic, quorum, stream",
		func(s *Settings, text string) error {
			short := strings.TrimSuffix(strings.TrimPrefix(text, "rabbit_"), "_queue")
			if short != "classic" && short != "quorum" && short != "stream" {
				return fmt.Errorf("%q is not one of classic, quorum, stream", text)
			}
			s.Limits.DefaultQueueType = short
			return nil
		})},
	{Section: limit, Key: "default_limits.vhosts.$id.pattern", Help: "limits of new virtual hosts whose names match this regular expression",
		key: named(pattern, func(s *Settings, n []string) *string { return &s.vhostLimit(n).Pattern })},
	{Section: limit, Key: "default_limits.vhosts.$id.max_connections", Help: "most connections to one of them",
		key: named(number, func(s *Settings, n []string) *int64 { return &s.vhostLimit(n).MaxConnections })},
	{Section: limit, Key: "default_limits.vhosts.$id.max_queues", Help: "most queues in one of them",
		key: named(number, func(s *Settings, n []string) *int64 { return &s.vhostLimit(n).Queues })},
	{Section: "Messages", Key: "message_interceptors.incoming.set_header_timestamp.overwrite", Help: "stamp messages with the time that they came at; false keeps what they have",
		key: field(stamp, func(s *Settings) *broker.Stamp { return &s.Stamps.Timestamp })},
	{Section: "Messages", Key: "message_interceptors.incoming.set_header_routing_node.overwrite", Help: "stamp messages with the name of the node; false keeps what they have",
		key: field(stamp, func(s *Settings) *broker.Stamp { return &s.Stamps.Node })},
}

// stamp is boolean: to be there switches the stamp on.
var stamp = kind[broker.Stamp]{"true or false", func(s string) (broker.Stamp, error) {
	overwrite, err := boolean.parse(s)
	if overwrite {
		return broker.StampAlways, err
	}
	return broker.StampMissing, err
}, func(s broker.Stamp) string {
	return map[broker.Stamp]string{broker.StampMissing: "false", broker.StampAlways: "true"}[s]
}}

func (s *Settings) vhostLimit(names []string) *VHostLimit {
	return entry(&s.Limits.vhostLimits, names[0], VHostLimit{MaxConnections: -1, Queues: -1})
}

// setMemory reads a size, or a percentage of the memory there is.
func (l *Limits) setMemory(text string) error {
	percent, ok := strings.CutSuffix(text, "%")
	if !ok {
		n, err := bytes.parse(text)
		if err == nil {
			l.Memory, l.MemoryRatio = n, 0
		}
		return err
	}
	f, err := strconv.ParseFloat(percent, 64)
	if err != nil || !(f > 0 && f <= 100) {
		return fmt.Errorf("%q is no percentage such as 40%%", text)
	}
	l.Memory, l.MemoryRatio = 0, f/100
	return nil
}

// MemoryLimit is the limit in bytes on a machine with so much memory; 0 is no limit.
func (l *Limits) MemoryLimit(machine int64) int64 {
	if l.MemoryTotal > 0 {
		machine = l.MemoryTotal
	}
	if l.MemoryRatio > 0 {
		return int64(float64(machine) * l.MemoryRatio)
	}
	return l.Memory
}

// DiskFreeLimit is the same for the free space of the disk.
func (l *Limits) DiskFreeLimit(machine int64) int64 {
	if l.MemoryTotal > 0 {
		machine = l.MemoryTotal
	}
	if l.DiskFreeRatio > 0 {
		return int64(float64(machine) * l.DiskFreeRatio)
	}
	return l.DiskFree
}

const operator = "Operator policies"

var defaultPolicies = []Option{
	{Section: operator, Key: "default_policies.operator.$id.vhost_pattern", Help: "operator policy of new virtual hosts whose names match this regular expression",
		key: named(pattern, func(s *Settings, n []string) *string { return &s.operatorPolicy(n).VHostPattern })},
	{Section: operator, Key: "default_policies.operator.$id.queue_pattern", Help: "queues that it is for",
		key: named(pattern, func(s *Settings, n []string) *string { return &s.operatorPolicy(n).QueuePattern })},
	{Section: operator, Key: "default_policies.operator.$id.apply_to", Help: "what it is for: queues, classic_queues, quorum_queues or streams",
		key: named(oneOf("queues", "classic_queues", "quorum_queues", "streams", "all"), func(s *Settings, n []string) *string { return &s.operatorPolicy(n).ApplyTo })},
	policyKey("expires", period, func(d time.Duration) any { return d.Milliseconds() }),
	policyKey("message_ttl", period, func(d time.Duration) any { return d.Milliseconds() }),
	policyKey("max_length", number, func(n int64) any { return n }),
	policyKey("max_length_bytes", size(frameUnits), func(n int64) any { return n }),
	policyKey("max_in_memory_length", number, func(n int64) any { return n }),
	policyKey("max_in_memory_bytes", size(frameUnits), func(n int64) any { return n }),
	policyKey("delivery_limit", number, func(n int64) any { return n }),
	policyKey("classic_queues.ha_mode", text, func(t string) any { return t }),
	policyKey("classic_queues.ha_params", text, func(t string) any { return t }),
	policyKey("classic_queues.ha_sync_mode", text, func(t string) any { return t }),
	policyKey("classic_queues.queue_version", number, func(n int64) any { return n }),
}

// policyKey is the option of one key of a policy's definition.
func policyKey[T any](key string, k kind[T], as func(T) any) Option {
	words := strings.Split(key, ".")
	policy := strings.ReplaceAll(words[len(words)-1], "_", "-")
	return Option{Section: operator, Key: "default_policies.operator.$id." + key, Help: "its " + policy,
		key: value{k.name, func(s *Settings, names []string, text string) error {
			v, err := k.parse(text)
			if err == nil {
				put(&s.operatorPolicy(names).Definition, policy, as(v))
			}
			return err
		}, nil}}
}

func (s *Settings) operatorPolicy(names []string) *OperatorPolicy {
	return entry(&s.Limits.operatorPolicies, names[0], OperatorPolicy{QueuePattern: ".*", ApplyTo: "all"})
}
