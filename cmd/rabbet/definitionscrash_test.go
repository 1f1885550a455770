package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"regexp"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/definitions"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/defdiff"
	"github.com/rabbetmq/rabbet/store"
)

// manyDefinitions has so many queues, each with four bindings, a policy and a user for each
// hundred of them.
func manyDefinitions(queues int) *definitions.Document {
	v := definitions.In("v")
	d := &definitions.Document{VHosts: []definitions.VHost{{Name: "v", Description: "whole", Tags: definitions.Tags{"a"}}}}
	for i := range queues / 100 {
		hash := "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR"
		name := fmt.Sprintf("u%d", i)
		d.Users = append(d.Users, definitions.User{Name: name, PasswordHash: &hash, Hashing: "rabbit_password_hashing_sha256", Tags: definitions.Tags{"management"}})
		d.Permissions = append(d.Permissions, definitions.Permission{User: name, VHost: v, Configure: ".*", Write: "^w", Read: "^r"})
		d.Policies = append(d.Policies, definitions.Policy{Name: fmt.Sprintf("p%d", i), VHost: v, Pattern: fmt.Sprintf("^q%d", i), ApplyTo: "queues",
			Definition: map[string]any{"max-length": int64(i + 1)}})
	}
	d.Exchanges = append(d.Exchanges, definitions.Exchange{Name: "x", VHost: v, Type: "topic", Durable: true})
	for i := range queues {
		name := fmt.Sprintf("q%d", i)
		d.Queues = append(d.Queues, definitions.Queue{Name: name, VHost: v, Durable: true, Arguments: definitions.Arguments{"x-queue-type": "classic", "x-max-length": int64(10)}})
		for k := range 4 {
			d.Bindings = append(d.Bindings, definitions.Binding{Source: "x", VHost: v, Destination: name, DestinationType: "queue", RoutingKey: fmt.Sprintf("%s.%d", name, k)})
		}
	}
	return d
}

// After a kill during an import each object is whole or absent, and importing the same
// document again completes it (PERSIST-17).
func TestKillDuringAnImport(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	wanted := manyDefinitions(3000)
	var text bytes.Buffer
	require.NoError(t, wanted.Encode(&text, false))
	document := write(t, "many.json", text.String())
	for _, at := range []string{`section=users done=0`, `section=queues done=1000`, `section=queues done=3000`, `section=bindings done=7000`, `section=bindings done=12000`} {
		dir := t.TempDir()
		killAt(t, dir, document, regexp.MustCompile(at+`\b`))
		have := definitionsIn(t, dir)
		for _, change := range defdiff.Compare(wanted, have) {
			require.Equal(t, defdiff.Create, change.Kind, "after a kill at %s: %v", at, change)
		}
		t.Logf("%s: %d queues and %d bindings were there", at, len(have.Queues), len(have.Bindings))
		s := start(t, nil, "serve", "--management", "off", "--data-dir", dir, "--definitions", document)
		code, _ := s.stop(t, syscall.SIGTERM)
		require.Zero(t, code)
		assert.Empty(t, defdiff.Compare(wanted, definitionsIn(t, dir)))
	}
}

// killAt kills a broker that imports a document when its log says how far it is.
func killAt(t *testing.T, dir, document string, at *regexp.Regexp) {
	cmd := command(t, nil, "serve", "--management", "off", "--port", "0", "--data-dir", dir, "--definitions", document, "--log-level", "debug")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	found := false
	for !found && lines.Scan() {
		found = at.Match(lines.Bytes())
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	require.True(t, found, "the log says %v", at)
}

// definitionsIn are those of a data folder that no broker has.
func definitionsIn(t *testing.T, dir string) *definitions.Document {
	st, err := store.Open(dir, store.Options{})
	require.NoError(t, err)
	b, err := broker.New(broker.Config{Store: st, NoDefaults: true})
	require.NoError(t, err)
	defer b.Close()
	return b.Definitions()
}
