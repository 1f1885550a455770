// The index: what is due when, in order. It holds sixteen bytes for each thing,
// and knows nothing of what the thing is.

package delay

import (
	"cmp"

	"github.com/google/btree"
)

// Due is one thing that waits: until At, in nanoseconds since 1970, behind what
// is due at the same instant and came before. Seq tells the order of arrival.
type Due struct {
	At  int64
	Seq uint64
}

// Compare is negative if d comes before e, zero if they are the same.
func (d Due) Compare(e Due) int {
	if d.At != e.At {
		return cmp.Compare(d.At, e.At)
	}
	return cmp.Compare(d.Seq, e.Seq)
}

// An Index is a set of things that wait, ordered by when they are due and then
// by arrival. Adding and removing cost the logarithm of its length, Len nothing.
// A thing takes 16 bytes and the slack of a B-tree: under 40 bytes altogether,
// without a pointer that the garbage collector would follow. The zero value is
// empty. An Index is not safe for concurrent use.
type Index struct {
	tree *btree.BTreeG[Due]
}

// indexDegree makes nodes of up to 127 things, 2 KiB.
const indexDegree = 64

// Add puts a thing into the index; one that is there already stays as it is.
func (x *Index) Add(d Due) {
	if x.tree == nil {
		x.tree = btree.NewG(indexDegree, func(a, b Due) bool { return a.Compare(b) < 0 })
	}
	x.tree.ReplaceOrInsert(d)
}

// Remove takes a thing out and reports whether it was there.
func (x *Index) Remove(d Due) bool {
	if x.tree == nil {
		return false
	}
	_, found := x.tree.Delete(d)
	x.shrink()
	return found
}

// First is what is due first; false if nothing waits.
func (x *Index) First() (Due, bool) {
	if x.tree == nil {
		return Due{}, false
	}
	return x.tree.Min()
}

// Take moves what is due at an instant, in nanoseconds since 1970, out of the
// index and appends it to dst, in order, limit things at most.
func (x *Index) Take(dst []Due, at int64, limit int) []Due {
	for range limit {
		d, ok := x.First()
		if !ok || d.At > at {
			break
		}
		x.tree.DeleteMin()
		dst = append(dst, d)
	}
	x.shrink()
	return dst
}

// After calls visit with what comes after a thing, which need not be there, in
// order, until visit returns false. The index must not change meanwhile.
func (x *Index) After(d Due, visit func(Due) bool) {
	if x.tree == nil {
		return
	}
	x.tree.AscendGreaterOrEqual(d, func(e Due) bool { return e == d || visit(e) })
}

// Len is the number of things that wait.
func (x *Index) Len() int {
	if x.tree == nil {
		return 0
	}
	return x.tree.Len()
}

// Clear takes everything out.
func (x *Index) Clear() { x.tree = nil }

// shrink gives the memory back when the last thing is gone.
func (x *Index) shrink() {
	if x.Len() == 0 {
		x.tree = nil
	}
}
