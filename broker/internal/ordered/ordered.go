// Package ordered keeps sets in the order in which their members came.
package ordered

import (
	"iter"
	"slices"
)

// A Set is a set of pointers, or of anything whose zero value is no member. The zero Set
// is empty. To add and to remove cost the same however many members there are. Methods
// may be called by one goroutine at a time.
type Set[T comparable] struct {
	list []T       // zero where a member has left
	at   map[T]int // nil while the list is short enough to search, and has no gaps
}

// few is the number of members up to which a search beats a map.
const few = 16

// Len is the number of members.
func (s *Set[T]) Len() int {
	if s.at == nil {
		return len(s.list)
	}
	return len(s.at)
}

// Add adds a member behind the others, and reports whether it is new.
func (s *Set[T]) Add(v T) bool {
	if s.at == nil {
		if slices.Contains(s.list, v) {
			return false
		}
		if s.list = append(s.list, v); len(s.list) > few {
			s.index()
		}
		return true
	}
	if _, found := s.at[v]; found {
		return false
	}
	s.at[v] = len(s.list)
	s.list = append(s.list, v)
	return true
}

// Remove takes a member out, and reports whether there was one.
func (s *Set[T]) Remove(v T) bool {
	if s.at == nil {
		i := slices.Index(s.list, v)
		if i >= 0 {
			s.list = slices.Delete(s.list, i, i+1)
		}
		return i >= 0
	}
	i, found := s.at[v]
	if !found {
		return false
	}
	var none T
	delete(s.at, v)
	s.list[i] = none
	if n := len(s.at); n <= few/2 || len(s.list) > 2*n {
		s.close()
	}
	return true
}

// close drops the gaps.
func (s *Set[T]) close() {
	s.list = slices.Collect(s.All())
	s.at = nil // Go's maps never shrink
	if len(s.list) > few {
		s.index()
	}
}

func (s *Set[T]) index() {
	s.at = make(map[T]int, len(s.list))
	for i, v := range s.list {
		s.at[v] = i
	}
}

// All yields the members in the order in which they came. The set must not change
// meanwhile.
func (s *Set[T]) All() iter.Seq[T] {
	return func(yield func(T) bool) {
		var none T
		for _, v := range s.list {
			if v != none && !yield(v) {
				return
			}
		}
	}
}

// Take empties the set and returns its members.
func (s *Set[T]) Take() []T {
	all := slices.Collect(s.All())
	*s = Set[T]{}
	return all
}
