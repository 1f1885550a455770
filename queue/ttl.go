package queue

// A TTL is how long a message or a queue may live. NoTTL, the zero value, is for ever. A
// TTL of no time at all is another: it ends at once (QUEUE-54).
type TTL struct{ plusOne int64 } // milliseconds plus one

// NoTTL is for ever.
var NoTTL TTL

// Millis is a TTL of so many milliseconds; it must not be negative.
func Millis(ms int64) TTL { return TTL{ms + 1} }

// Millis is the TTL in milliseconds. ends is false for NoTTL.
func (t TTL) Millis() (ms int64, ends bool) { return t.plusOne - 1, t.ends() }

func (t TTL) ends() bool { return t != NoTTL }

// atOnce reports whether the TTL is no time at all.
func (t TTL) atOnce() bool { return t == Millis(0) }

// shorter is the TTL that ends first.
func (t TTL) shorter(u TTL) TTL {
	if t.ends() && (!u.ends() || t.plusOne < u.plusOne) {
		return t
	}
	return u
}

// after is when the TTL ends that begins at an instant, as deadlines count. There must
// be an end.
func (t TTL) after(begin int64) int64 { return begin + (t.plusOne-1)*perMilli }
