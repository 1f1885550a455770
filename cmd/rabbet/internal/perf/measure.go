// What the workers of a run have done so far, and the differences between two
// moments of it.

package perf

import "time"

// totals is the state of a run at one moment.
type totals struct {
	at                                          int64 // of the stopwatch
	sent, received, confirmed, nacked, returned int64
	blocked                                     int // producers that the broker holds back
	process                                     Process
}

func (r *runner) count() (totals, error) {
	t := totals{at: r.watch.now()}
	for _, p := range r.producers {
		s := p.sending()
		t.sent += s.sent.Load()
		t.returned += s.returned.Load()
		if s.window != nil {
			settled, nacked := s.window.counts()
			t.confirmed += settled - nacked
			t.nacked += nacked
		}
		if p.Blocked() {
			t.blocked++
		}
	}
	for _, c := range r.consumers {
		t.received += c.receiving().received.Load()
	}
	if r.PID == 0 {
		return t, nil
	}
	var err error
	t.process, err = ReadProcess(r.PID)
	return t, err
}

// lastActivity is when a worker last got something done.
func (r *runner) lastActivity() int64 {
	var last int64
	for _, p := range r.producers {
		last = max(last, p.sending().lastAt.Load())
	}
	for _, c := range r.consumers {
		last = max(last, c.receiving().lastAt.Load())
	}
	return last
}

// gather takes the latencies since the last time into those of the run, and
// returns the recent ones if asked to.
func (r *runner) gather(recent *histogram) {
	var deliveries histogram
	for _, c := range r.consumers {
		c.receiving().takeLatency(&deliveries)
	}
	r.latency.add(&deliveries)
	if recent != nil {
		*recent = deliveries
	}
	for _, p := range r.producers {
		if w := p.sending().window; w != nil {
			w.takeLatency(&r.confirms)
		}
	}
}

// sample describes the time between two moments.
func (r *runner) sample(from, to totals) Sample {
	var recent histogram
	r.gather(&recent)
	seconds := time.Duration(to.at - from.at).Seconds()
	return Sample{
		At:            time.Duration(to.at - r.watch.base.UnixNano()),
		SentRate:      float64(to.sent-from.sent) / seconds,
		ReceivedRate:  float64(to.received-from.received) / seconds,
		ConfirmedRate: float64(to.confirmed-from.confirmed) / seconds,
		Returned:      to.returned - from.returned,
		Nacked:        to.nacked - from.nacked,
		Blocked:       to.blocked,
		Latency:       recent.latency(),
	}
}

// result sums the time between two moments up.
func (r *runner) result(from, to totals) *Result {
	elapsed := time.Duration(to.at - from.at)
	res := &Result{
		Elapsed:   elapsed,
		Sent:      to.sent - from.sent,
		Received:  to.received - from.received,
		Confirmed: to.confirmed - from.confirmed,
		Nacked:    to.nacked - from.nacked,
		Returned:  to.returned - from.returned,
		Latency:   r.latency.latency(),
		Confirm:   r.confirms.latency(),
	}
	res.SentRate = float64(res.Sent) / elapsed.Seconds()
	res.ReceivedRate = float64(res.Received) / elapsed.Seconds()
	res.ConfirmedRate = float64(res.Confirmed) / elapsed.Seconds()
	if r.PID != 0 {
		used := to.process
		used.CPU -= from.process.CPU
		res.Process = &used
		messages := res.Received
		if len(r.consumers) == 0 {
			messages = res.Sent
		}
		if messages > 0 {
			res.CPUPerMessage = used.CPU.Seconds() * 1e6 / float64(messages)
		}
	}
	return res
}
