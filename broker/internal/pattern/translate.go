package pattern

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// translate writes a PCRE pattern in the syntax that both engines understand, and
// finds the faults that PCRE finds, with its texts and offsets.
func translate(expr string) (string, error) {
	t := translator{in: expr, groups: countGroups(expr)}
	t.skipVerbs()
	for t.at < len(t.in) {
		if err := t.next(); err != nil {
			return "", err
		}
	}
	if t.depth > 0 {
		return "", t.fault("missing )", len(t.in))
	}
	return t.out.String(), nil
}

// A translator goes through a pattern from left to right.
type translator struct {
	in         string
	at         int
	out        strings.Builder
	depth      int  // parentheses that are open
	groups     int  // capturing groups in the whole pattern
	opened     int  // capturing groups so far
	repeatable bool // what comes next may be a quantifier
	quantified bool // the last was one
}

func (t *translator) fault(reason string, offset int) error {
	return &Error{Pattern: t.in, Reason: reason, Offset: offset}
}

// take copies n bytes as they are.
func (t *translator) take(n int) {
	t.out.WriteString(t.in[t.at : t.at+n])
	t.at += n
}

// put writes s in the place of n bytes.
func (t *translator) put(s string, n int) {
	t.out.WriteString(s)
	t.at += n
}

// skipVerbs leaves out what only says how the pattern and the names are encoded.
func (t *translator) skipVerbs() {
	for _, verb := range []string{"(*UTF8)", "(*UTF)", "(*UCP)"} {
		if strings.HasPrefix(t.in[t.at:], verb) {
			t.at += len(verb)
		}
	}
}

func (t *translator) next() error {
	switch c := t.in[t.at]; c {
	case '\\':
		t.repeatable, t.quantified = true, false
		return t.escape()
	case '[':
		t.repeatable, t.quantified = true, false
		return t.class()
	case '(':
		t.repeatable, t.quantified = false, false
		t.depth++
		return t.open()
	case ')':
		if t.depth == 0 {
			return t.fault("unmatched parentheses", t.at)
		}
		t.depth--
		t.repeatable, t.quantified = true, false
		t.take(1)
	case '|', '^':
		t.repeatable, t.quantified = c == '^', false
		t.take(1)
	case '*', '+', '?':
		return t.quantifier(1)
	case '{':
		if n := braces.FindString(t.in[t.at:]); n != "" {
			if err := t.checkCounts(n); err != nil {
				return err
			}
			return t.quantifier(len(n))
		}
		t.repeatable, t.quantified = true, false
		t.put(`\{`, 1)
	default:
		_, n := utf8.DecodeRuneInString(t.in[t.at:])
		t.repeatable, t.quantified = true, false
		t.take(n)
	}
	return nil
}

var braces = regexp.MustCompile(`^\{(\d+)(,\d*)?\}`)

// checkCounts refuses numbers that PCRE refuses.
func (t *translator) checkCounts(quantifier string) error {
	low, high, ranged := strings.Cut(strings.Trim(quantifier, "{}"), ",")
	const most = 65535
	at := t.at + 1
	var counts []int
	for _, s := range []string{low, high} {
		n, err := strconv.Atoi(s)
		at += len(s) + 1
		if s != "" && (err != nil || n > most) {
			return t.fault("number too big in {} quantifier", at-1)
		}
		counts = append(counts, n)
	}
	if ranged && high != "" && counts[0] > counts[1] {
		return t.fault("numbers out of order in {} quantifier", t.at+len(quantifier)-1)
	}
	return nil
}

// quantifier copies one of n bytes. After a quantifier ? makes it lazy and +
// possessive; there is nothing more to repeat.
func (t *translator) quantifier(n int) error {
	suffix := t.quantified && n == 1 && t.in[t.at] != '*'
	switch {
	case suffix:
		t.repeatable, t.quantified = false, false
	case !t.repeatable || t.quantified:
		return t.fault("nothing to repeat", t.at+n-1)
	default:
		t.quantified = true
	}
	t.take(n)
	return nil
}

var groupName = regexp.MustCompile(`^\w+`)

// open copies the beginning of a group.
func (t *translator) open() error {
	rest := t.in[t.at:]
	if !strings.HasPrefix(rest, "(?") {
		t.opened++
		t.take(1)
		return nil
	}
	for _, plain := range []string{"(?:", "(?=", "(?!", "(?>", "(?<=", "(?<!", "(?("} {
		if strings.HasPrefix(rest, plain) {
			t.take(len(plain))
			if plain == "(?(" {
				return t.condition()
			}
			return nil
		}
	}
	switch {
	case strings.HasPrefix(rest, "(?#"):
		end := strings.IndexByte(rest, ')')
		if end < 0 {
			return t.fault("missing ) after comment", len(t.in))
		}
		t.depth--
		t.at += end + 1
		return nil
	case strings.HasPrefix(rest, "(?P="):
		name, _, _ := strings.Cut(rest[4:], ")")
		t.put(`(?:\k<`+name+`>`, 4+len(name))
		return nil
	case strings.HasPrefix(rest, "(?P<"):
		return t.named(4, '>')
	case strings.HasPrefix(rest, "(?<"):
		return t.named(3, '>')
	case strings.HasPrefix(rest, "(?'"):
		return t.named(3, '\'')
	}
	flags := 2
	for flags < len(rest) && strings.IndexByte("imsx-", rest[flags]) >= 0 {
		flags++
	}
	if flags == len(rest) || rest[flags] != ':' && rest[flags] != ')' {
		return t.fault("unrecognized character after (? or (?-", t.at+flags)
	}
	t.take(flags)
	if rest[flags] == ':' {
		t.take(1)
	}
	return nil
}

// condition copies what stands between (?( and its ), as far as it is a group's
// number or name.
func (t *translator) condition() error {
	if end := strings.IndexByte(t.in[t.at:], ')'); end >= 0 && groupName.FindString(t.in[t.at:]) == t.in[t.at:t.at+end] {
		t.take(end + 1)
		return nil
	}
	return t.fault("assertion expected after (?( or (?(?C)", t.at)
}

// named copies the beginning of a named group, in the form of both engines.
func (t *translator) named(prefix int, terminator byte) error {
	name := groupName.FindString(t.in[t.at+prefix:])
	end := t.at + prefix + len(name)
	switch {
	case name == "" || name[0] >= '0' && name[0] <= '9':
		return t.fault("group name must start with a non-digit", t.at+prefix)
	case end == len(t.in) || t.in[end] != terminator:
		return t.fault("syntax error in subpattern name (missing terminator)", end)
	}
	t.opened++
	t.put("(?<"+name+">", end+1-t.at)
	return nil
}

// countGroups is the number of capturing groups of a pattern, well-formed or not.
func countGroups(expr string) int {
	n := 0
	for i := 0; i < len(expr); i++ {
		switch expr[i] {
		case '\\':
			i++
		case '[':
			i = endOfClass(expr, i)
		case '(':
			rest := expr[i+1:]
			if !strings.HasPrefix(rest, "?") && !strings.HasPrefix(rest, "*") ||
				strings.HasPrefix(rest, "?P<") || strings.HasPrefix(rest, "?'") ||
				strings.HasPrefix(rest, "?<") && !strings.HasPrefix(rest, "?<=") && !strings.HasPrefix(rest, "?<!") {
				n++
			}
		}
	}
	return n
}
