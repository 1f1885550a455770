package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/shovel"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/settings"
	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/store"
)

// A node is the broker of a process, which may be stopped and started again while the
// process goes on, as rabbitmqctl's stop_app and start_app do.
type node struct {
	s *service

	mu        sync.Mutex // held while it starts or stops
	broker    *broker.Broker
	shovels   *shovel.Manager
	doors     *doors
	listeners []*listener
	suspended *settings.Settings // what to listen with again; nil unless suspended
	draining  bool               // under maintenance

	memoryRatio float64 // the memory limit as a part of the machine's memory; 0 if it is in bytes
}

// errRunning refuses what can only be done to a node that is stopped.
var errRunning = errors.New("the node is running")

// start starts the broker and all that listens. On a node that runs it does nothing.
func (n *node) start() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.broker != nil {
		return nil
	}
	s, log := n.s, n.s.log.Logger
	cfg, err := s.config()
	if err != nil {
		return err
	}
	log.Info("Limits", "memory", sizeOrNone(cfg.MemoryLimit), "disk_free_limit", sizeOrNone(cfg.DiskFreeLimit))
	listeners, err := listen(&s.set.Settings, log)
	if err != nil {
		return err
	}
	st, err := openStore(&s.set.Settings, log, &s.commits)
	if err != nil {
		return errors.Join(err, closeAll(listeners))
	}
	cfg.Store = st
	b, err := broker.New(cfg)
	if err != nil {
		if st != nil {
			err = errors.Join(err, st.Close())
		}
		return errors.Join(err, closeAll(listeners))
	}
	shovels := shovel.Start(b, shovel.Config{Logger: log, Disabled: s.isOff(shovelPlugin)}) // before definitions are checked
	noteUpstreams(b, log)
	if err := s.loadDefinitions(b); err != nil {
		shovels.Close()
		return errors.Join(err, b.Close(), closeAll(listeners))
	}
	accept(b, listeners)
	doors, err := s.openDoors(b, shovels)
	if err != nil {
		shovels.Close()
		return errors.Join(err, b.Close())
	}
	n.broker, n.shovels, n.doors, n.listeners, n.memoryRatio = b, shovels, doors, listeners, s.set.Limits.MemoryRatio
	return nil
}

// stop ends the broker in order, and what listens with it.
func (n *node) stop() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.broker == nil {
		return nil
	}
	n.shovels.Close()
	err := errors.Join(n.s.shutdown(n.broker), n.doors.Close())
	n.broker, n.shovels, n.doors, n.listeners, n.suspended, n.draining = nil, nil, nil, nil, nil, false
	return err
}

// reset drops all that a stopped node has kept.
func (n *node) reset() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.broker != nil {
		return errRunning
	}
	if n.s.set.Memory || n.s.set.DataDir == "" {
		return nil
	}
	entries, err := os.ReadDir(n.s.set.DataDir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if name := e.Name(); isOfStore(name) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(n.s.set.DataDir, name)))
		}
	}
	return err
}

// running returns the broker, or nil while there is none.
func (n *node) running() (*broker.Broker, *doors) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.broker, n.doors
}

// awaitRunning waits until the broker runs.
func (n *node) awaitRunning(ctx context.Context) error {
	return delay.Poll(ctx, delay.Real{}, startCheck, func() bool {
		b, _ := n.running()
		return b != nil
	})
}

// startCheck is the interval between looks at whether a node runs.
const startCheck = 10 * time.Millisecond

// isOfStore reports whether a file of the data folder is the store's.
func isOfStore(name string) bool {
	return strings.HasPrefix(name, store.FileName) || name == store.SegmentFolder
}
