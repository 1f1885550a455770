package broker

import (
	"math"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/queue"
)

// This file is resource alarms: while memory or disk is short, connections that
// publish are blocked; consumers go on (CONN-77 to CONN-81).

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

// alarms is a broker's alarms.
type alarms struct {
	set atomic.Uint32 // the Alarms that are on
	mu  sync.Mutex    // held while they change

	memoryLimit, diskLimit atomic.Int64 // Config's, or what SetResourceLimits says

	watching sync.Mutex // held by the watch, before mu
	found    Alarm      // by the watch when it last looked
	looks    int        // of the watch since memory was last found in order
}

// watchInterval is the time between looks at memory and disk. It is real, since
// the machine is.
const watchInterval = time.Second

// SetAlarm raises or clears an alarm. The broker's own watch does it too, when a
// limit that its Config gives is crossed.
func (b *Broker) SetAlarm(a Alarm, on bool) { b.setAlarm(a, on) }

// setAlarm is SetAlarm, with what the log says of the reason.
func (b *Broker) setAlarm(a Alarm, on bool, why ...any) {
	b.alarms.mu.Lock()
	defer b.alarms.mu.Unlock()
	before := Alarm(b.alarms.set.Load())
	after := before &^ a
	if on {
		after |= a
	}
	if after == before {
		return
	}
	b.alarms.set.Store(uint32(after))
	text := "resource alarm: publishers are blocked"
	switch {
	case after == 0:
		text = "resource alarm is over: publishers go on"
	case !on:
		text = "resource alarm is over, another is not: publishers are blocked"
	}
	b.log.Warn(text, append([]any{"alarm", a.String(), "on", on}, why...)...)
	if after != 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for c := range b.conns {
		c.unblock()
	}
}

// SetResourceLimits replaces Config's MemoryLimit and DiskFreeLimit until the broker ends,
// and looks at both at once. The limits are in bytes, 0 or less is none.
func (b *Broker) SetResourceLimits(memory, disk int64) {
	b.alarms.memoryLimit.Store(memory)
	b.alarms.diskLimit.Store(disk)
	b.watch()
}

// watch looks at the resources now and then, from New to the broker's end, if
// there is anything to look at.
func (b *Broker) watch() {
	memoryLimit, diskLimit := b.alarms.memoryLimit.Load(), b.alarms.diskLimit.Load()
	if memoryLimit <= 0 && b.cfg.Store == nil {
		return
	}
	b.alarms.watching.Lock()
	defer b.alarms.watching.Unlock()
	b.machine.rest()
	if memoryLimit > 0 {
		used := b.alarms.memory(uint64(memoryLimit))
		b.find(MemoryAlarm, used > uint64(memoryLimit), "used", used, "limit", memoryLimit)
	} else {
		b.find(MemoryAlarm, false)
	}
	if st := b.cfg.Store; st != nil {
		free, err := st.Free()
		short := err == nil && int64(min(free, math.MaxInt64)) < diskLimit
		b.find(DiskAlarm, short || st.Failing(), "free", free, "limit", diskLimit, "failing", st.Failing(), "folder", st.Dir())
	}
	b.machine.arm()
}

// find is what the watch has found: news of it set the alarm, so that one that
// was set by hand stays until then.
func (b *Broker) find(a Alarm, short bool, why ...any) {
	before := b.alarms.found
	if b.alarms.found = before &^ a; short {
		b.alarms.found |= a
	}
	if b.alarms.found != before {
		b.setAlarm(a, short, why...)
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

// checkAlarms is called for each frame of a content. It blocks the connection if an
// alarm is on: the client is told at once, and nothing after the frame is read. A
// message that is complete by then is handled (CONN-79).
func (c *conn) checkAlarms() {
	reason := Alarm(c.b.alarms.set.Load())
	if reason == 0 || c.blocking {
		return
	}
	c.blocking = true
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	// An alarm that was cleared meanwhile finds no connection to unblock.
	if c.blocked = c.b.alarms.set.Load() != 0; c.blocked && c.client.blocked {
		c.out.appendMethod(0, &amqp.ConnectionBlocked{Reason: reason.String()}, &c.fx)
	}
}

// awaitAlarms holds the reader while the connection is blocked. It reports
// whether it did: what is in the buffer comes first then.
func (c *conn) awaitAlarms() bool {
	if !c.blocking {
		return false
	}
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	for (c.blocked || c.tapped.blocked()) && c.forced == nil && !c.out.broken {
		c.out.drained.Wait()
	}
	c.blocking, c.blocked = false, false
	return true
}

// unblock lets the reader go on and tells the client (CONN-80).
func (c *conn) unblock() {
	var fx queue.Effects
	c.out.mu.Lock()
	if c.blocked {
		c.blocked = false
		c.letGo(&fx)
	}
	c.out.mu.Unlock()
	fx.Flush()
}

// letGo lets the reader go on if nothing blocks the connection any more. Called
// with the lock held.
func (c *conn) letGo(fx *queue.Effects) {
	if c.blocked || c.tapped.blocked() {
		return
	}
	if c.client.blocked {
		c.out.appendMethod(0, &amqp.ConnectionUnblocked{}, fx)
	}
	c.out.drained.Signal()
}
