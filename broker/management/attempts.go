package management

import (
	"cmp"
	"slices"
	"sync"
)

// attempts counts logins over HTTP.
type attempts struct {
	mu        sync.Mutex
	succeeded uint64
	failed    uint64
	bySource  map[source]*attemptCount
}

// A source is who tried to log in, and from where.
type source struct{ host, user string }

type attemptCount struct{ succeeded, failed uint64 }

// maxSources bounds how many sources are counted one by one.
const maxSources = 1000

func (a *attempts) count(host, user string, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	of := a.bySource[source{host, user}]
	if of == nil && len(a.bySource) < maxSources {
		of = &attemptCount{}
		a.bySource[source{host, user}] = of
	}
	if of == nil {
		of = &attemptCount{}
	}
	if ok {
		a.succeeded++
		of.succeeded++
		return
	}
	a.failed++
	of.failed++
}

func (a *attempts) total() attemptCount {
	a.mu.Lock()
	defer a.mu.Unlock()
	return attemptCount{a.succeeded, a.failed}
}

// A sourceCount is what one source has tried.
type sourceCount struct {
	source
	attemptCount
}

func (a *attempts) sources() []sourceCount {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := make([]sourceCount, 0, len(a.bySource))
	for s, n := range a.bySource {
		list = append(list, sourceCount{s, *n})
	}
	slices.SortFunc(list, func(x, y sourceCount) int {
		return cmp.Or(cmp.Compare(x.host, y.host), cmp.Compare(x.user, y.user))
	})
	return list
}

func (a *attempts) reset() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.succeeded, a.failed = 0, 0
	clear(a.bySource)
}
