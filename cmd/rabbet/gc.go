package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// heapFloor is the heap size in bytes below which nothing is collected. Past
// it Go's default applies, by which alone a heap of a few megabytes is collected
// anew after as many megabytes of messages: hundreds of times a second under load.
const heapFloor = 32 << 20

// A gcSentinel is garbage as soon as it is made; its finalizer runs after each
// collection.
type gcSentinel struct{ _ [16]byte }

// relaxGC keeps the collector's percentage such that the next collection comes
// at heapFloor or at twice the live heap, whichever is more. It leaves a process
// alone whose GOGC is set.
func relaxGC() {
	if os.Getenv("GOGC") == "" {
		adjustGC(nil)
	}
}

func adjustGC(*gcSentinel) {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	n := max(live[0].Value.Uint64(), 4<<20)
	debug.SetGCPercent(int(max(100, heapFloor*100/n)))
	runtime.SetFinalizer(new(gcSentinel), adjustGC)
}
