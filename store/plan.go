package store

import (
	"cmp"
	"slices"
)

// What the disk makes of a batch: operations become writes to the database.

var (
	bucketChunks  = []byte("chunks")  // chunk key: chunk
	bucketSettled = []byte("settled") // chunk key: bitmap of settled positions
	bucketFlags   = []byte("flags")   // chunk key: bitmap of redelivered positions
	bucketRecords = []byte("records") // key: record
	bucketMeta    = []byte("meta")
	bucketTotals  = []byte("totals") // of the others
	buckets       = [][]byte{bucketChunks, bucketSettled, bucketFlags, bucketRecords, bucketMeta}
	keyTotals     = []byte("totals")
)

// A write is one change that a transaction makes; a nil value deletes.
type write struct{ bucket, key, value []byte }

// A planner turns operations into writes. It is the committer's.
type planner struct {
	touched []*chunkLog
	plan    []write
	arena   arena   // behind the plan's keys and values
	fresh   []*body // that the plan needs and that are not written yet
}

// Plan turns operations into writes, and brings what is known of the chunks to where it
// will be once they are done.
func (d *disk) Plan(ops []Op) bool {
	again := len(d.plan) > 0
	d.prepare(ops)
	if again { // the writes of before have failed
		d.plan = lastWrites(d.plan)
	}
	return len(d.plan) > 0
}

func (p *planner) prepare(ops []Op) {
	for i := range ops {
		o := &ops[i]
		if o.Kind == OpRecord {
			p.record(o.Record)
			continue
		}
		l := o.Log.engine.(*chunkLog)
		if !l.touched {
			l.touched = true
			l.log = o.Log
			p.touched = append(p.touched, l)
		}
		switch o.Kind {
		case OpAdd:
			l.adds = append(l.adds, addition{Op: *o})
		case OpRemove, OpConsume:
			l.remove(o.Seq)
		case OpFlag:
			l.flag(o.Seq)
		case OpNote:
			l.note(o.Seq, o.note)
		case OpDropRange:
			l.dropRange(o.Seq, o.Last)
		case OpDropLog:
			l.dropAll()
			if l.flagged > 0 {
				p.plan = append(p.plan, write{bucketMeta, flagKey(l.id), nil})
			}
		}
	}
	for _, l := range p.touched {
		p.planChunks(l)
		p.planChanges(l)
	}
}

// record plans to put a record, or to remove it.
func (p *planner) record(r *KeyValue) {
	key := []byte(r.Key)
	w := write{bucketRecords, key, nil}
	if r.Value != nil {
		w.value = sealed(bucketRecords, key, r.Value)
	}
	p.plan = append(p.plan, w)
}

// planChunks writes a log's new messages as chunks.
func (p *planner) planChunks(l *chunkLog) {
	l.adds = slices.DeleteFunc(l.adds, func(o addition) bool { return o.Message == nil })
	for rest := l.adds; len(rest) > 0; {
		meta := chunkMeta{first: rest[0].Seq}
		buf := p.arena.room(chunkRoom(rest))[:chunkHeader]
		var apart []bodyAt
		n := 0
		for n < len(rest) && n < chunkMessages && rest[n].Seq-meta.first <= chunkSpan {
			if n > 0 && len(buf)+rest[n].inlineLen() > chunkBytes {
				break
			}
			body := p.bodyOf(l.disk, &rest[n].Op)
			buf = appendMessage(buf, &meta, &rest[n].Op, body)
			if body != nil {
				apart = append(apart, bodyAt{uint16(meta.span), body})
			}
			n++
		}
		value := p.arena.keep(buf)
		key := p.arena.key(l.id, meta.first)
		meta.put(value, key)
		p.plan = append(p.plan, write{bucketChunks, key, value})
		l.chunks = append(l.chunks, chunkState{first: meta.first, span: uint16(meta.span), count: meta.count, live: meta.count})
		if apart != nil {
			l.chunks[len(l.chunks)-1].marked().bodies = apart
		}
		for i := range rest[:n] {
			if o := &rest[i]; o.flagged || o.note.len > 0 {
				l.change(len(l.chunks)-1).marked().take(o, meta.first)
			}
		}
		rest = rest[n:]
	}
	if n := len(l.adds); n > 0 {
		l.written = l.adds[n-1].Seq
	}
	clear(l.adds)
	l.adds = l.adds[:0]
}

// take marks a message of the batch at hand.
func (m *marks) take(o *addition, first uint64) {
	if o.flagged {
		m.flags.set(o.Seq - first)
	}
	if o.note.len > 0 {
		m.note(o.Seq-first, o.note)
	}
}

// bodyOf is the body of a message whose content is kept apart, or nil.
func (p *planner) bodyOf(d *disk, o *Op) *body {
	if !o.Large {
		return nil
	}
	b, fresh := d.bodies.take(o.Message.Content())
	if fresh {
		p.fresh = append(p.fresh, b)
	}
	return b
}

// inlineLen is the number of bytes of a message that a chunk has, apart from its
// overhead.
func (o *Op) inlineLen() int {
	if o.Large {
		return o.Message.EncodedLen()
	}
	return o.Message.EncodedLen() + len(o.Message.Content())
}

// chunkRoom is as much as the first chunk of some messages can need.
func chunkRoom(adds []addition) int {
	n := chunkHeader
	for i := range adds[:min(len(adds), chunkMessages)] {
		if n += adds[i].inlineLen() + recordOverhead; n > chunkBytes {
			return max(n, chunkBytes+recordOverhead)
		}
	}
	return n
}

// planChanges writes what has changed of a log's chunks.
func (p *planner) planChanges(l *chunkLog) {
	for _, i := range l.dirty {
		ch := &l.chunks[i]
		ch.dirty = false
		key := p.arena.key(l.id, ch.first)
		m := cmp.Or(ch.marks, &marks{})
		if ch.live == 0 {
			for _, at := range m.bodies {
				if at.body != nil {
					l.disk.bodies.release(at.body)
				}
			}
			p.plan = append(p.plan, write{bucketChunks, key, nil})
			if m.settled != nil {
				p.plan = append(p.plan, write{bucketSettled, key, nil})
			}
			if m.flags != nil {
				p.plan = append(p.plan, write{bucketFlags, key, nil})
			}
			ch.marks, ch.gone = nil, true
			l.gone++
			continue
		}
		if m.settled != nil {
			p.plan = append(p.plan, write{bucketSettled, key, p.arena.sealed(bucketSettled, key, m.settled)})
		}
		if m.flags != nil {
			p.plan = append(p.plan, write{bucketFlags, key, p.arena.sealed(bucketFlags, key, m.written(uint32(ch.span)))})
		}
	}
	l.dirty = l.dirty[:0]
}

// finish forgets the batch and tells the log's user what has reached the disk.
func (l *chunkLog) finish() {
	l.touched = false
	last := l.written
	l.written = 0
	if cap(l.adds) > 4096 {
		l.adds = nil
	}
	if l.gone == len(l.chunks) && cap(l.chunks) > 1024 {
		l.chunks, l.gone = nil, 0
	} else if l.gone == len(l.chunks) || l.gone > 64 && l.gone > len(l.chunks)/2 {
		l.chunks = slices.DeleteFunc(l.chunks, func(c chunkState) bool { return c.gone })
		l.gone = 0
	}
	if last > 0 {
		l.log.Committed(last)
	}
}
