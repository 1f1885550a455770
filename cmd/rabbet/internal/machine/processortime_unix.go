//go:build unix

package machine

import (
	"syscall"
	"time"
)

// processorTime is what the process has used of processors; negative is not known.
func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return -1
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
