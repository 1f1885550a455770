//go:build unix

package broker

import "syscall"

// A tryWriter writes to a socket what it takes without waiting. It is for one goroutine
// at a time.
type tryWriter struct {
	raw  syscall.RawConn
	data []byte
	n    int
	do   func(fd uintptr) bool // made once: a closure for each write would be an allocation
}

func newTryWriter(raw syscall.RawConn) *tryWriter {
	w := &tryWriter{raw: raw}
	w.do = func(fd uintptr) bool {
		w.n, _ = syscall.Write(int(fd), w.data)
		return true // do not wait for the socket
	}
	return w
}

// write returns the number of bytes that the socket has taken. An error is left to the
// write that follows.
func (w *tryWriter) write(p []byte) int {
	w.data, w.n = p, 0
	_ = w.raw.Write(w.do)
	w.data = nil
	return max(w.n, 0)
}
