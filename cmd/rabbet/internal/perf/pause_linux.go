// Waiting for the time of the next message, on Linux.

package perf

import (
	"syscall"
	"time"

	"github.com/rabbetmq/rabbet/delay"
)

// pause waits for about d. A Go timer of an idle program is due to the
// millisecond only, five messages late at 5,000 a second; the kernel's is due
// to some fifty microseconds. A signal may cut it short.
func pause(_ delay.Clock, d time.Duration) {
	ts := syscall.NsecToTimespec(int64(d))
	_ = syscall.Nanosleep(&ts, nil)
}
