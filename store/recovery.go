package store

import (
	"errors"
	"slices"
)

// What a start finds in a store.

// Recover makes a handle for a log that Open found and calls visit with what is
// in it, in order. size is what a message counts for, as its record has it. It must
// come before anything is appended to the log. With ErrDamaged there is a log all
// the same, of what could be read.
func (s *Store) Recover(id LogID, size func(*Record) int, visit func(Range)) (*Log, error) {
	return s.RecoverNoted(id, size, visit, nil)
}

// RecoverNoted is Recover for a log with notes: noted is called with each message that has
// one. Those for which it returns true are in no range that visit gets, but Load and Pick
// find them.
func (s *Store) RecoverNoted(id LogID, size func(*Record) int, visit func(Range), noted func(*Record) bool) (*Log, error) {
	l := &Log{s: s, id: id}
	var drop Appender
	r := Recovery{Size: size, Range: visit, Noted: noted, Drop: func(first, last uint64) {
		if first == last {
			drop.Remove(l, first)
		} else {
			drop.DropRange(l, first, last)
		}
	}}
	var err error
	if l.engine, err = s.engine.Recover(id, &r); l.engine == nil {
		return nil, err
	}
	l.last = r.Last
	drop.Flush()
	return l, err
}

// EachLog calls visit, in no order and maybe more than once, with every log of which
// Recover finds anything.
func (s *Store) EachLog(visit func(LogID)) error { return s.engine.Logs(visit) }

// DropUnknown removes the logs that keep does not want, and returns the largest
// identity of a log there was.
func (s *Store) DropUnknown(keep func(LogID) bool) (LogID, error) {
	var unknown []LogID
	var largest LogID
	err := s.EachLog(func(id LogID) {
		if largest = max(largest, id); !keep(id) {
			unknown = append(unknown, id)
		}
	})
	if err != nil {
		return 0, err
	}
	slices.Sort(unknown)
	for _, id := range slices.Compact(unknown) {
		l, err := s.Recover(id, func(*Record) int { return 0 }, func(Range) {})
		if err != nil && !errors.Is(err, ErrDamaged) {
			return 0, err
		}
		var drop Appender
		drop.Drop(l)
		drop.Flush()
	}
	return largest, nil
}
