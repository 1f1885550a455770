package store

// A log: what its users append and read.

// A Log is an ordered list of messages. Positions are its user's and grow.
type Log struct {
	s      *Store
	id     LogID
	engine EngineLog
	last   uint64 // that Recover found

	// OnCommit, if set before the first Add, is called by the committer with
	// the position of the last message that has reached the disk. It must not
	// block.
	OnCommit func(seq uint64)

	// Where the last two batches begin that add to it, by the store's lock.
	newest, before firstOf
}

// A LogID names a log: a queue and a priority level in it.
type LogID uint64

// Log makes a handle for a log that has nothing in it.
func (s *Store) Log(id LogID) *Log { return &Log{s: s, id: id, engine: s.engine.Log(id)} }

// ID is the log's identity.
func (l *Log) ID() LogID { return l.id }

// Engine is the log as the store's engine has it.
func (l *Log) Engine() EngineLog { return l.engine }

// Committed is called by the engine, in Done, with the position of the last message that
// it has written.
func (l *Log) Committed(seq uint64) {
	if l.OnCommit != nil {
		l.OnCommit(seq)
	}
}

// Last is the largest position that Recover found a trace of, whatever has
// become of the message; 0 if there is none. Positions after a restart go on
// from there: what is noted of one must not be said of another.
func (l *Log) Last() uint64 { return l.last }

// Load calls visit with the messages from first to last that are not settled,
// as the last commit left them, until visit returns false. The data is only
// valid during the call. Messages that cannot be read are passed over, and
// ErrDamaged is returned in the end; those of which only the marks cannot be read
// come as redelivered.
func (l *Log) Load(first, last uint64, visit func(Record) bool) error {
	return l.engine.Load(first, last, visit)
}

// Pick is Load for single positions, in ascending order. Those that are settled,
// or that no commit has written, are left out.
func (l *Log) Pick(positions []uint64, visit func(Record)) error {
	return l.engine.Pick(positions, visit)
}

// An Appender collects one user's operations and hands them over at once.
type Appender struct {
	s     *Store
	ops   []Op
	bytes int
}

// Add stores a message. A volatile one is dropped by a restart.
func (a *Appender) Add(l *Log, seq uint64, deadline int64, volatile bool, m Message) {
	a.s = l.s
	content := len(m.Content())
	large := content >= bodyBytes
	a.ops = append(a.ops, Op{Kind: OpAdd, Log: l, Seq: seq, Deadline: deadline, Volatile: volatile, Large: large, Message: m})
	if a.bytes += m.EncodedLen(); !large {
		a.bytes += content
	}
}

// Remove removes a message that was added.
func (a *Appender) Remove(l *Log, seq uint64) {
	a.s = l.s
	a.ops = append(a.ops, Op{Kind: OpRemove, Log: l, Seq: seq})
}

// Consume is Remove for a message that nobody needs any more, whatever becomes
// of what comes after it: its publisher need not wait for the disk (BASIC-17).
func (a *Appender) Consume(l *Log, seq uint64) {
	a.s = l.s
	a.ops = append(a.ops, Op{Kind: OpConsume, Log: l, Seq: seq})
}

// Flag marks a message that was added as redelivered, for the next start
// (PERSIST-5).
func (a *Appender) Flag(l *Log, seq uint64) {
	a.s = l.s
	a.ops = append(a.ops, Op{Kind: OpFlag, Log: l, Seq: seq})
}

// DropRange removes the messages from position first to last that are there.
func (a *Appender) DropRange(l *Log, first, last uint64) {
	a.s = l.s
	a.ops = append(a.ops, Op{Kind: OpDropRange, Log: l, Seq: first, Last: last})
}

// Drop removes the whole log.
func (a *Appender) Drop(l *Log) {
	a.s = l.s
	a.ops = append(a.ops, Op{Kind: OpDropLog, Log: l})
}

// keepAppended bounds the room for operations that is kept, for each queue has an Appender.
const keepAppended = 4096

// Flush hands the operations over and reports whether there were any.
func (a *Appender) Flush() bool {
	if len(a.ops) == 0 {
		return false
	}
	a.s.append(a.bytes, a.ops...)
	clear(a.ops)
	if a.ops, a.bytes = a.ops[:0], 0; cap(a.ops) > keepAppended {
		a.ops = nil
	}
	return true
}
