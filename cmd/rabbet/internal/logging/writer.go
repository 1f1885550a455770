package logging

import (
	"bytes"
	"io"
	"sync"
	"time"

	"github.com/rabbetmq/rabbet/delay"
)

// maxBacklog bounds, in bytes, what waits to be written. Lines beyond it are lost.
const maxBacklog = 1 << 20

// A Writer writes lines on a goroutine of its own, so that a pipe that nobody reads
// holds nobody up. Lines that cannot be written are lost and counted; once writing
// works again the number is told.
type Writer struct {
	w io.Writer
	// told makes the line that tells of lost ones.
	told func(lost int) []byte

	mu      sync.Mutex
	backlog []byte
	lost    int
	untold  int           // of the lost ones, those that a line in the backlog tells
	busy    bool          // the goroutine is there
	idle    chan struct{} // closed when it ends
}

// NewWriter returns a Writer to w. Its goroutine lives only while there is something to
// write.
func NewWriter(w io.Writer, told func(lost int) []byte) *Writer { return &Writer{w: w, told: told} }

// Write implements io.Writer for one line. It never blocks and never fails.
func (w *Writer) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.backlog)+len(line) > maxBacklog {
		w.lost++
		return len(line), nil
	}
	if w.lost > 0 {
		w.tell()
	}
	w.backlog = append(w.backlog, line...)
	if !w.busy {
		w.busy, w.idle = true, make(chan struct{})
		go w.run()
	}
	return len(line), nil
}

// tell puts the number of lost lines into the backlog.
func (w *Writer) tell() {
	w.backlog = append(w.backlog, w.told(w.lost)...)
	w.lost, w.untold = 0, w.untold+w.lost-1 // the line itself is one, if it is lost
}

// run writes until there is nothing left.
func (w *Writer) run() {
	w.mu.Lock()
	defer w.mu.Unlock()
	var spare []byte
	for len(w.backlog) > 0 {
		batch, untold := w.backlog, w.untold
		w.backlog, w.untold = spare[:0], 0
		w.mu.Unlock()
		n, err := w.w.Write(batch)
		w.mu.Lock()
		switch {
		case err != nil:
			w.lost += bytes.Count(batch[n:], []byte("\n")) + untold
		case w.lost > 0:
			w.tell()
		}
		spare = batch
	}
	w.busy = false
	close(w.idle)
}

// Sync waits until all is written, but no longer than the patience.
func (w *Writer) Sync(patience time.Duration) {
	w.mu.Lock()
	busy, idle := w.busy, w.idle
	w.mu.Unlock()
	if !busy {
		return
	}
	late := make(chan struct{})
	timer := delay.Real{}.AfterFunc(patience, func() { close(late) })
	defer timer.Stop()
	select {
	case <-idle:
	case <-late:
	}
}
