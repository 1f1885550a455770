package store

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"
)

// seal makes the checksum of a chunk right.
func seal(key, v []byte) []byte {
	binary.BigEndian.PutUint32(v, sumOf(bucketChunks, key, v[sumLen:]))
	return v
}

// A chunk that makes no sense costs its own messages, and the reader is told:
// with its header in order it is found when it is read, else at the start.
func TestDamagedChunkIsPassedOver(t *testing.T) {
	flip := func(at int) func(v []byte) []byte {
		return func(v []byte) []byte { v[at] ^= 0x40; return v }
	}
	for name, damage := range map[string]func(v []byte) []byte{
		"a body":       flip(chunkHeader + 3),
		"a header":     flip(4),
		"all of it":    func([]byte) []byte { return []byte{} },
		"a count of 0": func(v []byte) []byte { v[5], v[6] = 0, 0; return v },
	} {
		for _, clean := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				b := open(t, t.TempDir())
				l := b.Log(1)
				for _, first := range []uint64{1, 101, 201} {
					b.fill(l, first, first+9)
					b.commit()
				}
				dir := b.copy()
				require.NoError(t, b.Close())
				if clean {
					dir = b.Dir()
				}
				edit(t, dir, func(tx *bolt.Tx) error {
					key := chunkKey(nil, 1, 101)
					v := append([]byte{}, tx.Bucket(bucketChunks).Get(key)...)
					return tx.Bucket(bucketChunks).Put(key, damage(v))
				})
				b = open(t, dir)
				l, err := b.Recover(1, size, func(Range) {})
				if name != "a body" {
					require.ErrorIs(t, err, ErrDamaged)
				}
				require.NotNil(t, l)

				want := append(upTo(1, 10), upTo(201, 210)...)
				var found []uint64
				err = l.Load(0, 1000, func(r Record) bool { found = append(found, r.Seq); return true })
				require.ErrorIs(t, err, ErrDamaged)
				require.ErrorContains(t, err, "log 1, chunk 101: ")
				assert.Equal(t, want, found)
				found = nil
				err = l.Pick(upTo(5, 205), func(r Record) { found = append(found, r.Seq) })
				require.ErrorIs(t, err, ErrDamaged)
				assert.Equal(t, append(upTo(5, 10), upTo(201, 205)...), found)
				require.NoError(t, l.Pick([]uint64{9, 201}, func(Record) {}), "it is not in the way")

				b.Drop(l) // it goes with its log
				b.commit()
				assert.Zero(t, b.keys(bucketChunks))
			})
		}
	}
}

// The last chunk does not tell where it ends: new messages come after whatever it
// has.
func TestDamagedChunkKeepsItsPositions(t *testing.T) {
	b := open(t, t.TempDir())
	b.fill(b.Log(1), 1, 10)
	b.commit()
	dir := b.copy()
	edit(t, dir, func(tx *bolt.Tx) error {
		return tx.Bucket(bucketChunks).Put(chunkKey(nil, 1, 1), []byte("?"))
	})
	b = open(t, dir)
	l, err := b.Recover(1, size, func(Range) {})
	require.ErrorIs(t, err, ErrDamaged)
	require.Greater(t, l.Last(), uint64(10))
	b.fill(l, l.Last()+1, l.Last()+3)
	b.commit()
	var found []Record
	err = l.Load(0, 1<<40, func(r Record) bool { found = append(found, r); return true })
	require.ErrorIs(t, err, ErrDamaged)
	require.Len(t, found, 3)
	for _, r := range found {
		assert.False(t, r.Redelivered)
	}
}

// Pages that make no sense are told of in words, by opening and by a check: they
// end no process.
func TestDamagedPages(t *testing.T) {
	b := open(t, t.TempDir())
	for id := LogID(1); id < 200; id++ {
		b.fill(b.Log(id), 1, 5)
		b.Put("key"+string(rune('a'+id)), make([]byte, 100))
	}
	b.commit()
	require.NoError(t, b.Close())
	_, _, err := Compact(b.Dir())
	require.NoError(t, err)
	sane, err := os.ReadFile(filepath.Join(b.Dir(), FileName))
	require.NoError(t, err)
	r := rand.New(rand.NewPCG(1, 2))
	page := os.Getpagesize()
	refused := 0
	for at := 2 * page; at < len(sane); at += 2 * page {
		for name, damage := range map[string]func(p []byte){
			"zeroes":  func(p []byte) { clear(p) },
			"noise":   func(p []byte) { fillRandomly(r, p) },
			"another": func(p []byte) { copy(p, sane[2*page:3*page]) },
			"an end":  func(p []byte) { fillRandomly(r, p[page/2:]) },
		} {
			file := append([]byte{}, sane...)
			damage(file[at : at+page])
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, FileName), file, 0o600))
			content, err := Check(dir, plain)
			faulty := err != nil || len(content.Faults) > 0
			s, err := Open(dir, Options{Sync: SyncNone})
			if err != nil {
				refused++
				assert.True(t, faulty, "page %d, %s: %v, and the check found nothing", at/page, name, err)
				continue
			}
			require.NoError(t, s.Abandon())
		}
	}
	assert.Greater(t, refused, 20, "pages of keys have been hit")
}

func fillRandomly(r *rand.Rand, p []byte) {
	for i := range p {
		p[i] = byte(r.Uint32())
	}
}
