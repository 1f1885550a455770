package stream

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/store"
)

// synced is a stream in a store that syncs, on the real clock.
func synced(b *testing.B) *Stream {
	st, err := store.Open(b.TempDir(), store.Options{})
	require.NoError(b, err)
	s := openIn(b, st)
	b.Cleanup(func() {
		s.Stop()
		require.NoError(b, st.Close())
	})
	return s
}

func openIn(b testing.TB, st *store.Store) *Stream {
	s := New(Config{Name: "s", ID: 1, Env: &queue.Env{
		Clock: delay.Real{}, Store: st, Perform: func(fx *queue.Effects) { fx.Flush() },
		Fault: func(_ string, err error) { b.Error(err) },
	}})
	require.NoError(b, s.Recover())
	return s
}

// fill publishes n messages of a size in batches.
func fill(b testing.TB, s *Stream, n, size int) {
	batch := make([]*queue.Message, 500)
	body := make([]byte, size)
	for i := range batch {
		batch[i] = message(string(body))
	}
	var fx queue.Effects
	for ; n > 0; n -= len(batch) {
		s.Publish(batch[:min(n, len(batch))], &fx)
		require.NoError(b, s.store.Wait(b.Context(), nil))
	}
	c := make(committed, 1)
	s.store.Notify(c)
	require.NoError(b, <-c)
}

// BenchmarkAppend appends messages of 1 KB with several publishers that each have a
// window of 100 unconfirmed batches of 10, beside a file that is written and synced in
// the same pieces.
func BenchmarkAppend(b *testing.B) {
	const size, run, window, publishers = 1000, 10, 100, 4
	b.Run("stream", func(b *testing.B) {
		s := synced(b)
		msgs := make([]*queue.Message, run)
		for i := range msgs {
			msgs[i] = message(string(make([]byte, size)))
		}
		b.SetBytes(size)
		b.ResetTimer()
		var wg sync.WaitGroup
		for range publishers {
			wg.Go(func() {
				var fx queue.Effects
				confirms := make(committed, window+1)
				for i := range b.N / run / publishers {
					if i >= window {
						if err := <-confirms; err != nil {
							b.Error(err)
						}
					}
					s.Publish(msgs, &fx)
					s.store.NotifySafe(confirms)
				}
				for range min(window, b.N/run/publishers) {
					<-confirms
				}
			})
		}
		wg.Wait()
		b.StopTimer()
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
	})
	b.Run("file", func(b *testing.B) {
		f, err := os.Create(filepath.Join(b.TempDir(), "f"))
		require.NoError(b, err)
		defer f.Close()
		piece := make([]byte, (size+20)*run*window*publishers)
		b.SetBytes(size)
		b.ResetTimer()
		for n := 0; n < b.N; n += run * window * publishers {
			_, err := f.Write(piece)
			require.NoError(b, err)
			require.NoError(b, f.Sync())
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
	})
}

// A sink takes all it is offered, with a window of credit that it gives back itself.
type sink struct {
	lock sync.Mutex
	sub  queue.Subscription
	n    int
	want int
	done chan struct{}
}

func (c *sink) Offer(*queue.Item, *queue.Effects) bool {
	if c.n++; c.n == c.want {
		close(c.done)
	}
	return c.n%1000 != 0
}

func (c *sink) QueueDeleted(*queue.Effects) {}

var first = amqp.Table{{Key: OffsetArgument, Value: "first"}}

// BenchmarkReaders has 10 consumers read a million messages of 100 B from the first.
func BenchmarkReaders(b *testing.B) {
	const messages, readers = 1_000_000, 10
	s := synced(b)
	fill(b, s, messages, 100)
	for b.Loop() {
		var wg sync.WaitGroup
		for range readers {
			wg.Go(func() {
				c := &sink{want: messages, done: make(chan struct{})}
				c.sub.Receiver, c.sub.Lock, c.sub.Args = c, &c.lock, first
				if err := s.Subscribe(&c.sub); err != nil {
					b.Error(err)
					return
				}
				var fx queue.Effects
				for c.n < messages {
					s.Unpark(&c.sub, &fx)
				}
				<-c.done
				s.Unsubscribe(&c.sub, &fx)
			})
		}
		wg.Wait()
	}
	b.ReportMetric(float64(b.N)*messages*readers/b.Elapsed().Seconds(), "deliveries/s")
}

// BenchmarkOpen opens streams with many messages of 100 B; memory is that of the
// opened stream.
func BenchmarkOpen(b *testing.B) {
	for _, messages := range []int{1_000_000, 10_000_000} {
		b.Run(fmt.Sprint(messages), func(b *testing.B) {
			dir := b.TempDir()
			st, err := store.Open(dir, store.Options{Sync: store.SyncNone})
			require.NoError(b, err)
			s := openIn(b, st)
			fill(b, s, messages, 100)
			s.Stop()
			require.NoError(b, st.Close())
			st, err = store.Open(dir, store.Options{Sync: store.SyncNone})
			require.NoError(b, err)
			defer st.Close()
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			b.ResetTimer()
			for b.Loop() {
				s = openIn(b, st)
				require.Equal(b, messages, s.Counts().Ready)
				b.StopTimer()
				runtime.GC()
				runtime.ReadMemStats(&after)
				s.Stop()
				b.StartTimer()
			}
			b.ReportMetric(float64(int64(after.HeapAlloc)-int64(before.HeapAlloc)), "B-held")
		})
	}
}
