package broker

import (
	"log/slog"
	"math"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rabbetmq/rabbet/broker/internal/announce"
	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/store"
)

// While memory or disk is short, connections that publish are blocked; consumers go on
// (CONN-77 to CONN-81).

// An Alarm is a resource that can run short.
type Alarm uint8

// The alarms.
const (
	MemoryAlarm Alarm = 1 << iota
	DiskAlarm
)

// String is the reason as connection.blocked gives it (CONN-78).
func (a Alarm) String() string {
	switch a {
	case MemoryAlarm:
		return "low on memory"
	case DiskAlarm:
		return "low on disk"
	}
	return "low on disk & memory"
}

// alarms are a broker's alarms, and the watch that sets them.
type alarms struct {
	log      *slog.Logger
	store    *store.Store // nil without
	told     *announce.Announcer
	allClear func() // told that the last alarm is over
	check    check

	set atomic.Uint32 // the Alarms that are on
	mu  sync.Mutex    // held while they change

	memoryLimit, diskLimit atomic.Int64 // Config's, or what SetResourceLimits says

	watching sync.Mutex // held by the watch, before mu
	found    Alarm      // by the watch when it last looked
	looks    int        // of the watch since memory was last found in order
}

// start begins to watch the resources that a Config bounds.
func (as *alarms) start(cfg *Config) {
	as.log, as.store = cfg.Logger, cfg.Store
	as.memoryLimit.Store(cfg.MemoryLimit)
	as.diskLimit.Store(cfg.DiskFreeLimit)
	as.check.clock, as.check.interval, as.check.look = delay.Real{}, watchInterval, as.watch
	as.watch()
}

// watchInterval is the time between looks at memory and disk. It is real, since
// the machine is.
const watchInterval = time.Second

// SetAlarm raises or clears an alarm. The broker's own watch does it too, when a
// limit that its Config gives is crossed.
func (as *alarms) SetAlarm(a Alarm, on bool) { as.change(a, on) }

// change is SetAlarm, with what the log says of the reason.
func (as *alarms) change(a Alarm, on bool, why ...any) {
	as.mu.Lock()
	defer as.mu.Unlock()
	before := Alarm(as.set.Load())
	after := before &^ a
	if on {
		after |= a
	}
	if after == before {
		return
	}
	as.set.Store(uint32(after))
	for alarm, resource := range map[Alarm]string{MemoryAlarm: "memory", DiskAlarm: "disk"} {
		if before&alarm != after&alarm {
			as.told.Alarm(resource, after&alarm != 0)
		}
	}
	text := "resource alarm: publishers are blocked"
	switch {
	case after == 0:
		text = "resource alarm is over: publishers go on"
	case !on:
		text = "resource alarm is over, another is not: publishers are blocked"
	}
	as.log.Warn(text, append([]any{"alarm", a.String(), "on", on}, why...)...)
	if after == 0 {
		as.allClear()
	}
}

// SetResourceLimits replaces Config's MemoryLimit and DiskFreeLimit until the broker ends,
// and looks at both at once. The limits are in bytes, 0 or less is none.
func (as *alarms) SetResourceLimits(memory, disk int64) {
	as.memoryLimit.Store(memory)
	as.diskLimit.Store(disk)
	as.watch()
}

// watch looks at the resources now and then, from New to the broker's end, if
// there is anything to look at.
func (as *alarms) watch() {
	memoryLimit, diskLimit := as.memoryLimit.Load(), as.diskLimit.Load()
	if memoryLimit <= 0 && as.store == nil {
		return
	}
	as.watching.Lock()
	defer as.watching.Unlock()
	as.check.rest()
	if memoryLimit > 0 {
		used := as.memory(uint64(memoryLimit))
		as.note(MemoryAlarm, used > uint64(memoryLimit), "used", used, "limit", memoryLimit)
	} else {
		as.note(MemoryAlarm, false)
	}
	if st := as.store; st != nil {
		free, err := st.Free()
		short := err == nil && int64(min(free, math.MaxInt64)) < diskLimit
		as.note(DiskAlarm, short || st.Failing(), "free", free, "limit", diskLimit, "failing", st.Failing(), "folder", st.Dir())
	}
	as.check.arm()
}

// note takes what the watch has found: a change of it sets the alarm, so that one that
// was set by hand stays until then.
func (as *alarms) note(a Alarm, short bool, why ...any) {
	before := as.found
	if as.found = before &^ a; short {
		as.found |= a
	}
	if as.found != before {
		as.change(a, short, why...)
	}
}

// collectEvery is the number of looks between collections while memory is short.
const collectEvery = 5

// memory is what is in use. Beyond the limit garbage is collected before it counts,
// and now and then from there on: while publishers are blocked hardly anything is
// allocated, and the collector would not run by itself for two minutes.
func (as *alarms) memory(limit uint64) uint64 {
	used := memoryInUse()
	if used <= limit {
		as.looks = 0
		return used
	}
	if as.looks%collectEvery == 0 {
		debug.FreeOSMemory()
		used = memoryInUse()
	}
	as.looks++
	return used
}

// memoryInUse is what the process has of the system's memory, in bytes.
func memoryInUse() uint64 {
	m := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(m)
	return m[0].Value.Uint64() - m[1].Value.Uint64()
}

// Alarms are the resources that are short.
func (as *alarms) Alarms() Alarm { return Alarm(as.set.Load()) }

// ResourceLimits are the bounds on memory and free disk at which publishers are blocked,
// in bytes; 0 is none.
func (as *alarms) ResourceLimits() (memory, disk int64) {
	return max(as.memoryLimit.Load(), 0), max(as.diskLimit.Load(), 0)
}

// FreeDisk is the free space in bytes of the disk that the store is on; -1 if there is no
// store, or it is not known.
func (as *alarms) FreeDisk() int64 {
	if as.store == nil {
		return -1
	}
	free, err := as.store.Free()
	if err != nil {
		return -1
	}
	return int64(min(free, math.MaxInt64))
}
