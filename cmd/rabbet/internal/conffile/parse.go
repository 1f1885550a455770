package conffile

import (
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// parse reads a text line by line. A line that makes no sense is an error, and the
// next ones are read all the same.
func (r *Reader) parse(file, text string, depth int) {
	if !utf8.ValidString(text) {
		r.fail(Place{file, 1 + strings.Count(text[:firstInvalid(text)], "\n")}, "the text is not UTF-8")
		return
	}
	text = strings.TrimPrefix(text, "\ufeff")
	for line := 1; text != ""; line++ {
		place := Place{file, line}
		rest, used := text, 0
		if end := strings.IndexByte(text, '\n'); end >= 0 {
			rest, used = text[:end], end+1
		} else {
			used = len(text)
		}
		rest = strings.TrimSuffix(rest, "\r")
		key, value, isSetting := strings.Cut(rest, "=")
		trimmed := strings.Trim(rest, " \t")
		switch {
		case trimmed == "" || trimmed[0] == '#':
		case isInclude(trimmed):
			r.include(place, includePattern(trimmed), depth)
		case !isSetting || strings.Contains(key, "#"):
			r.fail(place, "%q is no setting: a line is key = value", clip(trimmed))
		default:
			// A value in quotes may go on in the lines that follow.
			quoted := strings.TrimLeft(text[len(key)+1:], " \t")
			if strings.HasPrefix(quoted, "'") {
				value, n, err := unquote(quoted)
				if err != "" {
					r.fail(place, "%s", err)
					return // where the value ends nobody knows
				}
				used = len(text) - len(quoted) + n
				r.add(place, key, value, true)
				line += strings.Count(text[:used], "\n") - 1
				break
			}
			if at := strings.IndexByte(value, '#'); at >= 0 {
				value = value[:at]
			}
			r.add(place, key, strings.Trim(value, " \t"), false)
		}
		text = text[used:]
	}
}

// firstInvalid is where a text ceases to be UTF-8.
func firstInvalid(text string) int {
	for i, c := range text {
		if c == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(text[i:]); size <= 1 {
				return i
			}
		}
	}
	return len(text)
}

// isInclude reports whether a line is an include line and not a setting of that
// name.
func isInclude(line string) bool {
	rest, ok := strings.CutPrefix(line, "include")
	return ok && rest != strings.TrimLeft(rest, " \t") && !strings.HasPrefix(strings.TrimLeft(rest, " \t"), "=")
}

// includePattern is the pattern of an include line, which may be quoted.
func includePattern(line string) string {
	pattern, _, _ := strings.Cut(strings.TrimPrefix(line, "include"), "#")
	return filepath.FromSlash(strings.Trim(pattern, " \t'\""))
}

// unquote reads a value in single quotes, or in three of them, from the beginning
// of a text, with what follows it up to the end of the line. It returns the number
// of bytes.
func unquote(text string) (value string, n int, problem string) {
	quote := "'"
	if strings.HasPrefix(text, "'''") {
		quote = "'''"
	}
	end := strings.Index(text[len(quote):], quote)
	if end < 0 {
		return "", 0, "the quote ' is never closed"
	}
	value, n = text[len(quote):len(quote)+end], end+2*len(quote)
	if quote == "'''" {
		value = strings.Trim(value, "\r\n")
	}
	rest, _, found := strings.Cut(text[n:], "\n")
	n += len(rest)
	if found {
		n++
	}
	if rest = strings.Trim(rest, " \t\r"); rest != "" && rest[0] != '#' {
		return "", 0, "text after the closing quote: " + clip(rest)
	}
	return value, n, ""
}

// add notes a setting.
func (r *Reader) add(p Place, key, value string, quoted bool) {
	words, ok := splitKey(strings.Trim(key, " \t"))
	switch {
	case !ok:
		r.fail(p, "bad key %q: it is words of letters, digits, _ and - with dots between them", clip(strings.Trim(key, " \t")))
	case value == "" && !quoted:
		r.fail(p, "%s has no value", FormatKey(words))
	default:
		r.entries = append(r.entries, Entry{words, value, p})
	}
}

// splitKey splits a key at its dots.
func splitKey(key string) (words []string, ok bool) {
	word := []rune{}
	for rest := key; rest != ""; {
		c, size := utf8.DecodeRuneInString(rest)
		rest = rest[size:]
		switch {
		case c == '\\' && strings.HasPrefix(rest, "."):
			word, rest = append(word, '.'), rest[1:]
		case c == '.':
			if len(word) == 0 {
				return nil, false
			}
			words, word = append(words, string(word)), word[:0]
		case isWordRune(c):
			word = append(word, c)
		default:
			return nil, false
		}
	}
	return append(words, string(word)), len(word) > 0
}

func isWordRune(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}

// clip shortens a text for an error.
func clip(text string) string {
	const most = 40
	if len(text) <= most {
		return text
	}
	cut := most
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}
