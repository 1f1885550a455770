package machine

import (
	"context"
	"runtime"
	"time"

	"github.com/rabbetmq/rabbet/delay"
)

// Processors gives a process as many processors as its load needs, from one to all that it
// may have. A broker whose clients send one message at a time wakes a goroutine for each; with
// idle processors that goroutine starts on another one, which spins to find it, and the same
// messages cost twice the time of one processor that is never idle.
type Processors struct {
	clock delay.Clock
	most  int
	now   int
	used  func() time.Duration // of processors, since the process began
	set   func(n int)
	least func() int // how few there may be at the moment
	log   func(n int)

	looked time.Time
	before time.Duration
	busy   time.Duration // how long all have been busy
	idle   time.Duration // how long one fewer would have been enough
}

const (
	// With more than crowded of what it has used for crowdedFor, a process gets twice as many
	// processors; with less than spare of one fewer for spareFor, one fewer.
	crowded    = 0.85
	crowdedFor = 50 * time.Millisecond
	spare      = 0.70
	spareFor   = 200 * time.Millisecond

	lookWhileBusy = 10 * time.Millisecond
	lookWhileIdle = 100 * time.Millisecond
)

// FollowLoad makes the number of processors (GOMAXPROCS) follow the load until the context
// ends, beginning with one. It never falls below least. Each change is told to log. It
// reports whether the system says what the process uses; without that it does nothing.
func FollowLoad(ctx context.Context, least func() int, log func(n int)) bool {
	if processorTime() < 0 {
		return false
	}
	p := &Processors{
		clock: delay.Real{}, most: runtime.GOMAXPROCS(0), used: processorTime, least: least, log: log,
		set: func(n int) { runtime.GOMAXPROCS(n) },
	}
	p.start()
	go p.run(ctx)
	return true
}

func (p *Processors) start() {
	p.looked, p.before = p.clock.Now(), p.used()
	p.now = p.most
	p.change(p.least())
}

func (p *Processors) run(ctx context.Context) {
	for delay.Wait(ctx, p.clock, p.interval()) == nil {
		p.look()
	}
}

// interval is the time to the next look. A process with nothing to do looks rarely: at ten
// looks a second the looks cost nothing.
func (p *Processors) interval() time.Duration {
	if p.busy > 0 || p.idle > 0 {
		return lookWhileBusy
	}
	return lookWhileIdle
}

// look judges what has been used since the last look.
func (p *Processors) look() {
	now, used := p.clock.Now(), p.used()
	took, share := now.Sub(p.looked), used-p.before
	p.looked, p.before = now, used
	if took <= 0 {
		return
	}
	least := min(p.least(), p.most)
	load := float64(share) / float64(took)
	p.busy = lasting(p.busy, took, load > crowded*float64(p.now) && p.now < p.most)
	p.idle = lasting(p.idle, took, load < spare*float64(p.now-1) && p.now > least)
	switch {
	case p.now < least:
		p.change(least)
	case p.busy >= crowdedFor:
		p.change(2 * p.now)
	case p.idle >= spareFor:
		p.change(p.now - 1)
	}
}

// lasting adds a span of time to how long something has held, as long as it does.
func lasting(sofar, took time.Duration, holds bool) time.Duration {
	if !holds {
		return 0
	}
	return sofar + min(took, lookWhileIdle)
}

func (p *Processors) change(n int) {
	n = max(1, min(n, p.most))
	p.busy, p.idle = 0, 0
	if n == p.now {
		return
	}
	p.now = n
	p.set(n)
	p.log(n)
}
