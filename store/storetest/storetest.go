// Package storetest has the tests that an engine of a store must pass (store.Engine).
//
// An engine's own test gives them a medium: each check gets a new one, opens stores on it,
// closes or abandons them, and opens it again to see what a restart finds.
//
//	func TestEngine(t *testing.T) {
//		for _, check := range storetest.Checks() {
//			t.Run(check.Name, func(t *testing.T) {
//				medium := newMedium(t)
//				check.Run(t, func(opts store.Options) (*store.Store, error) {
//					engine, err := open(medium)
//					if err != nil {
//						return nil, err
//					}
//					return store.New(engine, opts), nil
//				})
//			})
//		}
//	}
//
// They are to be run with the race detector, and with a look at the goroutines that are
// left. What the checks cannot see is whether a commit outlives a power cut.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/store"
)

// T is what a check needs of a *testing.T.
type T interface {
	require.TestingT
	Helper()
}

// A Medium opens a store on one medium: an empty one the first time, then with what the
// store before has left. The store has the options, and an engine that syncs if they say so.
type Medium func(store.Options) (*store.Store, error)

// A Check is one test.
type Check struct {
	Name string
	Run  func(T, Medium)
}

// Checks are all tests, in an order in which the first that fails tells the most.
func Checks() []Check {
	return []Check{
		{"messages", messages},
		{"sizes", sizes},
		{"removal", removal},
		{"within a batch", withinBatch},
		{"notes and flags", notesAndFlags},
		{"records", records},
		{"restart", restart},
		{"crash", crash},
		{"volatile messages", volatileMessages},
		{"what is recovered", recovered},
		{"unknown logs", unknownLogs},
		{"large contents", largeContents},
		{"commits that fail", failingCommits},
		{"nothing of a commit that failed", nothingOfFailed},
		{"told of what is written", told},
		{"participants", participants},
		{"room", room},
		{"readers beside commits", readersBeside},
		{"lives against a model", lives},
	}
}

// A bench is a store under test.
type bench struct {
	*store.Store
	store.Appender
	t       T
	medium  Medium
	failing atomic.Bool // commits
}

var errDisk = errors.New("the test's disk is full")

// begin opens a store. Checks end with close, crash or fail.
func begin(t T, medium Medium) *bench {
	t.Helper()
	b := &bench{t: t, medium: medium}
	st, err := medium(store.Options{Sync: store.SyncNone, BeforeCommit: func() error {
		if b.failing.Load() {
			return errDisk
		}
		return nil
	}})
	require.NoError(t, err)
	require.NoError(t, st.Claim())
	b.Store = st
	return b
}

// end closes the store.
func (b *bench) end() {
	b.t.Helper()
	require.NoError(b.t, b.Close())
}

// again closes the store and opens another.
func (b *bench) again() *bench {
	b.t.Helper()
	b.end()
	return begin(b.t, b.medium)
}

// crashed abandons the store and opens another.
func (b *bench) crashed() *bench {
	b.t.Helper()
	require.NoError(b.t, b.Abandon())
	return begin(b.t, b.medium)
}

// A signal is a waiter that passes on what it is told.
type signal chan error

func (s signal) Committed(err error) { s <- err }

// wait returns what a waiter is told.
func (b *bench) wait(s signal) (err error) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	select {
	case err = <-s:
	case <-ctx.Done():
		require.Fail(b.t, "nobody tells of the commit")
	}
	return err
}

// notify hands over what was appended, with a waiter for it.
func (b *bench) notify() signal {
	b.Flush()
	s := make(signal, 1)
	b.Notify(s)
	return s
}

// commit commits what was appended.
func (b *bench) commit() {
	b.t.Helper()
	require.NoError(b.t, b.wait(b.notify()))
}

// A text is a message: a head, and a content.
type text struct {
	head    string
	content []byte
}

func (m text) EncodedLen() int               { return len(m.head) }
func (m text) AppendEncoded(b []byte) []byte { return append(b, m.head...) }
func (m text) Content() []byte               { return m.content }
func (m text) Size() int                     { return len(m.head) + len(m.content) }

// add adds a message that tells its position.
func (b *bench) add(l *store.Log, seqs ...uint64) {
	for _, seq := range seqs {
		b.Add(l, seq, 0, false, text{head: fmt.Sprint("m", seq)})
	}
}

// upTo is the positions from first to last.
func upTo(first, last uint64) (list []uint64) {
	for seq := first; seq <= last; seq++ {
		list = append(list, seq)
	}
	return list
}

// A found is a message that was read, with nothing in it that is only lent.
type found struct {
	seq                   uint64
	deadline              int64
	volatile, redelivered bool
	note, text            string
}

func (b *bench) found(r *store.Record) found {
	b.t.Helper()
	f := found{r.Seq, r.Deadline, r.Volatile, r.Redelivered, string(r.Note), string(r.Data)}
	if r.Body != nil {
		content, err := r.Body.Read()
		require.NoError(b.t, err)
		require.Len(b.t, content, r.Body.Len())
		f.text += string(content)
	}
	return f
}

func size(r *store.Record) int {
	if r.Body != nil {
		return len(r.Data) + r.Body.Len()
	}
	return len(r.Data)
}

// load is what the last commit has of a log, between two positions.
func (b *bench) load(l *store.Log, first, last uint64) (list []found) {
	b.t.Helper()
	require.NoError(b.t, l.Load(first, last, func(r store.Record) bool {
		list = append(list, b.found(&r))
		return true
	}))
	return list
}

func (b *bench) all(l *store.Log) []found {
	b.t.Helper()
	return b.load(l, 0, math.MaxUint64)
}

// positions are those of all that a log has.
func (b *bench) positions(l *store.Log) (list []uint64) {
	b.t.Helper()
	for _, f := range b.all(l) {
		list = append(list, f.seq)
	}
	return list
}

// recover takes over a log, with what is told of it.
func (b *bench) recover(id store.LogID) (l *store.Log, ranges []store.Range) {
	b.t.Helper()
	l, err := b.Recover(id, size, func(r store.Range) { ranges = append(ranges, r) })
	require.NoError(b.t, err)
	return l, ranges
}

// eventually waits for a condition.
func (b *bench) eventually(what string, cond func() bool) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	require.NoError(b.t, delay.Poll(ctx, delay.Real{}, time.Millisecond, cond), what)
}
