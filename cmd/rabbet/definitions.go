package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/definitions"
	"github.com/rabbetmq/rabbet/delay"
)

// hashParameter is the global parameter that RabbitMQ keeps the hash of imported
// definitions in.
const hashParameter = "imported_definition_hash_value"

// loadDefinitions imports the files that the settings name, each whole or not at all,
// before any client comes.
func (s *service) loadDefinitions(b *broker.Broker) error {
	paths, err := definitionFiles(s.set.Definitions.Path)
	if err != nil {
		return err
	}
	hash := sha256.New()
	texts := make([][]byte, len(paths))
	for i, path := range paths {
		if texts[i], err = os.ReadFile(path); err != nil {
			return fmt.Errorf("cannot read definitions: %w", err)
		}
		hash.Write(texts[i])
	}
	sum := strconv.Quote(hex.EncodeToString(hash.Sum(nil)))
	skip := s.set.Definitions.SkipIfUnchanged && len(paths) > 0
	if skip && slices.ContainsFunc(b.GlobalParameters(), func(p broker.GlobalParameter) bool {
		return p.Name == hashParameter && string(p.Value) == sum
	}) {
		s.log.Logger.Info("definitions are not imported again: they have not changed", "files", strings.Join(paths, ", "))
		return nil
	}
	for i, path := range paths {
		if err := s.importDefinitions(b, path, texts[i]); err != nil {
			return err
		}
	}
	if !skip {
		return nil
	}
	return b.SetGlobalParameter(hashParameter, json.RawMessage(sum))
}

// importDefinitions imports the text of one file.
func (s *service) importDefinitions(b *broker.Broker, path string, text []byte) error {
	began := delay.Real{}.Now()
	d, err := definitions.Decode(text)
	if err == nil {
		err = b.ImportDefinitions(context.Background(), d, broker.ImportOptions{Progress: func(section string, done, total int) {
			s.log.Logger.Debug("importing definitions", "section", section, "done", done, "total", total)
		}})
	}
	if err != nil {
		return fmt.Errorf("cannot import the definitions in %s, and nothing of it is: %w", path, problem(err))
	}
	s.log.Logger.Info("definitions imported", "file", path, "vhosts", len(d.VHosts), "users", len(d.Users), "queues", len(d.Queues),
		"exchanges", len(d.Exchanges), "bindings", len(d.Bindings), "policies", len(d.Policies),
		"took", delay.Real{}.Now().Sub(began).Round(time.Millisecond).String())
	return nil
}

// problem is the error of a document, or the first of its problems with their number.
func problem(err error) error {
	list := definitions.Problems(nil)
	if !errors.As(err, &list) || len(list) < 2 {
		return err
	}
	return fmt.Errorf("%s (and %d more)", list[0], len(list)-1)
}

// definitionFiles is the file itself, or those of a folder in the order of their names;
// "" is none.
func definitionFiles(path string) ([]string, error) {
	if path == "" {
		return nil, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read definitions: %w", err)
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	paths, err := filepath.Glob(filepath.Join(path, "*.json"))
	slices.Sort(paths)
	return paths, err
}
