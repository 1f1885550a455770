package osprocess

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

// ResidentMemory is the memory of the process as the system counts it, in bytes; 0 if it
// is not known.
func ResidentMemory() int64 {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(statm))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

// Descriptors are the files and sockets that are open, and how many may be.
func Descriptors() (used, most int64) {
	dir, err := os.Open("/proc/self/fd")
	if err != nil {
		return 0, 0
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return 0, 0
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return int64(len(names)), 0
	}
	return int64(len(names)), int64(min(limit.Cur, 1<<31-1))
}
