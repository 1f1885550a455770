package brokertest

import (
	"os"
	"path/filepath"

	"github.com/rabbetmq/rabbet/store"
)

// Reset drops everything: connections (320, CONN-75), virtual hosts with all that
// is in them, what the store has, alarms, faults, and the ledger, which numbers
// from 1 again. What stays is the address and, of a manual clock, the time.
// A client that connects meanwhile waits. It is for a broker that several tests share.
func (mq *Broker) Reset() {
	mq.tb.Helper()
	check(mq.tb, mq.server.Reset())
}

// Reset makes the broker as good as new.
func (s *Server) Reset() error {
	if err := s.needOpen("Reset"); err != nil {
		return err
	}
	s.stopTaking()
	s.net.pause(false)
	s.ClearFaults()
	shutdown(s.Broker())
	if s.ledger != nil {
		s.ledger.Reset()
	}
	s.disk.clear()
	return s.again("Reset")
}

// clear removes what a store has left, and what is wrong with the disk.
func (d *disk) clear() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failing = 0
	if d.dir != "" {
		_ = os.Remove(filepath.Join(d.dir, store.FileName)) // if it stays, opening it shows what it has
	}
}
