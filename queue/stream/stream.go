package stream

import (
	"errors"
	"path/filepath"
	"strconv"
	"sync"
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

// Settings are a stream's limits as they apply now.
type Settings struct {
	// MaxBytes is x-max-length-bytes: what the segments may have together, save that
	// the newest stays (STREAM-13); 0 is no limit.
	MaxBytes int64
	// MaxAge is x-max-age; 0 is for ever.
	MaxAge time.Duration
	// SegmentBytes is x-stream-max-segment-size-bytes; 0 is DefaultSegmentBytes.
	SegmentBytes int64
	// FilterBytes is x-stream-filter-size-bytes, 16 to 255; 0 is DefaultFilterBytes.
	FilterBytes int
}

// Config is what a stream is made with.
type Config struct {
	// Name is the stream's name in its virtual host.
	Name string
	// Env is shared by the queues of a virtual host; required. Of it a stream uses
	// Clock, Store, Fault and Perform.
	Env *queue.Env
	// ID names the stream's folder; it counts only if Env has a store.
	ID       uint64
	Settings Settings
	// MemoryLimit is the most bytes that a stream without a store holds; its oldest
	// segments go when there are more. 0 is DefaultMemoryLimit.
	MemoryLimit int64
}

// A Stream is one log. Use Open.
type Stream struct {
	// Name is the stream's name in its virtual host.
	Name string

	env         *queue.Env
	store       *store.Store // nil in memory
	memoryLimit int64
	age         *delay.Alarm // when the oldest segment is too old

	folder folder

	committing sync.Mutex // held by Commit, before mu: segments grow under it
	writing    pending    // what Commit has taken
	written    int        // of its chunks, those that are in a segment

	mu        sync.Mutex
	set       Settings
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
	closed    bool

	dispatcher sync.WaitGroup
}

// Open opens the stream with this ID, or makes an empty one. What a crash has left
// half written is taken away; damage is told to Env.Fault and left out.
func Open(cfg Config) (*Stream, error) {
	s := &Stream{
		Name: cfg.Name, env: cfg.Env, store: cfg.Env.Store, set: cfg.Settings.withDefaults(),
		readers: make(map[*queue.Subscription]*reader),
	}
	s.age = delay.NewAlarm(cfg.Env.Clock, s.retainAged)
	if s.store == nil {
		s.memoryLimit = cfg.MemoryLimit
		if s.memoryLimit == 0 {
			s.memoryLimit = DefaultMemoryLimit
		}
		s.folder = newMemFolder()
		return s, nil
	}
	s.folder = diskFolder{filepath.Join(Folder(s.store), strconv.FormatUint(cfg.ID, 10))}
	if err := s.recover(); err != nil {
		return nil, err
	}
	s.retain()
	return s, nil
}

// Folder is where the streams of a store lie.
func Folder(s *store.Store) string { return filepath.Join(s.Dir(), FolderName) }

func (set Settings) withDefaults() Settings {
	if set.SegmentBytes <= 0 {
		set.SegmentBytes = DefaultSegmentBytes
	}
	if set.FilterBytes <= 0 {
		set.FilterBytes = DefaultFilterBytes
	}
	return set
}

// segmentBytes ends a segment. In memory there must be several, so that the oldest
// can go. Called with the lock held.
func (s *Stream) segmentBytes() int64 {
	if s.store == nil {
		return min(s.set.SegmentBytes, s.memoryLimit/8)
	}
	return s.set.SegmentBytes
}

// Configure gives the stream other settings, which apply at once to what is there
// (STREAM-13) and from the next chunk on to what is written.
func (s *Stream) Configure(set Settings) {
	s.mu.Lock()
	s.set = set.withDefaults()
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

// Info is what is known of a stream's log.
type Info struct {
	First, Next uint64 // offsets of the oldest message, and behind the newest
	Segments    int
	Bytes       int64     // of the segments
	Oldest      time.Time // when the newest message of the oldest segment came; zero if empty
}

// Info returns what is known of the log at this moment.
func (s *Stream) Info() Info {
	s.mu.Lock()
	defer s.mu.Unlock()
	in := Info{First: s.first, Next: s.pending.end(s.taken), Segments: len(s.segments), Bytes: s.size()}
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

// Delete ends the stream and returns the consumers that lost it. It fails with
// queue.ErrDeleted if it has ended before. Its files stay until Discard.
func (s *Stream) Delete() ([]*queue.Subscription, error) {
	s.mu.Lock()
	if s.deleted {
		s.mu.Unlock()
		return nil, queue.ErrDeleted
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
	return subs, nil
}

// Discard removes the files of a stream that has been deleted. It is called once the
// store has forgotten the stream, so that a crash before finds both.
func (s *Stream) Discard() error {
	s.committing.Lock()
	defer s.committing.Unlock()
	return errors.Join(s.closeFiles(), s.folder.removeAll())
}

// Close ends the use of a stream whose store has been closed. What was appended and
// not committed is lost, as after a crash.
func (s *Stream) Close() error {
	s.mu.Lock()
	s.closed = true
	readers := s.readers
	s.waiting, s.todo = nil, nil
	s.mu.Unlock()
	s.age.Stop()
	for _, r := range readers {
		r.end()
	}
	s.dispatcher.Wait()
	s.committing.Lock()
	defer s.committing.Unlock()
	return s.closeFiles()
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
