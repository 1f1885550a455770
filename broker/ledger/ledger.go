package ledger

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/rabbetmq/rabbet/broker/tap"
)

// Config says what a Ledger keeps. The zero value keeps everything, as the broker has it.
type Config struct {
	// Publications is how many publications are kept, the last ones; 0 is no limit.
	Publications int
	// Bytes is about how much memory they may take; 0 is no limit.
	Bytes int
	// Body, unless 0, makes the ledger keep copies of messages instead of the broker's own,
	// with so many bytes of the body; negative is none of it.
	Body int
	// Deliveries is how many deliveries to a queue are kept of a publication, the last
	// ones; 0 is no limit.
	Deliveries int
	// Wanted, unless nil, chooses the publications. The dead letter of one that is kept is
	// kept too. It is called with locks held and must not block.
	Wanted func(*tap.Event) bool
}

// A Ledger keeps publications. Its lock is a leaf. Its methods are safe for concurrent use.
type Ledger struct {
	cfg Config

	mu      sync.Mutex
	writer  int                 // counts the recorders: only the newest is listened to
	base    uint64              // of the numbers that messages bear: those of other ledgers are others
	first   uint64              // the ID of the first entry, less one
	entries []*posting          // in order of ID
	foreign map[uint64]*posting // those that somebody else has numbered, by number
	last    uint64
	bytes   int
	changes uint64
	pending map[channelID]*pendingConfirms
	moved   map[place]bool // while a broker starts anew: what it has moved already
}

// New makes an empty ledger.
func New(cfg Config) *Ledger {
	l := &Ledger{cfg: cfg, base: rand.Uint64() &^ (1<<32 - 1), foreign: make(map[uint64]*posting)}
	l.pending = make(map[channelID]*pendingConfirms)
	return l
}

// A posting is a publication as the ledger keeps it.
type posting struct {
	tap.Event
	number  uint64    // that its message bears
	changed uint64    // orders the entries by their last change
	at      time.Time // of what happens last
	size    int       // in bytes, about
	body    int       // bytes of the body
	routes  []Route
	delays  []Postponement
	confirm ConfirmState
	tx      TxState
	inTx    int       // routes, the first ones, that wait for the commit
	told    time.Time // when the publisher was told
}

// A channelID is a channel of a connection.
type channelID struct {
	peer    uint64
	channel uint16
}

// pendingConfirms are the IDs of the publishes on a channel that await their
// confirm, in order from the number first on; 0 is one that has it.
type pendingConfirms struct {
	first uint64
	ids   []uint64
}

// Recorder is how a broker tells what happens, as a Tap.Record or by VHost.Trace. The
// one that was had before is not listened to any more.
func (l *Ledger) Recorder() func(tap.Event) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writer++
	writer := l.writer
	if writer > 1 {
		l.moved = make(map[place]bool)
	}
	return func(e tap.Event) uint64 { return l.record(writer, e) }
}

// Dismiss stops listening: whatever the broker still says counts for nothing.
func (l *Ledger) Dismiss() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writer++
}

// record is a broker's word of what has happened.
func (l *Ledger) record(writer int, e tap.Event) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if writer != l.writer {
		return 0
	}
	switch e.Kind {
	case tap.EventPublished:
		return l.published(e)
	case tap.EventConfirmed:
		l.confirmed(&e, Confirmed)
	case tap.EventNacked:
		l.confirmed(&e, Nacked)
	default:
		if p := l.find(e.ID); p != nil {
			l.noteMove(p, &e)
			p.happened(&e)
			l.touch(p)
		}
	}
	return 0
}

// find is the entry of a number that a message bears, nil if there is none.
func (l *Ledger) find(number uint64) *posting {
	if p := l.foreign[number]; p != nil {
		return p
	}
	return l.entry(number - l.base)
}

// entry is the entry of an ID, nil if there is none.
func (l *Ledger) entry(id uint64) *posting {
	if i := id - l.first - 1; i < uint64(len(l.entries)) {
		return l.entries[i]
	}
	return nil
}

// published keeps a publish, and returns the number that it is to be known by.
func (l *Ledger) published(e tap.Event) uint64 {
	var of *posting
	if e.Of != 0 {
		of = l.find(e.Of)
	}
	if of == nil && l.cfg.Wanted != nil && !l.cfg.Wanted(&e) {
		return 0
	}
	l.last++
	p := &posting{Event: e, number: e.ID, at: e.Time, body: len(e.Msg.Body)}
	p.ID = l.last
	if p.number == 0 {
		p.number = l.base + p.ID
	} else {
		l.foreign[p.number] = p
	}
	switch {
	case of != nil:
		p.Of = of.ID
		l.died(of, p)
	case e.Of != 0: // it is not kept any more
		p.Of = e.Of - l.base
	}
	l.noteMove(p, &e)
	p.begin(&e)
	if e.Seq != 0 {
		p.confirm = Awaited
		l.await(&e, p.ID)
	}
	if l.cfg.Body != 0 {
		p.Msg = copied(e.Msg, max(l.cfg.Body, 0))
	}
	l.entries = append(l.entries, p)
	l.touch(p)
	l.shrink()
	return p.number
}

// begin notes where a publish goes.
func (p *posting) begin(e *tap.Event) {
	queues := e.Queues
	if e.Requester != "" {
		queues = append(slices.Clone(queues), e.Requester)
	}
	if e.Err == nil {
		p.routes = make([]Route, len(queues))
		for i, q := range queues {
			p.routes[i] = Route{Queue: q, State: Waiting, Changed: e.Time}
		}
		for _, x := range e.Later {
			p.delays = append(p.delays, Postponement{Exchange: x, State: Waiting})
		}
	}
	if e.Tx {
		p.tx, p.inTx = TxOpen, len(p.routes)
	}
}

// died notes on a publication that a dead letter was made of it.
func (l *Ledger) died(of, letter *posting) {
	l.touch(of)
	for i := range of.routes {
		if r := &of.routes[i]; r.Queue == letter.Queue && r.DeadLetter == 0 {
			r.DeadLetter = letter.ID
			return
		}
	}
	for i := range of.delays {
		if d := &of.delays[i]; letter.Queue == "" && d.State == Due && d.DeadLetter == 0 {
			d.DeadLetter = letter.ID
			return
		}
	}
}

// await notes that a publish is going to be confirmed.
func (l *Ledger) await(e *tap.Event, id uint64) {
	key := channelID{e.Peer.ID, e.Channel}
	p := l.pending[key]
	if p == nil || e.Seq == 1 { // another channel, of the same number
		p = &pendingConfirms{first: e.Seq}
		l.pending[key] = p
	}
	if len(p.ids) == 0 {
		p.first = e.Seq
	}
	for p.first+uint64(len(p.ids)) < e.Seq { // numbers of publishes that are not in the ledger
		p.ids = append(p.ids, 0)
	}
	p.ids = append(p.ids, id)
}

// confirmed notes what a publisher was told of publishes.
func (l *Ledger) confirmed(e *tap.Event, state ConfirmState) {
	key := channelID{e.Peer.ID, e.Channel}
	p := l.pending[key]
	if p == nil {
		return
	}
	for seq := max(e.Seq, p.first); seq <= e.To && seq-p.first < uint64(len(p.ids)); seq++ {
		id := &p.ids[seq-p.first]
		if entry := l.entry(*id); entry != nil {
			entry.confirm, entry.told = state, e.Time
			l.touch(entry)
		}
		*id = 0
	}
	l.trim(key, p)
}

// trim forgets publishes that have their confirm, and channels without others.
func (l *Ledger) trim(key channelID, p *pendingConfirms) {
	for len(p.ids) > 0 && p.ids[0] == 0 {
		p.ids = p.ids[1:]
		p.first++
	}
	if len(p.ids) == 0 {
		delete(l.pending, key)
	}
}
