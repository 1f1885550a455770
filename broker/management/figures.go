package management

import (
	"net/http"
	"strconv"
	"time"

	"github.com/rabbetmq/rabbet/broker"
)

// The figures of messages that have samples, in the order in which histories have them.
// Lengths, which are gauges, come after the counters.
const (
	figurePublish = iota
	figureConfirm
	figureReturnUnroutable
	figureDropUnroutable
	figureDeliver
	figureDeliverNoAck
	figureGet
	figureGetNoAck
	figureGetEmpty
	figureAck
	figureRedeliver
	figureDeliverGet
	figureMessages
	figureReady
	figureUnacked
	queueFigures

	messageFigures = figureMessages // those that are counters
)

var messageFigureNames = [messageFigures]string{
	"publish", "confirm", "return_unroutable", "drop_unroutable", "deliver", "deliver_no_ack", "get", "get_no_ack",
	"get_empty", "ack", "redeliver", "deliver_get",
}

// putMessageStats fills in the figures of messages.
func putMessageStats(to []uint64, s *broker.MessageStats) {
	copy(to, []uint64{
		s.Publish, s.Confirm, s.ReturnUnroutable, s.DropUnroutable, s.Deliver, s.DeliverNoAck, s.Get, s.GetNoAck,
		s.GetEmpty, s.Ack, s.Redeliver, s.DeliverGet(),
	})
}

// putLengths fills in the lengths behind the figures of messages.
func putLengths(to []uint64, ready, unacked, away int) {
	to[figureMessages], to[figureReady], to[figureUnacked] = uint64(ready+unacked+away), uint64(ready), uint64(unacked)
}

// windows are the samples that a query asks for; nil is none.
type windows struct{ lengths, messages, data, node *window }

// maxSamples is the most samples of one figure that a query may ask for.
const maxSamples = 500

// windows reads the ranges of a query.
func (q *request) windows() (windows, error) {
	var w windows
	for _, r := range []struct {
		name string
		to   **window
	}{
		{"lengths", &w.lengths}, {"msg_rates", &w.messages}, {"data_rates", &w.data}, {"node_stats", &w.node},
	} {
		age, ok1 := q.integer(r.name + "_age")
		step, ok2 := q.integer(r.name + "_incr")
		if !ok1 || !ok2 {
			continue
		}
		if age <= 0 || step <= 0 || age/step > maxSamples {
			return w, &failure{http.StatusBadRequest, "invalid_range_parameters",
				"Invalid range parameters: age " + strconv.Itoa(age) + ", incr " + strconv.Itoa(step)}
		}
		now := q.s.clock.Now().Unix()
		last := now - now%int64(step)
		*r.to = &window{last: last, age: int64(age), step: int64(step)}
	}
	return w, nil
}

// any reports whether samples are asked for.
func (w *windows) any() bool {
	return w.lengths != nil || w.messages != nil || w.data != nil || w.node != nil
}

// A recorded is what a look at an object found: its history at a time. The history is
// nil where there is none.
type recorded struct {
	*history
	now int64
	// rates is false where the configuration leaves out rates.
	rates bool
}

// figure writes a counter or a gauge with its details.
func (r recorded) figure(e *encoder, name string, value uint64, figure int, w *window) {
	e.count(name, value)
	r.details(e, name, figure, w)
}

// details writes the rate of a figure and the samples that are asked for.
func (r recorded) details(e *encoder, name string, figure int, w *window) {
	if !r.rates || !e.object(name+"_details") {
		return
	}
	if r.history == nil {
		e.float("rate", 0)
		e.end()
		return
	}
	e.float("rate", r.rate(figure, r.now))
	if w != nil {
		r.writeSamples(e, figure, *w)
	}
	e.end()
}

func (r recorded) writeSamples(e *encoder, figure int, w window) {
	values := r.samples(figure, w)
	sum := 0.0
	if e.array("samples") {
		for i, v := range values {
			e.open()
			e.count("sample", v)
			e.num("timestamp", (w.last-int64(i)*w.step)*1000)
			e.shut()
		}
		e.endArray()
	}
	for _, v := range values {
		sum += float64(v)
	}
	e.float("avg_rate", (float64(values[0])-float64(values[len(values)-1]))/float64(w.age))
	e.float("avg", sum/float64(len(values)))
}

// messageStats writes what has happened to messages: nothing where nothing has, and of
// deliveries all figures where one is not zero.
func (r recorded) messageStats(e *encoder, s *broker.MessageStats, w *window, all bool) {
	var figures [messageFigures]uint64
	putMessageStats(figures[:], s)
	deliveries := false
	for i := figureDeliver; i < messageFigures; i++ {
		deliveries = deliveries || figures[i] > 0
	}
	if !all && !deliveries && figures[figurePublish]+figures[figureConfirm]+figures[figureReturnUnroutable]+
		figures[figureDropUnroutable] == 0 {
		return
	}
	if !e.object("message_stats") {
		return
	}
	for i, v := range figures {
		if all || v > 0 || i >= figureDeliver && deliveries {
			r.figure(e, messageFigureNames[i], v, i, w)
		}
	}
	if all { // the store counts no messages that it reads and writes
		for _, name := range []string{"disk_reads", "disk_writes"} {
			e.num(name, 0)
			zeroDetails(e, name)
		}
	}
	e.end()
}

// lengths writes the lengths of a queue, or of many. What waits is in the first, and
// neither ready nor unacked (DLXALO-7, RETRY-8).
func (r recorded) lengths(e *encoder, ready, unacked, away int, w *window) {
	r.figure(e, "messages", uint64(ready+unacked+away), figureMessages, w)
	r.figure(e, "messages_ready", uint64(ready), figureReady, w)
	r.figure(e, "messages_unacknowledged", uint64(unacked), figureUnacked, w)
}

// zeroDetails writes the details of what is always zero.
func zeroDetails(e *encoder, name string) {
	if e.object(name + "_details") {
		e.float("rate", 0)
		e.end()
	}
}

// millis is a time in milliseconds since 1970.
func millis(t time.Time) int64 { return t.UnixMilli() }
