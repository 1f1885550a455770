package pipe

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/delay"
)

// pipeSize is small enough for writers to block and not a multiple of anything.
const pipeSize = 10_007

func testPipe(t testing.TB, size int) (a, b net.Conn) {
	a, b = New(size)
	t.Cleanup(func() { _ = a.Close(); _ = b.Close() })
	return a, b
}

func assertTimeout(t *testing.T, err error) {
	t.Helper()
	assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
	var ne net.Error
	require.ErrorAs(t, err, &ne)
	assert.True(t, ne.Timeout())
}

func pastDeadline() time.Time              { return time.Unix(1, 0) }
func deadlineIn(d time.Duration) time.Time { return delay.Real{}.Now().Add(d) }
func writeAll(t *testing.T, c io.Writer, s string) {
	t.Helper()
	n, err := c.Write([]byte(s))
	require.NoError(t, err)
	require.Equal(t, len(s), n)
}

func TestPipeIsBufferedBothWays(t *testing.T) {
	a, b := testPipe(t, pipeSize)
	writeAll(t, a, "from a") // neither waits for a reader: net.Pipe would
	writeAll(t, b, "from b")
	p := make([]byte, 100)
	n, err := b.Read(p)
	require.NoError(t, err)
	assert.Equal(t, "from a", string(p[:n]))
	n, err = a.Read(p[:4])
	require.NoError(t, err)
	assert.Equal(t, "from", string(p[:n]))
	n, err = a.Read(p)
	require.NoError(t, err)
	assert.Equal(t, " b", string(p[:n]))
}

// TestPipeTransfer sends more than fits, in pieces of all sizes, both ways at
// once, with buffers from a byte to more than a chunk.
func TestPipeTransfer(t *testing.T) {
	for _, size := range []int{-1, 1, 2, 100, pipeSize, 16 << 10, 100_000, 1 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			a, b := testPipe(t, size)
			total := min(max(size, 1)*300, 4<<20)
			var wg sync.WaitGroup
			for _, dir := range []struct{ from, to net.Conn }{{a, b}, {b, a}} {
				rnd := rand.New(rand.NewPCG(1, uint64(size)))
				sent, received := sha256.New(), sha256.New()
				wg.Go(func() {
					defer dir.from.(*conn).out.closeWriter(false)
					for left := total; left > 0; {
						p := make([]byte, min(left, 1+rnd.IntN(3*max(size, 1))))
						for i := range p {
							p[i] = byte(rnd.Uint32())
						}
						sent.Write(p)
						n, err := dir.from.Write(p)
						if !assert.NoError(t, err) || !assert.Equal(t, len(p), n) {
							return
						}
						clear(p) // Write has copied it
						left -= n
					}
				})
				wg.Go(func() {
					n, err := io.CopyBuffer(struct{ io.Writer }{received}, struct{ io.Reader }{dir.to}, make([]byte, 777))
					assert.NoError(t, err)
					assert.EqualValues(t, total, n)
				})
				defer func() { assert.Equal(t, sent.Sum(nil), received.Sum(nil)) }()
			}
			wg.Wait()
		})
	}
}

func TestPipeWriteBlocksWhenFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := testPipe(t, 100)
		writeAll(t, a, string(make([]byte, 90)))
		done := make(chan error, 1)
		go func() { _, err := a.Write(make([]byte, 30)); done <- err }()
		synctest.Wait()
		require.Empty(t, done, "20 bytes too many")
		read := func(n int) { _, err := io.ReadFull(b, make([]byte, n)); require.NoError(t, err) }
		read(19)
		synctest.Wait()
		require.Empty(t, done, "a byte too many")
		read(1)
		synctest.Wait()
		require.Len(t, done, 1, "it fits")
		assert.NoError(t, <-done)
		read(100)
	})
}

func TestPipeHoldsNoBufferWhenEmpty(t *testing.T) {
	a, b := testPipe(t, 1<<20)
	for _, n := range []int{1, 16 << 10, 16<<10 + 1, 100_000} {
		writeAll(t, a, string(make([]byte, n)))
		_, err := io.ReadFull(b, make([]byte, n))
		require.NoError(t, err)
		buf := b.(*conn).in.buf
		assert.Nil(t, buf.head)
		assert.Nil(t, buf.tail)
		assert.Zero(t, buf.size)
	}
	writeAll(t, a, "unread")
	require.NoError(t, b.Close())
	assert.Zero(t, b.(*conn).in.buf)
}

func TestPipeClose(t *testing.T) {
	a, b := testPipe(t, pipeSize)
	writeAll(t, a, "last words")
	writeAll(t, b, "never read")
	require.NoError(t, a.Close())
	require.NoError(t, a.Close(), "closing twice")

	p := make([]byte, 4)
	_, err := a.Read(p)
	assert.ErrorIs(t, err, net.ErrClosed)
	_, err = a.Write(p)
	assert.ErrorIs(t, err, net.ErrClosed)
	assert.ErrorIs(t, a.SetDeadline(time.Time{}), net.ErrClosed)
	assert.ErrorIs(t, a.SetReadDeadline(deadlineIn(time.Hour)), net.ErrClosed)
	assert.ErrorIs(t, a.SetWriteDeadline(pastDeadline()), net.ErrClosed)

	_, err = b.Write(p)
	assert.ErrorIs(t, err, io.ErrClosedPipe)
	assert.NoError(t, b.SetDeadline(deadlineIn(time.Hour)))
	all, err := io.ReadAll(b) // to io.EOF
	assert.NoError(t, err)
	assert.Equal(t, "last words", string(all))
	_, err = b.Read(p)
	assert.Equal(t, io.EOF, err)
}

func TestPipeCloseWakes(t *testing.T) {
	for _, tc := range []struct {
		name  string
		local bool // which end is closed
		write bool
		want  error
	}{
		{"own read", true, false, net.ErrClosed},
		{"own write", true, true, net.ErrClosed},
		{"peer's read", false, false, io.EOF},
		{"peer's write", false, true, io.ErrClosedPipe},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := testPipe(t, 10)
				errs := make(chan error, 3)
				for range cap(errs) {
					go func() {
						_, err := a.Read(make([]byte, 1))
						if tc.write {
							_, err = a.Write(make([]byte, 100))
						}
						errs <- err
					}()
				}
				if tc.write {
					writeAll(t, b, "abc") // ends the reads
				}
				synctest.Wait()
				require.Empty(t, errs)
				if tc.local {
					b = a
				}
				require.NoError(t, b.Close())
				for range cap(errs) {
					assert.ErrorIs(t, <-errs, tc.want)
				}
			})
		})
	}
}

func TestPipeDeadlines(t *testing.T) {
	for _, tc := range []struct {
		name string
		set  func(net.Conn, time.Time) error
		call func(net.Conn) (int, error)
		want int // bytes done before
	}{
		{"read", net.Conn.SetReadDeadline, func(c net.Conn) (int, error) { return c.Read(make([]byte, 1)) }, 0},
		{"write", net.Conn.SetWriteDeadline, func(c net.Conn) (int, error) { return c.Write(make([]byte, 25)) }, 10},
		{"both: read", net.Conn.SetDeadline, func(c net.Conn) (int, error) { return c.Read(make([]byte, 1)) }, 0},
		{"both: write", net.Conn.SetDeadline, func(c net.Conn) (int, error) { return c.Write(make([]byte, 25)) }, 10},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, _ := testPipe(t, 10)
				began := delay.Real{}.Now()
				require.NoError(t, tc.set(a, deadlineIn(time.Minute)))
				n, err := tc.call(a)
				assertTimeout(t, err)
				assert.Equal(t, tc.want, n)
				assert.Equal(t, time.Minute, delay.Real{}.Now().Sub(began))

				_, err = tc.call(a)
				assertTimeout(t, err) // it stays

				require.NoError(t, tc.set(a, pastDeadline()))
				_, err = tc.call(a)
				assertTimeout(t, err)
				assert.Equal(t, time.Minute, delay.Real{}.Now().Sub(began))
			})
		})
	}
}

// TestPipeDeadlineChanges moves the deadline while a call waits for it.
func TestPipeDeadlineChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := testPipe(t, 10)
		began := delay.Real{}.Now()
		read := func() chan error {
			done := make(chan error, 1)
			go func() { _, err := a.Read(make([]byte, 10)); done <- err }()
			synctest.Wait()
			return done
		}
		require.NoError(t, a.SetReadDeadline(deadlineIn(time.Second)))
		done := read()
		require.NoError(t, a.SetReadDeadline(deadlineIn(time.Hour))) // later
		require.NoError(t, delay.Wait(t.Context(), delay.Real{}, time.Minute))
		require.Empty(t, done)
		require.NoError(t, a.SetReadDeadline(deadlineIn(time.Minute))) // earlier
		assertTimeout(t, <-done)
		assert.Equal(t, 2*time.Minute, delay.Real{}.Now().Sub(began))

		require.NoError(t, a.SetReadDeadline(deadlineIn(time.Hour)))
		done = read()
		require.NoError(t, a.SetReadDeadline(pastDeadline())) // at once, as to interrupt a reader
		assertTimeout(t, <-done)
		assert.Equal(t, 2*time.Minute, delay.Real{}.Now().Sub(began))

		require.NoError(t, a.SetReadDeadline(time.Time{})) // none: reading goes on
		done = read()
		require.NoError(t, delay.Wait(t.Context(), delay.Real{}, 24*time.Hour))
		require.Empty(t, done)
		writeAll(t, b, "at last")
		require.NoError(t, <-done)
	})
}

func TestPipeDeadlineBeatsData(t *testing.T) {
	a, b := testPipe(t, 10)
	writeAll(t, b, "data")
	require.NoError(t, a.SetDeadline(pastDeadline()))
	_, err := a.Read(make([]byte, 10))
	assertTimeout(t, err)
	_, err = a.Write([]byte("x"))
	assertTimeout(t, err)
	require.NoError(t, a.SetDeadline(time.Time{}))
	n, err := a.Read(make([]byte, 10))
	require.NoError(t, err)
	assert.Equal(t, 4, n, "nothing was lost")
}

func TestPipeConcurrentWritesDoNotMix(t *testing.T) {
	a, b := testPipe(t, 64)
	const writers, messages, size = 4, 50, 100
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			for range messages {
				_, err := a.Write(bytes.Repeat([]byte{byte(i)}, size))
				assert.NoError(t, err)
			}
		})
	}
	p := make([]byte, size)
	for range writers * messages {
		_, err := io.ReadFull(b, p)
		require.NoError(t, err)
		require.Equal(t, bytes.Repeat(p[:1], size), p)
	}
	wg.Wait()
}

// TestPipeConcurrentUse is for the race detector: every call at once.
func TestPipeConcurrentUse(t *testing.T) {
	a, b := testPipe(t, 100)
	expected := func(err error) {
		ok := err == nil || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, net.ErrClosed) ||
			errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe)
		assert.True(t, ok, "%v", err)
	}
	var wg sync.WaitGroup
	for _, c := range []net.Conn{a, b} {
		for range 2 {
			wg.Go(func() {
				for range 200 {
					_, err := c.Write(make([]byte, 150))
					expected(err)
				}
				expected(c.Close())
			})
			wg.Go(func() {
				for range 400 {
					_, err := c.Read(make([]byte, 70))
					expected(err)
				}
				expected(c.Close())
			})
		}
		wg.Go(func() {
			for i := range 400 {
				expected(c.SetReadDeadline(deadlineIn(time.Duration(i%5) * 20 * time.Microsecond)))
				expected(c.SetWriteDeadline(deadlineIn(time.Duration(i%7) * 20 * time.Microsecond)))
			}
		})
	}
	wg.Wait()
}

func TestPipeZeroLength(t *testing.T) {
	a, b := testPipe(t, 1)
	n, err := a.Read(nil)
	assert.Zero(t, n)
	assert.NoError(t, err, "does not block")
	writeAll(t, a, "x")
	n, err = a.Write(nil)
	assert.Zero(t, n)
	assert.NoError(t, err, "does not block though the buffer is full")
	_ = b.Close()
	_, err = a.Write(nil)
	assert.ErrorIs(t, err, io.ErrClosedPipe)
}

func TestPipeAddresses(t *testing.T) {
	a, b := testPipe(t, 1)
	assert.Equal(t, "memory", a.LocalAddr().Network())
	assert.Equal(t, "client", a.LocalAddr().String())
	assert.Equal(t, "server", b.LocalAddr().String())
	assert.Equal(t, b.LocalAddr(), a.RemoteAddr())
	assert.Equal(t, a.LocalAddr(), b.RemoteAddr())
}

func BenchmarkPipe(b *testing.B) {
	for _, size := range []int{128, 4 << 10, 128 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			from, to := testPipe(b, 256<<10)
			go func() {
				p := make([]byte, size)
				for range b.N {
					_, _ = from.Write(p)
				}
				_ = from.Close()
			}()
			b.ReportAllocs()
			b.SetBytes(int64(size))
			n, _ := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{to}, make([]byte, 64<<10))
			if n != int64(b.N)*int64(size) {
				b.Fatalf("received %d", n)
			}
		})
	}
}
