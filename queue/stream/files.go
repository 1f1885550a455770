package stream

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Where segments lie: in a folder, or in memory.

// A file is one segment or its index.
type file interface {
	io.ReaderAt
	io.WriterAt
	Truncate(size int64) error
	Sync() error
	Close() error
}

// A folder is a stream's files by name. Its methods are safe for concurrent use.
type folder interface {
	// create makes a file that is there after a crash as well, or opens one of that
	// name anew.
	create(name string) (file, error)
	open(name string) (f file, size int64, err error)
	remove(name string) error
	names() ([]string, error)
	// removeAll removes the folder.
	removeAll() error
}

const (
	segmentSuffix = ".segment"
	indexSuffix   = ".index"
)

func segmentName(first uint64) string { return fmt.Sprintf("%020d%s", first, segmentSuffix) }
func indexName(first uint64) string   { return fmt.Sprintf("%020d%s", first, indexSuffix) }

// segmentsIn are the first offsets of the segments in a folder, in order.
func segmentsIn(d folder) ([]uint64, error) {
	names, err := d.names()
	if err != nil {
		return nil, err
	}
	var list []uint64
	for _, name := range names {
		digits, ok := strings.CutSuffix(name, segmentSuffix)
		if !ok {
			continue
		}
		first, err := strconv.ParseUint(digits, 10, 64)
		if err != nil || name != segmentName(first) {
			return nil, fmt.Errorf("stream: %s is no segment of a stream", name)
		}
		list = append(list, first)
	}
	slices.Sort(list)
	return list, nil
}

// diskFolder is a folder on disk. It is made with the first file.
type diskFolder struct{ path string }

func (d diskFolder) create(name string) (file, error) {
	if err := os.MkdirAll(d.path, 0o750); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(d.path, name), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return nil, err
	}
	for _, dir := range []string{d.path, filepath.Dir(d.path)} {
		if err := syncFolder(dir); err != nil {
			f.Close()
			return nil, err
		}
	}
	return f, nil
}

// syncFolder makes the names in a folder safe. Systems that cannot sync folders have
// nothing to make safe.
func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil && !errors.Is(err, os.ErrInvalid) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}

func (d diskFolder) open(name string) (file, int64, error) {
	f, err := os.OpenFile(filepath.Join(d.path, name), os.O_RDWR, 0)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

func (d diskFolder) remove(name string) error {
	err := os.Remove(filepath.Join(d.path, name))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

func (d diskFolder) names() ([]string, error) {
	entries, err := os.ReadDir(d.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, err
}

func (d diskFolder) removeAll() error { return os.RemoveAll(d.path) }

// memFolder keeps files in memory.
type memFolder struct {
	mu    sync.Mutex
	files map[string]*memFile
}

func newMemFolder() *memFolder { return &memFolder{files: make(map[string]*memFile)} }

func (d *memFolder) create(name string) (file, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := &memFile{}
	d.files[name] = f
	return f, nil
}

func (d *memFolder) open(name string) (file, int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.files[name]
	if f == nil {
		return nil, 0, os.ErrNotExist
	}
	return f, f.size, nil
}

func (d *memFolder) remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.files, name)
	return nil
}

func (d *memFolder) names() ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	names := make([]string, 0, len(d.files))
	for name := range d.files {
		names = append(names, name)
	}
	return names, nil
}

func (d *memFolder) removeAll() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.files)
	return nil
}

// memBlock is what a file in memory grows by once it is no smaller; before, it
// doubles.
const memBlock = 256 << 10

// A memFile is a file in memory.
type memFile struct {
	mu     sync.RWMutex
	blocks [][]byte // of memBlock bytes each, save the last of a small file
	size   int64
}

func (f *memFile) ReadAt(p []byte, at int64) (n int, err error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	for len(p) > n && at < f.size {
		block := f.blocks[at/memBlock]
		from := at % memBlock
		read := copy(p[n:], block[from:min(int64(len(block)), from+f.size-at)])
		n, at = n+read, at+int64(read)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) WriteAt(p []byte, at int64) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.grow(at + int64(len(p)))
	n := 0
	for n < len(p) {
		written := copy(f.blocks[at/memBlock][at%memBlock:], p[n:])
		n, at = n+written, at+int64(written)
	}
	f.size = max(f.size, at)
	return n, nil
}

// grow makes room up to a size.
func (f *memFile) grow(size int64) {
	if len(f.blocks) <= 1 && size <= memBlock {
		have := 0
		if len(f.blocks) == 1 {
			have = len(f.blocks[0])
		}
		if int64(have) < size {
			first := make([]byte, min(memBlock, max(int(size), 2*have, 512)))
			if have > 0 {
				copy(first, f.blocks[0])
			}
			f.blocks = [][]byte{first}
		}
		return
	}
	if len(f.blocks) == 1 && len(f.blocks[0]) < memBlock {
		first := make([]byte, memBlock)
		copy(first, f.blocks[0])
		f.blocks[0] = first
	}
	for int64(len(f.blocks))*memBlock < size {
		f.blocks = append(f.blocks, make([]byte, memBlock))
	}
}

func (f *memFile) Truncate(size int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.size = min(f.size, size)
	f.blocks = f.blocks[:min(len(f.blocks), int(cmp.Or(size, 1)-1)/memBlock+1)]
	return nil
}

func (f *memFile) Sync() error  { return nil }
func (f *memFile) Close() error { return nil }
