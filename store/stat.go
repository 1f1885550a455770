package store

import (
	"cmp"
	"errors"
	"io/fs"
	"math/bits"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// A Stat says where the bytes of a store are.
type Stat struct {
	// FileBytes is the size of the data file, of which FreeBytes are in pages that hold
	// nothing: commits write there before the file grows.
	FileBytes, FreeBytes int64
	// Kinds are what the pages hold, in a fixed order: chunks of messages, bitmaps of what is
	// settled and redelivered of them, records, the store's own notes, the totals. Pages are
	// not full, so their sum is less than what is in use.
	Kinds []KindStat
	// Segments are the files of bodies, in order of their numbers.
	Segments []SegmentStat
	// OtherFiles are what else is in the folder, such as streams.
	OtherFiles int
	OtherBytes int64
}

// KindStat is what the data file has of one kind: keys, and bytes of keys and values.
type KindStat struct {
	Name  string
	Keys  int
	Bytes int64
}

// SegmentStat is one file of bodies.
type SegmentStat struct {
	Name string
	// Bytes is the file's size, Allocated what it takes of the disk, where the system
	// tells: what is not used any more is punched out of it.
	Bytes, Allocated int64
	// Bodies is how many are used, LiveBytes their bytes.
	Bodies    int
	LiveBytes int64
}

// StatFolder says where the bytes of the store in a folder are. It changes nothing, reads
// no bodies, and fails as Check does.
func StatFolder(dir string) (*Stat, error) {
	db, x, err := openToRead(dir)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	st := &Stat{Kinds: x.kinds, FreeBytes: x.free}
	info, err := os.Stat(filepath.Join(dir, FileName))
	if err != nil {
		return nil, err
	}
	st.FileBytes = info.Size()
	st.FreeBytes += st.FileBytes - x.size // behind the last page
	var bs bodies
	if err := bs.open(dir, new(sync.RWMutex)); err != nil {
		return nil, err
	}
	if _, err := bs.countIn(db); err != nil {
		return nil, err
	}
	if err := st.addSegments(&bs.files); err != nil {
		return nil, err
	}
	return st, st.addOthers(dir)
}

func (st *Stat) addSegments(ss *segments) error {
	for _, s := range ss.list {
		info, err := os.Stat(ss.path(s.number))
		if err != nil {
			return err
		}
		st.Segments = append(st.Segments, SegmentStat{
			Name: segmentName(s.number), Bytes: info.Size(), Allocated: allocated(info),
			Bodies: s.bodies, LiveBytes: int64(s.live),
		})
	}
	slices.SortFunc(st.Segments, func(a, b SegmentStat) int { return cmp.Compare(a.Name, b.Name) })
	return nil
}

// addOthers counts the files that are not the store's.
func (st *Stat) addOthers(dir string) error {
	ours := map[string]bool{filepath.Join(dir, FileName): true}
	for i := range st.Segments {
		ours[filepath.Join(dir, SegmentFolder, st.Segments[i].Name)] = true
	}
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || ours[path] {
			return err
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) { // it has gone meanwhile
			return nil
		} else if err != nil {
			return err
		}
		st.OtherFiles++
		st.OtherBytes += info.Size()
		return nil
	})
}

// measure notes how much of a database is free, of the pages that it has.
func (x *examination) measure(w *walker) {
	used := 0
	for _, word := range w.used {
		used += bits.OnesCount64(word)
	}
	x.size = int64(w.pages) * w.page
	x.free = x.size - int64(used)*w.page
}

// countKind counts an entry of a bucket.
func (x *examination) countKind(bucket string, e *entry) {
	for i := range x.kinds {
		if x.kinds[i].Name == bucket {
			x.kinds[i].Keys++
			x.kinds[i].Bytes += int64(len(e.key) + e.size)
		}
	}
}

func noKinds() (kinds []KindStat) {
	for _, b := range buckets {
		kinds = append(kinds, KindStat{Name: string(b)})
	}
	return append(kinds, KindStat{Name: string(bucketTotals)})
}
