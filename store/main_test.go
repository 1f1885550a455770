package store

// What the tests of this package share: stores in folders of their own, and
// messages that are nothing but text.

import (
	"context"
	"fmt"
	"math"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"
	"go.uber.org/goleak"

	"github.com/rabbetmq/rabbet/delay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A text is a message.
type text string

func (m text) EncodedLen() int               { return len(m) }
func (m text) AppendEncoded(b []byte) []byte { return append(b, m...) }
func (m text) Content() []byte               { return nil }
func (m text) Size() int                     { return len(m) }

// size is what a stored text counts for.
func size(r *Record) int {
	if r.Body != nil {
		return len(r.Data) + r.Body.Len()
	}
	return len(r.Data)
}

// A signal is a waiter that passes on what it is told, at most 8 times.
type signal chan error

func newSignal() signal { return make(signal, 8) }

func (s signal) Committed(err error) { s <- err }

// A bench is a store under test.
type bench struct {
	*Store
	Appender
	disk *disk
	t    testing.TB
}

// open opens a store that does not sync, and closes it when the test ends.
func open(t testing.TB, dir string, opts ...Options) *bench {
	t.Helper()
	o := Options{Sync: SyncNone}
	if len(opts) > 0 {
		o = opts[0]
	}
	s, err := Open(dir, o)
	require.NoError(t, err)
	b := &bench{Store: s, disk: s.engine.(*disk), t: t}
	t.Cleanup(func() { _ = b.Close() }) // a test may have closed it
	return b
}

// commit hands over what has been appended and waits until it is on disk.
func (b *bench) commit() {
	b.t.Helper()
	b.Flush()
	w := newSignal()
	b.Notify(w)
	require.NoError(b.t, <-w)
}

// hand hands over what has been appended together with a waiter for it, so that
// no commit comes between.
func (b *bench) hand() signal {
	w := newSignal()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pending.ops = append(b.pending.ops, b.ops...)
	b.pending.waiters = append(b.pending.waiters, w)
	b.expedite()
	b.Appender = Appender{}
	return w
}

// committing reports whether there is a batch that has left the list.
func (b *bench) committing() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.current.number != 0
}

// eventually waits for a condition.
func eventually(t testing.TB, cond func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, delay.Poll(ctx, delay.Real{}, time.Millisecond, cond))
}

// fill adds messages "first" to "last" under those positions.
func (b *bench) fill(l *Log, first, last uint64) {
	for seq := first; seq <= last; seq++ {
		b.Add(l, seq, 0, false, text(fmt.Sprint(seq)))
	}
}

// reopen closes the store and opens it again.
func (b *bench) reopen() *bench {
	b.t.Helper()
	require.NoError(b.t, b.Close())
	return open(b.t, b.Dir())
}

// crash opens a copy of what is on disk now, as if the process had been killed.
func (b *bench) crash() *bench {
	b.t.Helper()
	return open(b.t, b.copy())
}

// copy copies the store's file, as it is, into a new folder.
func (b *bench) copy() string {
	b.t.Helper()
	dir := b.t.TempDir()
	require.NoError(b.t, os.CopyFS(dir, os.DirFS(b.Dir())))
	return dir
}

// recover is what Open found of a log.
func (b *bench) recover(id LogID) (*Log, []Range) {
	b.t.Helper()
	var ranges []Range
	l, err := b.Recover(id, size, func(r Range) { ranges = append(ranges, r) })
	require.NoError(b.t, err)
	return l, ranges
}

// load is what the last commit has of a log.
func load(t testing.TB, l *Log) []Record {
	t.Helper()
	return loadRange(t, l, 0, math.MaxUint64)
}

func loadRange(t testing.TB, l *Log, first, last uint64) []Record {
	t.Helper()
	records := []Record{}
	require.NoError(t, l.Load(first, last, func(r Record) bool {
		r.Data = append([]byte{}, r.Data...)
		if r.Body != nil {
			content, err := r.Body.Read()
			require.NoError(t, err)
			r.Data, r.Body = append(r.Data, content...), nil
		}
		records = append(records, r)
		return true
	}))
	return records
}

// positions are those of records.
func positions(records []Record) []uint64 {
	list := []uint64{}
	for _, r := range records {
		list = append(list, r.Seq)
	}
	return list
}

// upTo is the positions from first to last, without some.
func upTo(first, last uint64, without ...uint64) []uint64 {
	list := []uint64{}
next:
	for seq := first; seq <= last; seq++ {
		for _, w := range without {
			if seq == w {
				continue next
			}
		}
		list = append(list, seq)
	}
	return list
}

// keys is the number of keys in a bucket on disk.
func (b *bench) keys(bucket []byte) (n int) {
	b.t.Helper()
	require.NoError(b.t, b.disk.db.View(func(tx *bolt.Tx) error {
		n = tx.Bucket(bucket).Stats().KeyN
		return nil
	}))
	return n
}
