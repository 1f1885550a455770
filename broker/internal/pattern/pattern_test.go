package pattern

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/dlclark/regexp2/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/rabbetmq/rabbet/delay"
)

func TestMain(m *testing.M) {
	code := m.Run()
	regexp2.StopTimeoutClock()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// What Erlang's re said of these, in the RabbitMQ 3.10 that Debian has.
func TestRefusalsHaveTheTextAndOffsetOfPCRE(t *testing.T) {
	for expr, want := range map[string]Error{
		`(`:                  {Reason: "missing )", Offset: 1},
		`a(b`:                {Reason: "missing )", Offset: 3},
		`a)b`:                {Reason: "unmatched parentheses", Offset: 1},
		`[a`:                 {Reason: "missing terminating ] for character class", Offset: 2},
		`[`:                  {Reason: "missing terminating ] for character class", Offset: 1},
		`*`:                  {Reason: "nothing to repeat", Offset: 0},
		`a|*b`:               {Reason: "nothing to repeat", Offset: 2},
		`(*`:                 {Reason: "nothing to repeat", Offset: 1},
		`a**`:                {Reason: "nothing to repeat", Offset: 2},
		`a{2}{3}`:            {Reason: "nothing to repeat", Offset: 6},
		`a+++`:               {Reason: "nothing to repeat", Offset: 3},
		`+`:                  {Reason: "nothing to repeat", Offset: 0},
		`{2}`:                {Reason: "nothing to repeat", Offset: 2},
		`\`:                  {Reason: `\ at end of pattern`, Offset: 1},
		`a\`:                 {Reason: `\ at end of pattern`, Offset: 2},
		`[z-a]`:              {Reason: "range out of order in character class", Offset: 3},
		`a[z-a]b`:            {Reason: "range out of order in character class", Offset: 4},
		`(?<n`:               {Reason: "syntax error in subpattern name (missing terminator)", Offset: 4},
		`(?<n>a`:             {Reason: "missing )", Offset: 6},
		`(?z)`:               {Reason: "unrecognized character after (? or (?-", Offset: 2},
		`(?`:                 {Reason: "unrecognized character after (? or (?-", Offset: 2},
		`[[:foo:]]`:          {Reason: "unknown POSIX class name", Offset: 3},
		`\x{110000}`:         {Reason: `character value in \x{} or \o{} is too large`, Offset: 9},
		`a{3,2}`:             {Reason: "numbers out of order in {} quantifier", Offset: 5},
		`x{99999}`:           {Reason: "number too big in {} quantifier", Offset: 7},
		`(a)\2`:              {Reason: "reference to non-existent subpattern", Offset: 5},
		`\k<n>`:              {Reason: "reference to non-existent subpattern", Offset: 4},
		`(?#abc`:             {Reason: "missing ) after comment", Offset: 6},
		`\c`:                 {Reason: `\c at end of pattern`, Offset: 2},
		`[a-\d]`:             {Reason: "invalid range in character class", Offset: 4},
		`\L`:                 {Reason: `PCRE does not support \L, \l, \N{name}, \U, or \u`, Offset: 1},
		`^(?!amq\.).*(`:      {Reason: "missing )", Offset: 13},
		`(?=a)[[:alpha:]`:    {Reason: "missing terminating ] for character class", Offset: 15},
		"(?!a)" + "\xff\xfe": {Reason: "invalid UTF-8 string"},
	} {
		err := Check(expr)
		var got *Error
		if assert.ErrorAs(t, err, &got, "%q", expr) {
			assert.Equal(t, want.Reason, got.Reason, "%q", expr)
			assert.Equal(t, want.Offset, got.Offset, "%q", expr)
			assert.Equal(t, expr, got.Pattern)
		}
		_, err = Compile(expr)
		assert.Error(t, err, "%q", expr)
	}
	assert.Equal(t, `{"missing )",5}`, (&Error{Reason: "missing )", Offset: 5}).Error())
}

func TestPatternsMatchAsInPCRE(t *testing.T) {
	for _, c := range []struct {
		expr, name string
		want       bool
	}{
		{`^(?!amq\.).*`, "orders", true},
		{`^(?!amq\.).*`, "amq.topic", false},
		{`^((?!dlq).)*$`, "orders", true},
		{`^((?!dlq).)*$`, "orders.dlq", false},
		{`^\h+$`, " \t", true},
		{`^\h+$`, "h", false},
		{`^\H$`, "a", true},
		{`a++b`, "aab", true},
		{`a++a`, "aaa", false},
		{`(?<=a)b`, "ab", true},
		{`^(?>a+)b`, "aab", true},
		{`(a)\1`, "aa", true},
		{`^a{1,1001}$`, strings.Repeat("a", 1001), true},
		{`a\Z`, "a", true},
		{`^\Qa.b\E$`, "a.b", true},
		{`^\Qa.b\E(?!c)$`, "axb", false},
		{`(?P<n>a)(?!b)`, "ac", true},
		{`(?P<n>a)(?P=n)`, "aa", true},
		{`(?<n>a)\g{n}`, "aa", true},
		{`(a)\g{-1}b`, "aab", true},
		{`(?!x)[[:alpha:]]+$`, "x1", false},
		{`(?!y)^[[:alpha:]]+$`, "x", true},
		{`(?!y)^[[:^alpha:]]$`, "1", true},
		{`(?!y)^[[:^alpha:]]$`, "a", false},
		{`(?!y)^[[:blank:]]$`, "\t", true},
		{`(?!y)^[[:word:]]$`, "_", true},
		{`(?!x)^\d$`, "\u0663", false},
		{`(?!x)^\w$`, "_", true},
		{`(?!x)^\w$`, "\u00e9", false},
		{`(?!x)^[\w-]+$`, "a-b", true},
		{`(?!x)^[\W]$`, "a", false},
		{`(?!x)^[\W]$`, "-", true},
		{`(?!x)^[a-z-[aeiou]]$`, "a]", true},
		{`^\v$`, "\v", true},
		{`^\R$`, "\r\n", true},
		{`^\N$`, "a", true},
		{`a\Kb`, "ab", true},
		{`^\V$`, "a", true},
		{`^\x{41}$`, "A", true},
		{`(?!b)^\x{41}$`, "A", true},
		{`^\o{101}$`, "A", true},
		{`(?!b)^a{,3}$`, "a{,3}", true},
		{`(?!b)^\e$`, "\x1b", true},
		{`(?!b)^\cA$`, "\x01", true},
		{`^(a)(?<x>b)\2$`, "abb", true},
		{`(*UTF8)(?!b)a`, "a", true},
		{`(?i)(?!b)ORDERS`, "my.orders", true},
		{`(?x) a (?!b) c`, "ac", true},
		{`^(a)?(?(1)b|c)$`, "ab", true},
		{`(?!b)^[\b]$`, "\b", true},
		{`(?!b)^[\Q]-\E]+$`, "]-", true},
		{`(?!b)^[]a]+$`, "]a", true},
		{`(?!b)^[^]a]+$`, "bc", false},
		{`(?#a comment)^a(?!b)`, "ac", true},
		{``, "abc", true},
		{`.*`, "", true},
		{`^$`, "", true},
		{`^$`, "a", false},
	} {
		p, err := Compile(c.expr)
		if assert.NoError(t, err, "%q", c.expr) {
			assert.Equal(t, c.want, p.MatchString(c.name), "%q on %q", c.expr, c.name)
			assert.Equal(t, c.expr, p.String())
			assert.NoError(t, Check(c.expr))
		}
	}
}

// PCRE's own limit makes this no match, and neither side tells the client.
func TestMatchThatTakesTooLongIsNoneAndIsToldOnce(t *testing.T) {
	p, err := Compile(`^(a+)+(?!c)$`)
	require.NoError(t, err)
	name := strings.Repeat("a", 47) + "b"
	begin := delay.Real{}.Now()
	matched, late := p.Match(name)
	took := delay.Real{}.Now().Sub(begin)
	assert.False(t, matched)
	assert.True(t, late)
	assert.Less(t, took, 20*time.Second, "it would take hours")
	matched, late = p.Match(name)
	assert.False(t, matched)
	assert.False(t, late, "told before")
	t.Logf("ended after %v", took)
}

// A late engine is late so many times and then does its work.
type lateEngine int

func (l *lateEngine) MatchString(string) (bool, error) {
	if *l--; *l >= 0 {
		return false, errors.New("match timeout")
	}
	return true, nil
}

// PERM-1: a machine that is busy for a moment refuses nobody what is permitted.
func TestMatchIsTriedAgain(t *testing.T) {
	for times, want := range map[lateEngine][2]bool{1: {true, false}, tries - 1: {true, false}, tries: {false, true}} {
		p := &Pattern{expr: "x"}
		p.ready.Store(&matcher{backtracking: &times})
		matched, late := p.Match("x")
		assert.Equal(t, want, [2]bool{matched, late})
	}
}

func TestSetSharesEqualPatternsAndForgetsThem(t *testing.T) {
	var s Set
	a, b := s.Acquire("^a"), s.Acquire("^a")
	assert.Same(t, a, b)
	assert.Nil(t, a.ready.Load(), "compiled when first used")
	assert.True(t, a.MatchString("ab"))
	assert.NotNil(t, b.ready.Load())
	s.Release(a)
	assert.Equal(t, 1, s.Len())
	s.Release(b)
	assert.Equal(t, 0, s.Len())
	assert.NotSame(t, a, s.Acquire("^a"))
}

func TestPatternThatCannotBeCompiledMatchesNothing(t *testing.T) {
	var s Set
	assert.False(t, s.Acquire("(").MatchString(""))
}

func FuzzCompile(f *testing.F) {
	for _, s := range []string{`^(?!amq\.).*`, `[[:^alpha:]-z]\g{-1}`, `(?P<n>a)(?P=n)\k{n}`, `\Q[\E]`, `[\Q]`, `(?(1)a|b)`, `\x{41}\o{7}\17`, `(?#`} {
		f.Add(s, "name")
	}
	f.Fuzz(func(t *testing.T, expr, name string) {
		if len(expr) > 100 || len(name) > 100 {
			return
		}
		p, err := Compile(expr)
		if (err == nil) != (Check(expr) == nil) {
			t.Fatalf("Compile: %v, Check: %v", err, Check(expr))
		}
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Offset < 0 || e.Offset > len(expr) {
				t.Fatalf("%#v", err)
			}
			return
		}
		p.MatchString(name)
	})
}

func BenchmarkMatch(b *testing.B) {
	for _, expr := range []string{`.*`, `^orders\.`, `^(?!amq\.).*`} {
		b.Run(expr, func(b *testing.B) {
			p, err := Compile(expr)
			require.NoError(b, err)
			b.ReportAllocs()
			for b.Loop() {
				p.MatchString("orders.created")
			}
		})
	}
}
