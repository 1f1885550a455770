package ui

import (
	"bytes"
	"path"
	"strings"
)

// sent is a file's content as browsers get it: modules of our own without the lines that
// are comments, which are for those who read the source. Lines keep their numbers.
func sent(name string, content []byte) []byte {
	if path.Ext(name) != ".js" || strings.HasPrefix(name, "vendor/") {
		return content
	}
	var out bytes.Buffer
	inside := false // a comment of several lines
	for line := range bytes.Lines(content) {
		text := bytes.TrimSpace(line)
		switch {
		case inside:
			inside = !bytes.HasSuffix(text, []byte("*/"))
		case bytes.HasPrefix(text, []byte("//")):
		case bytes.HasPrefix(text, []byte("/**")):
			// Code may follow a comment on its line: that line stays as it is.
			end := bytes.Index(text, []byte("*/"))
			if inside = end < 0; end >= 0 && end+2 < len(text) {
				out.Write(line)
				continue
			}
		default:
			out.Write(line)
			continue
		}
		out.WriteByte('\n')
	}
	return out.Bytes()
}
