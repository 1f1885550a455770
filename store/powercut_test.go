package store

// Power cuts: of what a commit writes, any page may have reached the disk when
// the power went, or a part of one. Pages are synced before the meta page that
// makes them count, so until that is whole the commit before is what is there.

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"
)

// A state is a store after a commit: its file, as far as it is used, its segments
// before and after those without use were removed, and what it holds.
type state struct {
	file            []byte
	segments, later map[string][]byte
	positions       []uint64
	contents        []string
}

var cutsFlag = flag.Int("store.cuts", 120, "power cuts that TestPowerCut makes")

// segmentFiles reads the segments of a folder.
func segmentFiles(t *testing.T, dir string) map[string][]byte {
	files := map[string][]byte{}
	entries, _ := os.ReadDir(filepath.Join(dir, SegmentFolder)) // it need not be there
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, SegmentFolder, e.Name()))
		require.NoError(t, err)
		files[e.Name()] = data
	}
	return files
}

// A cutter makes commits, and cuts the power in each.
type cutter struct {
	*bench
	t    *testing.T
	rnd  *rand.Rand
	l    *Log
	live []uint64
	next uint64
	// synced are the segments as they were when the last commit was done.
	synced map[string][]byte
	last   []byte // content
}

func (c *cutter) state() *state {
	c.t.Helper()
	var used int64
	require.NoError(c.t, c.disk.db.View(func(tx *bolt.Tx) error {
		used = tx.Size()
		return nil
	}))
	f, err := os.Open(filepath.Join(c.Dir(), FileName))
	require.NoError(c.t, err)
	defer f.Close()
	file, err := io.ReadAll(io.LimitReader(f, used))
	require.NoError(c.t, err)
	records := load(c.t, c.l)
	st := &state{file: file, segments: c.synced, later: segmentFiles(c.t, c.Dir()), positions: positions(records)}
	for _, r := range records {
		st.contents = append(st.contents, string(r.Data))
	}
	return st
}

// change appends one batch: messages small and large, and some are settled.
func (c *cutter) change() {
	for range c.rnd.IntN(300) {
		c.fill(c.l, c.next, c.next)
		c.live = append(c.live, c.next)
		c.next++
	}
	for range c.rnd.IntN(4) {
		if c.last == nil || c.rnd.IntN(2) == 0 {
			c.last = big(fmt.Sprint(c.next), bodyBytes+c.rnd.IntN(30_000))
		}
		c.Add(c.l, c.next, 0, false, letter{"large", c.last})
		c.live = append(c.live, c.next)
		c.next++
	}
	for range c.rnd.IntN(250) {
		if len(c.live) > 0 {
			i := c.rnd.IntN(min(len(c.live), 50))
			c.Remove(c.l, c.live[i])
			c.live = slices.Delete(c.live, i, i+1)
		}
	}
	c.commit() // one transaction: all goes in one append
}

func TestPowerCut(t *testing.T) {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d", seed)
	c := &cutter{t: t, rnd: rand.New(rand.NewPCG(seed, 0)), next: 1}
	var dir = t.TempDir()
	c.bench = open(t, dir, Options{Sync: SyncNone, OnCommit: func(error) { c.synced = segmentFiles(t, dir) }})
	c.l = c.Log(1)
	c.fill(c.l, 0, 0)
	c.Remove(c.l, 0)
	c.Put("first", nil)
	c.commit()
	before := c.state()
	for made := 0; made < *cutsFlag; made += 3 {
		c.change()
		after := c.state()
		for range 3 {
			c.cut(before, after)
		}
		before = after
	}
}

// cut makes a folder that has a part of what a commit wrote, and opens it. The pages of
// a commit are synced before the meta page that makes them count, and so are the bodies
// that it refers to.
func (c *cutter) cut(before, after *state) {
	t, rnd := c.t, c.rnd
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
	done := bytes.Equal(file[:2*page], after.file[:2*page])
	c.cutSegments(dir, before, after, metaToo, done)
	got := c.whatIsThere(dir)
	if metaToo && slices.Equal(after.positions, got.positions) {
		require.Equal(t, after.contents, got.contents)
		return
	}
	require.Equal(t, before.positions, got.positions)
	require.Equal(t, before.contents, got.contents)
}

// cutSegments writes the segments. Before the meta page is written all bodies are there,
// and before that they are there in part; once the commit is done what it has made
// useless may be gone.
func (c *cutter) cutSegments(dir string, before, after *state, whole, done bool) {
	from := after.segments
	if done && c.rnd.IntN(2) == 0 {
		from = after.later
	}
	require.NoError(c.t, os.MkdirAll(filepath.Join(dir, SegmentFolder), 0o750))
	for name, data := range from {
		data = slices.Clone(data)
		if old := len(before.later[name]); !whole && old < len(data) {
			if old == 0 && c.rnd.IntN(3) == 0 {
				continue // not even its name
			}
			fresh := data[old:]
			clear(fresh[c.rnd.IntN(len(fresh)+1):])
			data = data[:old+c.rnd.IntN(len(fresh)+1)]
		}
		require.NoError(c.t, os.WriteFile(filepath.Join(dir, SegmentFolder, name), data, 0o600))
	}
}

// whatIsThere opens a folder that a power cut has left.
func (c *cutter) whatIsThere(dir string) *state {
	content, err := Check(dir, plain)
	require.NoError(c.t, err)
	for _, f := range content.Faults { // a meta page that is torn is told of
		require.Contains(c.t, f.Text, "one of the two meta pages makes no sense")
	}
	b := open(c.t, dir)
	l, _ := b.recover(1)
	records := load(c.t, l)
	st := &state{positions: positions(records)}
	for _, r := range records {
		st.contents = append(st.contents, string(r.Data))
	}
	require.NoError(c.t, b.Close())
	require.NoError(c.t, os.RemoveAll(dir))
	return st
}
