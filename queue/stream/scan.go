package stream

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// This file walks a segment chunk by chunk, past what is damaged.

const (
	scanWindow   = 4 << 10  // what is read at once to see headers
	resyncWindow = 64 << 10 // and to find one
)

// A scanner reads the headers of a segment's chunks in order.
type scanner struct {
	f   io.ReaderAt
	pos int64 // of the next chunk
	end int64 // of what is to be scanned

	window []byte
	at     int64 // where the window begins
}

func newScanner(f io.ReaderAt, pos, end int64) *scanner { return &scanner{f: f, pos: pos, end: end} }

// peek returns n bytes from a position, fewer at the end.
func (sc *scanner) peek(at int64, n, window int) ([]byte, error) {
	if n = int(min(int64(n), sc.end-at)); n <= 0 {
		return nil, nil
	}
	if at < sc.at || at+int64(n) > sc.at+int64(len(sc.window)) {
		if cap(sc.window) < max(n, window) {
			sc.window = make([]byte, max(n, window))
		}
		sc.window = sc.window[:min(int64(max(n, window)), sc.end-at)]
		sc.at = at
		if read, err := sc.f.ReadAt(sc.window, at); err != nil && !(errors.Is(err, io.EOF) && read >= n) {
			sc.window = nil
			return nil, err
		} else if read < len(sc.window) {
			sc.window = sc.window[:read]
		}
	}
	from := int(at - sc.at)
	return sc.window[from : from+n], nil
}

// next returns the header of the chunk at pos, and goes on behind it. The filter is
// valid until the next call. The error is io.EOF at the end, ErrDamaged if there is
// no whole chunk at pos, or that of reading.
func (sc *scanner) next() (h header, at int64, err error) {
	at = sc.pos
	if at >= sc.end {
		return h, at, io.EOF
	}
	b, err := sc.peek(at, headerLen+255, scanWindow)
	if err != nil {
		return h, at, err
	}
	h, ok := parseHeader(b)
	if !ok || h.size() > sc.end-at {
		return h, at, fmt.Errorf("%w: no chunk at byte %d", ErrDamaged, at)
	}
	sc.pos = at + h.size()
	return h, at, nil
}

// body reads the messages of the chunk at a position.
func (sc *scanner) body(h *header, at int64) ([]byte, error) {
	body := make([]byte, h.length)
	if _, err := sc.f.ReadAt(body, at+int64(headerLen+len(h.filter))); err != nil {
		return nil, err
	}
	return body, nil
}

// nextSound is next for a chunk whose messages are sound as well.
func (sc *scanner) nextSound() (h header, at int64, err error) {
	if h, at, err = sc.next(); err != nil {
		return h, at, err
	}
	body, err := sc.body(&h, at)
	if err != nil && !errors.Is(err, io.EOF) {
		return h, at, err
	}
	if !h.soundBody(body) {
		sc.pos = at
		return h, at, fmt.Errorf("%w: checksum of the chunk at byte %d", ErrDamaged, at)
	}
	return h, at, nil
}

// resync goes on to the next chunk that is sound, from a position that has none. The
// error is io.EOF if there is none.
func (sc *scanner) resync() error {
	for at := sc.pos + 1; at < sc.end; {
		b, err := sc.peek(at, resyncWindow, resyncWindow)
		if err != nil {
			return err
		}
		i := bytes.Index(b, []byte(chunkMagic))
		if i < 0 {
			at += int64(max(len(b)-len(chunkMagic)+1, 1))
			continue
		}
		sc.pos = at + int64(i)
		_, _, err = sc.nextSound()
		sc.pos = at + int64(i)
		if err == nil {
			return nil
		}
		if !errors.Is(err, ErrDamaged) {
			return err
		}
		at = sc.pos + 1
	}
	sc.pos = sc.end
	return io.EOF
}
