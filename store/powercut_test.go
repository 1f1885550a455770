package store

// Power cuts: of what a commit writes, any page may have reached the disk when
// the power went, or a part of one. Pages are synced before the meta page that
// makes them count, so until that is whole the commit before is what is there.

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"
)

// A state is a store after a commit: its file, as far as it is used, and what
// it holds.
type state struct {
	file      []byte
	positions []uint64
}

func (b *bench) state(l *Log) state {
	b.t.Helper()
	var used int64
	require.NoError(b.t, b.db.View(func(tx *bolt.Tx) error {
		used = tx.Size()
		return nil
	}))
	f, err := os.Open(filepath.Join(b.Dir(), FileName))
	require.NoError(b.t, err)
	defer f.Close()
	file, err := io.ReadAll(io.LimitReader(f, used))
	require.NoError(b.t, err)
	return state{file, positions(load(b.t, l))}
}

func TestPowerCut(t *testing.T) {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	b := open(t, t.TempDir())
	l := b.Log(1)
	var live []uint64
	next := uint64(1)
	b.fill(l, 0, 0)
	b.Settle(l, 0)
	b.Put("first", nil)
	b.commit()
	before := b.state(l)
	for range 40 {
		for range rnd.IntN(600) {
			b.fill(l, next, next)
			live = append(live, next)
			next++
		}
		for range rnd.IntN(400) {
			if len(live) > 0 {
				i := rnd.IntN(min(len(live), 50))
				b.Settle(l, live[i])
				live = slices.Delete(live, i, i+1)
			}
		}
		b.commit() // one transaction: all goes in one append
		after := b.state(l)
		for range 3 {
			cut(t, rnd, before, after)
		}
		before = after
	}
}

// cut makes a file that has a part of what a commit wrote, and opens it.
func cut(t *testing.T, rnd *rand.Rand, before, after state) {
	page := os.Getpagesize()
	file := slices.Clone(before.file)
	if n := len(after.file) - len(file); n > 0 { // it has grown already
		file = append(file, make([]byte, n)...)
	}
	metaToo := rnd.IntN(2) == 0 // then everything else is there
	for at := 0; at < len(after.file); at += page {
		now := after.file[at : at+page]
		switch isMeta := at < 2*page; {
		case bytes.Equal(now, file[at:at+page]) || isMeta && !metaToo:
		case isMeta || !metaToo && rnd.IntN(3) == 0:
			copy(file[at:], now[:rnd.IntN(100)]) // torn
		case metaToo || rnd.IntN(2) == 0:
			copy(file[at:], now)
		}
	}
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, FileName), file, 0o600))
	requireSound(t, dir)
	b := open(t, dir)
	l, _ := b.recover(1)
	got := positions(load(t, l))
	if metaToo && slices.Equal(after.positions, got) {
		require.NoError(t, b.Close())
		return
	}
	require.Equal(t, before.positions, got)
	require.NoError(t, b.Close())
}
