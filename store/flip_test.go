package store

// silent-damage: whatever is changed on the disk, a store refuses it, tells of it, or
// has what it had. Bits are flipped, and pages torn, zeroed and swapped.

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var damageFlag = flag.Int("store.damage", 200, "mutations of TestDamageIsNeverSilent; 0 is one of every byte")

// manyKinds makes a folder with every kind of record, closed in order or not.
func manyKinds(t *testing.T, clean bool) (dir string) {
	b := open(t, t.TempDir())
	for id := LogID(1); id <= 40; id++ {
		l := b.Log(id)
		b.fill(l, 1, 30)
		b.Add(l, 31, 5, true, text("volatile"))
		b.Put(fmt.Sprintf("queue\x00q%d", id), fmt.Appendf(nil, `{"Name":"q%d"}`, id))
	}
	shared := big("shared", 20_000)
	b.Add(b.Log(50), 1, 0, false, letter{"a", shared})
	b.Add(b.Log(51), 1, 0, false, letter{"b", shared})
	b.commit()
	b = b.crash() // leaves marks of logs
	for id := LogID(1); id <= 40; id++ {
		l, _ := b.recover(id)
		b.Remove(l, uint64(3+id%20))
		b.Remove(l, 7)
		b.fill(l, l.Last()+1, l.Last()+5)
		b.Flag(l, l.Last()+2)
	}
	b.commit()
	dir = b.copy()
	require.NoError(t, b.Close())
	if clean {
		dir = b.Dir()
	}
	file := filepath.Join(dir, FileName)
	db, _, err := openBoltToRead(file)
	require.NoError(t, err)
	tx, err := db.Begin(false)
	require.NoError(t, err)
	used := tx.Size()
	require.NoError(t, tx.Rollback())
	require.NoError(t, db.Close())
	require.NoError(t, os.Truncate(file, used)) // what is behind it is nobody's
	return dir
}

// contentOf is all that a folder holds, as text, and whether anything was told of. An
// error is the refusal to open it.
func contentOf(dir string) (text string, told bool, err error) {
	s, err := Open(dir, Options{Sync: SyncNone})
	if err != nil {
		return "", true, err
	}
	defer func() { _ = s.Abandon() }()
	told = len(s.Damage()) > 0
	var out bytes.Buffer
	err = s.Records(func(key string, value []byte) error {
		fmt.Fprintf(&out, "%q %q\n", key, value)
		return nil
	})
	if err != nil {
		return "", true, err
	}
	if _, err := s.DropUnknown(func(LogID) bool { return true }); err != nil {
		return "", true, err
	}
	for id := LogID(1); id <= 51; id++ {
		l, err := s.Recover(id, size, func(r Range) { fmt.Fprintln(&out, id, r) })
		told = told || err != nil
		if l == nil {
			return "", true, err
		}
		err = l.Load(0, math.MaxUint64, func(r Record) bool {
			var content []byte
			if r.Body != nil {
				var err error
				content, err = r.Body.Read()
				told = told || err != nil
			}
			fmt.Fprintln(&out, id, r.Seq, r.Deadline, r.Volatile, r.Redelivered, string(r.Data), len(content))
			return true
		})
		told = told || err != nil
	}
	return out.String(), told, nil
}

func TestDamageIsNeverSilent(t *testing.T) {
	for _, clean := range []bool{true, false} {
		t.Run(fmt.Sprint("closed in order: ", clean), func(t *testing.T) { damageAll(t, manyKinds(t, clean)) })
	}
}

// A meta page in the place of the other, or of one that is older, may hide the last
// commit. What is left is whole, so that nothing else can tell.
func TestStaleMetaPageIsTold(t *testing.T) {
	b := open(t, t.TempDir())
	l := b.Log(1)
	page := os.Getpagesize()
	var metas [][]byte // both pages after each commit
	for seq := uint64(1); seq <= 6; seq++ {
		b.fill(l, seq, seq)
		b.commit()
		file, err := os.ReadFile(filepath.Join(b.Dir(), FileName))
		require.NoError(t, err)
		metas = append(metas, file[:2*page])
	}
	dir := b.copy()
	last := metas[5]
	newest, oldest := 0, 1
	if bytes.Equal(metas[4][:page], last[:page]) {
		newest, oldest = 1, 0
	}
	at := func(metas []byte, i int) []byte { return metas[i*page : (i+1)*page] }
	for name, test := range map[string]struct {
		page int
		with []byte
		told bool
	}{
		"the newest by the other": {newest, at(last, oldest), true},
		"the other by the newest": {oldest, at(last, newest), true},
		"the newest by its own of two commits before, as a write that was lost": {newest, at(metas[4], newest), false},
		"the newest by its own of four commits before":                          {newest, at(metas[2], newest), true},
		"the other by its own of before":                                        {oldest, at(metas[2], oldest), true},
	} {
		t.Run(name, func(t *testing.T) {
			spoiled := copyOf(t, dir)
			file, err := os.OpenFile(filepath.Join(spoiled, FileName), os.O_RDWR, 0)
			require.NoError(t, err)
			_, err = file.WriteAt(test.with, int64(test.page*page))
			require.NoError(t, errors.Join(err, file.Close()))
			content, err := Check(spoiled, plain)
			require.NoError(t, err)
			assert.Equal(t, test.told, len(content.Faults) > 0, "%v", content.Faults)
			again := open(t, spoiled)
			assert.Equal(t, test.told, len(again.Damage()) > 0)
			l, _ := again.recover(1)
			if got := len(load(t, l)); test.page == newest {
				assert.Equal(t, 5, got)
			} else {
				assert.Equal(t, 6, got)
			}
		})
	}
}

func damageAll(t *testing.T, dir string) {
	want, told, err := contentOf(copyOf(t, dir))
	require.NoError(t, err)
	require.False(t, told)
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	segment := filepath.Join(SegmentFolder, segmentName(1))
	outcomes := map[string]int{}
	try := func(what, name string, change func(file []byte)) {
		spoiled := copyOf(t, dir)
		file, err := os.ReadFile(filepath.Join(spoiled, name))
		require.NoError(t, err)
		change(file)
		require.NoError(t, os.WriteFile(filepath.Join(spoiled, name), file, 0o600))
		switch got, told, err := contentOf(spoiled); {
		case err != nil:
			outcomes["refused"]++
		case told:
			outcomes["told"]++
		case got == want:
			outcomes["harmless"]++
		default:
			assert.Fail(t, "silent", "%s %s", name, what)
		}
		require.NoError(t, os.RemoveAll(spoiled))
	}
	for _, name := range []string{FileName, segment} {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		n, step := *damageFlag, func() int { return rnd.IntN(int(info.Size())) }
		if name == segment {
			n /= 10
		}
		if *damageFlag == 0 {
			at := -1
			n, step = int(info.Size()), func() int { at++; return at }
		}
		for range n {
			at, bit := step(), rnd.IntN(8)
			try(fmt.Sprintf("bit %d of byte %d", bit, at), name, func(file []byte) { file[at] ^= 1 << bit })
		}
	}
	page := os.Getpagesize()
	info, err := os.Stat(filepath.Join(dir, FileName))
	require.NoError(t, err)
	for p := 0; p < int(info.Size())/page; p++ {
		other := rnd.IntN(int(info.Size()) / page)
		for what, change := range map[string]func(file []byte){
			"zeroed": func(file []byte) { clear(file[p*page : (p+1)*page]) },
			"torn":   func(file []byte) { clear(file[p*page+page/2 : (p+1)*page]) },
			"copied": func(file []byte) { copy(file[p*page:(p+1)*page], file[other*page:(other+1)*page]) },
			"noise":  func(file []byte) { fillRandomly(rnd, file[p*page:(p+1)*page]) },
		} {
			try(fmt.Sprint("page ", p, " ", what, " ", other), FileName, change)
		}
	}
	t.Log(outcomes)
}

func copyOf(t *testing.T, dir string) string {
	to, err := os.MkdirTemp(t.TempDir(), "")
	require.NoError(t, err)
	require.NoError(t, os.CopyFS(to, os.DirFS(dir)))
	return to
}
