package graduate

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// A journal is the position of one queue, on disk: which of its messages have been sent,
// under which number, and which of these are confirmed. A message is known by its ID in the
// queue and by a fingerprint of its content, since a restart may give an ID again.
//
// What a journal says of a send is written before the socket has it, so that a kill -9
// leaves no message that may be there and is not known of. A power cut may: then messages
// are sent twice, and none is lost.
type journal struct {
	f     *os.File
	buf   []byte
	known map[messageKey]*sent
	next  uint64 // number of the next new message
	// confirmed counts messages, and twice lists the numbers of those that may be at the
	// target twice.
	confirmed int
	twice     []uint64
}

// A messageKey is what a message is known by.
type messageKey struct{ id, print uint64 }

// sent is a message that has been sent.
type sent struct {
	seq       uint64
	confirmed bool
}

// Kinds of records.
const (
	recordSent      = 'S'
	recordConfirmed = 'C'
	recordAgain     = 'A' // sent once more, though it may have arrived
)

const recordSize = 1 + 3*8 + 1

// openJournal reads a journal, or makes an empty one. A record that a kill has cut short is
// cut off.
func openJournal(path string) (*journal, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	j := &journal{f: f, known: make(map[messageKey]*sent), next: 1}
	whole, err := j.load(bufio.NewReaderSize(f, 1<<20))
	if err == nil {
		err = f.Truncate(whole)
	}
	if err == nil {
		_, err = f.Seek(whole, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("the journal %s: %w", path, err)
	}
	return j, nil
}

// load reads records and returns how many bytes are whole.
func (j *journal) load(r io.Reader) (whole int64, err error) {
	bySeq := make(map[uint64]*sent)
	var b [recordSize]byte
	for {
		if _, err := io.ReadFull(r, b[:]); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return whole, nil
		} else if err != nil {
			return whole, err
		}
		if b[recordSize-1] != sum(b[:recordSize-1]) {
			return whole, errors.New("it is damaged: move it away to begin anew, and look for duplicates")
		}
		whole += recordSize
		seq := binary.BigEndian.Uint64(b[1:])
		switch b[0] {
		case recordSent:
			s := &sent{seq: seq}
			j.known[messageKey{binary.BigEndian.Uint64(b[9:]), binary.BigEndian.Uint64(b[17:])}] = s
			bySeq[seq] = s
			j.next = max(j.next, seq+1)
		case recordConfirmed:
			if s := bySeq[seq]; s != nil && !s.confirmed {
				s.confirmed = true
				j.confirmed++
			}
		case recordAgain:
			j.twice = append(j.twice, seq)
		}
	}
}

func sum(b []byte) (n byte) {
	for _, v := range b {
		n = n*31 + v + 1
	}
	return n
}

func (j *journal) record(kind byte, seq uint64, k messageKey) {
	from := len(j.buf)
	j.buf = append(j.buf, kind)
	j.buf = binary.BigEndian.AppendUint64(j.buf, seq)
	j.buf = binary.BigEndian.AppendUint64(j.buf, k.id)
	j.buf = binary.BigEndian.AppendUint64(j.buf, k.print)
	j.buf = append(j.buf, sum(j.buf[from:]))
}

// send notes that a message goes out, for the first time or again, and returns it with its
// number.
func (j *journal) send(k messageKey) *sent {
	if s := j.known[k]; s != nil {
		j.record(recordAgain, s.seq, messageKey{})
		if !slices.Contains(j.twice[max(0, len(j.twice)-4096):], s.seq) {
			j.twice = append(j.twice, s.seq)
		}
		return s
	}
	s := &sent{seq: j.next}
	j.next++
	j.known[k] = s
	j.record(recordSent, s.seq, k)
	return s
}

// confirm notes that the target has a message.
func (j *journal) confirm(s *sent) {
	if !s.confirmed {
		s.confirmed = true
		j.confirmed++
		j.record(recordConfirmed, s.seq, messageKey{})
	}
}

// flush writes what has been noted, where a kill cannot lose it.
func (j *journal) flush() error {
	if len(j.buf) == 0 {
		return nil
	}
	_, err := j.f.Write(j.buf)
	j.buf = j.buf[:0]
	return err
}

// possiblyTwice are the numbers of messages that may be there twice, each once.
func (j *journal) possiblyTwice() []uint64 {
	list := slices.Clone(j.twice)
	slices.Sort(list)
	return slices.Compact(list)
}

func (j *journal) close() error { return errors.Join(j.flush(), j.f.Sync(), j.f.Close()) }
