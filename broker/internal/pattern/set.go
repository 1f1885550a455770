package pattern

// A Set gives equal patterns one Pattern. It is not safe for concurrent use; its
// patterns are.
type Set struct{ patterns map[string]*Pattern }

// Acquire returns the pattern of a text, a lazy one.
func (s *Set) Acquire(expr string) *Pattern {
	p := s.patterns[expr]
	if p == nil {
		if s.patterns == nil {
			s.patterns = make(map[string]*Pattern)
		}
		p = Lazy(expr)
		s.patterns[expr] = p
	}
	p.refs++
	return p
}

// Release gives a pattern back; the last to do so makes the set forget it.
func (s *Set) Release(p *Pattern) {
	if p.refs--; p.refs == 0 {
		delete(s.patterns, p.expr)
	}
}

// Len is the number of different patterns.
func (s *Set) Len() int { return len(s.patterns) }
