package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rabbetmq/rabbet/broker"
)

// This file is the limits: sizes on the command line, their defaults, which are
// RabbitMQ's, and the flags for what RabbitMQ has in its configuration file.

// limitFlags adds the flags that bound what clients may do, which RabbitMQ has in
// its configuration file. 0 is the broker's own default.
func (o *serveOptions) limitFlags(fs flagSet) {
	fs.Var(memorySize{&o.memoryLimit}, "memory-limit", "block publishers while the process uses more `memory`, such as 500MB or 40%; 0 is no limit (default 40%)")
	fs.Var((*byteSize)(&o.diskFreeLimit), "disk-free-limit", "block publishers while less `space` is free for the data folder; 0 is no limit (default 50MB)")
	fs.Var((*byteSize)(&o.maxMessageSize), "max-message-size", "refuse messages of more `bytes` (default 128MiB, less in newer profiles)")
	fs.DurationVar(&o.consumerTimeout, "consumer-timeout", 30*time.Minute, "close a channel that has not acknowledged a delivery within this `duration`; 0 is never")
	fs.DurationVar(&o.heartbeat, "heartbeat", time.Minute, "suggest this `interval` of heartbeats to clients; 0 is none")
	fs.UintVar(&o.channelMax, "channel-max", 2047, "largest `number` of channels in a connection")
	fs.UintVar(&o.frameMax, "frame-max", 131072, "largest frame in `bytes`")
}

// limits hands the flags to a broker.
func (o *serveOptions) limits(cfg *broker.Config) {
	cfg.MemoryLimit, cfg.DiskFreeLimit = o.memoryLimit, cmp.Or(o.diskFreeLimit, -1)
	cfg.MaxMessageSize = o.maxMessageSize
	cfg.ConsumerTimeout, cfg.Heartbeat = cmp.Or(o.consumerTimeout, -1), cmp.Or(o.heartbeat, -1)
	cfg.ChannelMax, cfg.FrameMax = uint16(o.channelMax), uint32(o.frameMax)
}

// checkLimits refuses what cannot be meant.
func (o *serveOptions) checkLimits() error {
	switch {
	case o.consumerTimeout < 0 || o.heartbeat < 0:
		return usagef("a duration is negative")
	case o.heartbeat%time.Second != 0:
		return usagef("bad heartbeat %s: it is in whole seconds", o.heartbeat)
	case o.channelMax < 1 || o.channelMax > math.MaxUint16:
		return usagef("bad number of channels %d: it is from 1 to 65535", o.channelMax)
	case o.frameMax > math.MaxUint32:
		return usagef("bad frame size %d: it has 32 bits", o.frameMax)
	}
	return nil
}

// defaultDiskFreeLimit is RabbitMQ's disk_free_limit, in bytes.
const defaultDiskFreeLimit = 50_000_000

// defaultMemoryPercent is RabbitMQ's vm_memory_high_watermark.
const defaultMemoryPercent = 40

// defaultMemoryLimit is that much of the memory there is, in bytes; 0, no limit,
// where that is not known.
func defaultMemoryLimit() int64 { return memoryThere("/") / 100 * defaultMemoryPercent }

// memoryThere is the machine's memory in bytes, or what this process may have of it
// as a container; 0 where that is not known. Files are looked for under root.
func memoryThere(root string) int64 {
	total := int64(0)
	f, err := os.Open(filepath.Join(root, "proc/meminfo"))
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var kb int64
		if n, _ := fmt.Sscanf(lines.Text(), "MemTotal: %d kB", &kb); n == 1 {
			total = kb << 10
			break
		}
	}
	// Inside a container its own limits are at the top: of version 2, of version 1.
	for _, name := range []string{"sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			continue
		}
		if limit, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && limit > 0 {
			total = min(total, limit)
		}
	}
	return total
}

// A memorySize is a byteSize that may be a part of the memory there is, in percent.
type memorySize struct{ bytes *int64 }

// Set reads a size, or a percentage.
func (s memorySize) Set(text string) error {
	number, ok := strings.CutSuffix(text, "%")
	if !ok {
		return (*byteSize)(s.bytes).Set(text)
	}
	percent, err := strconv.ParseFloat(number, 64)
	if err != nil || !(percent > 0 && percent <= 100) {
		return fmt.Errorf("%q is no percentage such as 40%%", text)
	}
	there := memoryThere("/")
	if there == 0 {
		return errors.New("the memory of this machine is not known: give a size such as 500MB")
	}
	*s.bytes = int64(float64(there) / 100 * percent)
	return nil
}

// String is empty: the usage texts tell the defaults.
func (s memorySize) String() string { return "" }

// A byteSize is a flag that takes a number of bytes with RabbitMQ's units: kB,
// MB, GB, TB in powers of ten, KiB, MiB, GiB, TiB and k, M, G, T in powers of two.
type byteSize int64

// units are tried in this order, the longer ones first.
var units = []struct {
	name string
	size int64
}{
	{"KiB", 1 << 10}, {"kiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
	{"k", 1 << 10}, {"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}, {"T", 1 << 40},
}

// Set reads a size.
func (s *byteSize) Set(text string) error {
	number, size := text, int64(1)
	for _, u := range units {
		if rest, ok := strings.CutSuffix(text, u.name); ok {
			number, size = rest, u.size
			break
		}
	}
	n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
	if err != nil || n < 0 || n > (1<<62)/size {
		return fmt.Errorf("%q is no size such as 500MB", text)
	}
	*s = byteSize(n * size)
	return nil
}

// String is empty: the usage texts tell the defaults.
func (s *byteSize) String() string { return "" }
