package stream

import (
	"errors"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/store"
)

// Defaults of Settings and Config.
const (
	// DefaultSegmentBytes ends a segment.
	DefaultSegmentBytes = 500_000_000
	// MaxSegmentBytes is the most that a segment may be told to have (STREAM-6).
	MaxSegmentBytes = 3_000_000_000
	// DefaultFilterBytes is the size of each chunk's filter (STREAM-7).
	DefaultFilterBytes = 16
	// DefaultMemoryLimit is what a stream without a store holds.
	DefaultMemoryLimit = 256 << 20
)

// FolderName is the folder beside the store's file in which each stream has its own.
const FolderName = "streams"

// Config is what a stream is made with.
type Config struct {
	// Name is the stream's name in its virtual host.
	Name string
	// Env is shared by the queues of a virtual host; required. Of it a stream uses
	// Clock, Store, Fault and Perform.
	Env *queue.Env
	// ID names the stream's folder; it counts only if Env has a store.
	ID uint64
	// Settings are the limits; nil is none.
	Settings *queue.Settings
	// MemoryLimit is the most bytes that a stream without a store holds; its oldest
	// segments go when there are more. 0 is DefaultMemoryLimit.
	MemoryLimit int64
}

// A Stream is one log. Use New.
type Stream struct {
	name string

	env         *queue.Env
	store       *store.Store // nil in memory
	memoryLimit int64
	age         *delay.Alarm // when the oldest segment is too old

	folder folder

	committing sync.Mutex // held by Commit, before mu: segments grow under it
	writing    pending    // what Commit has taken
	written    int        // of its chunks, those that are in a segment

	mu        sync.Mutex
	set       limits
	segments  []*segment // in order; at least one once there is a message
	first     uint64     // offset of the oldest message
	committed uint64     // offset behind the newest that consumers may have
	lastChunk uint64     // offset at which the newest chunk begins
	lastTime  int64      // of the newest message; times never go back
	pending   pending    // appended and not yet taken by Commit
	taken     uint64     // offset behind what Commit has taken
	spare     pending    // memory for the next
	scratch   []byte     // for properties
	tail      *tail      // what was committed last, if someone waited for it
	readers   map[*queue.Subscription]*reader
	order     []*queue.Subscription // the same, in order of subscription
	waiting   []*reader             // those that have read everything
	todo      []*reader             // of them, those that the dispatcher is to serve
	serving   bool                  // the dispatcher runs
	deleted   bool
	stopped   bool

	dispatcher sync.WaitGroup
	counters   counters
}

// counters are what has happened since the beginning, or since ResetStats.
type counters struct{ published, delivered, acked atomic.Uint64 }

// Stats returns the stream's counters. All of its messages are persistent.
func (s *Stream) Stats() queue.Stats {
	now := s.Counts()
	return queue.Stats{
		Published: s.counters.published.Load(), Delivered: s.counters.delivered.Load(), Acked: s.counters.acked.Load(),
		Persistent: now.Ready, PersistentBytes: now.ReadyBytes,
	}
}

// ResetStats begins to count anew.
func (s *Stream) ResetStats() {
	s.counters.published.Store(0)
	s.counters.delivered.Store(0)
	s.counters.acked.Store(0)
}

var _ queue.Queue = (*Stream)(nil)

// New makes an empty stream. If there may be something of it on disk, Recover comes
// next.
func New(cfg Config) *Stream {
	s := &Stream{
		name: cfg.Name, env: cfg.Env, set: limitsOf(cfg.Settings),
		readers: make(map[*queue.Subscription]*reader),
	}
	s.age = delay.NewAlarm(cfg.Env.Clock, s.retain)
	if hasFolder(cfg.Env.Store) {
		s.store = cfg.Env.Store
		s.folder = diskFolder{filepath.Join(Folder(s.store), strconv.FormatUint(cfg.ID, 10))}
		return s
	}
	s.folder = newMemFolder()
	if s.memoryLimit = cfg.MemoryLimit; s.memoryLimit == 0 {
		s.memoryLimit = DefaultMemoryLimit
	}
	return s
}

// hasFolder reports whether there is a place for files. A store may have none: its engine
// keeps everything elsewhere.
func hasFolder(st *store.Store) bool { return st != nil && st.Dir() != "" }

// Folder is where the streams of a store lie.
func Folder(s *store.Store) string { return filepath.Join(s.Dir(), FolderName) }

// limits are a stream's settings, with the defaults.
type limits struct {
	maxBytes     int64 // 0 is none
	maxAge       time.Duration
	segmentBytes int64
	filterBytes  int
	timeout      time.Duration
}

func limitsOf(set *queue.Settings) limits {
	l := limits{segmentBytes: DefaultSegmentBytes, filterBytes: DefaultFilterBytes}
	if set == nil {
		return l
	}
	l.maxBytes, l.maxAge = max(set.MaxBytes, 0), set.MaxAge
	if set.SegmentBytes > 0 {
		l.segmentBytes = set.SegmentBytes
	}
	if set.FilterBytes > 0 {
		l.filterBytes = int(set.FilterBytes)
	}
	l.timeout = time.Duration(set.ConsumerTimeout) * time.Millisecond
	return l
}

// segmentBytes ends a segment. In memory there must be several, so that the oldest
// can go. Called with the lock held.
func (s *Stream) segmentBytes() int64 {
	if s.store == nil {
		return min(s.set.segmentBytes, s.memoryLimit/8)
	}
	return s.set.segmentBytes
}

// Configure gives the stream other settings, which apply at once to what is there
// (STREAM-13) and from the next chunk on to what is written.
func (s *Stream) Configure(set *queue.Settings, _ *queue.Effects) {
	s.mu.Lock()
	s.set = limitsOf(set)
	s.mu.Unlock()
	s.retain()
}

// Counts returns the stream's numbers: Ready is all messages that are there, Unacked
// always 0, ReadyBytes what the segments have.
func (s *Stream) Counts() queue.Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.deleted {
		return queue.Counts{}
	}
	return queue.Counts{
		Ready: int(s.pending.end(s.taken) - s.first), Consumers: len(s.readers), ReadyBytes: s.size(),
	}
}

// Name is the stream's name in its virtual host.
func (s *Stream) Name() string { return s.name }

// Info is what is known of a stream's log.
type Info struct {
	First, Next uint64 // offsets of the oldest message, and behind the newest
	Committed   uint64 // offset behind the newest that consumers may have
	Segments    int
	Bytes       int64     // of the segments
	Oldest      time.Time // when the newest message of the oldest segment came; zero if empty
}

// Info returns what is known of the log at this moment.
func (s *Stream) Info() Info {
	s.mu.Lock()
	defer s.mu.Unlock()
	in := Info{First: s.first, Next: s.pending.end(s.taken), Committed: s.committed, Segments: len(s.segments), Bytes: s.size()}
	if len(s.segments) > 0 && s.segments[0].chunks > 0 {
		in.Oldest = time.UnixMilli(s.segments[0].lastTime)
	}
	return in
}

func (s *Stream) size() (n int64) {
	for _, g := range s.segments {
		n += g.size
	}
	return n
}

// Delete ends the stream, whether it is in use or not, and returns the consumers that
// lost it (STREAM-11). It fails with queue.ErrDeleted if it has ended before.
func (s *Stream) Delete(bool, bool) (int, []*queue.Subscription, error) {
	s.mu.Lock()
	if s.deleted {
		s.mu.Unlock()
		return 0, nil, queue.ErrDeleted
	}
	s.deleted = true
	subs, readers := s.order, s.readers
	s.order, s.readers, s.waiting, s.todo, s.tail = nil, nil, nil, nil, nil
	s.pending, s.spare, s.scratch = pending{}, pending{}, nil
	s.mu.Unlock()
	s.age.Stop()
	for _, r := range readers {
		r.end()
	}
	return 0, subs, nil
}

// Forget removes the files of a stream that has been deleted, once what the store has
// been given before is safe. If it is not the next start finds them.
func (s *Stream) Forget() {
	if s.store == nil {
		s.discard()
		return
	}
	s.store.Notify(forgotten{s})
}

// forgotten waits for the commit after which nobody asks for a stream any more.
type forgotten struct{ s *Stream }

// Committed has the files removed: the committer does not wait for that.
func (f forgotten) Committed(err error) {
	if err == nil {
		f.s.dispatcher.Go(f.s.discard)
	}
}

// discard removes the files.
func (s *Stream) discard() {
	s.committing.Lock()
	defer s.committing.Unlock()
	if err := errors.Join(s.closeFiles(), s.folder.removeAll()); err != nil {
		s.fault(err)
	}
}

// Stop ends what the stream does by itself, and closes its files as soon as what has
// been appended is written.
func (s *Stream) Stop() {
	s.age.Stop()
	s.mu.Lock()
	s.stopped = true
	s.waiting, s.todo = nil, nil
	s.mu.Unlock()
	s.dispatcher.Wait()
	s.committing.Lock()
	defer s.committing.Unlock()
	s.closeIfDone()
}

// closeIfDone closes the files of a stopped stream that has nothing left to write.
// Called with committing held.
func (s *Stream) closeIfDone() {
	s.mu.Lock()
	done := s.stopped && len(s.pending.chunks) == 0 && len(s.writing.chunks) == 0
	s.mu.Unlock()
	if done {
		if err := s.closeFiles(); err != nil {
			s.fault(err)
		}
	}
}

// closeFiles ends writing. Segments that are read are closed by the last who does.
func (s *Stream) closeFiles() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.segments)
	if n == 0 {
		return nil
	}
	last := s.segments[n-1]
	s.segments = nil
	return last.endWriting()
}

// now is the time in milliseconds since 1970.
func (s *Stream) now() int64 { return s.env.Clock.Now().UnixMilli() }
