package brokertest

import (
	"context"
	"errors"
	"os"
	"sync"

	"github.com/rabbetmq/rabbet/store"
)

// This file is a broker with a disk: how it starts again, and how the disk
// fails.

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
// 100 ms until it works. A negative n fails all until FailNextSync(0).
func (mq *Broker) FailNextSync(n int) {
	mq.tb.Helper()
	mq.needStore("FailNextSync")
	mq.disk.mu.Lock()
	defer mq.disk.mu.Unlock()
	mq.disk.failing = n
}

func (mq *Broker) needStore(caller string) {
	mq.tb.Helper()
	if !mq.opts.durable {
		mq.tb.Fatalf("brokertest: %s: this broker keeps everything in memory. Start it with "+
			"brokertest.New(t, brokertest.Durable())", caller)
	}
}

// Restart stops the broker in order, telling clients (320, CONN-75), and starts
// it again with the same store, at the same address. Whoever connects meanwhile
// waits. It needs Durable.
func (mq *Broker) Restart() {
	mq.tb.Helper()
	mq.needStore("Restart")
	mq.endRunning("Restart")
	mq.net.pause(false)
	shutdown(mq.Broker())
	mq.again("Restart")
}

// Stop stops the broker in order, telling clients (320, CONN-75), until Start.
// Whoever connects meanwhile is turned away: with ECONNREFUSED in memory, and by
// a reset over TCP, where the port stays taken. It needs Durable.
func (mq *Broker) Stop() {
	mq.tb.Helper()
	mq.needStore("Stop")
	mq.endRunning("Stop")
	mq.net.refuse(true)
	mq.net.pause(false)
	shutdown(mq.Broker())
}

// Start starts the broker again after Stop, with the same store, at the same
// address.
func (mq *Broker) Start() {
	mq.tb.Helper()
	mq.needOpen("Start")
	if mq.takes() {
		mq.tb.Fatalf("brokertest: Start: the broker has not been stopped")
	}
	mq.again("Start")
}

// Crash ends the broker as a kill of its process does, and starts it again at
// the same address: clients get a reset (ECONNRESET), and what was not
// committed to the store is lost; what was confirmed is there. It needs Durable.
func (mq *Broker) Crash() {
	mq.tb.Helper()
	mq.needStore("Crash")
	mq.endRunning("Crash")
	links := mq.net.all()
	for _, l := range links {
		l.mute.Store(true) // a process that is dead says nothing any more
	}
	// The error would be that of the folder's lock file; a second Open tells.
	_ = mq.storage().Abandon()
	mq.ledger.dismiss()
	for _, l := range links {
		l.reset()
	}
	dead, cancel := context.WithCancel(context.Background())
	cancel()
	_ = mq.Broker().Shutdown(dead)
	mq.again("Crash")
}

// endRunning is stopTaking for a broker that must be running.
func (mq *Broker) endRunning(caller string) {
	mq.tb.Helper()
	mq.needOpen(caller)
	if !mq.stopTaking() {
		mq.tb.Fatalf("brokertest: %s: the broker is stopped", caller)
	}
}

// stopTaking lets new connections wait from now on, and tells whether they did
// not already.
func (mq *Broker) stopTaking() bool {
	mq.mu.Lock()
	defer mq.mu.Unlock()
	was := mq.running
	mq.running = false
	return was
}

// takes tells whether connections are taken.
func (mq *Broker) takes() bool {
	mq.mu.Lock()
	defer mq.mu.Unlock()
	return mq.running
}

// again starts the broker once more.
func (mq *Broker) again(caller string) {
	mq.tb.Helper()
	if err := mq.start(); err != nil {
		mq.tb.Fatalf("brokertest: %s: %v", caller, err)
	}
	mq.net.refuse(false)
}

// storage is the open store; nil without one.
func (mq *Broker) storage() *store.Store {
	mq.mu.Lock()
	defer mq.mu.Unlock()
	return mq.store
}
