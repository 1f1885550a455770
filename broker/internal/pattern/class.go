package pattern

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// last is the last character there is.
const last = "\U0010FFFF"

// classNames are the POSIX names within brackets.
var classNames = map[string]string{
	"alpha": `A-Za-z`, "digit": `0-9`, "alnum": `A-Za-z0-9`, "upper": `A-Z`, "lower": `a-z`, "space": `\t-\r `,
	"blank": `\t `, "punct": `!-/:-@\[-` + "`" + `{-~`, "xdigit": `0-9A-Fa-f`, "word": `A-Za-z0-9_`,
	"cntrl": `\x00-\x1f\x7f`, "graph": `!-~`, "print": ` -~`, "ascii": `\x00-\x7f`,
}

// complements are what the names do not mean, for [:^name:] and \D and the like
// within brackets.
var complements = map[string]string{
	"alpha": `\x00-@\[-` + "`" + `{-` + last, "digit": `\x00-/:-` + last, "alnum": `\x00-/:-@\[-` + "`" + `{-` + last,
	"upper": `\x00-@\[-` + last, "lower": `\x00-` + "`" + `{-` + last, "space": `\x00-\x08\x0e-\x1f!-` + last,
	"blank": `\x00-\x08\n-\x1f!-` + last, "word": `\x00-/:-@\[-^` + "`" + `{-` + last,
}

var className = regexp.MustCompile(`^\[:(\^?)([a-z]+):\]`)

// class translates a set in brackets.
func (t *translator) class() error {
	t.take(1)
	if t.at < len(t.in) && t.in[t.at] == '^' {
		t.take(1)
	}
	first := true
	var low rune = -1 // of a range that has begun, or -1
	for t.at < len(t.in) {
		c := t.in[t.at]
		if c == ']' && !first {
			t.take(1)
			return nil
		}
		first = false
		r, single, err := t.member()
		if err != nil {
			return err
		}
		if !single {
			low = -1
			continue
		}
		if low >= 0 {
			if r < low {
				return t.fault("range out of order in character class", t.at-1)
			}
			if t.at < len(t.in) && t.in[t.at] == '-' { // after a range it is itself
				t.put(`\-`, 1)
			}
			low = -1
			continue
		}
		if t.at+1 < len(t.in) && t.in[t.at] == '-' && t.in[t.at+1] != ']' {
			if next := t.in[t.at+1:]; len(next) > 1 && next[0] == '\\' && sets[next[1]|0x20] != "" || className.MatchString(next) {
				return t.fault("invalid range in character class", t.at+1+1)
			}
			low = r
			t.take(1)
		}
	}
	return t.fault("missing terminating ] for character class", len(t.in))
}

// member translates one character, escape or name within brackets. A single
// character may begin or end a range.
func (t *translator) member() (r rune, single bool, err error) {
	rest := t.in[t.at:]
	switch rest[0] {
	case '[':
		if m := className.FindStringSubmatch(rest); m != nil {
			set, not := classNames[m[2]], complements[m[2]]
			if set == "" || m[1] != "" && not == "" {
				return 0, false, t.fault("unknown POSIX class name", t.at+2)
			}
			if m[1] != "" {
				set = not
			}
			t.put(set, len(m[0]))
			return 0, false, nil
		}
		t.put(`\[`, 1)
		return '[', true, nil
	case '\\':
		return t.memberEscape(rest)
	}
	r, n := utf8.DecodeRuneInString(rest)
	if r == '&' || r == '~' { // signs of operations on sets elsewhere
		t.put(`\`, 0)
	}
	t.take(n)
	return r, true, nil
}

// memberEscape translates an escape within brackets.
func (t *translator) memberEscape(rest string) (r rune, single bool, err error) {
	if len(rest) == 1 {
		return 0, false, t.fault(`\ at end of pattern`, len(t.in))
	}
	c := rest[1]
	if set := sets[c]; set != "" {
		t.put(set, 2)
		return 0, false, nil
	}
	switch c {
	case 'D':
		t.put(complements["digit"], 2)
	case 'W':
		t.put(complements["word"], 2)
	case 'S':
		t.put(complements["space"], 2)
	case 'H':
		t.put(complements["blank"], 2)
	case 'V':
		t.put(`\x00-\x09\x0e-`+last, 2)
	case 'Q':
		t.literal(quoteMembers)
	case 'E':
		t.put("", 2)
	case 'L', 'l', 'U', 'u':
		return 0, false, t.fault(`PCRE does not support \L, \l, \N{name}, \U, or \u`, t.at+1)
	case 'x', 'o':
		return -1, false, t.code()
	case 'b':
		t.put(`\x08`, 2)
		return '\b', true, nil
	case 'n', 'r', 't', 'f', 'a', 'e', 'c', 'p', 'P', '0', '1', '2', '3', '4', '5', '6', '7':
		t.take(2)
	default:
		r, n := utf8.DecodeRuneInString(rest[1:])
		if r >= utf8.RuneSelf || r >= '0' && r <= '9' || r|0x20 >= 'a' && r|0x20 <= 'z' {
			t.put(string(r), 1+n)
		} else {
			t.take(1 + n)
		}
		return r, true, nil
	}
	return 0, false, nil
}

// quoteMembers quotes text within brackets.
func quoteMembers(text string) string {
	var b strings.Builder
	for _, r := range text {
		if strings.ContainsRune(`\]^-[&~`, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// endOfClass is where the set in brackets that begins at i ends, or the end of the
// pattern.
func endOfClass(expr string, i int) int {
	i++
	if i < len(expr) && expr[i] == '^' {
		i++
	}
	for first := true; i < len(expr); i++ {
		switch {
		case expr[i] == '\\':
			i++
		case expr[i] == ']' && !first:
			return i
		case expr[i] == '[':
			i += max(0, len(className.FindString(expr[i:]))-1)
		}
		first = false
	}
	return i
}
