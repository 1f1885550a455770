package management

import (
	"context"
	"sync"
	"time"

	"github.com/rabbetmq/rabbet/delay"
)

// A throttle slows failed logins down, address by address, so that passwords cannot be
// tried at speed. RabbitMQ has nothing of the kind; a client with the right
// password never waits.
type throttle struct {
	clock delay.Clock

	mu    sync.Mutex
	hosts map[string]*suspect
}

// A suspect is an address with failed logins.
type suspect struct {
	failures int
	last     time.Time // of the failures
	logins   int       // under way
}

const (
	freeFailures    = 5                      // answered at once
	failureStep     = 200 * time.Millisecond // more with each failure after these
	longestSlowdown = 5 * time.Second
	forgiveAfter    = time.Minute // without a failure
	maxLogins       = 20          // under way from an address that has used up its free failures
	maxSuspects     = 4096
)

// enter begins a login. False means that too many are under way from an address whose
// logins fail.
func (t *throttle) enter(host string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.hosts[host]
	if s == nil {
		return true
	}
	if s.failures > freeFailures && s.logins >= maxLogins && t.clock.Now().Sub(s.last) < forgiveAfter {
		return false
	}
	s.logins++
	return true
}

func (t *throttle) leave(host string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.hosts[host]; s != nil && s.logins > 0 {
		s.logins--
	}
}

// slow notes a failed login, and waits as long as its address deserves.
func (t *throttle) slow(ctx context.Context, host string) {
	if d := t.failed(host); d > 0 {
		_ = delay.Wait(ctx, t.clock, d) // cut short when the client goes
	}
}

// failed notes a failed login and is how long to wait for it.
func (t *throttle) failed(host string) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.clock.Now()
	s := t.hosts[host]
	if s == nil {
		t.forgive(now)
		s = &suspect{logins: 1}
		t.hosts[host] = s
	}
	if now.Sub(s.last) >= forgiveAfter {
		s.failures = 0
	}
	s.failures++
	s.last = now
	return min(time.Duration(max(s.failures-freeFailures, 0))*failureStep, longestSlowdown)
}

// forgive makes room: an address that has been quiet is forgotten, all are if that is not
// enough. Called with the lock held.
func (t *throttle) forgive(now time.Time) {
	if len(t.hosts) < maxSuspects {
		return
	}
	for host, s := range t.hosts {
		if now.Sub(s.last) >= forgiveAfter && s.logins == 0 {
			delete(t.hosts, host)
		}
	}
	if len(t.hosts) >= maxSuspects {
		clear(t.hosts)
	}
}
