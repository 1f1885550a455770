// A ring of buckets, of which each member has a run: what x-consistent-hash,
// x-modulus-hash and the random types choose from.

package exchange

import "math/bits"

// ring is the members in order of joining, each with as many buckets as its weight.
// When one leaves, the buckets behind it move down (CHASH-3). Joining, leaving and
// finding a bucket's member cost the logarithm of the number of members.
type ring[K comparable] struct {
	members []member[K]
	index   map[K]int // where in members
	// sums is a binary indexed tree over the weights: sums[i] covers the members
	// behind i&(i-1), up to i, counted from 1.
	sums    []int64
	buckets int64
}

type member[K comparable] struct {
	key    K
	weight int64 // 0 once it has left
}

func (r *ring[K]) has(key K) bool {
	_, ok := r.index[key]
	return ok
}

// join appends a member that is not there yet; the weight is at least 1.
func (r *ring[K]) join(key K, weight int64) {
	if r.index == nil {
		r.index, r.sums = make(map[K]int), make([]int64, 1)
	}
	r.index[key] = len(r.members)
	r.members = append(r.members, member[K]{key, weight})
	r.buckets += weight
	i := len(r.members)
	sum := weight
	for j := i - 1; j > i&(i-1); j &= j - 1 {
		sum += r.sums[j]
	}
	r.sums = append(r.sums, sum)
}

// leave removes a member with its buckets, if it is there.
func (r *ring[K]) leave(key K) {
	at, ok := r.index[key]
	if !ok {
		return
	}
	delete(r.index, key)
	weight := r.members[at].weight
	r.members[at] = member[K]{}
	r.buckets -= weight
	for i := at + 1; i < len(r.sums); i += i & -i {
		r.sums[i] -= weight
	}
	if n := len(r.index); n == 0 {
		*r = ring[K]{} // Go's maps never shrink
	} else if n < len(r.members)/2 {
		r.compact()
	}
}

// compact forgets the places of those that have left.
func (r *ring[K]) compact() {
	old := r.members
	*r = ring[K]{members: make([]member[K], 0, len(r.index))}
	for _, m := range old {
		if m.weight > 0 {
			r.join(m.key, m.weight)
		}
	}
}

// at is the member that has a bucket, of which there are r.buckets.
func (r *ring[K]) at(bucket int64) K {
	i := 0
	for step := 1 << (bits.Len(uint(len(r.members))) - 1); step > 0; step >>= 1 {
		if next := i + step; next < len(r.sums) && r.sums[next] <= bucket {
			i = next
			bucket -= r.sums[next]
		}
	}
	return r.members[i].key
}
