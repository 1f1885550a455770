package brokertest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/rabbetmq/rabbet/store"
)

// Durable gives the broker a store in a folder of its own, which is removed
// when the test ends: what is durable survives Restart and Crash. Commits are
// not synced to the disk: they survive the broker, not the machine.
func Durable() Option {
	return func(o *options) { o.durable = true }
}

// WithDataDir is Durable in a folder that the test gives and keeps.
func WithDataDir(dir string) Option {
	return func(o *options) { o.durable, o.dir = true, dir }
}

// A disk is the store's folder, and what is wrong with it.
type disk struct {
	dir string
	own bool // the folder is removed at the end

	mu      sync.Mutex
	failing int // attempts to commit that are still to fail; negative is all
}

// errDisk is what a commit fails with that FailNextSync has spoilt.
var errDisk = errors.New("brokertest: the disk fails, as FailNextSync asks")

// open opens the store, in a new folder unless the options name one.
func (d *disk) open(o *options) (*store.Store, error) {
	if d.dir == "" {
		d.dir = o.dir
	}
	if d.dir == "" {
		dir, err := os.MkdirTemp("", "brokertest-")
		if err != nil {
			return nil, err
		}
		d.dir, d.own = dir, true
	}
	return store.Open(d.dir, store.Options{Sync: store.SyncNone, BeforeCommit: d.beforeCommit})
}

func (d *disk) beforeCommit() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failing == 0 {
		return nil
	}
	if d.failing > 0 {
		d.failing--
	}
	return errDisk
}

func (d *disk) remove() {
	if d.own {
		_ = os.RemoveAll(d.dir) // in the system's folder for what may be lost
	}
}

// FailNextSync makes the next n commits to the store fail, as a failing disk
// does: what they would confirm is nacked, and the batch is tried again every
// 100 ms until it works. A negative n fails all until FailNextSync(0). It needs
// Durable.
func (mq *Broker) FailNextSync(n int) {
	mq.tb.Helper()
	check(mq.tb, mq.server.FailNextSync(n))
}

// Restart stops the broker in order, telling clients (320, CONN-75), and starts
// it again at the same address, with the same store. Without Durable everything
// that was in the broker is gone. A client that connects meanwhile waits.
func (mq *Broker) Restart() {
	mq.tb.Helper()
	check(mq.tb, mq.server.Restart())
}

// Stop stops the broker in order, telling clients (320, CONN-75), until Start.
// A client that connects meanwhile is turned away: with ECONNREFUSED in memory, and by
// a reset over TCP, where the port stays taken.
func (mq *Broker) Stop() {
	mq.tb.Helper()
	check(mq.tb, mq.server.Stop())
}

// Start starts the broker again after Stop, with the same store, at the same
// address. Without Durable everything that was in the broker is gone.
func (mq *Broker) Start() {
	mq.tb.Helper()
	check(mq.tb, mq.server.Start())
}

// Crash ends the broker as a kill of its process does, and starts it again at
// the same address: clients get a reset (ECONNRESET), and what was not
// committed to the store is lost; what was confirmed is there. Without Durable
// everything is gone.
func (mq *Broker) Crash() {
	mq.tb.Helper()
	check(mq.tb, mq.server.Crash())
}

// FailNextSync fails with ErrInMemory without a store.
func (s *Server) FailNextSync(n int) error {
	if !s.opts.durable {
		return fmt.Errorf("FailNextSync: %w", ErrInMemory)
	}
	s.disk.mu.Lock()
	defer s.disk.mu.Unlock()
	s.disk.failing = n
	return nil
}

// Restart fails with ErrStopped for a broker that is stopped.
func (s *Server) Restart() error {
	if err := s.endRunning("Restart"); err != nil {
		return err
	}
	s.net.pause(false)
	shutdown(s.Broker())
	return s.again("Restart")
}

// Stop fails with ErrStopped for a broker that is stopped already.
func (s *Server) Stop() error {
	if err := s.endRunning("Stop"); err != nil {
		return err
	}
	s.net.refuse(true)
	s.net.pause(false)
	shutdown(s.Broker())
	return nil
}

// Start fails with ErrStarted for a broker that runs.
func (s *Server) Start() error {
	if err := s.needOpen("Start"); err != nil {
		return err
	}
	if s.takes() {
		return fmt.Errorf("Start: %w", ErrStarted)
	}
	return s.again("Start")
}

// Crash fails with ErrStopped for a broker that is stopped.
func (s *Server) Crash() error {
	if err := s.endRunning("Crash"); err != nil {
		return err
	}
	links := s.net.all()
	for _, l := range links {
		l.mute.Store(true) // a process that is dead says nothing any more
	}
	if st := s.storage(); st != nil {
		// The error would be that of the folder's lock file; a second Open tells.
		_ = st.Abandon()
	}
	if s.ledger != nil {
		s.ledger.Dismiss()
	}
	for _, l := range links {
		l.reset()
	}
	dead, cancel := context.WithCancel(context.Background())
	cancel()
	_ = s.Broker().Shutdown(dead)
	return s.again("Crash")
}

// endRunning is stopTaking for a broker that must be running.
func (s *Server) endRunning(caller string) error {
	if err := s.needOpen(caller); err != nil {
		return err
	}
	if !s.stopTaking() {
		return fmt.Errorf("%s: %w", caller, ErrStopped)
	}
	return nil
}

// stopTaking lets new connections wait from now on, and reports whether they were
// taken until now.
func (s *Server) stopTaking() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.running
	s.running = false
	return was
}

// takes reports whether connections are taken.
func (s *Server) takes() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running
}

// again starts the broker once more.
func (s *Server) again(caller string) error {
	if err := s.start(); err != nil {
		return fmt.Errorf("%s: %w", caller, err)
	}
	s.mu.Lock()
	s.restarted = caller != "Reset"
	s.mu.Unlock()
	s.net.refuse(false)
	return nil
}

// storage is the open store; nil without one.
func (s *Server) storage() *store.Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.store
}
