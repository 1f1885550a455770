//go:build unix

package broker

import (
	"io"
	"net"
	"os"
	"syscall"
)

// A tryReader reads from a socket, and knows whether the bytes had come before it asked.
type tryReader struct {
	nc     net.Conn
	raw    syscall.RawConn
	idle   func() // called when nothing is there
	into   []byte
	n      int
	err    error
	waited bool
	do     func(fd uintptr) bool // made once: a closure for each read would be an allocation
}

func newTryReader(nc net.Conn, raw syscall.RawConn, idle func()) *tryReader {
	r := &tryReader{nc: nc, raw: raw, idle: idle}
	r.do = func(fd uintptr) bool {
		for {
			switch r.n, r.err = syscall.Read(int(fd), r.into); r.err {
			case syscall.EINTR:
			case syscall.EAGAIN:
				r.waited = true
				r.idle()
				return false // waits for the socket
			default:
				return true
			}
		}
	}
	return r
}

// read is the socket's Read. waited reports whether nothing was there at first.
func (r *tryReader) read(p []byte) (n int, waited bool, err error) {
	r.into, r.waited = p, false
	err = r.raw.Read(r.do)
	r.into = nil
	switch {
	case err != nil: // r.err is that of a try
		return 0, true, err
	case r.err != nil:
		local, remote := r.nc.LocalAddr(), r.nc.RemoteAddr()
		return 0, true, &net.OpError{Op: "read", Net: remote.Network(), Source: local, Addr: remote, Err: os.NewSyscallError("read", r.err)}
	case r.n == 0 && len(p) > 0:
		return 0, true, io.EOF
	}
	return r.n, r.waited, nil
}
