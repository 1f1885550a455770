package storetest

import (
	"bytes"
	"fmt"
	"math"
	"strings"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/store"
)

// What a store has after a commit.

// messages come back as they were, in order, by run and by position.
func messages(t T, medium Medium) {
	b := begin(t, medium)
	l, other := b.Log(1), b.Log(2)
	assert.Empty(t, b.all(l), "a log that is new")
	seqs := []uint64{1, 2, 3, 10, 5000, 1 << 40, 1<<62 + 1}
	b.add(l, seqs...)
	b.add(other, 4, 11)
	b.commit()
	require.Equal(t, seqs, b.positions(l))
	require.Equal(t, []uint64{4, 11}, b.positions(other))
	assert.Equal(t, []found{{seq: 10, text: "m10"}}, b.load(l, 4, 10))
	assert.Len(t, b.load(l, 3, 5000), 3)
	assert.Empty(t, b.load(l, 11, 4999))
	assert.Empty(t, b.load(l, 1<<62+2, math.MaxUint64))
	first := 0
	require.NoError(t, l.Load(0, math.MaxUint64, func(store.Record) bool { first++; return first < 2 }))
	assert.Equal(t, 2, first, "visits end when they are told to")

	var picked []uint64
	require.NoError(t, l.Pick([]uint64{0, 2, 4, 10, 1 << 40, 1 << 41, math.MaxUint64}, func(r store.Record) {
		assert.Equal(t, fmt.Sprint("m", r.Seq), b.found(&r).text)
		picked = append(picked, r.Seq)
	}))
	assert.Equal(t, []uint64{2, 10, 1 << 40}, picked)
	require.NoError(t, l.Pick(nil, func(store.Record) { picked = nil }))
	assert.NotNil(t, picked, "nothing was asked for")
	b.end()
}

// sizes are any: nothing at all, one byte, megabytes.
func sizes(t T, medium Medium) {
	b := begin(t, medium)
	l := b.Log(1)
	want := []found{}
	for i, n := range []int{0, 1, 255, 4095, 4096, 4097, 32 << 10, 65_537, 3 << 20} {
		head, content := strings.Repeat("h", n), bytes.Repeat([]byte{byte(i)}, n)
		seq := uint64(3*i + 1)
		b.Add(l, seq, int64(n), false, text{head: head})
		b.Add(l, seq+1, -1, false, text{content: content})
		b.Add(l, seq+2, math.MaxInt64, false, text{"both", content})
		want = append(want, found{seq: seq, deadline: int64(n), text: head},
			found{seq: seq + 1, deadline: -1, text: string(content)},
			found{seq: seq + 2, deadline: math.MaxInt64, text: "both" + string(content)})
	}
	b.commit()
	requireSame(t, want, b.all(l))
	b = b.again()
	l, ranges := b.recover(1)
	requireSame(t, want, b.all(l))
	total, count := uint64(0), 0
	for _, r := range ranges {
		total, count = total+r.Size, count+r.Count
		assert.True(t, r.Timed)
	}
	assert.Equal(t, len(want), count)
	sum := 0
	for _, w := range want {
		sum += len(w.text)
	}
	assert.Equal(t, uint64(sum), total)
	b.end()
}

// requireSame compares without megabytes of text.
func requireSame(t T, want, got []found) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		require.True(t, want[i] == got[i], "message %d", got[i].seq)
	}
}

// removal removes what is meant and nothing else.
func removal(t T, medium Medium) {
	b := begin(t, medium)
	l, other := b.Log(1), b.Log(2)
	b.add(l, upTo(1, 1000)...)
	b.add(other, upTo(1, 10)...)
	b.commit()
	b.Remove(l, 1)
	b.Consume(l, 3)
	b.DropRange(l, 10, 900)
	b.DropRange(l, 10, 20)
	b.DropRange(l, 5000, math.MaxUint64)
	b.commit()
	assert.Equal(t, append([]uint64{2, 4, 5, 6, 7, 8, 9}, upTo(901, 1000)...), b.positions(l))
	b.DropRange(l, 0, math.MaxUint64)
	b.add(l, 1001)
	b.commit()
	assert.Equal(t, []uint64{1001}, b.positions(l))
	b.Drop(l)
	b.commit()
	assert.Empty(t, b.all(l))
	assert.Len(t, b.all(other), 10)
	b = b.again()
	l, ranges := b.recover(1)
	assert.Empty(t, b.all(l))
	assert.Empty(t, ranges)
	other, _ = b.recover(2)
	assert.Len(t, b.all(other), 10)
	b.end()
}

// withinBatch: operations of one batch have their effects in their order.
func withinBatch(t T, medium Medium) {
	b := begin(t, medium)
	l := b.Log(1)
	b.add(l, upTo(1, 20)...)
	b.Remove(l, 1)
	b.DropRange(l, 3, 5)
	b.Flag(l, 2)
	b.Note(l, 6, []byte("six"))
	b.Note(l, 7, []byte("seven"))
	b.Note(l, 7, nil)
	b.Consume(l, 8)
	b.Flag(l, 8)
	b.Note(l, 8, []byte("gone"))
	b.Put("key", []byte("one"))
	b.Put("key", []byte("two"))
	b.Put("gone", []byte("one"))
	b.Delete("gone")
	b.Delete("back")
	b.Put("back", []byte("there"))
	b.commit()
	want := []uint64{2, 6, 7}
	require.Equal(t, append(want, upTo(9, 20)...), b.positions(l))
	got := b.all(l)
	assert.Equal(t, found{seq: 2, redelivered: true, text: "m2"}, got[0])
	assert.Equal(t, found{seq: 6, note: "six", text: "m6"}, got[1])
	assert.Equal(t, found{seq: 7, text: "m7"}, got[2])
	assert.Equal(t, map[string]string{"key": "two", "back": "there"}, b.records())
	b.add(l, 21, 22)
	b.Drop(l)
	b.add(l, 23)
	b.commit()
	assert.Equal(t, []uint64{23}, b.positions(l))
	b.end()
}

// notesAndFlags stay with their message, and go with it.
func notesAndFlags(t T, medium Medium) {
	b := begin(t, medium)
	l := b.Log(1)
	longest := bytes.Repeat([]byte{0xff}, store.MaxNote)
	b.add(l, upTo(1, 600)...)
	b.commit()
	b.Flag(l, 2)
	b.Note(l, 3, longest)
	b.Note(l, 4, []byte("first"))
	b.Note(l, 600, []byte{0})
	b.Note(l, 5, []byte("gone"))
	b.Note(l, 999, []byte("nobody"))
	b.commit()
	b.Note(l, 4, []byte("second"))
	b.Note(l, 5, nil)
	b.Remove(l, 600)
	b.commit()
	for range 2 {
		got := b.all(l)
		require.Len(t, got, 599)
		assert.Equal(t, found{seq: 2, redelivered: true, text: "m2"}, got[1])
		assert.Equal(t, string(longest), got[2].note)
		assert.Equal(t, "second", got[3].note)
		assert.Empty(t, got[4].note)
		b = b.again()
		l, _ = b.recover(1)
	}
	b.end()
}

// records is all of them, as a map.
func (b *bench) records() map[string]string {
	b.t.Helper()
	all, before := map[string]string{}, ""
	require.NoError(b.t, b.Records(func(key string, value []byte) error {
		assert.Less(b.t, before, key, "in order of the keys")
		before = key
		all[key] = string(value)
		return nil
	}))
	return all
}

// records are what was put last.
func records(t T, medium Medium) {
	b := begin(t, medium)
	assert.Empty(t, b.records())
	big := strings.Repeat("x", 1<<20)
	want := map[string]string{"b": "", "a": "1", "a\x00b": "2", "queue/é/\xff": big}
	for key, value := range want {
		b.Put(key, []byte(value))
	}
	b.Put("nil", nil)
	want["nil"] = ""
	b.commit()
	assert.Equal(t, want, b.records())
	b.Put("a", []byte("3"))
	b.Delete("b")
	b.Delete("never")
	want["a"] = "3"
	delete(want, "b")
	b.commit()
	assert.Equal(t, want, b.records())
	enough := fmt.Errorf("enough")
	n := 0
	require.ErrorIs(t, b.Records(func(string, []byte) error { n++; return enough }), enough)
	assert.Equal(t, 1, n)
	b = b.crashed()
	assert.Equal(t, want, b.records())
	b.end()
}

// largeContents are the same for all logs that have them, and outlive each other.
func largeContents(t T, medium Medium) {
	b := begin(t, medium)
	content := bytes.Repeat([]byte("0123456789abcdef"), 40_000)
	require.NoError(t, b.Stage(content))
	require.NoError(t, b.Stage(content[:store.StageBytes]), "that is never added")
	logs := []*store.Log{}
	for id := range store.LogID(20) {
		l := b.Log(id + 1)
		b.Add(l, 1, 0, false, text{fmt.Sprint(id), content})
		b.Add(l, 2, 0, false, text{"small", content[:100]})
		logs = append(logs, l)
	}
	b.commit()
	for _, l := range logs[:19] {
		b.Remove(l, 1)
	}
	b.commit()
	b.Add(logs[0], 3, 0, false, text{"dead letter", content})
	b.Remove(logs[19], 1)
	b.commit()
	b = b.crashed()
	for id := range store.LogID(20) {
		l, _ := b.recover(id + 1)
		want := []found{{seq: 2, redelivered: true, text: "small" + string(content[:100])}}
		if id == 0 {
			want = append(want, found{seq: 3, redelivered: true, text: "dead letter" + string(content)})
		}
		requireSame(t, want, b.all(l))
		b.Drop(l)
	}
	b.commit()
	b.end()
}
