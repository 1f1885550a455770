package store

// The seam between a Store and what it keeps its data with.

// An Engine keeps what a Store is given: messages by log and position, records by key.
// The Store has everything that has to do with time: it collects operations, cuts them
// into batches, commits one batch after another, tries again what failed, tells those who
// wait, holds publishers back and shares the room among them. An engine has a batch at a
// time to write and, now and then, a run of messages to read. No method is called per message.
//
// Open makes a Store of the engine that comes with this package; New makes one of any.
// Package storetest has the tests that an engine must pass.
//
// Plan, Commit and Done are called by one goroutine, the committer. The other methods, and
// those of the logs, are called at any time by any goroutine until Close, also while Commit
// is under way; what they read is what the last Commit that worked has left, whole.
type Engine interface {
	// Plan takes operations into the plan of the next Commit, in their order. They, and
	// what they point to, are the engine's until Done: it need not copy what it writes in
	// Commit, and must not keep it longer. A message that one operation of the plan adds and
	// a later one removes need not be written. Plan reports whether there is anything to write:
	// a batch without is over, without a Commit.
	Plan(ops []Op) bool

	// Commit writes the plan: all of it or nothing, whatever happens meanwhile, and it is safe
	// when Commit returns nil. After an error nobody knows what the medium has; readers see
	// what they saw before or all of the plan. The Store calls Plan with what has come meanwhile,
	// and then Commit again, until it works or the Store closes. Commit may be called with nothing
	// planned; an engine that can tell that its medium is gone says so then.
	Commit() error

	// Done is called after a Plan with nothing to write, or after a Commit that worked once
	// those who waited have been told. The engine forgets the plan, and calls Log.Committed for each log to
	// which the plan has added messages that were written.
	Done()

	// Log makes a log in which there is nothing yet. It costs next to nothing.
	Log(id LogID) EngineLog

	// Recover makes a log with what the engine found when it was opened, and tells the
	// recovery of it. It comes before any operation on that log, and once. If some of it cannot
	// be read, the error is ErrDamaged and there is a log all the same, of what can be.
	Recover(id LogID, r *Recovery) (EngineLog, error)

	// Logs calls visit, in no order and maybe more than once, with every log of which
	// Recover finds anything, also if that is only what Recovery.Last says.
	Logs(visit func(LogID)) error

	// Records calls visit with every record, in order of the keys, until it returns an error,
	// which Records returns. The value is valid during the call. A record that cannot be
	// read is ErrDamaged.
	Records(visit func(key string, value []byte) error) error

	// Free is the number of bytes that can still be written.
	Free() (uint64, error)

	// Close lets go of everything. It is called once, after the last Done. In order says
	// that all that the Store was given is committed. Otherwise the next to open the
	// engine's data finds all messages as redelivered, since nobody knows who has had them (PERSIST-5).
	Close(inOrder bool) error
}

// An EngineLog is a log as an Engine has it. Op.Log leads back to it.
//
// Neither method visits messages that are removed, not committed yet, or volatile ones of
// before the engine was opened. The data of a Record is valid during the visit. Messages that
// cannot be read are left out, and the error is ErrDamaged in the end.
type EngineLog interface {
	// Load visits the messages from position first to last in order, until visit returns
	// false.
	Load(first, last uint64, visit func(Record) bool) error
	// Pick visits those of some positions, which ascend. Their records need not have
	// Redelivered and Note.
	Pick(positions []uint64, visit func(Record)) error
}

// A Stager is an Engine that can write a large content ahead of the commit that will need
// it (Store.Stage). Stage is called by any goroutine, and blocks.
type Stager interface {
	Stage(content []byte) error
}

// A Damaged is an Engine that can tell what it found damaged when it was opened, and went
// on without (Store.Damage).
type Damaged interface {
	Damage() []error
}

// A Recovery is what a recovered log is told to.
type Recovery struct {
	// Size is what a message counts for, if that has to be found from its record.
	Size func(*Record) int
	// Range is called with what is in the log, in order. Ranges need not be as long as
	// could be; short ones cost memory.
	Range func(Range)
	// Noted, unless nil, is called with each message that has a note. If it returns true
	// the message is in no range.
	Noted func(*Record) bool
	// Drop removes volatile messages, with the next commit. Recover may call it or remove
	// them by itself; in either case no range has them.
	Drop func(first, last uint64)
	// Last is for Recover to set: no position up to it may be used again, because a message had
	// it, or may have had; 0 is none.
	Last uint64
}

// A Range is a run of messages that Recover found, removed ones not counted.
type Range struct {
	First, Last uint64
	Count       int
	Timed       bool   // some may have a deadline
	Size        uint64 // the sum of what Message.Size told
}

// A Record is one message as it is read.
type Record struct {
	Seq      uint64
	Deadline int64
	Volatile bool
	// Redelivered says that the message may have been with a consumer before
	// the last restart.
	Redelivered bool
	// Note is what was noted of the message; nil is nothing. Like Data it is only valid
	// during the call.
	Note []byte
	// Data is the message's head and its content, or the head alone.
	Data []byte
	// Body is the content if it is not in Data; else nil.
	Body Body
}

// A Body is the content of a message that is kept apart. It is valid during the visit that
// got its Record.
type Body interface {
	// Len is the number of bytes.
	Len() int
	// Read reads the content, which is the caller's to keep and nobody's to change. It
	// fails with ErrDamaged if that is not what was written.
	Read() ([]byte, error)
}

// An OpKind is what an operation does.
type OpKind uint8

// The operations. OpRemove and OpConsume name a message that is in the log. The others do
// nothing where there is none.
const (
	// OpAdd adds Message at Seq, which is larger than all before it.
	OpAdd OpKind = iota
	// OpRemove removes the message at Seq.
	OpRemove
	// OpConsume is OpRemove of a message that nobody needs any more. To an engine it is
	// the same.
	OpConsume
	// OpFlag marks the message at Seq as redelivered.
	OpFlag
	// OpNote puts Note with the message at Seq, in place of the one before; an empty one
	// removes that.
	OpNote
	// OpDropRange removes the messages from Seq to Last.
	OpDropRange
	// OpDropLog removes all of a log.
	OpDropLog
	// OpRecord puts Record, or removes it if its value is nil.
	OpRecord
)

// An Op is one operation. Which fields count depends on its kind.
type Op struct {
	Kind     OpKind
	Volatile bool // the message goes with a restart
	// Large says that the content of the message is worth to be kept once, however many
	// logs of the batch have it: Message.Content is the same memory then.
	Large    bool
	note     noteAt
	Log      *Log // nil for OpRecord
	Seq      uint64
	Last     uint64
	Deadline int64 // to be kept; 0 is none
	Message  Message
	Record   *KeyValue
}

// A KeyValue is a record.
type KeyValue struct {
	Key   string
	Value []byte
}

// Note is the note of OpNote, at most MaxNote bytes.
func (o *Op) Note() []byte { return o.note.bytes() }
