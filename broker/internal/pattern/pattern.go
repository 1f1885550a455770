// Package pattern matches names against RabbitMQ's regular expressions, which are
// PCRE: the patterns of permissions, policies, and selections of users and virtual
// hosts.
//
// Most patterns are as good for Go's regexp, which takes linear time. Those that it
// refuses, such as ^(?!amq\.).*, go to a backtracking engine with a limit of time.
// Matching is not anchored, is case-sensitive, and goes by characters where RabbitMQ
// goes by bytes.
package pattern

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2/v2"
)

// MatchTimeout is how long a match may take in the backtracking engine. A match
// that takes longer counts as none.
const MatchTimeout = 50 * time.Millisecond

// tries is how often a match may take too long before a pattern is known to be slow: the
// engine measures time, not work, and a busy machine may not let it work.
const tries = 3

// checkPeriod is how often the backtracking engine looks at its clock: with its own
// default of 100 ms a time-out would come that much late.
const checkPeriod = 5 * time.Millisecond

var setCheckPeriod = sync.OnceFunc(func() { regexp2.SetTimeoutCheckPeriod(checkPeriod) })

// An Error is a pattern that cannot be used.
type Error struct {
	Pattern string
	// Reason is PCRE's text where it refuses the pattern as well.
	Reason string
	// Offset is the number of bytes before the fault, as PCRE counts them.
	Offset int
}

// Error is the reason as RabbitMQ prints it.
func (e *Error) Error() string { return fmt.Sprintf("{%q,%d}", e.Reason, e.Offset) }

// A Pattern is a regular expression, compiled when it is first used.
type Pattern struct {
	expr  string
	ready atomic.Pointer[matcher]
	refs  int32 // of the Set that it belongs to
}

// A matcher is a compiled pattern. One that cannot be compiled matches nothing.
type matcher struct {
	linear       *regexp.Regexp
	backtracking interface{ MatchString(string) (bool, error) }
	timedOut     atomic.Bool
}

// Compile returns a pattern that can be used, or an *Error.
func Compile(expr string) (*Pattern, error) {
	m, err := compile(expr)
	if err != nil {
		return nil, err
	}
	p := &Pattern{expr: expr}
	p.ready.Store(m)
	return p, nil
}

// Lazy returns a pattern that is compiled when it is first used. One that cannot be
// compiled matches nothing.
func Lazy(expr string) *Pattern { return &Pattern{expr: expr} }

// Check returns an *Error for a pattern that cannot be used. It costs less than
// Compile.
func Check(expr string) error {
	if expr == ".*" || expr == "" {
		return nil
	}
	if _, err := syntax.Parse(expr, syntax.Perl); err == nil {
		return nil
	}
	_, err := compile(expr)
	return err
}

// String is the pattern's text.
func (p *Pattern) String() string { return p.expr }

// MatchString reports whether the pattern matches anywhere in s.
func (p *Pattern) MatchString(s string) bool {
	matched, _ := p.Match(s)
	return matched
}

// Match is MatchString that also reports whether it took too long, at the first time
// for a pattern only: that is worth a line in the log.
func (p *Pattern) Match(s string) (matched, timedOut bool) {
	if p.expr == ".*" { // nearly every permission
		return true, false
	}
	m := p.ready.Load()
	if m == nil {
		if m, _ = compile(p.expr); m == nil {
			m = &matcher{}
		}
		p.ready.Store(m)
	}
	switch {
	case m.linear != nil:
		return m.linear.MatchString(s), false
	case m.backtracking == nil:
		return false, false
	}
	matched, err := m.backtracking.MatchString(s)
	for try := 1; err != nil && try < tries && !m.timedOut.Load(); try++ {
		matched, err = m.backtracking.MatchString(s)
	}
	return matched && err == nil, err != nil && m.timedOut.CompareAndSwap(false, true)
}

func compile(expr string) (*matcher, error) {
	if linear, err := regexp.Compile(expr); err == nil {
		return &matcher{linear: linear}, nil
	}
	if !utf8.ValidString(expr) {
		return nil, &Error{Pattern: expr, Reason: "invalid UTF-8 string"}
	}
	translated, err := translate(expr)
	if err != nil {
		return nil, err
	}
	if linear, err := regexp.Compile(translated); err == nil {
		return &matcher{linear: linear}, nil
	}
	setCheckPeriod()
	backtracking, err := regexp2.Compile(translated, regexp2.OptionMaintainCaptureOrder())
	if err != nil {
		return nil, &Error{Pattern: expr, Reason: err.Error()}
	}
	backtracking.MatchTimeout = MatchTimeout
	return &matcher{backtracking: backtracking}, nil
}
