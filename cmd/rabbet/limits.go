package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// This file is the resource limits: sizes on the command line and their
// defaults, which are RabbitMQ's.

// defaultDiskFreeLimit is RabbitMQ's disk_free_limit, in bytes.
const defaultDiskFreeLimit = 50_000_000

// defaultMemoryLimit is RabbitMQ's vm_memory_high_watermark, 40 % of the
// machine's memory, in bytes; 0, no limit, where that is not known.
func defaultMemoryLimit() int64 {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var kb int64
		if n, _ := fmt.Sscanf(lines.Text(), "MemTotal: %d kB", &kb); n == 1 {
			return kb << 10 / 5 * 2
		}
	}
	return 0
}

// A byteSize is a flag that takes a number of bytes with RabbitMQ's units: kB,
// MB, GB in powers of ten, KiB, MiB, GiB in powers of two.
type byteSize int64

// units are tried in this order, the longer ones first.
var units = []struct {
	name string
	size int64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1},
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
