package management

import (
	"strconv"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker"
)

// Bounds of browsing a stream: how many messages are read at once, and how many bytes of
// bodies a search reads.
const (
	streamBatch     = 64
	maxScannedBytes = 64 << 20
)

// streamOffset reads where to begin: what x-stream-offset takes as text, an offset in
// digits, or a time as in RFC 3339 (STREAM-27).
func streamOffset(text string) any {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t
	}
	return text
}

// offsetOf is the offset of a message that a stream has given (STREAM-30).
func offsetOf(m *broker.Message) int64 {
	v, _ := m.Properties.Headers.Get("x-stream-offset")
	n, _ := amqp.AsInt(v)
	return n
}

// shownInStream is a message of a stream, named by its offset.
func shownInStream(m *broker.Message) shownMessage {
	n := offsetOf(m)
	return shownMessage{id: strconv.FormatInt(n, 10), position: int(n), Message: *m, priority: int(m.Properties.Priority)}
}

// A streamPage is what a look at a stream has found.
type streamPage struct {
	found       []shownMessage
	scanned     int
	first, next int64 // offsets of what was looked at, and of what was not; negative is none
}

// lookAtStream reads a stream from an offset on until there are enough messages that match.
func lookAtStream(v *broker.VHost, name string, at any, b browsing) (p streamPage, err error) {
	p.first, p.next = -1, -1
	bytes := 0
	for {
		list, err := v.PeekStream(name, at, streamBatch)
		if err != nil || len(list) == 0 {
			return p, err
		}
		for i := range list {
			m := &list[i]
			if p.first < 0 {
				p.first = offsetOf(m)
			}
			if len(p.found) == b.limit || p.scanned == maxScan || bytes > maxScannedBytes {
				p.next = offsetOf(m)
				return p, nil
			}
			p.scanned++
			bytes += len(m.Body)
			if shown := shownInStream(m); shown.contains(b.text) {
				p.found = append(p.found, shown)
			}
		}
		at = offsetOf(&list[len(list)-1]) + 1
	}
}

// browseStream shows messages of a stream, as a consumer that begins at the offset in the
// query would get them.
func (q *request) browseStream(v *broker.VHost, name string, b browsing) error {
	p, err := lookAtStream(v, name, streamOffset(q.query.Get("offset")), b)
	if err != nil {
		return refusal(err)
	}
	info, _ := v.Queue(name)
	orNull := func(e *encoder, name string, offset int64) {
		if offset < 0 {
			e.null(name)
			return
		}
		e.num(name, offset)
	}
	return q.reply(func(e *encoder) {
		if e.array("messages") {
			for i := range p.found {
				e.open()
				p.found[i].write(e, b.truncate)
				e.shut()
			}
			e.endArray()
		}
		orNull(e, "from", p.first)
		orNull(e, "next", p.next)
		e.num("scanned", int64(p.scanned))
		e.num("total", int64(info.Ready))
	})
}

// inStream finds a message of a stream by its offset.
func inStream(v *broker.VHost, name, id string) (shownMessage, error) {
	offset, err := strconv.ParseUint(id, 10, 63)
	if err != nil {
		return shownMessage{}, errNotFound
	}
	list, err := v.PeekStream(name, offset, 1)
	if err != nil {
		return shownMessage{}, refusal(err)
	}
	if len(list) == 0 || offsetOf(&list[0]) != int64(offset) {
		return shownMessage{}, errNotFound
	}
	return shownInStream(&list[0]), nil
}
