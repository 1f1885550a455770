package management

import (
	"sync"
	"time"

	"github.com/rabbetmq/rabbet/delay"
)

// A sampler takes samples of the objects that somebody looks at. What nobody looks at
// costs nothing, and what is gone is forgotten with the next sample.
type sampler struct {
	clock delay.Clock

	mu      sync.Mutex
	objects map[objectKey]*sampled
	full    int // of the objects, those with a whole history
	timer   delay.Timer
	ended   bool
}

// An objectKind tells apart what may have the same name.
type objectKind uint8

const (
	overviewObject objectKind = iota
	nodeObject
	vhostObject
	queueObject
	exchangeObject
	connectionObject
	channelObject
)

// An objectKey names what samples are taken of.
type objectKey struct {
	kind        objectKind
	vhost, name string
}

// A sampled is one object and its history.
type sampled struct {
	*history
	read     func([]uint64) bool // false once the object is gone
	figures  []uint64
	looked   int64 // when it was last looked at, in seconds
	whole    bool
	constant bool // kept though nobody looks
}

const (
	sampleStep = 5 // seconds
	// How long an object is sampled after the last look, in seconds.
	wholePatience  = 600
	latestPatience = 120
	// Bounds on what is sampled: whole histories, and objects in all.
	maxWhole   = 1000
	maxSampled = 20_000
)

// start begins to sample.
func (s *sampler) start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects = make(map[objectKey]*sampled)
	s.schedule()
}

// schedule sets the timer for the next sample, at a time that is a multiple of the
// step. Called with the lock held.
func (s *sampler) schedule() {
	now := s.clock.Now()
	next := (now.Unix()/sampleStep + 1) * sampleStep
	s.timer = s.clock.AfterFunc(time.Unix(next, 0).Sub(now), s.tick)
}

// stop ends sampling.
func (s *sampler) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.timer.Stop()
	s.objects = nil
}

// tick takes a sample of everything.
func (s *sampler) tick() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	now := s.clock.Now().Unix()
	for key, o := range s.objects {
		patience := int64(latestPatience)
		if o.whole {
			patience = wholePatience
		}
		if !o.constant && now-o.looked > patience || !o.read(o.figures) {
			s.forget(key, o)
			continue
		}
		o.record(now, o.figures)
	}
	s.schedule()
}

func (s *sampler) forget(key objectKey, o *sampled) {
	if o.whole {
		s.full--
	}
	delete(s.objects, key)
}

// A look is what somebody wants to see of an object.
type look struct {
	key        objectKey
	gauges     span
	width      int
	retentions []retention // of a whole history
	whole      bool        // the history is asked for, not the newest rate alone
	constant   bool        // sampled even when nobody looks
	// read fills in the figures; false once the object is gone.
	read func([]uint64) bool
}

// look calls f with the history of an object, and with the time in seconds. The history
// is nil if there are too many. It begins with the first look.
func (s *sampler) look(l look, f func(h *history, now int64)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now().Unix()
	o := s.objects[l.key]
	if o == nil || l.whole && !o.whole && s.full < maxWhole {
		if s.ended || o == nil && len(s.objects) >= maxSampled {
			f(nil, now)
			return
		}
		o = s.begin(l, o, now)
	}
	o.looked = now
	f(o.history, now)
}

// begin starts the history of an object; before is a shorter one that there was.
func (s *sampler) begin(l look, before *sampled, now int64) *sampled {
	o := &sampled{read: l.read, figures: make([]uint64, l.width), constant: l.constant, whole: l.whole && s.full < maxWhole}
	retentions := latestRetention
	if o.whole {
		retentions = l.retentions
		s.full++
	}
	o.history = newHistory(l.gauges, l.width, retentions)
	if before != nil {
		t := &before.tiers[0]
		o.record(t.slot*t.step, t.last)
	} else if o.read(o.figures) {
		o.record(now, o.figures)
	}
	s.objects[l.key] = o
	return o
}

// reset forgets all samples.
func (s *sampler) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, o := range s.objects {
		if !o.constant {
			s.forget(key, o)
			continue
		}
		retentions := make([]retention, len(o.tiers))
		for i := range o.tiers {
			retentions[i] = o.tiers[i].retention
		}
		o.history = newHistory(o.gauges, o.width, retentions)
	}
}
