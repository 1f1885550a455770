package brokertest_test

// A stand-in for *testing.T, to see what a failing test would print.

import (
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker/brokertest"
	"github.com/rabbetmq/rabbet/delay"
)

// short is the patience of tests that fail on purpose.
const short = 30 * time.Millisecond

// A fakeTB notes what a test would say. Cleanups run at the real test's end.
type fakeTB struct {
	t testing.TB

	mu       sync.Mutex
	logs     []string
	failure  string
	cleanups []func()
	failing  bool
}

func (f *fakeTB) Helper() {}

// Deadline leaves a test little time where it must fail, and all that it needs elsewhere. A
// wait leaves a second of it.
func (f *fakeTB) Deadline() (time.Time, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return delay.Real{}.Now().Add(time.Second + short), f.failing
}

func (f *fakeTB) fail(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failing = on
}

func (f *fakeTB) Cleanup(c func()) { f.cleanups = append(f.cleanups, c) }

// finish ends the fake test.
func (f *fakeTB) finish() {
	for len(f.cleanups) > 0 {
		last := f.cleanups[len(f.cleanups)-1]
		f.cleanups = f.cleanups[:len(f.cleanups)-1]
		last()
	}
}

func (f *fakeTB) Logf(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.logs = append(f.logs, fmt.Sprintf(format, args...))
}

func (f *fakeTB) Fatalf(format string, args ...any) {
	f.mu.Lock()
	f.failure = fmt.Sprintf(format, args...)
	f.mu.Unlock()
	runtime.Goexit()
}

func (f *fakeTB) Failed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failure != ""
}

// newFake is a broker of a test that may fail.
func newFake(t testing.TB, opts ...brokertest.Option) (*brokertest.Broker, *fakeTB) {
	t.Helper()
	f := &fakeTB{t: t}
	t.Cleanup(f.finish)
	return brokertest.New(f, opts...), f
}

// fails runs what must fail the fake test and returns what it says, with times
// and ports made alike.
func (f *fakeTB) fails(do func()) string {
	f.t.Helper()
	f.fail(true)
	defer f.fail(false)
	done := make(chan struct{})
	returned := false
	go func() {
		defer close(done)
		do()
		returned = true
	}()
	<-done
	require.False(f.t, returned, "the test goes on")
	f.mu.Lock()
	said := f.failure
	f.failure = ""
	f.mu.Unlock()
	said = regexp.MustCompile(` in [0-9.]+m?s`).ReplaceAllString(said, " in N ms")
	return strings.TrimRight(regexp.MustCompile(`127\.0\.0\.1:\d+`).ReplaceAllString(said, "127.0.0.1:PORT"), "\n")
}

// after is a channel that is closed after a while.
func after(d time.Duration) <-chan struct{} {
	late := make(chan struct{})
	delay.Real{}.AfterFunc(d, func() { close(late) })
	return late
}
