package store

import "time"

// A Share is one publisher's share of the disk: what it has in the batch that collects.
// The zero value is ready. It belongs to one goroutine at a time.
type Share struct {
	batch uint64 // the last one in which it has a part
}

// takePart notes that a publisher has a part in the pending batch. It reports whether
// the publisher must leave room in it for others. Called with the lock held.
func (s *Store) takePart(share *Share) bool {
	p := &s.pending
	if share == nil {
		return false
	}
	if share.batch != p.number {
		share.batch = p.number
		p.sharers++
		return false
	}
	if p.sharers < 2 && s.current.sharers < 2 || p.cost() < s.quota {
		return false
	}
	p.crowded = true
	s.expedite()
	return true
}

// cost is what it costs to commit a batch, in something like bytes.
func (b *batch) cost() int { return b.bytes + opCost*len(b.ops) }

const (
	// opCost is what an operation costs beside the bytes of its message.
	opCost = 100
	// A batch in which several publishers have a part is to be committed within
	// fairTime, or twice what the disk takes for the least; the quota that makes it so
	// is found by trying.
	fairTime           = 2 * time.Millisecond
	minQuota, maxQuota = 128 << 10, maxPending
)

// adapt adapts the quota to how long a batch took.
func (s *Store) adapt(took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if took < s.least || s.least == 0 {
		s.least = took
	} else {
		s.least += (took - s.least) / 256 // a disk may become slow
	}
	switch target := max(fairTime, 2*s.least); {
	case took > target && s.current.cost() >= s.quota/2:
		s.quota = max(s.quota*7/8, minQuota)
	case took < target && s.current.crowded:
		s.quota = min(s.quota*9/8, maxQuota)
	}
}
