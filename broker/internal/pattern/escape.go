package pattern

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// sets are the escapes that stand for a set of characters, as they are written
// within brackets. PCRE's are ASCII; those of the backtracking engine are not.
var sets = map[byte]string{
	'd': `0-9`, 'w': `A-Za-z0-9_`, 's': `\t-\r `, 'h': `\t `, 'v': `\n-\r`,
}

// escape translates a backslash and what belongs to it, outside of brackets.
func (t *translator) escape() error {
	if t.at+1 == len(t.in) {
		return t.fault(`\ at end of pattern`, len(t.in))
	}
	c := t.in[t.at+1]
	if set := sets[c]; set != "" {
		t.put("["+set+"]", 2)
		return nil
	}
	if set := sets[c|0x20]; set != "" {
		t.put("[^"+set+"]", 2)
		return nil
	}
	switch c {
	case 'N':
		t.put(`[^\n]`, 2)
	case 'C':
		t.put(`[\s\S]`, 2)
	case 'R':
		t.put(`(?>\r\n|[\n-\r])`, 2)
	case 'K': // where the match begins makes no difference here
		t.repeatable = false
		t.put("", 2)
	case 'Q':
		t.literal(regexp.QuoteMeta)
	case 'E':
		t.put("", 2)
	case 'L', 'l', 'U', 'u':
		return t.fault(`PCRE does not support \L, \l, \N{name}, \U, or \u`, t.at+1)
	case 'c':
		if t.at+2 == len(t.in) {
			return t.fault(`\c at end of pattern`, len(t.in))
		}
		t.take(3)
	case 'x', 'o':
		return t.code()
	case 'g', 'k':
		return t.reference()
	case '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return t.number()
	default:
		_, n := utf8.DecodeRuneInString(t.in[t.at+1:])
		t.take(1 + n)
	}
	return nil
}

// literal copies what stands between \Q and \E, quoted.
func (t *translator) literal(quote func(string) string) {
	text, _, ended := strings.Cut(t.in[t.at+2:], `\E`)
	n := 2 + len(text)
	if ended {
		n += 2
	}
	t.repeatable = text != ""
	t.put(quote(text), n)
}

var (
	hexCode   = regexp.MustCompile(`^\\x(?:\{([0-9A-Fa-f]+)\}|([0-9A-Fa-f]{0,2}))`)
	octalCode = regexp.MustCompile(`^\\o\{([0-7]+)\}`)
)

// code translates a character given by its number.
func (t *translator) code() error {
	rest := t.in[t.at:]
	digits, base, whole := "", 16, ""
	if m := hexCode.FindStringSubmatch(rest); m != nil {
		whole, digits = m[0], m[1]+m[2]
	} else if m := octalCode.FindStringSubmatch(rest); m != nil {
		whole, digits, base = m[0], m[1], 8
	} else {
		return t.fault(`missing opening brace after \o`, t.at+2)
	}
	n, err := strconv.ParseUint("0"+digits, base, 32)
	if err != nil || n > utf8.MaxRune {
		return t.fault(`character value in \x{} or \o{} is too large`, t.at+len(whole)-1)
	}
	if n < 0x20 {
		t.put(`\x`+string("0123456789abcdef"[n>>4])+string("0123456789abcdef"[n&15]), len(whole))
		return nil
	}
	t.put(regexp.QuoteMeta(string(rune(n))), len(whole))
	return nil
}

var (
	numberedReference = regexp.MustCompile(`^\\g(?:\{(-?\d+)\}|(-?\d+))`)
	namedReference    = regexp.MustCompile(`^\\[gk](?:\{([A-Za-z_]\w*)\}|<([A-Za-z_]\w*)>|'([A-Za-z_]\w*)')`)
	digits            = regexp.MustCompile(`^\d+`)
)

// reference translates \g and \k.
func (t *translator) reference() error {
	rest := t.in[t.at:]
	if m := numberedReference.FindStringSubmatch(rest); m != nil {
		n, err := strconv.Atoi(m[1] + m[2])
		if n < 0 {
			n += t.opened + 1
		}
		if err != nil || n < 1 || n > t.groups {
			return t.fault("reference to non-existent subpattern", t.at+len(m[0]))
		}
		t.put(`(?:\`+strconv.Itoa(n)+`)`, len(m[0]))
		return nil
	}
	m := namedReference.FindStringSubmatch(rest)
	if m == nil {
		return t.fault(`a numbered reference must not be zero`, t.at+2)
	}
	name := m[1] + m[2] + m[3]
	if !strings.Contains(t.in, "?<"+name+">") && !strings.Contains(t.in, "?P<"+name+">") && !strings.Contains(t.in, "?'"+name+"'") {
		return t.fault("reference to non-existent subpattern", t.at+len(m[0])-1)
	}
	t.put(`\k<`+name+`>`, len(m[0]))
	return nil
}

// number translates a backslash and digits: a reference to a group, or else the
// number of a character in octal.
func (t *translator) number() error {
	text := digits.FindString(t.in[t.at+1:])
	n, err := strconv.Atoi(text)
	switch {
	case err == nil && n <= t.groups:
		t.put(`(?:\`+text+`)`, 1+len(text))
	case err == nil && n < 8:
		return t.fault("reference to non-existent subpattern", t.at+1+len(text))
	case text[0] >= '8':
		t.put(text[:1], 2)
	default:
		octal := text[:min(3, len(text))]
		for i := range octal {
			if octal[i] > '7' {
				octal = octal[:i]
				break
			}
		}
		code, _ := strconv.ParseUint(octal, 8, 16)
		t.put(regexp.QuoteMeta(string(rune(code&0xff))), 1+len(octal))
	}
	return nil
}
