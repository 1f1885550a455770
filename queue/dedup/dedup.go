// Package dedup remembers values for a while, so that a message that comes again with
// the same one can be told: the cache behind exchanges of type x-message-deduplication
// (DEDUP-3 to DEDUP-6), and behind queues with the argument of this name (DEDUP-9).
//
// A Cache is bounded in entries and in bytes; the oldest entry goes when there are too
// many. Entries may expire, on the clock that the Cache is given. With a log in the store
// they survive a restart: what comes in one batch of the store is one write.
package dedup

import (
	"encoding/binary"
	"errors"
	"math"
	"sync"
	"time"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/store"
)

// The headers that a message brings.
const (
	// Header is the value by which messages are the same.
	Header = "x-deduplication-header"
	// TTLHeader is for how long the value counts, in milliseconds; it goes before the
	// cache's own (DEDUP-5).
	TTLHeader = "x-cache-ttl"
)

// DefaultBytes is how many bytes a cache holds by default.
const DefaultBytes = 64 << 20

// Config is what a Cache is made with.
type Config struct {
	Clock delay.Clock
	// Size is the largest number of entries, at least 1.
	Size int
	// TTL is for how long an entry counts; 0 is until it has to go.
	TTL time.Duration
	// MaxBytes is the most that the values may have together; 0 is DefaultBytes.
	MaxBytes int64
	// Numbered lets entries be forgotten by the number that AddAs gives them.
	Numbered bool
	// Store and ID are where entries are kept; without a store they are in memory alone.
	Store *store.Store
	ID    store.LogID
}

// A Cache is a set of values. Its methods are safe for concurrent use.
type Cache struct {
	cfg Config

	mu      sync.Mutex
	entries map[Key]*entry
	numbers map[uint64]*entry // nil unless Numbered
	oldest  *entry            // in order of age
	newest  *entry
	bytes   int64
	seq     uint64 // of the newest
	log     *store.Log
	app     store.Appender
}

// A Key is a value with its type: the integer 1 is not the text 1.
type Key string

// An entry is one value.
type entry struct {
	key          Key
	seq          uint64
	deadline     int64 // in microseconds since 1970; 0 is none
	older, newer *entry
}

// overhead is what an entry takes besides its value, about.
const overhead = 128

// A Mark is an entry that Add has made.
type Mark struct {
	c   *Cache
	key Key
	seq uint64
}

// New makes an empty cache.
func New(cfg Config) *Cache {
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = DefaultBytes
	}
	c := &Cache{cfg: cfg, entries: make(map[Key]*entry)}
	if cfg.Numbered {
		c.numbers = make(map[uint64]*entry)
	}
	if cfg.Store != nil {
		c.log = cfg.Store.Log(cfg.ID)
	}
	return c
}

// Recover takes over what the store has of the cache, before anything else is done with
// it. The error may be store.ErrDamaged: then the rest is there.
func (c *Cache) Recover() error {
	if c.cfg.Store == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	log, err := c.cfg.Store.Recover(c.cfg.ID, func(*store.Record) int { return 0 }, func(store.Range) {})
	if err != nil && !errors.Is(err, store.ErrDamaged) {
		return err
	}
	c.log, c.seq = log, log.Last()
	now := c.now()
	loadErr := log.Load(0, math.MaxUint64, func(r store.Record) bool {
		e := &entry{key: Key(r.Data), seq: r.Seq, deadline: r.Deadline}
		if e.expired(now) || c.entries[e.key] != nil {
			c.app.Remove(c.log, r.Seq)
		} else {
			c.push(e)
		}
		return true
	})
	c.shrink()
	c.app.Flush()
	return errors.Join(err, loadErr)
}

// KeyOf is the value that a message brings. It is false for one without: such a message
// is never the same as another, nor is one whose value is a table, an array, or of
// another type than text, number, boolean and void (DEDUP-3, DEDUP-4).
func KeyOf(headers amqp.RawTable) (Key, bool) {
	v, ok := headers.Lookup(Header)
	if !ok {
		return "", false
	}
	if n, isInt := amqp.AsInt(v); isInt {
		return Key(binary.BigEndian.AppendUint64([]byte{'l'}, uint64(n))), true
	}
	switch v := v.(type) {
	case string:
		return Key("S" + v), true
	case []byte:
		return Key("S" + string(v)), true
	case bool, nil:
		return Key(amqp.AppendTable(nil, amqp.Table{{Value: v}})), true
	case float32:
		return Key(binary.BigEndian.AppendUint64([]byte{'d'}, math.Float64bits(float64(v)))), true
	case float64:
		return Key(binary.BigEndian.AppendUint64([]byte{'d'}, math.Float64bits(v))), true
	}
	return "", false
}

// TTLOf is for how long a message wants its value to count; false if it does not say.
func TTLOf(headers amqp.RawTable) (time.Duration, bool) {
	v, _ := headers.Lookup(TTLHeader)
	ms, ok := amqp.AsInt(v)
	if !ok || ms <= 0 {
		return 0, false
	}
	const longest = math.MaxInt64 / int64(time.Millisecond)
	return time.Duration(min(ms, longest)) * time.Millisecond, true
}

// Has reports whether a value is there.
func (c *Cache) Has(key Key) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[key]
	return e != nil && !e.expired(c.now())
}

// Add notes a value for a while, 0 for as long as the cache says. It reports false,
// having done nothing, if the value is there already.
func (c *Cache) Add(key Key, ttl time.Duration) (Mark, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.add(c.seq+1, key, ttl)
}

// AddAs is Add of a value with a number, which is larger than those before it.
func (c *Cache) AddAs(number uint64, key Key, ttl time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, added := c.add(number, key, ttl)
	return added
}

func (c *Cache) add(number uint64, key Key, ttl time.Duration) (Mark, bool) {
	now := c.now()
	if e := c.entries[key]; e != nil {
		if !e.expired(now) {
			return Mark{}, false
		}
		c.remove(e)
	}
	c.seq = number
	e := &entry{key: key, seq: number}
	if ttl == 0 {
		ttl = c.cfg.TTL
	}
	if ttl > 0 {
		e.deadline = now + ttl.Microseconds()
	}
	c.push(e)
	if c.log != nil {
		c.app.Add(c.log, e.seq, e.deadline, false, key)
	}
	for c.oldest != e && c.oldest.expired(now) {
		c.remove(c.oldest)
	}
	c.shrink()
	c.app.Flush()
	return Mark{c, key, e.seq}, true
}

// Forget takes back what Add has noted, unless it has gone meanwhile.
func (m Mark) Forget() {
	m.c.mu.Lock()
	defer m.c.mu.Unlock()
	if e := m.c.entries[m.key]; e != nil && e.seq == m.seq {
		m.c.remove(e)
		m.c.app.Flush()
	}
}

// Forget takes back what AddAs has noted under a number, unless it has gone meanwhile.
func (c *Cache) Forget(number uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.numbers[number]; e != nil {
		c.remove(e)
		c.app.Flush()
	}
}

// Clear forgets everything, in the store too.
func (c *Cache) Clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.entries)
	clear(c.numbers)
	c.oldest, c.newest, c.bytes = nil, nil, 0
	if c.log != nil {
		c.app.Drop(c.log)
		c.app.Flush()
	}
}

// Limit changes Config.Size, at once, and Config.TTL for what comes.
func (c *Cache) Limit(size int, ttl time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cfg.Size, c.cfg.TTL = size, ttl
	c.shrink()
	c.app.Flush()
}

// Size is the largest number of entries.
func (c *Cache) Size() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cfg.Size
}

// Stats are a cache's numbers: entries, and their bytes.
func (c *Cache) Stats() (entries int, bytes int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.entries), c.bytes
}

func (c *Cache) now() int64 { return c.cfg.Clock.Now().UnixMicro() }

func (e *entry) expired(now int64) bool { return e.deadline != 0 && now >= e.deadline }

func (e *entry) size() int64 { return int64(len(e.key)) + overhead }

// push adds the newest entry.
func (c *Cache) push(e *entry) {
	c.entries[e.key] = e
	if c.numbers != nil {
		c.numbers[e.seq] = e
	}
	c.bytes += e.size()
	if e.older = c.newest; e.older == nil {
		c.oldest = e
	} else {
		e.older.newer = e
	}
	c.newest = e
}

// shrink forgets the oldest entries until the rest is within the limits. The newest
// stays.
func (c *Cache) shrink() {
	for len(c.entries) > 1 && (len(c.entries) > c.cfg.Size || c.bytes > c.cfg.MaxBytes) {
		c.remove(c.oldest)
	}
}

func (c *Cache) remove(e *entry) {
	delete(c.entries, e.key)
	delete(c.numbers, e.seq)
	c.bytes -= e.size()
	if e.older != nil {
		e.older.newer = e.newer
	} else {
		c.oldest = e.newer
	}
	if e.newer != nil {
		e.newer.older = e.older
	} else {
		c.newest = e.older
	}
	if c.log != nil {
		c.app.Remove(c.log, e.seq)
	}
}

// EncodedLen, AppendEncoded, Content and Size make a key what a log stores.
func (k Key) EncodedLen() int { return len(k) }

// AppendEncoded appends the key.
func (k Key) AppendEncoded(b []byte) []byte { return append(b, k...) }

// Content is nothing: a key is all head.
func (k Key) Content() []byte { return nil }

// Size is nothing: nobody counts it.
func (k Key) Size() int { return 0 }
