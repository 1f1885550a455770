// Results, and how they read.

package perf

import (
	"fmt"
	"strings"
	"time"
)

// Sample is what happened within the last second. Rates are messages a second.
type Sample struct {
	At            time.Duration // since the run began
	SentRate      float64
	ReceivedRate  float64
	ConfirmedRate float64
	Returned      int64
	Nacked        int64
	Blocked       int // producers under connection.blocked at the end of it
	Latency       *Latency
}

// String is one line, without what there was none of.
func (s Sample) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%5.1fs  sent %s/s  received %s/s", s.At.Seconds(), grouped(s.SentRate), grouped(s.ReceivedRate))
	if s.ConfirmedRate > 0 {
		fmt.Fprintf(&b, "  confirmed %s/s", grouped(s.ConfirmedRate))
	}
	if s.Returned > 0 {
		fmt.Fprintf(&b, "  returned %d", s.Returned)
	}
	if s.Nacked > 0 {
		fmt.Fprintf(&b, "  nacked %d", s.Nacked)
	}
	if s.Blocked > 0 {
		fmt.Fprintf(&b, "  blocked producers %d", s.Blocked)
	}
	if l := s.Latency; l != nil {
		fmt.Fprintf(&b, "  latency median %s p99 %s", short(l.Median), short(l.P99))
	}
	return b.String()
}

// Result sums a run up, without its warm-up. Rates are messages a second,
// durations in JSON nanoseconds.
type Result struct {
	Elapsed       time.Duration `json:"elapsed"`
	Sent          int64         `json:"sent"`
	Received      int64         `json:"received"`
	Confirmed     int64         `json:"confirmed"`
	Nacked        int64         `json:"nacked"`
	Returned      int64         `json:"returned"`
	SentRate      float64       `json:"sent_rate"`
	ReceivedRate  float64       `json:"received_rate"`
	ConfirmedRate float64       `json:"confirmed_rate"`
	// Latency is from the write of a publish to the read of its delivery.
	Latency *Latency `json:"latency,omitempty"`
	// Confirm is from the write of a publish to the read of its confirm.
	Confirm *Latency `json:"confirm_latency,omitempty"`
	// Process is the measured process: the CPU time within the run, the memory
	// at its end.
	Process *Process `json:"process,omitempty"`
	// CPUPerMessage is that process's, in microseconds for each message
	// received, or sent where there is no consumer.
	CPUPerMessage float64 `json:"cpu_us_per_message,omitempty"`
}

// String is the summary as text of several lines.
func (r *Result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "in %s\n", short(r.Elapsed))
	line := func(what string, n int64, rate float64) {
		fmt.Fprintf(&b, "  %-10s %14s   %s/s\n", what, grouped(float64(n)), grouped(rate))
	}
	line("sent", r.Sent, r.SentRate)
	line("received", r.Received, r.ReceivedRate)
	if r.Confirmed > 0 {
		line("confirmed", r.Confirmed, r.ConfirmedRate)
	}
	if r.Nacked > 0 {
		fmt.Fprintf(&b, "  %-10s %14s\n", "nacked", grouped(float64(r.Nacked)))
	}
	if r.Returned > 0 {
		fmt.Fprintf(&b, "  %-10s %14s\n", "returned", grouped(float64(r.Returned)))
	}
	if r.Latency != nil {
		fmt.Fprintf(&b, "  %-10s %s\n", "latency", r.Latency)
	}
	if r.Confirm != nil {
		fmt.Fprintf(&b, "  %-10s %s\n", "confirm", r.Confirm)
	}
	if p := r.Process; p != nil {
		fmt.Fprintf(&b, "  %-10s %.3f µs of CPU a message (%.2f s), %.1f MB resident, %.1f MB of it its own\n",
			fmt.Sprintf("pid %d", p.PID), r.CPUPerMessage, p.CPU.Seconds(), float64(p.RSS)/1e6, float64(p.RSSAnon)/1e6)
	}
	return b.String()
}

func (l *Latency) String() string {
	return fmt.Sprintf("min %s  median %s  p75 %s  p95 %s  p99 %s  p99.9 %s  max %s",
		short(l.Min), short(l.Median), short(l.P75), short(l.P95), short(l.P99), short(l.P999), short(l.Max))
}

// short is a duration of three digits or so.
func short(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%dµs", d.Microseconds())
	case d < 100*time.Millisecond:
		return fmt.Sprintf("%.2fms", d.Seconds()*1e3)
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	}
	return fmt.Sprintf("%.2fs", d.Seconds())
}

// grouped is a whole number with commas.
func grouped(f float64) string {
	s := fmt.Sprintf("%.0f", f)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
