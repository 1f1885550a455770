package stream

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/queue"
)

// STREAM-26, STREAM-30, STREAM-31: each consumer reads everything, from a position of
// its own, with offsets from 0.
func TestReadersReadEachForThemselves(t *testing.T) {
	both(t, queue.Settings{}, func(t *testing.T, b *bench) {
		b.publishEach(10)
		first, three := b.consume("first", 100), b.consume(int64(3), 100)
		assert.Equal(t, texts(0, 10), first.wait(10))
		assert.Equal(t, texts(3, 10), three.wait(7))
		assert.Equal(t, []int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, offsetsOf(t, first.items))
		assert.Equal(t, "x", first.items[0].Msg.Exchange, "STREAM-21")
		assert.Equal(t, "k", first.items[0].Msg.Key)
		next := b.consume("next", 100)
		b.publish("m10", "m11")
		assert.Equal(t, texts(0, 12), first.wait(12))
		assert.Equal(t, texts(3, 12), three.wait(9))
		assert.Equal(t, texts(10, 12), next.wait(2))
		assert.Equal(t, queue.Counts{Ready: 12, Consumers: 3, ReadyBytes: b.Info().Bytes}, b.Counts())
	})
}

// STREAM-32, STREAM-33: a consumer gets as many as it has credit for.
func TestCredit(t *testing.T) {
	both(t, queue.Settings{}, func(t *testing.T, b *bench) {
		b.publish(texts(0, 20)...)
		c := b.consume("first", 3)
		assert.Equal(t, texts(0, 3), c.wait(3))
		b.give(c, 1)
		assert.Equal(t, texts(0, 4), c.wait(4))
		b.Unpark(&c.sub, &b.fx)
		assert.Equal(t, texts(0, 4), c.seen())
		b.give(c, 100)
		assert.Equal(t, texts(0, 20), c.wait(20))
		b.Settle(c.items, new(queue.Effects))
		assert.Equal(t, queue.Stats{Published: 20, Delivered: 20, Acked: 20, Persistent: 20, PersistentBytes: b.Info().Bytes}, b.Stats())
		b.ResetStats()
		assert.Equal(t, queue.Stats{Persistent: 20, PersistentBytes: b.Info().Bytes}, b.Stats())
		at, ok := b.Position(&c.sub)
		assert.True(t, ok)
		assert.EqualValues(t, 20, at)
	})
}

// STREAM-27, STREAM-28.
func TestOffsets(t *testing.T) {
	both(t, queue.Settings{}, func(t *testing.T, b *bench) {
		last := b.consume("last", 100)
		b.publish("m0", "m1")
		b.clock.Advance(time.Hour)
		b.publish("m2")
		b.clock.Advance(time.Hour)
		b.publish("m3", "m4")
		assert.Equal(t, texts(0, 5), last.wait(5), "an empty stream has no last chunk")
		for _, tc := range []struct {
			from any
			want []string
		}{
			{"first", texts(0, 5)}, {int64(-5), texts(0, 5)}, {int32(4), texts(4, 5)}, {"last", texts(3, 5)}, {uint8(3), texts(3, 5)},
			{stamp(0), texts(0, 5)}, {stamp(-time.Hour), texts(0, 5)}, {amqp.Timestamp(0), texts(0, 5)},
			{stamp(time.Second), texts(2, 5)}, {stamp(2 * time.Hour), texts(3, 5)},
			{"1h", texts(2, 5)}, {"3600s", texts(2, 5)}, {"61m", texts(2, 5)}, {"121m", texts(0, 5)}, {"1D", texts(0, 5)},
		} {
			assert.Equal(t, tc.want, b.consume(tc.from, 100).wait(len(tc.want)), "%v", tc.from)
		}
		ahead, never, future := b.consume(int64(7), 100), b.consume("next", 100), b.consume(stamp(3*time.Hour), 100)
		far := b.consume(amqp.Timestamp(1<<64-1), 100)
		assert.Empty(t, ahead.seen())
		b.Unsubscribe(&never.sub, &b.fx)
		b.publish(texts(5, 10)...)
		assert.Equal(t, texts(7, 10), ahead.wait(3), "lower offsets are passed over")
		assert.Equal(t, texts(5, 10), future.wait(5), "a time to come is next")
		assert.Equal(t, texts(5, 10), far.wait(5))
		assert.Empty(t, never.seen())
	})
}

// stamp is a time since the beginning as an argument.
func stamp(d time.Duration) amqp.Timestamp { return amqp.Timestamp(start.Add(d).Unix()) }

// STREAM-29.
func TestArgumentsRefused(t *testing.T) {
	for _, tc := range []struct {
		v    any
		want error
	}{
		{"5x", ErrOffset}, {"0s", ErrOffset}, {"3", ErrOffset}, {"abc", ErrOffsetType}, {"", ErrOffsetType}, {"First", ErrOffsetType},
		{1.5, ErrOffsetType}, {true, ErrOffsetType}, {amqp.Table{}, ErrOffsetType}, {nil, ErrOffsetType},
	} {
		_, err := OffsetOf(amqp.Table{{Key: OffsetArgument, Value: tc.v}})
		assert.ErrorIs(t, err, tc.want, "%v", tc.v)
	}
	for _, v := range []any{int32(1), amqp.Array{"a", true}, amqp.Table{}} {
		f := FilterOf(amqp.Table{{Key: FilterArgument, Value: v}, {Key: UnfilteredArgument, Value: v}})
		assert.False(t, f.Unfiltered)
		if _, ok := v.(amqp.Array); ok {
			assert.Equal(t, []string{"a"}, f.Values)
		} else {
			assert.Empty(t, f.Values)
		}
	}
}

func TestParseAge(t *testing.T) {
	for s, want := range map[string]time.Duration{
		"1s": time.Second, "90m": 90 * time.Minute, "2h": 2 * time.Hour, "7D": 7 * 24 * time.Hour,
		"1M": 30 * 24 * time.Hour, "1Y": 365 * 24 * time.Hour, "999999999999Y": 1<<63 - 1, "007s": 7 * time.Second,
	} {
		got, err := ParseAge(s)
		assert.NoError(t, err)
		assert.Equal(t, want, got, s)
	}
	for _, s := range []string{"", "s", "0s", "10", "5x", "-1s", "+1s", "1 s", "1ss", "abc", "1d"} {
		_, err := ParseAge(s)
		assert.Error(t, err, s)
	}
}

// STREAM-19, STREAM-20: which properties a stream keeps.
func TestProperties(t *testing.T) {
	every := amqp.Properties{
		Flags: 0xfffc, ContentType: "text/plain", ContentEncoding: "gzip", DeliveryMode: 2, Priority: 3, CorrelationID: "c",
		ReplyTo: "r", Expiration: "60000", MessageID: "m", Timestamp: 5, Type: "t", UserID: "guest", AppID: "a", ClusterID: "gone",
		Headers: amqp.Table{
			{Key: "n", Value: int32(1)}, {Key: "x-t", Value: amqp.Table{{Key: "k", Value: "v"}}}, {Key: "bytes", Value: []byte{1, 0}},
			{Key: "table", Value: amqp.Table{}}, {Key: "list", Value: amqp.Array{"a"}}, {Key: "CC", Value: amqp.Array{"cc"}},
			{Key: "x-stream-offset", Value: "forged"}, {Key: "void", Value: nil}, {Key: "x-list", Value: amqp.Array{int64(1)}},
		},
	}
	both(t, queue.Settings{}, func(t *testing.T, b *bench) {
		m := &queue.Message{Key: "s", Props: every.Append(nil), Body: []byte("b"), TTL: queue.Millis(60000), Priority: 3, Persistent: true}
		bare := &queue.Message{Key: "s", Props: (&amqp.Properties{}).Append(nil)}
		idOnly := &queue.Message{Key: "s", Props: (&amqp.Properties{Flags: amqp.HasClusterID, ClusterID: "c"}).Append(nil)}
		require.True(t, b.Publish([]*queue.Message{m, bare, idOnly}, &b.fx))
		c := b.consume("first", 10)
		c.wait(3)
		var got amqp.Properties
		require.NoError(t, got.Decode(c.items[0].Msg.Props))
		want := every
		want.Flags &^= amqp.HasClusterID
		want.ClusterID = ""
		want.Headers = amqp.Table{
			{Key: "x-stream-offset", Value: int64(0)}, {Key: "x-t", Value: amqp.Table{{Key: "k", Value: "v"}}},
			{Key: "x-list", Value: amqp.Array{int64(1)}}, {Key: "n", Value: int32(1)}, {Key: "bytes", Value: "\x01\x00"},
			{Key: "CC", Value: amqp.Array{"cc"}}, {Key: "void", Value: nil},
		}
		assert.Equal(t, want, got)
		for i := 1; i < 3; i++ {
			require.NoError(t, got.Decode(c.items[i].Msg.Props))
			assert.Equal(t, amqp.Properties{
				Flags: amqp.HasDeliveryMode | amqp.HasHeaders, DeliveryMode: 1,
				Headers: amqp.Table{{Key: "x-stream-offset", Value: int64(i)}},
			}, got, "an absent delivery mode is 1")
		}
	})
}

// STREAM-36: exactly what was asked for, at the cost of no credit for the rest.
func TestFilters(t *testing.T) {
	both(t, queue.Settings{FilterBytes: 32}, func(t *testing.T, b *bench) {
		values := []any{"eu", "us", nil, "asia", int32(7), strings.Repeat("v", MaxFilterValue+1)}
		want := map[string][]string{}
		for i := range 600 {
			v := values[i%len(values)]
			m := message(fmt.Sprint("m", i), amqp.Field{Key: filterHeader, Value: v})
			key := "none"
			if s, ok := v.(string); ok && len(s) <= MaxFilterValue {
				key = s
			}
			want[key] = append(want[key], fmt.Sprint("m", i))
			require.True(t, b.Publish([]*queue.Message{m}, &b.fx))
			if i%50 == 0 {
				require.NoError(t, b.commit())
				b.clock.Advance(time.Second)
			}
		}
		require.NoError(t, b.commit())
		eu := b.consume("first", 100, "eu")
		assert.Equal(t, want["eu"], eu.wait(100))
		assert.Zero(t, eu.credit)
		assert.Len(t, b.consume("first", 1000, "eu", "us", "none of these").wait(200), 200)
		both := b.consumeWith(1000, amqp.Table{
			{Key: OffsetArgument, Value: "first"}, {Key: FilterArgument, Value: "asia"}, {Key: UnfilteredArgument, Value: true},
		})
		assert.Len(t, both.wait(400), 400, "and those that have no value")
		b.publishEach(1)
		assert.Len(t, both.wait(401), 401)
		assert.Len(t, eu.seen(), 100)
	})
}

// A consumer with a filter need not read the chunks that have nothing for it.
func TestFiltersPassChunksOver(t *testing.T) {
	f := make(filter, DefaultFilterBytes)
	for i := range 10 {
		f.add(hashValue([]byte(fmt.Sprint("value", i))))
	}
	hits := 0
	for i := range 1000 {
		if f.has(hashValue([]byte(fmt.Sprint("other", i)))) {
			hits++
		}
	}
	for i := range 10 {
		assert.True(t, f.has(hashValue([]byte(fmt.Sprint("value", i)))))
	}
	assert.Less(t, hits, 150, "of 1,000 that are not there")
	h := header{filter: f}
	assert.False(t, h.mayMatch(&Filter{Values: []string{"x"}}, []uint64{hashValue([]byte("zzz"))}))
	assert.True(t, h.mayMatch(&Filter{}, nil))
	assert.False(t, h.mayMatch(&Filter{Values: []string{"x"}, Unfiltered: true}, []uint64{hashValue([]byte("zzz"))}))
}

// STREAM-11, STREAM-12: the end of a stream.
func TestDelete(t *testing.T) {
	both(t, queue.Settings{}, func(t *testing.T, b *bench) {
		b.publishEach(3)
		c1, c2 := b.consume("first", 1), b.consume("next", 1)
		n, subs, err := b.Delete(true, true)
		require.NoError(t, err)
		assert.Zero(t, n)
		assert.Equal(t, []*queue.Subscription{&c1.sub, &c2.sub}, subs)
		b.give(c1, 10)
		assert.Equal(t, texts(0, 1), c1.seen())
		assert.False(t, b.Publish([]*queue.Message{message("late")}, &b.fx))
		assert.ErrorIs(t, b.Subscribe(&c1.sub), queue.ErrDeleted)
		_, _, err = b.Delete(false, false)
		assert.ErrorIs(t, err, queue.ErrDeleted)
		assert.Zero(t, b.Counts())
		b.Unsubscribe(&c1.sub, &b.fx)
		b.Forget()
		require.NoError(t, b.commit())
		b.dispatcher.Wait()
		if b.dir != "" {
			assert.NoDirExists(t, b.folderPath())
		}
	})
}

func TestPeek(t *testing.T) {
	both(t, queue.Settings{SegmentBytes: 2000}, func(t *testing.T, b *bench) {
		for from := range 10 {
			b.publish(texts(10*from, 10*from+10)...)
		}
		for _, tc := range []struct {
			from       Offset
			limit      int
			first, end int
		}{{First, 1000, 0, 100}, {At(95), 3, 95, 98}, {Last, 20, 90, 100}, {Next, 5, 0, 0}, {At(42), 30, 42, 72}, {At(1000), 1, 0, 0}} {
			items, err := b.PeekFrom(tc.from, tc.limit)
			require.NoError(t, err)
			got := []string{}
			for _, it := range items {
				got = append(got, string(it.Msg.Body))
			}
			assert.Equal(t, texts(tc.first, tc.end), got, tc.from.String())
			offsetsOf(t, items)
		}
		assert.Zero(t, b.Counts().Consumers)
	})
}

// A message that is larger than a chunk, or than what is read at once, is one chunk.
func TestLargeMessages(t *testing.T) {
	both(t, queue.Settings{}, func(t *testing.T, b *bench) {
		var want []string
		for i, size := range []int{0, 1, chunkBytes, 10, readWindow + 1, 1 << 20, 5, 3 << 20} {
			want = append(want, strings.Repeat(fmt.Sprint(i), size))
		}
		waiting := b.consume("first", 100)
		b.publish(want...)
		assert.Equal(t, want, waiting.wait(len(want)))
		assert.Equal(t, want, b.consume("first", 100).wait(len(want)))
		assert.Equal(t, want[6:], b.consume(int64(6), 100).wait(2))
	})
}
