package main

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/rabbetmq/rabbet/store"
)

// This file is the data folder: where it is, and opening it.

// defaultDataDir is a rabbet folder in the user's data folder; "" if there is no
// home.
func defaultDataDir(c console) string {
	if dir := c.getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "rabbet")
	}
	if home := c.getenv("HOME"); home != "" {
		return filepath.Join(home, ".local", "share", "rabbet")
	}
	return ""
}

// openStore opens the data folder; nil with --memory.
func openStore(o *serveOptions, log *slog.Logger) (*store.Store, error) {
	if o.memory {
		log.Info("Keeping everything in memory")
		return nil, nil
	}
	if o.dataDir == "" {
		return nil, errors.New("there is no home folder to keep data in: give --data-dir, or --memory")
	}
	st, err := store.Open(o.dataDir, store.Options{OnCommit: func(err error) {
		if err != nil {
			log.Error("cannot write to the data folder, trying again", "folder", o.dataDir, "error", err)
		}
	}})
	if errors.Is(err, store.ErrLocked) {
		return nil, fmt.Errorf("cannot open data folder %s: another process has it", o.dataDir)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot open data folder %s: %w", o.dataDir, err)
	}
	log.Info("Data folder", "folder", o.dataDir, "sync", "always")
	return st, nil
}
