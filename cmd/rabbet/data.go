package main

import (
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/settings"
	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/store"
)

// openStore opens the data folder; nil with --memory. Commits are counted.
func openStore(set *settings.Settings, log *slog.Logger, commits *atomic.Uint64) (*store.Store, error) {
	if set.Memory {
		log.Info("Keeping everything in memory")
		return nil, nil
	}
	if set.DataDir == "" {
		return nil, errors.New("there is no home folder to keep data in: give --data-dir, or --memory")
	}
	health := writeHealth{log: log, folder: set.DataDir, commits: commits}
	st, err := store.Open(set.DataDir, store.Options{OnCommit: health.committed, OnMigrate: migrationLog(log, set.DataDir)})
	if errors.Is(err, store.ErrLocked) {
		return nil, fmt.Errorf("cannot open data folder %s: another process has it", set.DataDir)
	}
	if errors.Is(err, store.ErrDamaged) {
		return nil, fmt.Errorf("cannot open data folder %s, nothing in it was changed: %w", set.DataDir, err)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot open data folder %s: %w", set.DataDir, err)
	}
	for _, damage := range st.Damage() {
		log.Error("the data folder is damaged", "folder", set.DataDir, "error", damage)
	}
	log.Info("Data folder", "folder", set.DataDir, "sync", "always")
	return st, nil
}

// migrationLog logs each tenth of a data folder of an older format that is brought up
// to date.
func migrationLog(log *slog.Logger, folder string) func(done, total int64) {
	next := int64(0)
	return func(done, total int64) {
		if percent := 100 * done / max(total, 1); percent >= next {
			log.Info("bringing the data folder up to date", "folder", folder, "percent", percent)
			next = percent/10*10 + 10
		}
	}
}

// failureInterval is the time between lines that say that writing fails still.
const failureInterval = 10 * time.Second

// A writeHealth logs that the data folder cannot be written to: at first, now and
// then, and when it is over. Its calls are the committer's.
type writeHealth struct {
	log     *slog.Logger
	folder  string
	commits *atomic.Uint64

	failures     int
	since, again time.Time
}

// committed is told of each attempt to write.
func (h *writeHealth) committed(err error) {
	h.commits.Add(1)
	switch {
	case err == nil && h.failures == 0:
	case err == nil:
		h.log.Warn("the data folder can be written to again, nothing that was confirmed is lost", "folder", h.folder,
			"failures", h.failures, "after", delay.Real{}.Now().Sub(h.since).Round(time.Millisecond))
		h.failures = 0
	default:
		now := delay.Real{}.Now()
		if h.failures++; h.failures == 1 {
			h.since = now
		} else if now.Before(h.again) {
			return
		}
		h.again = now.Add(failureInterval)
		h.log.Error("cannot write to the data folder, trying again: publishes are nacked, publishers blocked", "folder", h.folder,
			"error", err, "failures", h.failures)
	}
}
