// CPU time and memory of a process, from /proc.

package perf

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// clockTick is the unit of CPU times in /proc: sysconf(_SC_CLK_TCK), which is
// 100 a second on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

// Process is what a process used. Bytes, and CPU time in nanoseconds.
type Process struct {
	PID     int           `json:"pid"`
	CPU     time.Duration `json:"cpu"`
	RSS     int64         `json:"rss"`
	RSSAnon int64         `json:"rss_anon"`
}

// ReadProcess reads the total CPU time of a process and its current memory.
func ReadProcess(pid int) (Process, error) {
	p := Process{PID: pid}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return p, fmt.Errorf("measuring process %d: %w", pid, err)
	}
	// The command's name, in parentheses, may hold anything; fields count from
	// after it. utime and stime are the 14th and 15th of all.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return p, fmt.Errorf("measuring process %d: unknown format of its stat", pid)
	}
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(string(f), 10, 64)
		if err != nil {
			return p, fmt.Errorf("measuring process %d: %w", pid, err)
		}
		p.CPU += time.Duration(n) * clockTick
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return p, fmt.Errorf("measuring process %d: %w", pid, err)
	}
	for line := range bytes.Lines(status) {
		var into *int64
		switch {
		case bytes.HasPrefix(line, []byte("VmRSS:")):
			into = &p.RSS
		case bytes.HasPrefix(line, []byte("RssAnon:")):
			into = &p.RSSAnon
		default:
			continue
		}
		kb, err := strconv.ParseInt(string(bytes.Fields(line)[1]), 10, 64)
		if err != nil {
			return p, fmt.Errorf("measuring process %d: %w", pid, err)
		}
		*into = kb << 10
	}
	return p, nil
}
