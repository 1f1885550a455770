// The texts that refuse a frame as such. RabbitMQ prints them with Erlang's ~p, which
// breaks lines at column 80: a frame of which the text is not short earns a reply-text
// with a line break and a margin in it.

package amqp

import (
	"fmt"
	"strconv"
	"strings"
)

const (
	snippet    = 16 // how much of a payload is shown
	lineLength = 80
	maxOneLine = 60 // the longest term that is printed on one line anyhow
)

// FrameErrorText is RabbitMQ's description of a frame: its type, the first 16 bytes
// of its payload, and what is wrong with it as an Erlang atom, or as a tuple of that
// and numbers; an empty fault is left out.
//
//	type 1, all octets = <<0,20,0,10,0>>: {invalid_frame_end_marker,0}
//
// It is the text of CONN-36, CONN-39, CONN-40, CONN-43 and CONN-48.
func FrameErrorText(kind uint8, payload []byte, fault string, numbers ...uint32) string {
	extent := "all"
	if len(payload) > snippet {
		extent, payload = "first 16", payload[:snippet]
	}
	text := fmt.Sprintf("type %d, %s octets = ", kind, extent)
	text += wrapBinary(payload, len(text)+1)
	if fault == "" {
		return text
	}
	text += ": "
	if len(numbers) == 0 {
		return text + fault
	}
	column := len(text) - strings.LastIndexByte(text, '\n')
	return text + wrapTuple(fault, numbers, column)
}

// fits reports whether ~p prints a term of this length at this column, from 1, on one
// line.
func fits(length, column int) bool {
	return length < lineLength-column && length <= maxOneLine
}

// wrapBinary prints a binary from a column on. Only numbers are ever long enough to
// be broken here.
func wrapBinary(b []byte, column int) string {
	whole := FormatBinary(b)
	if fits(len(whole), column) || len(b) == 0 || whole[2] == '"' {
		return whole
	}
	const brackets = len("<<>>")
	room := max(8, min(lineLength-column-len("<<"), maxOneLine-brackets))
	margin := "\n" + strings.Repeat(" ", column+1)
	var text strings.Builder
	text.WriteString("<<")
	left := room
	for i, c := range b {
		item := strconv.Itoa(int(c))
		if i < len(b)-1 {
			item += ","
		}
		if len(item) > left {
			text.WriteString(margin)
			left = room
		}
		text.WriteString(item)
		left -= len(item)
	}
	text.WriteString(">>")
	return text.String()
}

// wrapTuple prints a tuple of an atom and numbers from a column on. Where it has to be
// broken, there is just one number: a frame that is too large comes with no payload.
func wrapTuple(tag string, numbers []uint32, column int) string {
	items := make([]string, len(numbers))
	for i, n := range numbers {
		items[i] = strconv.FormatUint(uint64(n), 10)
	}
	whole := "{" + tag + "," + strings.Join(items, ",") + "}"
	if fits(len(whole), column) {
		return whole
	}
	return "{" + tag + ",\n" + strings.Repeat(" ", column) + strings.Join(items, ",") + "}"
}
